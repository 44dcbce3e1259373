//! Tensors of a request as items.
//!
//! A model of plain tensors is given one item, its tensors as they are: what the first axis means is known to its graph
//! alone, and batches are made where its graph lets them. Of texts and pictures each element is an item.

use bytes::Bytes;
use forebay_shared::job::{
    Datatype, Encoding, ImageSource, Input, Item, Kind, Object, Tensor, TensorBody, TensorError,
};
use forebay_shared::model::ModelCard;
use serde_json::value::RawValue;

use super::ports::{IMAGE, TEXT, TEXT_PAIR, inputs};
use crate::{Fault, FaultCode, item};

/// A tensor as it is given.
#[derive(Debug)]
pub(super) struct Given {
    pub name: String,
    pub shape: Vec<u64>,
    pub datatype: Datatype,
    pub content: Content,
}

/// Its elements.
#[derive(Debug)]
pub(super) enum Content {
    Json(Box<RawValue>),
    Bytes(Bytes),
}

/// The items that the tensors are for this model, `most` at most.
pub(super) fn items(card: &ModelCard, given: Vec<Given>, most: u32) -> Result<Vec<Item>, Fault> {
    if card.kind == Kind::Tensor {
        let tensors = Tensor::read_all(given.into_iter().map(TensorBody::from).collect());
        let input = Input::Tensors(tensors.map_err(wrong)?);
        card.check_tensors(&input).map_err(wrong)?;
        return Ok(vec![alone(input)]);
    }
    let pairs = pairs(card.kind);
    let (mut texts, mut others, mut pictures) = (None, None, None);
    for (place, given) in given.into_iter().enumerate() {
        let at = |fault: Fault| fault.at(format!("inputs[{place}]"));
        let list = match given.name.as_str() {
            TEXT if takes(card, TEXT) => &mut texts,
            TEXT_PAIR if pairs => &mut others,
            IMAGE if takes(card, IMAGE) => &mut pictures,
            _ => return Err(at(no_input(card, &given.name, pairs))),
        };
        let name = given.name.clone();
        if list.replace(elements(given, most).map_err(at)?).is_some() {
            let message = format!("the input `{name}` is given twice");
            return Err(at(Fault::new(FaultCode::InvalidField, message)));
        }
    }
    match (texts, others, pictures) {
        (Some(texts), None, None) => Ok(texts.into_iter().map(text).map(Input::Text).map(alone).collect()),
        (Some(texts), Some(others), None) => paired(texts, others),
        (None, None, Some(pictures)) => {
            let picture = |bytes| alone(Input::Image(ImageSource::Inline(bytes)));
            Ok(pictures.into_iter().map(picture).collect())
        }
        _ => {
            let name = if takes(card, TEXT) { TEXT } else { IMAGE };
            let message = format!("the model `{}` needs the input `{name}`", card.name);
            Err(Fault::new(FaultCode::MissingField, message).at("inputs"))
        }
    }
}

fn paired(texts: Vec<Vec<u8>>, others: Vec<Vec<u8>>) -> Result<Vec<Item>, Fault> {
    if texts.len() != others.len() {
        let message = format!(
            "`{TEXT}` has {} elements and `{TEXT_PAIR}` has {}: give as many of both",
            texts.len(),
            others.len()
        );
        return Err(Fault::new(FaultCode::InvalidField, message).at("inputs"));
    }
    let pair = |(one, other)| alone(Input::Pair { text: text(one), text_pair: text(other) });
    Ok(texts.into_iter().zip(others).map(pair).collect())
}

/// Whether the model has such an input.
fn takes(card: &ModelCard, name: &str) -> bool {
    inputs(card).iter().any(|input| input.name == name)
}

/// Whether a text may come with another.
fn pairs(kind: Kind) -> bool {
    kind.refuses(&Input::Pair { text: String::new(), text_pair: String::new() }).is_none()
}

fn no_input(card: &ModelCard, name: &str, pairs: bool) -> Fault {
    let mut known: Vec<String> = inputs(card).into_iter().map(|input| input.name).collect();
    if pairs && !known.iter().any(|known| known == TEXT_PAIR) {
        known.push(TEXT_PAIR.to_owned());
    }
    let message = format!("the model `{}` has no input `{name}`; it has `{}`", card.name, known.join("`, `"));
    Fault::new(FaultCode::InvalidField, message)
}

/// The elements of texts or pictures. In JSON pictures are base64, as a text has no place for bytes.
fn elements(given: Given, most: u32) -> Result<Vec<Vec<u8>>, Fault> {
    let Given { name, shape, datatype, content } = given;
    let refuse = |message: String| Err(Fault::new(FaultCode::InvalidField, message));
    if datatype != Datatype::Bytes {
        return refuse(format!("the input `{name}` is BYTES, and {datatype} was given"));
    }
    let ([count] | [count, 1]) = shape[..] else {
        return refuse(format!("the input `{name}` has the shape [n] or [n, 1], and {shape:?} was given"));
    };
    if count > u64::from(most) {
        let message = format!("the input `{name}` has {count} elements, the limit is {most}");
        return Err(Fault::new(FaultCode::TooManyItems, message).limit(u64::from(most)));
    }
    let is_file = name == IMAGE;
    let content = match content {
        Content::Bytes(bytes) if is_file => return files(&name, count, bytes),
        content => content,
    };
    let body = TensorBody::from(Given { name: name.clone(), shape, datatype, content });
    let tensors = Tensor::read_all(vec![body]).map_err(wrong)?;
    let element = |element: &[u8]| if is_file { base64(&name, element) } else { Ok(element.to_vec()) };
    tensors.iter().flat_map(Tensor::strings).map(element).collect()
}

/// Files, each with its length before it.
fn files(name: &str, count: u64, bytes: Bytes) -> Result<Vec<Vec<u8>>, Fault> {
    let length = bytes.len();
    let tensor = Tensor {
        name: name.to_owned(),
        datatype: Datatype::Bytes,
        shape: vec![count],
        bytes,
        encoding: Encoding::Base64,
    };
    let files: Vec<Vec<u8>> = tensor.strings().map(<[u8]>::to_vec).collect();
    let read: usize = files.iter().map(|file| 4 + file.len()).sum();
    if read == length && files.len() as u64 == count && count > 0 {
        return Ok(files);
    }
    let message =
        format!("the input `{name}` does not consist of {count} elements with their lengths before them");
    Err(Fault::new(FaultCode::InvalidField, message))
}

fn base64(name: &str, written: &[u8]) -> Result<Vec<u8>, Fault> {
    let decoded = std::str::from_utf8(written).ok().and_then(|written| item::decode(written).ok());
    decoded.ok_or_else(|| {
        let message = format!("an element of the input `{name}` is not base64, which files are in JSON");
        Fault::new(FaultCode::InvalidField, message)
    })
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("elements of texts are checked when they are read")
}

fn alone(input: Input) -> Item {
    Item { input, params: Object::new() }
}

fn wrong(error: TensorError) -> Fault {
    let field = error.path().replacen("tensors", "inputs", 1);
    let fault = Fault::new(FaultCode::InvalidField, error.message).at(field);
    Fault { limit: error.limit, ..fault }
}

impl From<Given> for TensorBody {
    fn from(given: Given) -> Self {
        let Given { name, shape, datatype, content } = given;
        let (data, bytes) = match content {
            Content::Json(data) => (Some(data), None),
            Content::Bytes(bytes) => (None, Some(bytes)),
        };
        Self { name, datatype, shape, data, base64: None, bytes }
    }
}
