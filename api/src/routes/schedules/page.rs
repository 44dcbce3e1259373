//! Where a listing goes on, and how far.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use url::form_urlencoded;
use utoipa::IntoParams;

use crate::problem::{Code, Problem};

/// Entries of a page, unless the client says otherwise.
const USUAL: u32 = 20;
/// Entries of a page at most.
const MOST: u32 = 100;

/// Which page.
#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// How many at most; 20 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// Where to go on: the `next_cursor` of the page before.
    #[param(value_type = Option<String>)]
    cursor: Option<[u8; 16]>,
}

impl PageQuery {
    /// Reads a query string; what is unknown is refused.
    pub fn read(query: Option<&str>) -> Result<Self, Problem> {
        let mut read = Self::default();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match &*name {
                "limit" => read.limit = Some(limit(&value)?),
                "cursor" => read.cursor = Some(place(&value)?),
                name => {
                    let name = name.replace('\0', "");
                    let detail = format_args!("the query parameter `{name}` is not valid: it is not known");
                    return Err(Problem::new(Code::InvalidQuery, detail).at(name.clone()));
                }
            }
        }
        Ok(read)
    }

    /// How many.
    pub fn limit(&self) -> u32 {
        self.limit.unwrap_or(USUAL)
    }

    /// After which.
    pub fn after(&self) -> Option<u128> {
        self.cursor.map(u128::from_be_bytes)
    }
}

/// Cuts one entry too many off, and answers with the cursor of the last that is left.
pub fn cut<T>(entries: &mut Vec<T>, limit: u32, place: impl Fn(&T) -> u128) -> Option<String> {
    let more = entries.len() > limit as usize;
    entries.truncate(limit as usize);
    // A cursor says nothing to anybody but us.
    entries.last().filter(|_| more).map(|last| URL_SAFE_NO_PAD.encode(place(last).to_be_bytes()))
}

fn limit(value: &str) -> Result<u32, Problem> {
    let limit = value.parse().ok().filter(|limit| (1..=MOST).contains(limit));
    limit.ok_or_else(|| {
        let detail =
            format_args!("the query parameter `limit` is not valid: it must be a number from 1 to {MOST}");
        Problem::new(Code::InvalidQuery, detail).at("limit").limit(u64::from(MOST))
    })
}

fn place(cursor: &str) -> Result<[u8; 16], Problem> {
    let place = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| bytes.try_into().ok());
    place.ok_or_else(|| {
        Problem::new(Code::InvalidCursor, "the cursor is none that a listing has answered with").at("cursor")
    })
}
