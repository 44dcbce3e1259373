//! A job in a line: its items as `POST /v1/jobs` takes them.

use forebay_shared::job::{ImageSource, Input, Item, Object, Params};
use serde::Deserialize;

use crate::item::{Content, ImageBody, ItemBody, Written, decode, embedded, given};
use crate::{Fault, FaultCode};

/// Items of one line, as many as one submission may have.
const MOST_ITEMS: usize = 1024;

/// What is to be done, to which inputs, by which model.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JobBody {
    #[serde(default)]
    pub(super) model: Option<String>,
    #[serde(default)]
    pub(super) input: Option<ItemBody>,
    #[serde(default)]
    pub(super) inputs: Option<Vec<ItemBody>>,
    #[serde(default)]
    pub(super) params: Option<Object>,
}

/// The items of a line, each with all its parameters: its own over the line's over the bulk's.
pub(super) fn items(body: JobBody, below: &Object) -> Result<Vec<Item>, Fault> {
    let bodies = given(body.input, body.inputs)?
        .ok_or_else(|| Fault::new(FaultCode::MissingField, "give either `input` or `inputs`").at("input"))?;
    if bodies.len() == 0 {
        return Err(Fault::new(FaultCode::EmptyInput, "`inputs` must not be empty").at("inputs"));
    }
    if bodies.len() > MOST_ITEMS {
        let message = format!("there are {} inputs, the limit is {MOST_ITEMS}", bodies.len());
        return Err(Fault::new(FaultCode::TooManyItems, message).at("inputs").limit(MOST_ITEMS as u64));
    }
    let line = Params::merge(below, &body.params.unwrap_or_default());
    bodies.map(|(at, body)| item(body, &line, &at)).collect()
}

fn item(body: ItemBody, line: &Object, at: &str) -> Result<Item, Fault> {
    let (content, params) = body.open(at)?;
    let input = match content {
        Content::Text(text) => Input::Text(text),
        Content::Pair(text, text_pair) => Input::Pair { text, text_pair },
        Content::Tokens(ids) => Input::Tokens(ids),
        Content::Tensors(tensors) => Input::Tensors(tensors),
        Content::Image(image) => Input::Image(picture(image, &format!("{at}.image"))?),
    };
    let is_empty = match &input {
        Input::Text(text) => text.is_empty(),
        Input::Tokens(ids) => ids.is_empty(),
        // Either may be empty: such a pair still has an answer.
        Input::Pair { text, text_pair } => text.is_empty() && text_pair.is_empty(),
        Input::Image(_) | Input::Tensors(_) => false,
    };
    if is_empty {
        return Err(Fault::new(FaultCode::EmptyInput, format!("`{at}` must not be empty")).at(at));
    }
    Ok(Item { input, params: Params::merge(line, &params) })
}

/// The line's length bounds the picture's; what it looks like is seen when it runs.
fn picture(image: ImageBody, at: &str) -> Result<ImageSource, Fault> {
    let refused = |why| Fault::new(FaultCode::InvalidField, format!("`{at}` {why}")).at(at);
    let decoded = |base64: Option<&str>| {
        let bytes = base64.and_then(|base64| decode(base64).ok());
        bytes.map(ImageSource::Inline).ok_or_else(|| refused("is not valid base64"))
    };
    match image.open() {
        Some(Written::Base64(base64)) => decoded(Some(&base64)),
        Some(Written::Url(url)) => Ok(ImageSource::Url(url)),
        Some(Written::DataUri(uri)) => decoded(embedded(&uri)),
        None => Err(refused("must have exactly one of `base64`, `url` and `data_uri`")),
    }
}
