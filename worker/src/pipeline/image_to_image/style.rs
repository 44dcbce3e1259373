//! Which style a picture is drawn in.

use forebay_shared::job::{Failure, FailureCode, ImageToImageParams, StyleName};
use serde_json::Value;

use crate::model::ModelFiles;

/// The styles of a model, by name; none where it has but one way to draw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Styles(Vec<String>);

impl Styles {
    /// `styles` of the model's `config.json`.
    pub(super) fn read(model: &ModelFiles) -> Self {
        let named = model.config.get("styles").and_then(Value::as_array);
        let name = |name: &Value| name.as_str().map_or_else(|| name.to_string(), str::to_owned);
        Self(named.map(|names| names.iter().map(name).collect()).unwrap_or_default())
    }

    /// The weight of each style; the first one's alone where nothing is said.
    pub(super) fn chosen(&self, params: &ImageToImageParams) -> Result<Option<Vec<f32>>, Failure> {
        let refused = |message: String| Failure::permanent(FailureCode::InvalidParams, message);
        let asked = params.style.is_some() || !params.styles.is_empty();
        if self.0.is_empty() {
            return if asked {
                Err(refused("the model has no styles to choose from".to_owned()))
            } else {
                Ok(None)
            };
        }
        let mut weights = vec![0.0; self.0.len()];
        match &params.style {
            Some(style) => weights[self.place(style)?] = 1.0,
            None if params.styles.is_empty() => weights[0] = 1.0,
            None => {
                let sum: f32 = params.styles.values().sum();
                for (name, weight) in &params.styles {
                    weights[self.place(&StyleName::Name(name.clone()))?] += weight / sum;
                }
            }
        }
        Ok(Some(weights))
    }

    fn place(&self, style: &StyleName) -> Result<usize, Failure> {
        let place = match style {
            StyleName::Number(number) => Some(*number as usize).filter(|number| *number < self.0.len()),
            StyleName::Name(name) => self.0.iter().position(|known| known == name),
        };
        place.ok_or_else(|| {
            let message = format!("there is no style `{style}`; there are {}", self.0.join(", "));
            Failure::permanent(FailureCode::InvalidParams, message)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn styles() -> Styles {
        Styles(["oil", "ink", "2"].map(str::to_owned).to_vec())
    }

    fn chosen(params: &ImageToImageParams) -> Vec<f32> {
        styles().chosen(params).unwrap().unwrap()
    }

    #[test]
    fn a_style_has_a_name_or_a_number_and_several_have_shares() {
        assert_eq!(chosen(&ImageToImageParams::default()), [1.0, 0.0, 0.0]);
        let style = |style| ImageToImageParams { style: Some(style), ..Default::default() };
        assert_eq!(chosen(&style(StyleName::Name("ink".into()))), [0.0, 1.0, 0.0]);
        assert_eq!(chosen(&style(StyleName::Number(2))), [0.0, 0.0, 1.0]);
        let shares = BTreeMap::from([("oil".to_owned(), 1.0), ("2".to_owned(), 3.0)]);
        assert_eq!(chosen(&ImageToImageParams { styles: shares, ..Default::default() }), [0.25, 0.0, 0.75]);
        let failure = styles().chosen(&style(StyleName::Number(3))).unwrap_err();
        assert_eq!(failure.message, "there is no style `3`; there are oil, ink, 2");
        assert!(Styles::default().chosen(&style(StyleName::Number(0))).is_err());
        assert_eq!(Styles::default().chosen(&ImageToImageParams::default()).unwrap(), None);
    }
}
