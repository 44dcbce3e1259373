//! Parameters of kinds that give pictures.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ParamError;
use super::bounds::Bounded;

/// Parameters of `background_removal`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BackgroundRemovalParams {
    /// What is wanted: `cutout` by default.
    #[serde(default)]
    pub output: Removed,
    /// How it is written: `png` by default.
    #[serde(default)]
    pub format: LosslessFormat,
    /// A colour, as `#rrggbb`, that takes the background's place; without one it is transparent. For cut-outs only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^#[0-9a-fA-F]{6}$")]
    pub background: Option<String>,
}

/// What is left when the background is removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Removed {
    /// The picture, with what is in front.
    #[default]
    Cutout,
    /// A grey picture: white where something is in front.
    Mask,
}

/// How a picture is written that keeps every pixel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LosslessFormat {
    /// PNG
    #[default]
    Png,
    /// WebP, lossless
    Webp,
}

impl BackgroundRemovalParams {
    /// The background's red, green and blue, if it gets a colour.
    pub fn colour(&self) -> Option<[u8; 3]> {
        colour(self.background.as_deref()?)
    }
}

impl Bounded for BackgroundRemovalParams {
    fn check(&self) -> Result<(), ParamError> {
        let Some(background) = &self.background else { return Ok(()) };
        if self.output == Removed::Mask {
            let message = "`background` is for cut-outs: a mask has none".to_owned();
            return Err(ParamError::at("background", message));
        }
        if colour(background).is_none() {
            let message = format!("`background` must be a colour such as `#ffffff`, not `{background}`");
            return Err(ParamError::at("background", message));
        }
        Ok(())
    }
}

/// `#rrggbb`
fn colour(written: &str) -> Option<[u8; 3]> {
    let digits = written.strip_prefix('#').filter(|digits| digits.len() == 6)?;
    // `from_str_radix` takes a sign as well.
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let [_, red, green, blue] = u32::from_str_radix(digits, 16).ok()?.to_be_bytes();
    Some([red, green, blue])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_has_six_digits() {
        assert_eq!(colour("#0a80FF"), Some([10, 128, 255]));
        for wrong in ["0a80ff", "#0a80f", "#0a80fff", "#0a80fg", "#+a80ff", "#é0000", "white", ""] {
            assert_eq!(colour(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_background_is_a_colour_and_for_cut_outs() {
        let params = BackgroundRemovalParams { background: Some("white".into()), ..Default::default() };
        let error = params.check().unwrap_err();
        assert_eq!(error.field.as_deref(), Some("background"));
        assert_eq!(error.message, "`background` must be a colour such as `#ffffff`, not `white`");
        let params = BackgroundRemovalParams { output: Removed::Mask, ..params };
        assert!(params.check().unwrap_err().message.contains("a mask has none"));
    }
}
