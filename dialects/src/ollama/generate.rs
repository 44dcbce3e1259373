//! `POST /api/generate`: what a model sees in pictures, in words. Models that write do not run here.

use forebay_shared::job::Object;
use serde::Deserialize;

use super::said::{Endpoint, Reply};
use super::{Streaming, plain, seen};
use crate::Fault;
use crate::call::Call;

/// The body. `prompt`, `suffix`, `system`, `template`, `context`, `raw`, `format`, `think`, `keep_alive` and `options` are
/// passed over: none of them changes what there is to be seen.
#[derive(Debug, Deserialize)]
struct Body {
    model: String,
    #[serde(default)]
    images: Option<Vec<String>>,
    #[serde(default)]
    stream: Option<bool>,
}

/// Reads a body.
pub fn read(body: &[u8], streaming: Streaming) -> Result<Call<Reply>, Fault> {
    let Body { model, images, stream } = crate::read(body, "request")?;
    let items = seen::items(images.unwrap_or_default(), Endpoint::Generate.field())?;
    let name = plain(&model).to_owned();
    let reply = Reply { endpoint: Endpoint::Generate, asked: model, manner: streaming.manner(stream) };
    Ok(Call { model: name, named_by: None, kinds: seen::KINDS, items, params: Object::new(), reply })
}
