//! Whether a picture's file has its end.
//!
//! A decoder that has all of the first frame, or fills the rest with grey, says nothing of what is missing. A file that was
//! cut short is refused whole: nobody knows what its sender meant.

/// Whether the file ends before its format says so. BMP and TIFF say nothing: their decoders miss what they need themselves.
pub(super) fn ends_early(bytes: &[u8]) -> bool {
    let whole = if bytes.starts_with(&[0xFF, 0xD8]) {
        jpeg(bytes)
    } else if bytes.starts_with(b"\x89PNG") {
        png(bytes)
    } else if bytes.starts_with(b"GIF8") {
        gif(bytes)
    } else if bytes.starts_with(b"RIFF") {
        riff(bytes)
    } else {
        Some(())
    };
    whole.is_none()
}

/// The end-of-image marker stands behind the last scan. An embedded preview has an end of its own, before that begins.
fn jpeg(bytes: &[u8]) -> Option<()> {
    const SCAN: [u8; 2] = [0xFF, 0xDA];
    const END: [u8; 2] = [0xFF, 0xD9];
    let last = |marker: [u8; 2]| bytes.windows(2).rposition(|pair| pair == marker);
    (last(END) >= last(SCAN)).then_some(())
}

/// Chunks up to and with `IEND`: a length, a name, the content, a checksum.
fn png(bytes: &[u8]) -> Option<()> {
    let mut rest = bytes.get(8..)?;
    loop {
        let length = u32::from_be_bytes(*rest.first_chunk()?) as usize;
        let name = rest.get(4..8)?;
        rest = rest.get(length.checked_add(12)?..)?;
        if name == b"IEND" {
            return Some(());
        }
    }
}

/// Blocks up to the trailer; each is a list of parts that begin with their length and end with one of none.
fn gif(bytes: &[u8]) -> Option<()> {
    let colours = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    let mut rest = bytes.get(13 + colours(*bytes.get(10)?)..)?;
    loop {
        rest = match *rest.first()? {
            0x21 => parts(rest.get(2..)?)?,
            0x2C => parts(rest.get(11 + colours(*rest.get(9)?)..)?)?,
            // The trailer; or nothing that GIF knows, and whether the picture is sound is for the decoder to say.
            _ => return Some(()),
        };
    }
}

fn parts(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        let length = usize::from(*rest.first()?);
        rest = rest.get(length + 1..)?;
        if length == 0 {
            return Some(rest);
        }
    }
}

/// The file is as long as its header says.
fn riff(bytes: &[u8]) -> Option<()> {
    let length = u32::from_le_bytes(*bytes.get(4..)?.first_chunk()?) as usize;
    bytes.get(8..)?.get(..length).map(|_| ())
}
