//! An item as clients write it, wherever they write one.
#![expect(unused_qualifications, reason = "utoipa's derive writes types with their paths")]

use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{DecodeError, Engine};
use forebay_shared::job::{Object, Tensor, TensorBody, TensorError};
use serde::{Deserialize, Deserializer};
use utoipa::openapi::schema::{
    AdditionalProperties, AnyOfBuilder, ObjectBuilder, OneOfBuilder, Schema, Type,
};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::text_or::TextOr;
use crate::{Fault, FaultCode};

/// Base64 as clients write it, with padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One item: a text, or an object that says what it is.
#[derive(Debug)]
pub enum ItemBody {
    /// Just a text.
    Text(String),
    /// An object.
    Object(Box<ItemObject>),
}

/// An item with a name for what it is. Give exactly one of `text`, `tokens`, `image` and `tensors`; with `text` also `text_pair`,
/// where the model reads or compares two texts.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ItemObject {
    /// A text.
    #[serde(default)]
    text: Option<String>,
    /// The other text of a pair: what may answer `text`, follow from it or be like it.
    #[serde(default)]
    text_pair: Option<String>,
    /// A text as ids of the model's own vocabulary. Without the tokens that every text begins with they are given those
    /// that a text would get; with them they are taken as they are.
    #[serde(default)]
    tokens: Option<Vec<u32>>,
    /// A picture.
    #[serde(default)]
    image: Option<ImageBody>,
    /// What the model takes, by name: at most 64 tensors of 16 MiB together.
    #[serde(default)]
    #[schema(min_items = 1, max_items = 64)]
    tensors: Option<Vec<TensorBody>>,
    /// Parameters that stand over the job's.
    #[serde(default)]
    #[schema(schema_with = params_schema)]
    params: Option<Object>,
}

/// A picture: a JPEG, PNG, WebP, GIF, BMP or TIFF, of which moves the first frame, without its transparency. Give exactly one of the three.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageBody {
    /// The picture's bytes.
    #[serde(default)]
    #[schema(content_encoding = "base64")]
    base64: Option<String>,
    /// Where a worker can fetch it: `http://…` or `https://…`, at a public address.
    #[serde(default)]
    #[schema(format = "uri")]
    url: Option<String>,
    /// `data:image/…;base64,…`
    #[serde(default)]
    data_uri: Option<String>,
}

/// What an item is.
#[derive(Debug)]
pub enum Content {
    /// A text.
    Text(String),
    /// Two texts.
    Pair(String, String),
    /// A text as ids.
    Tokens(Vec<u32>),
    /// A picture, of which nothing is read yet.
    Image(ImageBody),
    /// Tensors.
    Tensors(Vec<Tensor>),
}

/// A picture as it is written.
#[derive(Debug)]
pub enum Written {
    /// Its bytes, for [`decode`].
    Base64(String),
    /// Where it is.
    Url(String),
    /// Its bytes, for [`embedded`].
    DataUri(String),
}

/// The items that a body gives under `input` or `inputs`, each with its path. `None`: it gives neither.
pub fn given(
    input: Option<ItemBody>,
    inputs: Option<Vec<ItemBody>>,
) -> Result<Option<impl ExactSizeIterator<Item = (String, ItemBody)>>, Fault> {
    let (items, many) = match (input, inputs) {
        (Some(item), None) => (vec![item], false),
        (None, Some(items)) => (items, true),
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            let message = "give either `input` or `inputs`, not both";
            return Err(Fault::new(FaultCode::InvalidField, message).at("inputs"));
        }
    };
    let at = move |index: usize| if many { format!("inputs[{index}]") } else { "input".to_owned() };
    Ok(Some(items.into_iter().enumerate().map(move |(index, item)| (at(index), item))))
}

impl ItemBody {
    /// What the item at this path is, and its own parameters.
    pub fn open(self, at: &str) -> Result<(Content, Object), Fault> {
        let ItemObject { text, text_pair, tokens, image, tensors, params } = match self {
            Self::Text(text) => return Ok((Content::Text(text), Object::new())),
            Self::Object(object) => *object,
        };
        let content = match (text, text_pair, tokens, image, tensors) {
            (Some(text), None, None, None, None) => Content::Text(text),
            (Some(text), Some(pair), None, None, None) => Content::Pair(text, pair),
            (None, None, Some(ids), None, None) => Content::Tokens(ids),
            (None, None, None, Some(image), None) => Content::Image(image),
            (None, None, None, None, Some(tensors)) => {
                Content::Tensors(Tensor::read_all(tensors).map_err(|error| wrong_tensor(error, at))?)
            }
            (None, Some(_), None, None, None) => {
                let message = "`text_pair` is the other text of a pair: give `text` too";
                return Err(Fault::new(FaultCode::InvalidField, message).at(format!("{at}.text_pair")));
            }
            _ => {
                let message = "an item has either `text`, `tokens`, `image` or `tensors`";
                return Err(Fault::new(FaultCode::InvalidField, message).at(at));
            }
        };
        Ok((content, params.unwrap_or_default()))
    }
}

impl ImageBody {
    /// How the picture is written, if it is in exactly one way.
    pub fn open(self) -> Option<Written> {
        match (self.base64, self.url, self.data_uri) {
            (Some(base64), None, None) => Some(Written::Base64(base64)),
            (None, Some(url), None) => Some(Written::Url(url)),
            (None, None, Some(uri)) => Some(Written::DataUri(uri)),
            _ => None,
        }
    }
}

/// What is wrong with a tensor of the item at this path.
pub fn wrong_tensor(error: TensorError, at: &str) -> Fault {
    let field = format!("{at}.{}", error.path());
    let fault = Fault::new(FaultCode::InvalidField, error.message).at(field);
    Fault { limit: error.limit, ..fault }
}

/// The base64 in a picture's data URI.
pub fn embedded(uri: &str) -> Option<&str> {
    let (head, data) = uri.split_once(',')?;
    let (scheme, media) = head.split_at_checked(5)?;
    let media = media.strip_suffix(";base64")?;
    let is_picture = media.is_empty() || media.starts_with("image/");
    (scheme.eq_ignore_ascii_case("data:") && is_picture).then_some(data)
}

/// Reads base64.
pub fn decode(base64: &str) -> Result<Vec<u8>, DecodeError> {
    // Many encoders break lines.
    BASE64.decode(base64).or_else(|_| BASE64.decode(base64.split_ascii_whitespace().collect::<String>()))
}

impl<'de> Deserialize<'de> for ItemBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "a string or an object with `text`, `tokens`, `image` or `tensors`";
        Ok(match TextOr::read(deserializer, expected)? {
            TextOr::Text(text) => Self::Text(text),
            TextOr::Object(object) => Self::Object(Box::new(object)),
        })
    }
}

impl PartialSchema for ItemBody {
    fn schema() -> RefOr<Schema> {
        OneOfBuilder::new()
            .item(ObjectBuilder::new().schema_type(Type::String).description(Some("A text.")))
            .item(Ref::from_schema_name("ItemObject"))
            .description(Some("One item: a text, or an object that says what it is."))
            .into()
    }
}

impl ToSchema for ItemBody {
    fn name() -> std::borrow::Cow<'static, str> {
        "Item".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((ItemObject::name().into_owned(), ItemObject::schema()));
        ItemObject::schemas(schemas);
    }
}

/// Parameters are typed by the model's kind, which a schema cannot know.
pub fn params_schema() -> Schema {
    let kinds = [
        "TextEmbeddingParams",
        "TextClassificationParams",
        "RerankParams",
        "TextSimilarityParams",
        "ZeroShotClassificationParams",
        "TokenClassificationParams",
        "TensorParams",
        "ImageClassificationParams",
        "BackgroundRemovalParams",
        "ObjectDetectionParams",
        "ImageEmbeddingParams",
        "ImageToImageParams",
        "ImageSegmentationParams",
        "OcrParams",
        "EchoParams",
    ];
    let any = kinds.into_iter().fold(AnyOfBuilder::new(), |any, kind| any.item(Ref::from_schema_name(kind)));
    let object = ObjectBuilder::new()
        .schema_type(Type::Object)
        .additional_properties(Some(AdditionalProperties::FreeForm(true)))
        .description(Some("Parameters of another kind."));
    any.item(object).description(Some(
        "Parameters, by the model's kind; with any of them `cache`, which is `false` where no answer that was kept from \
         earlier will do.",
    )).build().into()
}
