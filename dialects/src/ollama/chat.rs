//! `POST /api/chat`: what a model sees in the pictures of the last message that has any, in words.

use forebay_shared::job::Object;
use serde::Deserialize;

use super::said::{Endpoint, Reply};
use super::{Streaming, plain, seen};
use crate::Fault;
use crate::call::Call;

/// The body. `tools`, `format`, `think`, `keep_alive` and `options` are passed over.
#[derive(Debug, Deserialize)]
struct Body {
    model: String,
    #[serde(default)]
    messages: Option<Vec<Message>>,
    #[serde(default)]
    stream: Option<bool>,
}

/// A message, of which the words are passed over.
#[derive(Debug, Deserialize)]
struct Message {
    #[serde(default)]
    images: Option<Vec<String>>,
}

/// Reads a body. What was shown before the last pictures was answered then.
pub fn read(body: &[u8], streaming: Streaming) -> Result<Call<Reply>, Fault> {
    let Body { model, messages, stream } = crate::read(body, "request")?;
    let shown = messages.unwrap_or_default().into_iter().filter_map(|message| message.images);
    let images = shown.rev().find(|images| !images.is_empty()).unwrap_or_default();
    let items = seen::items(images, Endpoint::Chat.field())?;
    let name = plain(&model).to_owned();
    let reply = Reply { endpoint: Endpoint::Chat, asked: model, manner: streaming.manner(stream) };
    Ok(Call { model: name, named_by: None, kinds: seen::KINDS, items, params: Object::new(), reply })
}
