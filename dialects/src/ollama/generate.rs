//! `POST /api/generate`: what a model sees in pictures, in words. Models that write do not run here.

use forebay_shared::job::Object;
use serde::Deserialize;
use serde_json::Value;

use super::said::{Endpoint, Reply};
use super::{Streaming, keep, plain, seen};
use crate::Fault;
use crate::call::Call;

/// The body. `suffix`, `system`, `template`, `context`, `raw`, `format`, `think` and `options` are passed over: none of them
/// changes what there is to be seen. So is `prompt`, but for whether there is one.
#[derive(Debug, Deserialize)]
struct Body {
    model: String,
    #[serde(default)]
    prompt: Option<String>,
    #[serde(default)]
    images: Option<Vec<String>>,
    #[serde(default)]
    stream: Option<bool>,
    #[serde(default)]
    keep_alive: Value,
}

/// Reads a body. With neither prompt nor pictures nothing is asked but that the model be loaded, or unloaded.
pub fn read(body: &[u8], streaming: Streaming) -> Result<Call<Reply>, Fault> {
    let Body { model, prompt, images, stream, keep_alive } = crate::read(body, "request")?;
    let items = seen::items(images.unwrap_or_default(), Endpoint::Generate.field())?;
    let name = plain(&model).to_owned();
    let is_empty = items.is_empty() && prompt.is_none_or(|prompt| prompt.is_empty());
    let reply = Reply {
        endpoint: Endpoint::Generate,
        asked: model,
        manner: streaming.manner(stream),
        keep: keep::alive(&keep_alive)?,
        is_empty,
    };
    let kinds = if is_empty { &[] } else { seen::KINDS };
    Ok(Call { model: name, named_by: None, kinds, items, params: Object::new(), reply })
}
