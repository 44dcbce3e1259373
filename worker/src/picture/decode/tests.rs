use image::{ExtendedColorType, ImageEncoder, ImageFormat, Rgba, RgbaImage};

use super::*;

const FORMATS: [ImageFormat; 6] = [
    ImageFormat::Png,
    ImageFormat::Jpeg,
    ImageFormat::WebP,
    ImageFormat::Gif,
    ImageFormat::Bmp,
    ImageFormat::Tiff,
];

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

#[expect(clippy::cast_possible_truncation, reason = "the picture's colours wrap around")]
fn picture(width: u32, height: u32) -> DynamicImage {
    RgbImage::from_fn(width, height, |x, y| image::Rgb([(x * 4) as u8, (y * 6) as u8, ((x + y) * 2) as u8]))
        .into()
}

fn message(bytes: &[u8]) -> String {
    let failure = decode(bytes, 10_000).unwrap_err();
    assert_eq!((failure.code, failure.retryable), (FailureCode::ImageUndecodable, false), "{failure}");
    failure.message
}

#[test]
fn every_format_is_decoded() {
    for format in FORMATS {
        let decoded = decode(&encoded(&picture(60, 40), format), 10_000).unwrap();
        assert_eq!(decoded.dimensions(), (60, 40), "{format:?}");
        let exact = !matches!(format, ImageFormat::Jpeg | ImageFormat::Gif);
        assert!(!exact || decoded == picture(60, 40).into_rgb8(), "{format:?}");
    }
}

#[test]
fn a_file_that_was_cut_short_is_refused_in_every_format() {
    for format in FORMATS {
        let whole = encoded(&picture(64, 64), format);
        for cut in [whole.len() - 1, whole.len() - 2, whole.len() * 3 / 4, whole.len() / 2, 40] {
            let message = message(&whole[..cut]);
            assert!(message.starts_with("the picture cannot be decoded: "), "{format:?} {cut}: {message}");
        }
    }
}

#[test]
fn a_moving_picture_shows_its_first_frame_and_must_be_whole() {
    let colours = [Rgba([255, 0, 0, 255]), Rgba([0, 255, 0, 255])];
    let mut file = Vec::new();
    let mut encoder = image::codecs::gif::GifEncoder::new(&mut file);
    let frames = colours.map(|colour| image::Frame::new(RgbaImage::from_pixel(8, 8, colour)));
    encoder.encode_frames(frames).unwrap();
    drop(encoder);
    assert_eq!(decode(&file, 64).unwrap().get_pixel(3, 3).0, [255, 0, 0]);
    assert_eq!(
        message(&file[..file.len() * 3 / 4]),
        "the picture cannot be decoded: the file ends too early"
    );
}

#[test]
fn transparency_is_dropped_and_not_blended() {
    let clear: DynamicImage = RgbaImage::from_pixel(4, 4, Rgba([200, 100, 50, 0])).into();
    for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Tiff] {
        let decoded = decode(&encoded(&clear, format), 100).unwrap();
        assert_eq!(decoded.get_pixel(0, 0).0, [200, 100, 50], "{format:?}");
    }
}

#[test]
fn of_sixteen_bits_the_upper_eight_are_kept() {
    let deep: DynamicImage =
        image::ImageBuffer::<image::Rgb<u16>, _>::from_pixel(2, 2, image::Rgb([0x12FF, 0xFFFF, 0x80])).into();
    let grey: DynamicImage =
        image::ImageBuffer::<image::Luma<u16>, _>::from_pixel(2, 2, image::Luma([0xABFF])).into();
    for format in [ImageFormat::Png, ImageFormat::Tiff] {
        assert_eq!(decode(&encoded(&deep, format), 100).unwrap().get_pixel(1, 1).0, [0x12, 0xFF, 0]);
        assert_eq!(decode(&encoded(&grey, format), 100).unwrap().get_pixel(1, 1).0, [0xAB; 3]);
    }
}

#[test]
fn a_print_in_four_colours_becomes_red_green_and_blue() {
    // By Pillow 13.0.0: 8 × 8 pixels of cyan 0, magenta 127, yellow 255, black 25 (inverted, as Adobe writes them).
    let file = include_bytes!("cmyk.jpg");
    let pixel = decode(file, 64).unwrap().get_pixel(4, 4).0;
    let pillow = [230, 115, 0];
    assert!(pixel.iter().zip(pillow).all(|(got, wanted)| got.abs_diff(wanted) <= 2), "{pixel:?}");
}

#[test]
fn a_camera_that_was_held_sideways_is_turned() {
    // Pillow writes its orientation 6 so: a quarter turn to the right.
    let mut exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".to_vec();
    let mut file = Vec::new();
    let mut encoder = image::codecs::png::PngEncoder::new(&mut file);
    encoder.set_exif_metadata(std::mem::take(&mut exif)).unwrap();
    let upright = RgbImage::from_fn(2, 1, |x, _| image::Rgb([if x == 0 { 255 } else { 0 }; 3]));
    encoder.write_image(upright.as_raw(), 2, 1, ExtendedColorType::Rgb8).unwrap();
    let decoded = decode(&file, 100).unwrap();
    assert_eq!(decoded.dimensions(), (1, 2));
    assert_eq!((decoded.get_pixel(0, 0).0, decoded.get_pixel(0, 1).0), ([255; 3], [0; 3]));
}

#[test]
fn a_header_that_lies_costs_nothing() {
    // A BMP that claims to be 60000 × 60000.
    let mut bmp = encoded(&picture(8, 8), ImageFormat::Bmp);
    bmp[18..22].copy_from_slice(&60_000_u32.to_le_bytes());
    bmp[22..26].copy_from_slice(&60_000_u32.to_le_bytes());
    let failure = decode(&bmp, 50_000_000).unwrap_err();
    assert_eq!(failure.code, FailureCode::ImageTooLarge);
    assert!(failure.message.contains("3600000000 pixels, the limit is 50000000"), "{failure}");
    // A TIFF whose only strip says that it holds four gigabytes.
    let mut tiff = encoded(&picture(8, 8), ImageFormat::Tiff);
    let counts = tiff.windows(2).position(|pair| pair == 279_u16.to_le_bytes()).unwrap();
    tiff[counts + 8..counts + 12].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(message(&tiff).starts_with("the picture cannot be decoded: "));
    // A GIF whose frame is larger than what its screen says.
    let mut gif = encoded(&picture(8, 8), ImageFormat::Gif);
    gif[6..10].copy_from_slice(&[1, 0, 1, 0]);
    assert!(decode(&gif, 50_000_000).map_or(true, |decoded| decoded.dimensions() == (1, 1)));
}

#[test]
fn what_is_not_taken_is_named() {
    let avif = b"\0\0\0\x20ftypavif\0\0\0\0avifmif1miafMA1B";
    assert_eq!(
        message(avif),
        "the picture cannot be decoded: it is an AVIF picture; send JPEG, PNG, WebP, GIF, BMP or TIFF"
    );
    assert_eq!(
        message(b"hello"),
        "the picture cannot be decoded: it is not a JPEG, PNG, WebP, GIF, BMP or TIFF picture"
    );
}
