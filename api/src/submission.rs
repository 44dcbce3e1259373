//! The body of `POST /v1/jobs`, as it is written.
//!
//! Reading it refuses what is malformed, unknown or of the wrong type, by the field's path. What it means is checked in
//! [`draft`], where the pictures go is decided in [`place`].
#![expect(unused_qualifications, reason = "utoipa's derive writes types with their paths")]

pub mod draft;
pub mod picture;
pub mod place;
pub mod times;
pub mod webhook;

use std::collections::BTreeMap;
use std::fmt;

use forebay_shared::job::{Class, Object};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::problem::Problem;
use crate::retention::RetentionBody;
use crate::{body, samples};
pub use webhook::Webhook;

/// What is to be done, to which inputs, by which model.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = samples::submission)]
pub struct Submission {
    /// The model's name or an alias; see `GET /v1/models`.
    pub model: String,
    /// One item. Give either this or `inputs`.
    #[serde(default)]
    pub input: Option<ItemBody>,
    /// Items, in the order in which the result will tell of them. Give either these or `input`.
    #[serde(default)]
    pub inputs: Option<Vec<ItemBody>>,
    /// Parameters for every item; which there are depends on the model's kind.
    #[serde(default)]
    #[schema(schema_with = params_schema)]
    pub params: Option<Object>,
    /// Whether somebody waits for it; `interactive` by default.
    #[serde(default)]
    pub class: Option<Class>,
    /// Higher goes first among the owner's jobs.
    #[serde(default)]
    #[schema(minimum = -10, maximum = 10, default = 0)]
    pub priority: Option<i16>,
    /// The client's own words, by which jobs can be listed: at most 16 pairs, names of up to 64 and values of up to 512
    /// characters.
    #[serde(default)]
    pub metadata: Option<BTreeMap<String, String>>,
    /// How many failed attempts end the job; 3 by default.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 10)]
    pub max_attempts: Option<u16>,
    /// Not before this instant (RFC 3339), or not before so long a time has passed, like `30s`, `5m` or `2h`: at most 30
    /// days ahead.
    #[serde(default)]
    #[schema(example = "2h")]
    pub run_at: Option<String>,
    /// A job that has not begun by then expires: an instant, or a duration that counts from the submission.
    #[serde(default)]
    #[schema(example = "30s")]
    pub start_by: Option<String>,
    /// A job that has not ended by then expires, and keeps what it has finished: an instant, or a duration that counts
    /// from the submission. The header `Cancel-After` says the same.
    #[serde(default)]
    #[schema(example = "5m")]
    pub finish_by: Option<String>,
    /// How long the job is to be kept once it has ended, with its result: like `7d`, or by outcome, like
    /// `{"succeeded": "1h", "failed": "30d"}`; within the service's bounds.
    #[serde(default)]
    pub retention: Option<RetentionBody>,
    /// Whom to tell of the job, by messages signed with the secret at `/v1/webhooks/secret`.
    #[serde(default)]
    pub webhook: Option<Webhook>,
}

/// One item: a text, or an object that says what it is.
#[derive(Debug)]
pub enum ItemBody {
    /// Just a text.
    Text(String),
    /// An object.
    Object(ItemObject),
}

/// An item with a name for what it is. Give exactly one of `text`, `tokens` and `image`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ItemObject {
    /// A text.
    #[serde(default)]
    pub text: Option<String>,
    /// A text as ids of the model's own vocabulary. Without the tokens that every text begins with they are given those
    /// that a text would get; with them they are taken as they are.
    #[serde(default)]
    pub tokens: Option<Vec<u32>>,
    /// A picture.
    #[serde(default)]
    pub image: Option<ImageBody>,
    /// Parameters that stand over the job's.
    #[serde(default)]
    #[schema(schema_with = params_schema)]
    pub params: Option<Object>,
}

/// A picture: a JPEG, PNG, WebP, GIF or BMP. Give exactly one of the three.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageBody {
    /// The picture's bytes.
    #[serde(default)]
    #[schema(content_encoding = "base64")]
    pub base64: Option<String>,
    /// Where a worker can fetch it: `http://…` or `https://…`, at a public address.
    #[serde(default)]
    #[schema(format = "uri")]
    pub url: Option<String>,
    /// `data:image/…;base64,…`
    #[serde(default)]
    pub data_uri: Option<String>,
}

impl Submission {
    /// Reads a body.
    pub fn read(json: &[u8]) -> Result<Self, Problem> {
        body::parse(json, "submission")
    }
}

impl<'de> Deserialize<'de> for ItemBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = ItemBody;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an object with `text`, `tokens` or `image`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<ItemBody, E> {
                Ok(ItemBody::Text(text.to_owned()))
            }

            fn visit_string<E: Error>(self, text: String) -> Result<ItemBody, E> {
                Ok(ItemBody::Text(text))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ItemBody, A::Error> {
                ItemObject::deserialize(MapAccessDeserializer::new(map)).map(ItemBody::Object)
            }
        }

        deserializer.deserialize_any(Either)
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
fn params_schema() -> Schema {
    let kinds =
        ["TextEmbeddingParams", "TextClassificationParams", "ImageClassificationParams", "EchoParams"];
    let any = kinds.into_iter().fold(utoipa::openapi::schema::AnyOfBuilder::new(), |any, kind| {
        any.item(Ref::from_schema_name(kind))
    });
    let object = ObjectBuilder::new()
        .schema_type(Type::Object)
        .additional_properties(Some(AdditionalProperties::FreeForm(true)))
        .description(Some("Parameters of another kind."));
    any.item(object).description(Some("Parameters, by the model's kind.")).build().into()
}
