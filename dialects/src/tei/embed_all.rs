//! `POST /tei/embed_all`: each token of a text becomes a vector.

use forebay_shared::job::{Kind, Outcome, Output};
use serde::Deserialize;

use super::cut::Cut;
use super::times::{characters, timed};
use super::{Asked, Behind};
use crate::call::{Answer, Answered, Call, outputs, unlike};
use crate::inputs::Inputs;
use crate::{Fault, call};

#[derive(Debug, Deserialize)]
struct Body {
    inputs: Inputs,
    #[serde(flatten)]
    cut: Cut,
    #[serde(default)]
    prompt_name: Option<String>,
}

/// Reads a body.
pub fn read(body: &[u8], behind: Behind) -> Result<Call<Reply>, Fault> {
    let Body { inputs, cut, prompt_name } = crate::read(body, "request")?;
    let items = inputs.items("inputs", behind.most)?;
    let mut params = cut.params();
    params.insert("output".to_owned(), "token_embeddings".into());
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
        let (mut vectors, mut tokens) = (Vec::with_capacity(outcomes.len()), 0);
        for output in outputs(outcomes, "inputs")? {
            let Output::TokenEmbeddings { embeddings, tokens: read } = output else {
                return Err(unlike(Kind::TextEmbedding));
            };
            tokens += u64::from(read);
            vectors.push(embeddings);
        }
        Ok(timed(Answer::json(&vectors), answered, self.characters, Some(tokens)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::call::Reply as _;
    use crate::call::samples::{answered, nobody, text};

    fn asked(body: &Value) -> Call<Reply> {
        read(body.to_string().as_bytes(), Behind { model: "minilm".to_owned(), most: 3 }).unwrap()
    }

    #[test]
    fn it_asks_for_the_vectors_of_tokens() {
        let call =
            asked(&json!({"inputs": ["a", "b"], "prompt_name": "query", "truncation_direction": "Left"}));
        assert_eq!((call.model.as_str(), call.named_by, call.items.len()), ("minilm", Some("tei.embed"), 2));
        let params = json!({"truncation_side": "left", "output": "token_embeddings", "prompt": "query"});
        assert_eq!(Value::Object(call.params), params);
        let refused = read(br#"{"inputs": []}"#, Behind { model: "minilm".to_owned(), most: 3 });
        assert_eq!(refused.unwrap_err().message, "`inputs` must not be empty");
    }

    #[test]
    fn an_answer_is_a_list_of_lists_of_vectors() {
        let reply = asked(&json!({"inputs": "ab"})).reply;
        let vectors =
            || vec![Ok(Output::TokenEmbeddings { embeddings: vec![vec![0.5], vec![-1.0]], tokens: 2 })];
        let answer = answered(|answered| reply.write(answered, vectors()).unwrap());
        assert!(answer.headers.contains(&("x-compute-tokens", "2".to_owned())), "{:?}", answer.headers);
        assert_eq!(text(answer), "[[[0.5],[-1.0]]]");
        let other = vec![Ok(Output::Embedding { embedding: vec![0.5], tokens: 2 })];
        assert!(reply.write(nobody(), other).is_err());
    }
}
