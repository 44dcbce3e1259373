//! `POST /tei/tokenize`: what the model's tokenizer makes of texts.

use forebay_shared::job::{Input, Item, Kind, Object, Outcome, Output};
use serde::Deserialize;

use super::times::{characters, timed};
use super::{Asked, Behind};
use crate::call::{Answer, Answered, Call, outputs, unlike};
use crate::{Fault, call};

#[derive(Debug, Deserialize)]
struct Body {
    inputs: Texts,
    #[serde(default)]
    add_special_tokens: Option<bool>,
    #[serde(default)]
    prompt_name: Option<String>,
}

/// A text, or several.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "`inputs` must be a text or a list of texts")]
enum Texts {
    One(String),
    Many(Vec<String>),
}

/// Reads a body. No text is cut.
pub fn read(body: &[u8], behind: Behind) -> Result<Call<Reply>, Fault> {
    let Body { inputs, add_special_tokens, prompt_name } = crate::read(body, "request")?;
    let texts = match inputs {
        Texts::One(text) => vec![text],
        Texts::Many(texts) => texts,
    };
    let item = |text| Item { input: Input::Text(text), params: Object::new() };
    let items: Vec<Item> = texts.into_iter().map(item).collect();
    let mut params = Object::from_iter([("output".to_owned(), "pieces".into())]);
    if let Some(special) = add_special_tokens {
        params.insert("add_special_tokens".to_owned(), special.into());
    }
    if let Some(prompt) = prompt_name {
        params.insert("prompt".to_owned(), prompt.into());
    }
    let reply = Reply { characters: characters(&items) };
    behind.call("tei.embed", &[Kind::TextEmbedding], Asked { field: "inputs", items, params, reply })
}

/// How the answer is written.
#[derive(Clone, Debug)]
pub struct Reply {
    characters: usize,
}

impl call::Reply for Reply {
    fn write(&self, answered: Answered<'_>, outcomes: Vec<Outcome>) -> Result<Answer, Fault> {
        let (mut texts, mut tokens) = (Vec::with_capacity(outcomes.len()), 0);
        for output in outputs(outcomes, "inputs")? {
            let Output::Pieces { pieces, tokens: read } = output else {
                return Err(unlike(Kind::TextEmbedding));
            };
            tokens += u64::from(read);
            texts.push(pieces);
        }
        Ok(timed(Answer::json(&texts), answered, self.characters, Some(tokens)))
    }
}

#[cfg(test)]
mod tests {
    use forebay_shared::job::Piece;
    use serde_json::{Value, json};

    use super::*;
    use crate::call::Reply as _;
    use crate::call::samples::{nobody, text};

    fn asked(body: &Value) -> Result<Call<Reply>, Fault> {
        read(body.to_string().as_bytes(), Behind { model: "minilm".to_owned(), most: 3 })
    }

    #[test]
    fn it_asks_for_the_pieces_of_texts() {
        let call = asked(&json!({"inputs": ["a", ""], "add_special_tokens": false, "prompt_name": "query"}))
            .unwrap();
        let params = json!({"output": "pieces", "add_special_tokens": false, "prompt": "query"});
        assert_eq!((Value::Object(call.params), call.items.len()), (params, 2));
        let call = asked(&json!({"inputs": "a"})).unwrap();
        assert_eq!(Value::Object(call.params), json!({"output": "pieces"}));
        let refused = |body: Value| asked(&body).unwrap_err().message;
        assert_eq!(refused(json!({"inputs": []})), "`inputs` must not be empty");
        assert!(refused(json!({"inputs": [1]})).contains("`inputs` must be a text or a list of texts"));
        assert_eq!(refused(json!({"inputs": ["a", "b", "c", "d"]})), "there are 4 inputs, the limit is 3");
    }

    #[test]
    fn an_answer_has_the_tokens_of_each_text_with_their_places() {
        let reply = asked(&json!({"inputs": "a"})).unwrap().reply;
        let piece = |id, text: &str, place: Option<u32>| Piece {
            id,
            text: text.to_owned(),
            special: place.is_none(),
            start: place,
            stop: place.map(|start| start + 1),
        };
        let pieces = vec![piece(101, "[CLS]", None), piece(1037, "a", Some(0))];
        let answer = reply.write(nobody(), vec![Ok(Output::Pieces { pieces, tokens: 2 })]).unwrap();
        insta::assert_snapshot!(text(answer), @r#"[[{"id":101,"text":"[CLS]","special":true,"start":null,"stop":null},{"id":1037,"text":"a","special":false,"start":0,"stop":1}]]"#);
    }
}
