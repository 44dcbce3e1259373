//! What `preprocessor_config.json` says.

use serde::Deserialize;
use serde_json::Value;

use super::Habits;
use super::frame::within;

/// The keys of `preprocessor_config.json` that are followed.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct Preprocessor {
    pub(super) do_resize: bool,
    pub(super) size: Value,
    pub(super) resample: u8,
    pub(super) do_center_crop: bool,
    pub(super) crop_size: Value,
    pub(super) do_rescale: bool,
    pub(super) rescale_factor: f32,
    pub(super) do_normalize: bool,
    pub(super) image_mean: [f32; 3],
    pub(super) image_std: [f32; 3],
}

impl Default for Preprocessor {
    fn default() -> Self {
        Self::of(&Habits::CLASSIFIER)
    }
}

impl Preprocessor {
    /// What it would say for models of these habits.
    pub(super) fn of(habits: &Habits) -> Self {
        let (image_mean, image_std) = habits.normalize.unwrap_or(([0.0; 3], [1.0; 3]));
        Self {
            do_resize: true,
            size: Value::from(habits.edge),
            resample: 2,
            do_center_crop: false,
            crop_size: Value::Null,
            do_rescale: true,
            rescale_factor: habits.rescale,
            do_normalize: habits.normalize.is_some(),
            image_mean,
            image_std,
        }
    }
}

/// What a picture is resized to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// Its shorter edge to this, keeping its shape, and its longer one to no more than that.
    ShortestEdge(u32, Option<u32>),
    /// To this width and height.
    Exact(u32, u32),
    /// As large as fits into this width and height, keeping its shape.
    Within(u32, u32),
}

impl Target {
    /// `224`, `{"shortest_edge": 256}`, the same with `longest_edge`, `{"max_height": 512, "max_width": 512}` or
    /// `{"height": 224, "width": 224}`
    pub(super) fn read(size: &Value) -> Option<Self> {
        if let Some(edge) = size.get("shortest_edge") {
            let longest = size.get("longest_edge").map(|edge| number(edge).ok_or(())).transpose().ok()?;
            return Some(Self::ShortestEdge(number(edge)?, longest));
        }
        if let (Some(width), Some(height)) = (size.get("max_width"), size.get("max_height")) {
            return Some(Self::Within(number(width)?, number(height)?));
        }
        exact(size).map(|(width, height)| Self::Exact(width, height))
    }

    /// The size of a picture of this width and height.
    pub(super) fn of(self, width: u32, height: u32) -> (u32, u32) {
        match self {
            Self::Exact(width, height) => (width, height),
            Self::Within(most_wide, most_high) => {
                within((width, height), (most_wide, most_high), f64::round_ties_even).0
            }
            Self::ShortestEdge(edge, longest) => {
                let (shorter, longer) = (width.min(height), width.max(height));
                let (short, long) = edges(shorter, longer, edge, longest);
                if width <= height { (short, long) } else { (long, short) }
            }
        }
    }
}

/// The longer edge is cut to a whole number, as the Hugging Face processors do. One that would be too long sets the
/// shorter, which is rounded.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an edge is not negative, and what is too large stops at the largest number"
)]
fn edges(shorter: u32, longer: u32, edge: u32, longest: Option<u32>) -> (u32, u32) {
    let ratio = f64::from(longer) / f64::from(shorter.max(1));
    let exact = match longest {
        Some(longest) if ratio * f64::from(edge) > f64::from(longest) => f64::from(longest) / ratio,
        _ => f64::from(edge),
    };
    let longer = match longest {
        Some(_) => (exact * ratio) as u32,
        None => scaled(edge, longer, shorter),
    };
    ((exact.round_ties_even() as u32).max(1), longer.max(1))
}

fn scaled(edge: u32, longer: u32, shorter: u32) -> u32 {
    u32::try_from(u64::from(edge) * u64::from(longer) / u64::from(shorter.max(1))).unwrap_or(u32::MAX)
}

/// `224` or `{"height": 224, "width": 224}`
pub(super) fn exact(size: &Value) -> Option<(u32, u32)> {
    match number(size) {
        Some(edge) => Some((edge, edge)),
        None => Some((number(size.get("width")?)?, number(size.get("height")?)?)),
    }
}

fn number(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|number| u32::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_size_is_read_in_all_its_forms() {
        assert_eq!(Target::read(&json!(224)), Some(Target::Exact(224, 224)));
        assert_eq!(Target::read(&json!({"shortest_edge": 256})), Some(Target::ShortestEdge(256, None)));
        assert_eq!(
            Target::read(&json!({"shortest_edge": 800, "longest_edge": 1333})),
            Some(Target::ShortestEdge(800, Some(1333)))
        );
        assert_eq!(Target::read(&json!({"height": 2, "width": 3})), Some(Target::Exact(3, 2)));
        assert_eq!(Target::read(&json!({"max_height": 2, "max_width": 3})), Some(Target::Within(3, 2)));
        assert_eq!(Target::read(&json!("large")), None);
    }

    #[test]
    fn the_shorter_edge_rules_and_the_longer_is_cut() {
        let target = Target::ShortestEdge(256, None);
        assert_eq!(target.of(300, 451), (256, 384));
        assert_eq!(target.of(451, 300), (384, 256));
        assert_eq!(target.of(1, 1000), (256, 256_000));
    }

    #[test]
    fn the_longer_edge_rules_where_it_would_be_too_long() {
        let target = Target::ShortestEdge(800, Some(1333));
        // As the processor of DETR has it.
        assert_eq!(target.of(640, 480), (1066, 800));
        assert_eq!(target.of(480, 640), (800, 1066));
        assert_eq!(target.of(1000, 500), (1333, 666));
    }

    #[test]
    fn a_picture_fits_into_its_bounds() {
        assert_eq!(Target::Within(640, 640).of(100, 50), (640, 320));
        assert_eq!(Target::Within(640, 320).of(1280, 1280), (320, 320));
        assert_eq!(Target::Within(640, 640).of(1, 10_000), (1, 640));
    }
}
