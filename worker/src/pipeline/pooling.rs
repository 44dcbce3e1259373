//! From vectors of tokens to one of the text: what all that compares texts begins with.

use std::collections::BTreeMap;

use forebay_shared::job::{Failure, FailureCode};
use serde_json::Value;

use crate::model::{ModelError, ModelFiles, optional_json};
use crate::text::TextTensors;

/// Outputs that hold vectors, the first of them already pooled.
pub(super) const OUTPUTS: [&str; 2] = ["sentence_embedding", "last_hidden_state"];

/// How the vectors of tokens become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pooling {
    /// Their mean.
    Mean,
    /// Their mean, the first counted once, the second twice, and so on.
    Weighted,
    /// The first.
    Cls,
    /// The largest value of each dimension.
    Max,
    /// The last.
    Last,
    /// They stay several, one after the other.
    None,
}

/// What sentence-transformers calls each.
const MODES: [(&str, Pooling); 5] = [
    ("pooling_mode_cls_token", Pooling::Cls),
    ("pooling_mode_max_tokens", Pooling::Max),
    ("pooling_mode_lasttoken", Pooling::Last),
    ("pooling_mode_weightedmean_tokens", Pooling::Weighted),
    ("pooling_mode_mean_tokens", Pooling::Mean),
];

impl Pooling {
    /// What the model's files say: sentence-transformers' stand over the manifest. One that is not known is an error, since
    /// vectors that are pooled in another way look right and are not.
    pub(super) fn of(model: &ModelFiles) -> Result<Self, ModelError> {
        let file = model.root.join("1_Pooling/config.json");
        let stated = Self::stated(&optional_json(&file)?)
            .map_err(|message| ModelError::Content { file: file.clone(), message })?;
        let named = model.manifest.text.pooling.as_deref().map(Self::named).transpose();
        let named = named
            .map_err(|message| ModelError::Content { file: model.root.join("forebay.toml"), message })?;
        Ok(stated.or(named).unwrap_or(Self::Mean))
    }

    fn named(name: &str) -> Result<Self, String> {
        match name {
            "mean" => Ok(Self::Mean),
            "weighted" => Ok(Self::Weighted),
            "cls" => Ok(Self::Cls),
            "max" => Ok(Self::Max),
            "last" => Ok(Self::Last),
            _ => Err(format!("`text.pooling` is mean, weighted, cls, max or last, not `{name}`")),
        }
    }

    /// As sentence-transformers writes it.
    fn stated(config: &Value) -> Result<Option<Self>, String> {
        let modes = config.as_object().into_iter().flatten();
        let on = modes.filter(|(key, on)| key.starts_with("pooling_mode_") && on.as_bool() == Some(true));
        let on: Vec<&str> = on.map(|(key, _)| key.as_str()).collect();
        match on[..] {
            [] => Ok(None),
            [mode] => {
                let known = MODES.iter().find(|(key, _)| *key == mode).map(|(_, pooling)| *pooling);
                known.map(Some).ok_or_else(|| format!("`{mode}` is not supported"))
            }
            _ => Err(format!("several poolings at once are not supported: {}", on.join(", "))),
        }
    }

    /// The vectors of a batch's texts, from the model's output.
    pub(super) fn vectors(
        self,
        tensors: &TextTensors,
        shape: &[usize],
        values: &[f32],
    ) -> Result<Vec<Vec<f32>>, Failure> {
        Self::of_each(&vec![self; tensors.ids.nrows()], tensors, shape, values)
    }

    /// The same where each text has its own way. One whose tokens a graph has pooled already has no vectors of them.
    pub(super) fn of_each(
        ways: &[Self],
        tensors: &TextTensors,
        shape: &[usize],
        values: &[f32],
    ) -> Result<Vec<Vec<f32>>, Failure> {
        match *shape {
            [_, dimensions] => Ok(values
                .chunks_exact(dimensions.max(1))
                .zip(ways)
                .map(|(vector, way)| if *way == Self::None { Vec::new() } else { vector.to_vec() })
                .collect()),
            [_, tokens, dimensions] if tokens * dimensions > 0 => Ok(values
                .chunks_exact(tokens * dimensions)
                .zip(tensors.mask.rows())
                .zip(ways)
                .map(|((item, mask), way)| {
                    let real = mask.iter().filter(|one| **one != 0).count();
                    way.pool(&item[..real * dimensions], dimensions)
                })
                .collect()),
            _ => Err(Failure::permanent(
                FailureCode::InferenceFailed,
                format!("the model's output has the shape {shape:?}, which is no vector per text"),
            )),
        }
    }

    /// Pools the vectors of an item's real tokens; padding is on the right and already cut off.
    fn pool(self, tokens: &[f32], dimensions: usize) -> Vec<f32> {
        let mean = |weight: fn(usize) -> f32| {
            let (mut sum, mut whole) = (vec![0.0; dimensions], 0.0);
            for (place, token) in tokens.chunks_exact(dimensions).enumerate() {
                let weight = weight(place);
                whole += weight;
                sum.iter_mut().zip(token).for_each(|(sum, value)| *sum += weight * value);
            }
            let share = if whole > 0.0 { 1.0 / whole } else { 1.0 };
            sum.into_iter().map(|sum| sum * share).collect()
        };
        match self {
            Self::None => tokens.to_vec(),
            Self::Cls => tokens.get(..dimensions).unwrap_or_default().to_vec(),
            Self::Last => tokens[tokens.len().saturating_sub(dimensions)..].to_vec(),
            Self::Mean => mean(|_| 1.0),
            Self::Weighted => mean(|place| (place + 1) as f32),
            Self::Max => {
                let mut highest = vec![f32::NEG_INFINITY; dimensions];
                for token in tokens.chunks_exact(dimensions) {
                    highest.iter_mut().zip(token).for_each(|(highest, value)| *highest = highest.max(*value));
                }
                highest
            }
        }
    }
}

/// What is put before texts.
#[derive(Clone, Debug, Default)]
pub(super) struct Prompts {
    named: BTreeMap<String, String>,
    usual: Option<String>,
}

impl Prompts {
    /// Those that sentence-transformers' files name, and the manifest's over them.
    pub(super) fn of(model: &ModelFiles) -> Result<Self, ModelError> {
        let stated = optional_json(&model.root.join("config_sentence_transformers.json"))?;
        let mut named: BTreeMap<String, String> = stated
            .get("prompts")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .filter_map(|(name, prompt)| Some((name.clone(), prompt.as_str()?.to_owned())))
            .collect();
        let usual = stated.get("default_prompt_name").and_then(Value::as_str);
        let usual = usual.and_then(|name| named.get(name).cloned());
        named.extend(model.manifest.text.prompts.clone());
        Ok(Self { named, usual: model.manifest.text.prefix.clone().or(usual) })
    }

    /// The prompt of this name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.named.get(name).map(String::as_str)
    }

    /// The one that is used unless another is asked for.
    pub(super) fn usual(&self) -> Option<&str> {
        self.usual.as_deref()
    }

    /// The first of these that there is, or the usual one.
    pub(super) fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.get(name)).or(self.usual())
    }
}

/// Brings a vector to length one.
pub(super) fn normalize(vector: &mut [f32]) {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt().max(1e-12);
    for value in vector {
        *value /= length;
    }
}

/// How alike two vectors are, −1…1; nothing is like a vector without a direction.
#[expect(clippy::cast_possible_truncation, reason = "a cosine has no more digits than the vectors")]
pub(super) fn cosine(one: &[f32], other: &[f32]) -> f32 {
    let product =
        |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let lengths = (product(one, one) * product(other, other)).sqrt().max(1e-12);
    (product(one, other) / lengths) as f32
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_pooling_does_what_its_name_says() {
        let tokens = [1.0, 10.0, 3.0, 20.0, 5.0, 0.0];
        assert_eq!(Pooling::Mean.pool(&tokens, 2), [3.0, 10.0]);
        assert_eq!(Pooling::Cls.pool(&tokens, 2), [1.0, 10.0]);
        assert_eq!(Pooling::Last.pool(&tokens, 2), [5.0, 0.0]);
        assert_eq!(Pooling::Max.pool(&tokens, 2), [5.0, 20.0]);
        let weighted = Pooling::Weighted.pool(&tokens, 2);
        assert!((weighted[0] - 22.0 / 6.0).abs() < 1e-6 && (weighted[1] - 50.0 / 6.0).abs() < 1e-5);
    }

    #[test]
    fn padding_on_the_right_counts_for_nothing() {
        let mask = ndarray::array![[1, 1, 0], [1, 1, 1]];
        let tensors = TextTensors { ids: mask.clone(), types: ndarray::Array2::zeros((2, 3)), mask };
        let values = [1.0, 3.0, 100.0, 1.0, 3.0, 5.0];
        let pooled = |pooling: Pooling| pooling.vectors(&tensors, &[2, 3, 1], &values).unwrap().concat();
        assert_eq!(pooled(Pooling::Last), [3.0, 5.0]);
        assert_eq!(pooled(Pooling::Mean), [2.0, 3.0]);
        assert_eq!(pooled(Pooling::None), [1.0, 3.0, 1.0, 3.0, 5.0]);
        let ways = [Pooling::None, Pooling::Mean];
        let each = Pooling::of_each(&ways, &tensors, &[2, 3, 1], &values).unwrap();
        assert_eq!(each, [vec![1.0, 3.0], vec![3.0]]);
        let whole = Pooling::of_each(&ways, &tensors, &[2, 1], &[7.0, 8.0]).unwrap();
        assert_eq!(whole, [vec![], vec![8.0]], "of a graph that pools there are none");
        let weighted = pooled(Pooling::Weighted);
        assert!((weighted[0] - 7.0 / 3.0).abs() < 1e-6 && (weighted[1] - 22.0 / 6.0).abs() < 1e-6);
    }

    #[test]
    fn sentence_transformers_files_say_how() {
        let stated = |config: Value| Pooling::stated(&config);
        let mean = json!({"word_embedding_dimension": 384, "pooling_mode_cls_token": false, "pooling_mode_mean_tokens": true});
        assert_eq!(stated(mean), Ok(Some(Pooling::Mean)));
        assert_eq!(stated(json!({"pooling_mode_weightedmean_tokens": true})), Ok(Some(Pooling::Weighted)));
        assert_eq!(stated(Value::Null), Ok(None));
        assert!(stated(json!({"pooling_mode_mean_sqrt_len_tokens": true})).is_err());
        assert!(stated(json!({"pooling_mode_cls_token": true, "pooling_mode_max_tokens": true})).is_err());
        assert!(Pooling::named("median").is_err());
    }

    #[test]
    fn alike_is_one_and_opposite_is_minus_one() {
        assert_eq!((cosine(&[3.0, 4.0], &[6.0, 8.0]), cosine(&[1.0, 0.0], &[-2.0, 0.0])), (1.0, -1.0));
        assert_eq!((cosine(&[1.0, 0.0], &[0.0, 1.0]), cosine(&[0.0], &[1.0])), (0.0, 0.0));
    }
}
