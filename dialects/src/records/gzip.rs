//! Gzip: unpacked as it comes, up to a bound.

use std::io::Write;

use bytes::Bytes;
use flate2::write::MultiGzDecoder;

use super::broken;
use crate::Fault;

/// Packed bytes that are unpacked at once: at most a thousandfold, so 4 MiB come of them.
const STEP: usize = 4 * 1024;

/// Whether a file that begins like this is packed with gzip.
pub fn is_gzip(head: &[u8]) -> bool {
    head.starts_with(&[0x1f, 0x8b])
}

/// Unpacks a stream.
#[derive(Debug)]
pub struct Gunzip {
    decoder: MultiGzDecoder<Vec<u8>>,
    unpacked: u64,
    most: u64,
}

impl Gunzip {
    /// A stream that may have `most` bytes unpacked.
    pub fn new(most: u64) -> Self {
        Self { decoder: MultiGzDecoder::new(Vec::new()), unpacked: 0, most }
    }

    /// Unpacks a chunk; what comes of it is handed to `take` bit by bit.
    pub fn push(
        &mut self,
        chunk: &[u8],
        mut take: impl FnMut(Bytes) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        for step in chunk.chunks(STEP) {
            self.decoder.write_all(step).map_err(|_| torn())?;
            self.hand_on(&mut take)?;
        }
        Ok(())
    }

    /// The stream has ended.
    pub fn finish(mut self, mut take: impl FnMut(Bytes) -> Result<(), Fault>) -> Result<(), Fault> {
        self.decoder.try_finish().map_err(|_| torn())?;
        self.hand_on(&mut take)
    }

    fn hand_on(&mut self, take: &mut impl FnMut(Bytes) -> Result<(), Fault>) -> Result<(), Fault> {
        let unpacked = std::mem::take(self.decoder.get_mut());
        self.unpacked += unpacked.len() as u64;
        if self.unpacked > self.most {
            let message = format!("the file has more than {} bytes unpacked, which is the limit", self.most);
            return Err(broken(message).limit(self.most));
        }
        if unpacked.is_empty() { Ok(()) } else { take(unpacked.into()) }
    }
}

fn torn() -> Fault {
    broken("the file is not what gzip packs, or not all of it")
}
