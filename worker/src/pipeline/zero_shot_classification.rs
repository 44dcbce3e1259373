//! `zero_shot_classification`: a text gets those labels that the client names.
//!
//! A model of entailment (NLI) reads the text and, for each label, a hypothesis that names it: each is a row. Where the
//! manifest says `zero_shot = "embedding"`, the score is the cosine of the vectors of text and hypothesis instead. The text
//! is cut where it is too long, or fails as `input_too_long`, and so does a hypothesis that leaves it no room. No labels,
//! pairs, ids of tokens, and pictures fail as `invalid_params`. Each fails its item alone.

use forebay_shared::job::{Failure, FailureCode, Label, Output, Params, ZeroShotClassificationParams};

use super::labels::{ranked, softmax};
use super::pooling::{OUTPUTS, Pooling, Prompts, cosine};
use super::text_classification::logits;
use super::{Answer, Material, Pipeline};
use crate::model::{ModelError, ModelFiles, Runtime};
use crate::text::{Cut, CutOf, Rows, TextEncoder, TextSession, Tokens, not_a_text};

/// Labels texts by labels that it never saw.
#[derive(Debug)]
pub struct ZeroShotClassification {
    encoder: TextEncoder,
    way: Way,
    /// Padded tokens of one run.
    most: u64,
}

#[derive(Debug)]
enum Way {
    /// Whether the text entails the hypothesis.
    Entailment(Verdicts),
    /// How alike their vectors are.
    Vectors { pooling: Pooling, prompt: Option<String> },
}

/// Where an NLI model's answers stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Verdicts {
    entailment: usize,
    contradiction: usize,
}

/// A row for each label, and, where vectors are compared, one for the text before them.
#[derive(Debug)]
pub struct Hypotheses {
    rows: Vec<Tokens>,
    labels: Vec<String>,
    multi_label: bool,
}

/// A batch, and how its rows become values.
#[derive(Debug)]
pub struct HypothesisTensors {
    rows: Rows,
    /// `None`: raw scores of an NLI model.
    pooling: Option<Pooling>,
}

impl Pipeline for ZeroShotClassification {
    type Prepared = Hypotheses;
    type Tensors = HypothesisTensors;
    type Engine = TextSession;
    type Raw = Vec<Vec<f32>>;

    fn read(model: &ModelFiles) -> Result<Self, ModelError> {
        let way =
            if by_vectors(model)? {
                let prompt = Prompts::of(model)?.usual().map(str::to_owned);
                Way::Vectors { pooling: Pooling::of(model)?, prompt }
            } else {
                let verdicts = Verdicts::of(&model.card.labels);
                Way::Entailment(verdicts.map_err(|message| ModelError::Content {
                    file: model.root.join("config.json"),
                    message,
                })?)
            };
        Ok(Self { encoder: TextEncoder::read(model)?, way, most: model.card.batch_cost })
    }

    fn load(model: &ModelFiles, runtime: Option<&Runtime>) -> Result<TextSession, ModelError> {
        let outputs: &[&str] = if by_vectors(model)? { &OUTPUTS } else { &["logits"] };
        TextSession::new(model.open(runtime)?, model.onnx.clone(), outputs)
    }

    fn prepare(&self, material: Material, params: Params) -> Result<Hypotheses, Failure> {
        let Params::ZeroShotClassification(params) = params else { return Err(super::of_another_kind()) };
        let Material::Text(text) = material else { return Err(not_a_text()) };
        let ZeroShotClassificationParams { candidate_labels, hypothesis_template, multi_label, .. } = params;
        let labels = candidate_labels.ok_or_else(|| {
            Failure::permanent(FailureCode::InvalidParams, "`candidate_labels` is required: 1…100 labels")
        })?;
        let hypotheses = labels.iter().map(|label| hypothesis_template.replace("{}", label));
        let cut = Cut::new(params.truncate, params.truncation_side);
        let rows: Result<Vec<Tokens>, Failure> = match &self.way {
            Way::Entailment(_) => {
                self.encoder.encode_with_each(&text, hypotheses, Cut { of: CutOf::First, ..cut })
            }
            Way::Vectors { prompt, .. } => {
                let texts = std::iter::once(text).chain(hypotheses).map(Material::Text);
                texts.map(|text| self.encoder.read_in(text, prompt.as_deref(), cut)).collect()
            }
        };
        Ok(Hypotheses { rows: rows?, labels, multi_label })
    }

    /// All rows, each as long as the longest.
    fn length(prepared: &Hypotheses) -> u32 {
        let longest = prepared.rows.iter().map(Tokens::len).max().unwrap_or(0);
        longest.saturating_mul(u32::try_from(prepared.rows.len()).unwrap_or(u32::MAX))
    }

    fn collate(&self, batch: &[&Hypotheses]) -> Result<HypothesisTensors, Failure> {
        let rows = Rows::collate(&self.encoder, batch.iter().map(|item| &item.rows[..]), self.most);
        let pooling = match self.way {
            Way::Entailment(_) => None,
            Way::Vectors { pooling, .. } => Some(pooling),
        };
        Ok(HypothesisTensors { rows, pooling })
    }

    fn run(engine: &mut TextSession, tensors: &HypothesisTensors) -> Result<Vec<Vec<Vec<f32>>>, Failure> {
        tensors.rows.run(engine, |rows, shape, values| match tensors.pooling {
            None => logits(shape, values),
            Some(pooling) => pooling.vectors(rows, shape, values),
        })
    }

    fn finish(&self, prepared: Hypotheses, values: Vec<Vec<f32>>) -> Result<Answer, Failure> {
        let scores = match (&self.way, &values[..]) {
            (Way::Entailment(verdicts), rows) => verdicts.scores(rows, prepared.multi_label)?,
            (Way::Vectors { .. }, [text, labels @ ..]) => {
                labels.iter().map(|label| cosine(text, label)).collect()
            }
            (Way::Vectors { .. }, []) => Vec::new(),
        };
        let label = |(place, score): (usize, f32)| Label { label: prepared.labels[place].clone(), score };
        Ok(Output::Labels { labels: ranked(scores).into_iter().map(label).collect() }.into())
    }
}

/// Whether the manifest says so.
fn by_vectors(model: &ModelFiles) -> Result<bool, ModelError> {
    match model.manifest.text.zero_shot.as_deref() {
        None | Some("nli") => Ok(false),
        Some("embedding") => Ok(true),
        Some(other) => Err(ModelError::Content {
            file: model.root.join("forebay.toml"),
            message: format!("`text.zero_shot` is nli or embedding, not `{other}`"),
        }),
    }
}

impl Verdicts {
    /// By their names, as Hugging Face's pipeline finds the first: one begins with `entail`. Where no name tells its opposite,
    /// that is the first label, or the last if the first is entailment.
    fn of(labels: &[String]) -> Result<Self, String> {
        let begins = |with: &str| labels.iter().position(|label| label.to_lowercase().starts_with(with));
        let entailment = begins("entail").ok_or_else(|| {
            let labels = labels.join(", ");
            format!("no label begins with `entail`, as those of an NLI model do: {labels}")
        })?;
        let usual = if entailment == 0 { labels.len() - 1 } else { 0 };
        let contradiction = begins("contradict").or_else(|| begins("not_entail")).unwrap_or(usual);
        Ok(Self { entailment, contradiction })
    }

    /// The labels' scores. With one answer for all they are shares of entailment; where each stands for itself, or is
    /// alone, entailment is held against contradiction.
    fn scores(self, rows: &[Vec<f32>], multi_label: bool) -> Result<Vec<f32>, Failure> {
        let at = |row: &Vec<f32>, place: usize| {
            row.get(place).copied().ok_or_else(|| {
                let message = format!("the model gives {} scores, fewer than it has labels", row.len());
                Failure::permanent(FailureCode::InferenceFailed, message)
            })
        };
        if multi_label || rows.len() == 1 {
            let held = |row| Ok(softmax(&[at(row, self.contradiction)?, at(row, self.entailment)?])[1]);
            return rows.iter().map(held).collect();
        }
        let entailed: Result<Vec<f32>, Failure> = rows.iter().map(|row| at(row, self.entailment)).collect();
        Ok(softmax(&entailed?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(labels: &[&str]) -> Option<(usize, usize)> {
        let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        Verdicts::of(&labels).ok().map(|verdicts| (verdicts.entailment, verdicts.contradiction))
    }

    #[test]
    fn verdicts_are_found_by_their_names() {
        assert_eq!(verdicts(&["contradiction", "neutral", "entailment"]), Some((2, 0)));
        assert_eq!(verdicts(&["ENTAILMENT", "NEUTRAL", "CONTRADICTION"]), Some((0, 2)));
        assert_eq!(verdicts(&["contradiction", "entailment", "neutral"]), Some((1, 0)));
        assert_eq!(verdicts(&["entailment", "not_entailment"]), Some((0, 1)));
        assert_eq!(verdicts(&["happy", "sad"]), None);
    }

    #[test]
    fn labels_share_unless_each_stands_for_itself() {
        let verdicts = Verdicts { entailment: 0, contradiction: 2 };
        let rows = [vec![2.0, 0.0, 2.0], vec![2.0, 0.0, -8.0]];
        assert_eq!(verdicts.scores(&rows, false).unwrap(), [0.5, 0.5]);
        let alone = verdicts.scores(&rows, true).unwrap();
        assert!((alone[0] - 0.5).abs() < 1e-6 && alone[1] > 0.999);
        assert_eq!(
            verdicts.scores(&rows[..1], false).unwrap(),
            [0.5],
            "a label alone has no other to share with"
        );
        assert!(verdicts.scores(&[vec![1.0]], true).is_err());
    }
}
