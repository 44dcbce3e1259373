//! Image tasks: a picture is sent, a task is asked after, or the answer is waited for.

pub mod create;
pub mod get;
mod picture;
pub mod process;

use utoipa::ToSchema;

/// A refusal in the words of image tasks.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the dialect writes it")]
pub struct ImageError {
    /// Why.
    error: Option<String>,
    /// `Invalid API Key`, where that is why.
    detail: Option<String>,
}

/// A picture as JSON.
#[derive(Debug, ToSchema)]
#[schema(as = TaskBody)]
#[expect(dead_code, reason = "the dialect reads it")]
pub struct ImageBody {
    /// The picture's bytes, or a data URI.
    #[schema(content_encoding = "base64")]
    data: String,
    /// The model's name or an alias; `tasks.model` of the configuration by default.
    model: Option<String>,
}

/// A picture as a file.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it is read part by part")]
pub struct ImageForm {
    /// The picture; the part may be called `image` too.
    #[schema(value_type = String, format = Binary)]
    img: Vec<u8>,
    /// The model's name or an alias; `tasks.model` of the configuration by default.
    model: Option<String>,
}
