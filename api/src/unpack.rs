//! Bodies that are packed (`Content-Encoding`): unpacked up to the bound of what is not.

use std::io::Read;

use axum::extract::Request;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use forebay_shared::config::Size;
use tokio::sync::OwnedSemaphorePermit;

use crate::limits::{self, JSON_COPIES};
use crate::problem::{Code, Problem};
use crate::state::App;

/// What a byte unpacks to at most, by the format's own limit.
const MOST_UNPACKED: u64 = 1032;

/// How a body is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    /// RFC 1952
    Gzip,
    /// RFC 1950, which is what HTTP calls deflate.
    Deflate,
}

impl Packing {
    fn of(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let encoding = headers.get(header::CONTENT_ENCODING).map(|value| value.to_str().unwrap_or("?"));
        match encoding.map(|encoding| encoding.trim().to_ascii_lowercase()).as_deref() {
            None | Some("" | "identity") => Ok(None),
            Some("gzip" | "x-gzip") => Ok(Some(Self::Gzip)),
            Some("deflate") => Ok(Some(Self::Deflate)),
            Some(_) => {
                Err(Problem::new(Code::UnsupportedMediaType, "a body may be packed with gzip or deflate")
                    .at("Content-Encoding"))
            }
        }
    }

    /// What is packed, if that is no more than `limit`.
    fn open(self, packed: &[u8], limit: Size) -> Result<Vec<u8>, Problem> {
        let mut whole = Vec::new();
        let most = limit.bytes().saturating_add(1);
        let read = match self {
            Self::Gzip => MultiGzDecoder::new(packed).take(most).read_to_end(&mut whole),
            Self::Deflate => ZlibDecoder::new(packed).take(most).read_to_end(&mut whole),
        };
        read.map_err(|_| {
            let detail = format_args!("the body is not what `Content-Encoding` says: {self}");
            Problem::new(Code::InvalidHeader, detail).at("Content-Encoding")
        })?;
        if whole.len() as u64 > limit.bytes() { Err(limits::too_large(limit)) } else { Ok(whole) }
    }
}

impl std::fmt::Display for Packing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        })
    }
}

/// Reads a body as a whole, packed or not; what it is unpacked has `limit` bytes at most.
///
/// Room is there before anything is unpacked, for as much as the body could hold; what it does not hold is given back.
pub async fn read(
    app: &App,
    request: Request,
    limit: Size,
) -> Result<(Bytes, OwnedSemaphorePermit), Problem> {
    let Some(packing) = Packing::of(request.headers())? else { return app.memory.read(request, limit).await };
    let (packed, mut room) = app.memory.read(request, limit).await?;
    let most = (packed.len() as u64).saturating_mul(MOST_UNPACKED).min(limit.bytes());
    app.memory.grow(&mut room, most.saturating_mul(JSON_COPIES)).await?;
    let size = usize::try_from(most).unwrap_or(usize::MAX);
    let whole = limits::work(&app.parts.tasks, size, move || packing.open(&packed, limit)).await?;
    limits::shrink(&mut room, (whole.len() as u64).saturating_mul(JSON_COPIES));
    Ok((whole.into(), room))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use axum::http::HeaderValue;
    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};

    use super::*;

    fn packing(word: &'static str) -> Result<Option<Packing>, Code> {
        let headers = HeaderMap::from_iter([(header::CONTENT_ENCODING, HeaderValue::from_static(word))]);
        Packing::of(&headers).map_err(|problem| problem.code())
    }

    fn packed(zeros: usize) -> [(Packing, Vec<u8>); 2] {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&vec![0; zeros]).unwrap();
        zlib.write_all(&vec![0; zeros]).unwrap();
        [(Packing::Gzip, gzip.finish().unwrap()), (Packing::Deflate, zlib.finish().unwrap())]
    }

    #[test]
    fn two_packings_are_known() {
        assert_eq!(
            (packing("gzip"), packing("Deflate")),
            (Ok(Some(Packing::Gzip)), Ok(Some(Packing::Deflate)))
        );
        assert_eq!((packing("identity"), packing("br")), (Ok(None), Err(Code::UnsupportedMediaType)));
        assert_eq!(Packing::of(&HeaderMap::new()).unwrap(), None);
    }

    #[test]
    fn what_is_unpacked_is_bounded() {
        for (packing, packed) in packed(1000) {
            assert_eq!(packing.open(&packed, Size::new(1000)).unwrap(), vec![0; 1000], "{packing}");
            let code = packing.open(&packed, Size::new(999)).unwrap_err().code();
            assert_eq!(code, Code::BodyTooLarge, "{packing}");
            let cut = packing.open(&packed[..packed.len() / 2], Size::new(1000)).unwrap_err();
            assert_eq!(cut.code(), Code::InvalidHeader, "{packing}");
        }
    }
}
