//! `POST /tei/decode`: what token ids say.

use forebay_shared::job::{Input, Item, Kind, Object, Outcome, Output};
use serde::Deserialize;

use super::times::timed;
use super::{Asked, Behind};
use crate::call::{Answer, Answered, Call, outputs, unlike};
use crate::{Fault, call};

#[derive(Debug, Deserialize)]
struct Body {
    ids: Ids,
    #[serde(default)]
    skip_special_tokens: Option<bool>,
}

/// The ids of a text, or of several.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "`ids` must be a list of token ids, or a list of such lists")]
enum Ids {
    One(Vec<u32>),
    Many(Vec<Vec<u32>>),
}

/// Reads a body.
pub fn read(body: &[u8], behind: Behind) -> Result<Call<Reply>, Fault> {
    let Body { ids, skip_special_tokens } = crate::read(body, "request")?;
    let lists = match ids {
        Ids::One(ids) if ids.is_empty() => Vec::new(),
        Ids::One(ids) => vec![ids],
        Ids::Many(lists) => lists,
    };
    let item = |ids| Item { input: Input::Tokens(ids), params: Object::new() };
    let items: Vec<Item> = lists.into_iter().map(item).collect();
    let mut params = Object::from_iter([("output".to_owned(), "text".into())]);
    if let Some(skip) = skip_special_tokens {
        params.insert("skip_special_tokens".to_owned(), skip.into());
    }
    behind.call("tei.embed", &[Kind::TextEmbedding], Asked { field: "ids", items, params, reply: Reply })
}

/// How the answer is written.
#[derive(Clone, Copy, Debug)]
pub struct Reply;

impl call::Reply for Reply {
    fn write(&self, answered: Answered<'_>, outcomes: Vec<Outcome>) -> Result<Answer, Fault> {
        let (mut texts, mut tokens) = (Vec::with_capacity(outcomes.len()), 0);
        for output in outputs(outcomes, "ids")? {
            let Output::Text { text, tokens: read } = output else {
                return Err(unlike(Kind::TextEmbedding));
            };
            tokens += u64::from(read);
            texts.push(text);
        }
        // Of token ids nobody knows how many characters they are before they are read.
        Ok(timed(Answer::json(&texts), answered, 0, Some(tokens)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::call::Reply as _;
    use crate::call::samples::{nobody, text};

    fn asked(body: &Value) -> Result<Call<Reply>, Fault> {
        read(body.to_string().as_bytes(), Behind { model: "minilm".to_owned(), most: 3 })
    }

    #[test]
    fn it_asks_for_the_text_of_each_list() {
        let call = asked(&json!({"ids": [[7, 8], []], "skip_special_tokens": false})).unwrap();
        let inputs: Vec<Input> = call.items.into_iter().map(|item| item.input).collect();
        assert_eq!(inputs, [Input::Tokens(vec![7, 8]), Input::Tokens(Vec::new())]);
        assert_eq!(Value::Object(call.params), json!({"output": "text", "skip_special_tokens": false}));
        assert_eq!(asked(&json!({"ids": [7, 8]})).unwrap().items[0].input, Input::Tokens(vec![7, 8]));
        let refused = |body: Value| asked(&body).unwrap_err().message;
        assert_eq!(refused(json!({"ids": []})), "`ids` must not be empty");
        assert!(refused(json!({"ids": ["a"]})).contains("`ids` must be a list of token ids"));
    }

    #[test]
    fn an_answer_is_a_list_of_texts() {
        let outcomes = vec![Ok(Output::Text { text: "a b".to_owned(), tokens: 4 })];
        assert_eq!(text(Reply.write(nobody(), outcomes).unwrap()), r#"["a b"]"#);
    }
}
