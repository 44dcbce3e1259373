//! `POST /api/chat`: what a model sees in the pictures of the last message that has any, in words.

use forebay_shared::job::Object;
use serde::Deserialize;
use serde_json::Value;

use super::said::{Endpoint, Reply};
use super::{Streaming, keep, plain, seen};
use crate::Fault;
use crate::call::Call;

/// The body. `tools`, `format`, `think` and `options` are passed over.
#[derive(Debug, Deserialize)]
struct Body {
    model: String,
    #[serde(default)]
    messages: Option<Vec<Message>>,
    #[serde(default)]
    stream: Option<bool>,
    #[serde(default)]
    keep_alive: Value,
}

/// A message, of which the words are passed over.
#[derive(Debug, Deserialize)]
struct Message {
    #[serde(default)]
    images: Option<Vec<String>>,
}

/// Reads a body. What was shown before the last pictures was answered then. Without messages nothing is asked but that the
/// model be loaded, or unloaded.
pub fn read(body: &[u8], streaming: Streaming) -> Result<Call<Reply>, Fault> {
    let Body { model, messages, stream, keep_alive } = crate::read(body, "request")?;
    let messages = messages.unwrap_or_default();
    let is_empty = messages.is_empty();
    let shown = messages.into_iter().filter_map(|message| message.images);
    let images = shown.rev().find(|images| !images.is_empty()).unwrap_or_default();
    let items = seen::items(images, Endpoint::Chat.field())?;
    let name = plain(&model).to_owned();
    let reply = Reply {
        endpoint: Endpoint::Chat,
        asked: model,
        manner: streaming.manner(stream),
        keep: keep::alive(&keep_alive)?,
        is_empty,
    };
    let kinds = if is_empty { &[] } else { seen::KINDS };
    Ok(Call { model: name, named_by: None, kinds, items, params: Object::new(), reply })
}
