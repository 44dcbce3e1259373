//! Parameters of kinds that give pictures.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ParamError;
use super::bounds::{Bounded, at_least_one, at_most};

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

/// Parameters of `image_to_image`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageToImageParams {
    /// One of the model's styles, by its name or its number from 0; the first by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<StyleName>,
    /// Several styles with their shares of the picture, by name; instead of `style`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub styles: BTreeMap<String, f32>,
    /// How it is written: `png` by default.
    #[serde(default)]
    pub format: PictureFormat,
    /// Of a JPEG: 1…100, 90 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 100)]
    pub quality: Option<u8>,
}

/// How a style is named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum StyleName {
    /// Its number, from 0.
    Number(u32),
    /// Its name.
    Name(String),
}

impl std::fmt::Display for StyleName {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(formatter),
            Self::Name(name) => name.fmt(formatter),
        }
    }
}

/// How a picture is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PictureFormat {
    /// PNG
    #[default]
    Png,
    /// JPEG
    Jpeg,
    /// WebP, lossless
    Webp,
}

impl Bounded for ImageToImageParams {
    fn check(&self) -> Result<(), ParamError> {
        if self.style.is_some() && !self.styles.is_empty() {
            return Err(ParamError::at("styles", "`styles` stands instead of `style`".to_owned()));
        }
        let sum: f32 = self.styles.values().sum();
        let is_share = |share: &f32| share.is_finite() && *share >= 0.0;
        if !self.styles.values().all(is_share) || !(self.styles.is_empty() || (sum.is_finite() && sum > 0.0))
        {
            let message = "`styles` must have shares of 0 or more, not all of them 0".to_owned();
            return Err(ParamError::at("styles", message));
        }
        let Some(quality) = self.quality else { return Ok(()) };
        if self.format != PictureFormat::Jpeg {
            return Err(ParamError::at(
                "quality",
                "`quality` is for JPEG: the others keep every pixel".to_owned(),
            ));
        }
        at_least_one("quality", Some(quality.into()))?;
        at_most("quality", quality.into(), 100)
    }
}

/// Parameters of `image_segmentation`: none yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageSegmentationParams {}

impl Bounded for ImageSegmentationParams {
    fn check(&self) -> Result<(), ParamError> {
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
    fn quality_is_for_jpeg_and_shares_are_not_negative() {
        let refused = |params: ImageToImageParams| params.check().unwrap_err().message;
        let jpeg = |quality| ImageToImageParams {
            format: PictureFormat::Jpeg,
            quality: Some(quality),
            ..Default::default()
        };
        assert_eq!(refused(jpeg(101)), "`quality` must be at most 100, not 101");
        assert_eq!(refused(jpeg(0)), "`quality` must be at least 1");
        assert!(jpeg(1).check().is_ok());
        let png = ImageToImageParams { format: PictureFormat::Png, ..jpeg(50) };
        assert!(refused(png).contains("for JPEG"));
        let shares = |share| ImageToImageParams {
            styles: BTreeMap::from([("a".to_owned(), share)]),
            ..Default::default()
        };
        for wrong in [-1.0, 0.0, f32::INFINITY] {
            assert!(refused(shares(wrong)).contains("shares of 0 or more"), "{wrong}");
        }
        let both = ImageToImageParams { style: Some(StyleName::Number(1)), ..shares(1.0) };
        assert!(refused(both).contains("instead of `style`"));
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
