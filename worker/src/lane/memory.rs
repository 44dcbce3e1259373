//! How many bytes of pictures are held at once, over all lanes.
//!
//! Half of the room is for files, from the moment they are asked for until they are decoded; half for what comes out of
//! them. A file waits for the second half while it holds on to the first and never the other way round, so none waits for
//! ever. Whoever needs more than a half takes all of it, and so goes alone. What an item keeps of both it gives back when
//! it has run and its media are stored, for which nobody needs room.

use std::sync::Arc;

use forebay_shared::config::Size;
use forebay_shared::picture::Picture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The unit of room: permits are counted in 32 bits.
const UNIT: u64 = 1024;

/// Bytes that a pixel needs while it is decoded, at worst: eight as decoded (sixteen bits and an alpha), as many for the
/// copy that is turned the right way up, three in eight bits, and three for what is left when it is resized across.
const PER_PIXEL: u64 = 22;

/// Room for pictures.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    files: Half,
    pixels: Half,
    /// How large a file may be whose size is not known yet.
    largest_file: u64,
}

#[derive(Clone, Debug)]
struct Half {
    permits: Arc<Semaphore>,
    units: u32,
}

/// Room that is held until it is dropped.
#[derive(Debug)]
pub(super) struct Held(Vec<OwnedSemaphorePermit>);

impl Memory {
    pub(super) fn new(room: Size, largest_file: Size) -> Self {
        let half = Half::new(room.bytes() / 2);
        Self { files: half.clone(), pixels: Half::new(room.bytes() / 2), largest_file: largest_file.bytes() }
    }

    /// Room for a file that is about to be read.
    pub(super) async fn for_file(&self) -> Held {
        self.files.take(self.largest_file).await
    }

    /// Room for what comes out of this file.
    pub(super) async fn for_pixels(&self, file: &[u8]) -> Held {
        // What is no picture, or is too large, is refused before it needs any.
        let pixels = Picture::sniff(file, u64::MAX)
            .map_or(0, |picture| u64::from(picture.width) * u64::from(picture.height));
        self.pixels.take(pixels.saturating_mul(PER_PIXEL)).await
    }
}

impl Half {
    fn new(bytes: u64) -> Self {
        let units = u32::try_from(bytes / UNIT).unwrap_or(u32::MAX).max(1);
        Self { permits: Arc::new(Semaphore::new(units as usize)), units }
    }

    async fn take(&self, bytes: u64) -> Held {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).min(self.units);
        Held(self.permits.clone().acquire_many_owned(units).await.into_iter().collect())
    }
}

impl Held {
    /// Nothing is held: what needs room is bounded elsewhere.
    pub(super) fn nothing() -> Self {
        Self(Vec::new())
    }

    /// Room of both halves, held together.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Keeps what so many bytes need, if it has as much, and gives the rest back.
    pub(super) fn shrink(&mut self, bytes: usize) {
        let mut kept = usize::try_from((bytes as u64).div_ceil(UNIT)).unwrap_or(usize::MAX);
        for permit in &mut self.0 {
            drop(permit.split(permit.num_permits().saturating_sub(kept)));
            kept -= permit.num_permits();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn files_wait_for_room_and_give_back_what_they_do_not_need() {
        let memory = Memory::new(Size::new(64 * UNIT), Size::new(20 * UNIT));
        let mut first = memory.for_file().await;
        assert_eq!(memory.files.permits.available_permits(), 12);
        first.shrink(1500);
        assert_eq!(memory.files.permits.available_permits(), 30);
        let second = memory.for_file().await;
        assert_eq!(memory.files.permits.available_permits(), 10);
        drop((first, second));
        assert_eq!(memory.files.permits.available_permits(), 32);
    }

    #[tokio::test]
    async fn what_an_item_keeps_may_be_more_than_its_file() {
        let memory = Memory::new(Size::new(64 * UNIT), Size::new(4 * UNIT));
        let (file, pixels) = (memory.for_file().await, memory.pixels.take(20 * UNIT).await);
        let mut both = file.and(pixels);
        let left = || (memory.files.permits.available_permits(), memory.pixels.permits.available_permits());
        both.shrink(11 * 1024);
        assert_eq!(left(), (28, 25));
        both.shrink(3 * 1024);
        assert_eq!(left(), (29, 32));
        both.shrink(100 * 1024);
        assert_eq!(left(), (29, 32), "what was given back is not taken again");
        drop(both);
        assert_eq!(left(), (32, 32));
    }

    #[tokio::test]
    async fn a_picture_larger_than_the_room_goes_alone() {
        let memory = Memory::new(Size::new(8 * UNIT), Size::new(UNIT));
        let mut file = Vec::new();
        image::RgbImage::new(100, 100)
            .write_to(&mut std::io::Cursor::new(&mut file), image::ImageFormat::Png)
            .unwrap();
        let held = memory.for_pixels(&file).await;
        assert_eq!(memory.pixels.permits.available_permits(), 0);
        drop(held);
        let nothing = memory.for_pixels(b"no picture").await;
        assert_eq!(memory.pixels.permits.available_permits(), 4);
        drop(nothing);
    }
}
