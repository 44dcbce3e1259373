//! A picture's file becomes pixels.

use std::io::Cursor;

use forebay_shared::job::{Failure, FailureCode};
use image::{DynamicImage, ImageDecoder, ImageReader, RgbImage};

/// Decodes a picture to eight-bit red, green and blue, the way up that its camera was held.
pub fn decode(bytes: &[u8], max_pixels: u64) -> Result<RgbImage, Failure> {
    let undecodable = |error: &dyn std::fmt::Display| {
        Failure::permanent(FailureCode::ImageUndecodable, format!("the picture cannot be decoded: {error}"))
    };
    let reader =
        ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|error| undecodable(&error))?;
    let mut decoder = reader.into_decoder().map_err(|error| undecodable(&error))?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if pixels > max_pixels {
        let message = format!("the picture has {pixels} pixels, the limit is {max_pixels}");
        return Err(Failure::permanent(FailureCode::ImageTooLarge, message));
    }
    let orientation = decoder.orientation().map_err(|error| undecodable(&error))?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|error| undecodable(&error))?;
    picture.apply_orientation(orientation);
    if ends_early(bytes) {
        return Err(undecodable(&"the file ends too early"));
    }
    Ok(picture.into_rgb8())
}

/// Whether a JPEG lacks its end. Its decoder would fill the rest with grey and say nothing.
fn ends_early(bytes: &[u8]) -> bool {
    const START: [u8; 2] = [0xFF, 0xD8];
    const SCAN: [u8; 2] = [0xFF, 0xDA];
    const END: [u8; 2] = [0xFF, 0xD9];
    let last = |marker: [u8; 2]| bytes.windows(2).rposition(|pair| pair == marker);
    // An embedded preview has an end of its own, before the picture's last scan begins.
    bytes.starts_with(&START) && last(END) < last(SCAN)
}

#[cfg(test)]
mod tests {
    use image::ImageFormat;

    use super::*;

    #[test]
    fn a_truncated_picture_is_a_failure_of_its_own() {
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::new_rgb8(64, 64).write_to(&mut bytes, ImageFormat::Png).unwrap();
        let bytes = bytes.into_inner();
        let failure = decode(&bytes[..bytes.len() / 2], 10_000).unwrap_err();
        assert_eq!((failure.code, failure.retryable), (FailureCode::ImageUndecodable, false));
        assert_eq!(decode(&bytes, 100).unwrap_err().code, FailureCode::ImageTooLarge);
        let mut jpeg = Cursor::new(Vec::new());
        DynamicImage::new_rgb8(64, 64).write_to(&mut jpeg, ImageFormat::Jpeg).unwrap();
        let jpeg = jpeg.into_inner();
        assert!(decode(&jpeg, 10_000).is_ok());
        assert_eq!(decode(&jpeg[..jpeg.len() - 2], 10_000).unwrap_err().code, FailureCode::ImageUndecodable);
        assert_eq!(decode(&bytes, 10_000).unwrap().dimensions(), (64, 64));
    }
}
