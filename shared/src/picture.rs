//! What a picture's first bytes say: its format and its size, before anything is decoded.

use std::io::Cursor;

use image::{ImageFormat, ImageReader};

/// Bytes of a picture that are enough to read its size, unless it carries more metadata than any camera writes.
pub const HEAD: usize = 1024 * 1024;

/// A picture's format and size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Its format.
    pub format: ImageFormat,
    /// Its media type.
    pub content_type: &'static str,
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
}

/// Why bytes are no picture that Forebay takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAPicture {
    /// They begin like no picture that is known.
    #[error("it is not a JPEG, PNG, WebP, GIF, BMP or TIFF picture")]
    Unknown,
    /// They are a picture of a kind that nothing here decodes.
    #[error("it is an AVIF picture; send JPEG, PNG, WebP, GIF, BMP or TIFF")]
    Avif,
    /// They begin like one, and do not say how large it is.
    #[error("its header cannot be read")]
    Broken,
    /// It is too large to be decoded.
    #[error("it has {pixels} pixels, the limit is {limit}")]
    TooLarge {
        /// How many it has.
        pixels: u64,
        /// How many it may have.
        limit: u64,
    },
}

impl Picture {
    /// Reads the first bytes of a picture; `limit` is in pixels. Of a whole file no more than a head is looked at, unless it
    /// is a TIFF, which may say its size at its end. Only a whole one of those is known.
    pub fn sniff(head: &[u8], limit: u64) -> Result<Self, NotAPicture> {
        let format = image::guess_format(head).map_err(|_| NotAPicture::Unknown)?;
        let content_type = match format {
            ImageFormat::Png => "image/png",
            ImageFormat::Jpeg => "image/jpeg",
            ImageFormat::WebP => "image/webp",
            ImageFormat::Gif => "image/gif",
            ImageFormat::Bmp => "image/bmp",
            ImageFormat::Tiff => "image/tiff",
            ImageFormat::Avif => return Err(NotAPicture::Avif),
            _ => return Err(NotAPicture::Unknown),
        };
        let head = if format == ImageFormat::Tiff { head } else { &head[..head.len().min(HEAD)] };
        let (width, height) = ImageReader::with_format(Cursor::new(head), format)
            .into_dimensions()
            .map_err(|_| NotAPicture::Broken)?;
        let pixels = u64::from(width) * u64::from(height);
        if pixels == 0 {
            return Err(NotAPicture::Broken);
        }
        if pixels > limit {
            return Err(NotAPicture::TooLarge { pixels, limit });
        }
        Ok(Self { format, content_type, width, height })
    }
}

#[cfg(test)]
mod tests {
    use image::DynamicImage;

    use super::*;

    fn encoded(format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::new_rgb8(3, 2).write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn every_format_tells_its_size() {
        let formats = [
            ImageFormat::Png,
            ImageFormat::Jpeg,
            ImageFormat::WebP,
            ImageFormat::Gif,
            ImageFormat::Bmp,
            ImageFormat::Tiff,
        ];
        for format in formats {
            let picture = Picture::sniff(&encoded(format), 6).unwrap();
            assert_eq!((picture.width, picture.height), (3, 2), "{format:?}");
        }
    }

    #[test]
    fn other_bytes_are_told_apart() {
        assert_eq!(Picture::sniff(b"hello, I am a text", 6), Err(NotAPicture::Unknown));
        assert_eq!(Picture::sniff(b"", 6), Err(NotAPicture::Unknown));
        assert_eq!(Picture::sniff(&encoded(ImageFormat::Png)[..12], 6), Err(NotAPicture::Broken));
    }

    #[test]
    fn too_many_pixels_are_refused_before_decoding() {
        let refused = Picture::sniff(&encoded(ImageFormat::Png), 5);
        assert_eq!(refused, Err(NotAPicture::TooLarge { pixels: 6, limit: 5 }));
    }
}
