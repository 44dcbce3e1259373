//! Pictures in a submission: decoded, looked at, held against the limits.

use forebay_dialects::item::{self, ImageBody, Written};
use forebay_shared::fetch::{FetchError, Guard, check_url};
use forebay_shared::job::{ImageSource, Input};
use forebay_shared::picture::{NotAPicture, Picture};

use crate::config::LimitConfig;
use crate::problem::{Code, Problem};

/// The longest URL that is taken; browsers stop earlier.
const LONGEST_URL: usize = 8192;

/// Reads a picture; `field` is its path in the submission.
pub fn read(body: ImageBody, field: &str, limits: &LimitConfig, guard: &Guard) -> Result<Input, Problem> {
    let Some(written) = body.open() else {
        let detail = "give exactly one of `base64`, `url` and `data_uri`";
        return Err(Problem::new(Code::InvalidField, detail).at(field));
    };
    let field = match &written {
        Written::Base64(_) => format!("{field}.base64"),
        Written::Url(_) => format!("{field}.url"),
        Written::DataUri(_) => format!("{field}.data_uri"),
    };
    open(written, &field, limits, guard)
}

/// Reads a picture that is written like this at `field`.
pub fn open(written: Written, field: &str, limits: &LimitConfig, guard: &Guard) -> Result<Input, Problem> {
    let source = match written {
        Written::Base64(base64) => decode(&base64, field, limits)?,
        Written::Url(url) => remote(url, field, guard)?,
        Written::DataUri(uri) => data_uri(&uri, field, limits)?,
    };
    Ok(Input::Image(source))
}

/// Looks at a picture's first bytes.
pub fn look(head: &[u8], field: &str, limits: &LimitConfig) -> Result<(), Problem> {
    match Picture::sniff(head, limits.max_image_pixels) {
        Ok(_) => Ok(()),
        Err(error @ NotAPicture::TooLarge { limit, .. }) => {
            Err(Problem::new(Code::TooManyPixels, error).at(field).limit(limit))
        }
        Err(error) => Err(Problem::new(Code::NotAnImage, error).at(field)),
    }
}

/// Looks at the first bytes of a picture of which there are more. A TIFF may say its size behind them, where its worker
/// looks.
pub fn begin(head: &[u8], field: &str, limits: &LimitConfig) -> Result<(), Problem> {
    match Picture::sniff(head, limits.max_image_pixels) {
        Err(NotAPicture::Broken) if head.starts_with(b"II*\0") || head.starts_with(b"MM\0*") => Ok(()),
        _ => look(head, field, limits),
    }
}

/// The picture has more bytes than allowed.
pub fn too_large(field: &str, limits: &LimitConfig) -> Problem {
    let limit = limits.max_image_bytes;
    Problem::new(Code::ImageTooLarge, format_args!("the picture is larger than {limit}"))
        .at(field)
        .limit(limit.bytes())
}

fn decode(base64: &str, field: &str, limits: &LimitConfig) -> Result<ImageSource, Problem> {
    if base64.len() / 4 * 3 > limits.max_image_bytes.as_usize().saturating_add(2) {
        return Err(too_large(field, limits));
    }
    let bytes = item::decode(base64).map_err(|error| {
        let error = error.to_string().to_ascii_lowercase();
        let why = error.trim_end_matches('.');
        Problem::new(Code::InvalidBase64, format_args!("it is not base64: {why}")).at(field)
    })?;
    check(&bytes, field, limits)?;
    Ok(ImageSource::Inline(bytes))
}

/// Holds a picture against the limits.
pub fn check(bytes: &[u8], field: &str, limits: &LimitConfig) -> Result<(), Problem> {
    if bytes.len() > limits.max_image_bytes.as_usize() {
        return Err(too_large(field, limits));
    }
    look(bytes, field, limits)
}

fn data_uri(uri: &str, field: &str, limits: &LimitConfig) -> Result<ImageSource, Problem> {
    let Some(data) = item::embedded(uri) else {
        let detail = "a data URI must begin with `data:image/…;base64,`";
        return Err(Problem::new(Code::UrlUnsupported, detail).at(field));
    };
    decode(data, field, limits)
}

fn remote(url: String, field: &str, guard: &Guard) -> Result<ImageSource, Problem> {
    if url.len() > LONGEST_URL {
        let detail = format_args!("the URL has more than {LONGEST_URL} characters");
        return Err(Problem::new(Code::UrlUnsupported, detail).at(field).limit(LONGEST_URL as u64));
    }
    check_url(&url, guard).map_err(|error| refused_url(&error, field))?;
    Ok(ImageSource::Url(url))
}

/// Why a URL is refused, before anybody tries to fetch it or after.
pub fn refused_url(error: &FetchError, field: &str) -> Problem {
    let code = match error {
        FetchError::Refused { .. } => Code::UrlRefused,
        _ => Code::UrlUnsupported,
    };
    Problem::new(code, error).at(field)
}
