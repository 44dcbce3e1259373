//! `forebay.toml`: what a model's own files do not say.

mod ocr;
mod picture;
mod tensor;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Duration;

use forebay_shared::config::Span;
use forebay_shared::job::Kind;
use serde::Deserialize;

pub use ocr::OcrSection;
pub use picture::{DetectionHead, DetectionSection, ImageSection, Letterbox};
pub use tensor::TensorSection;

use super::{ModelError, read_said};
use crate::batch::Budget;

/// Padded tokens of one batch: where throughput of small encoders on a CPU has levelled off; see docs/decisions.md.
const TOKENS: u64 = 2048;
/// Pictures of one batch: convolutions gain little from more on a CPU.
const IMAGES: u64 = 8;
/// Elements of one batch of plain tensors: four megabytes in FP32. Chosen; nothing is known of such models.
const ELEMENTS: u64 = 1 << 20;
/// The share of a bucketed length that may be missing: items of one length always go together.
const BUCKET: f64 = 0.125;
/// Items of one batch at most, so that a batch of very short texts still ends soon.
const ITEMS: usize = 256;
/// The share of padding that is cheaper than another run; see docs/decisions.md.
const PADDING: f64 = 0.06;
/// What a run costs besides its items, in tokens; see docs/decisions.md.
const SLACK: u64 = 48;

/// A model directory's manifest. Every key may be absent.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Manifest {
    /// One sentence for people.
    pub description: String,
    /// What the model does.
    pub kind: Option<Kind>,
    /// Other names for it.
    pub aliases: Vec<String>,
    /// Under which terms it may be used.
    pub licence: String,
    /// Who made it.
    pub owned_by: Option<String>,
    /// Where it comes from.
    pub source: String,
    /// The ONNX file, relative to the directory.
    pub file: Option<String>,
    /// Another model's directory, relative to this one, whose files this one is to use: the same model for another kind.
    pub base: Option<String>,
    /// Bounds of one item.
    pub limits: Limits,
    /// What one batch may be.
    pub batch: BatchLimits,
    /// When it is loaded, and for how long.
    pub load: LoadSection,
    /// For models that read text.
    pub text: TextSection,
    /// For models that look at pictures.
    pub image: ImageSection,
    /// For models that find things in pictures.
    pub detection: DetectionSection,
    /// For models that read print.
    pub ocr: OcrSection,
    /// For models that are used by plain tensors.
    pub tensor: TensorSection,
}

/// `[limits]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Tokens of one item after truncation.
    pub max_tokens: Option<u32>,
}

/// `[batch]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BatchLimits {
    /// Padded tokens.
    pub tokens: Option<u64>,
    /// Pictures.
    pub images: Option<u64>,
    /// Elements of plain tensors.
    pub elements: Option<u64>,
    /// Items of any kind.
    pub items: Option<usize>,
    /// The share of padding that is cheaper than another run, 0…1.
    pub padding: Option<f64>,
    /// Padding that is always cheaper than another run, in tokens.
    pub slack: Option<u64>,
    /// How long an item may wait for company.
    pub max_wait: Option<Span>,
}

/// `[load]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LoadSection {
    /// Whether it is loaded before its first job comes; else as `worker.warm_up` says.
    pub warm_up: Option<bool>,
    /// How long it stays loaded without work; else as `worker.keep_alive` says.
    pub keep_alive: Option<Span>,
}

/// `[text]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TextSection {
    /// What is put before every text.
    pub prefix: Option<String>,
    /// Prompts that a client may choose by name.
    pub prompts: BTreeMap<String, String>,
    /// `mean`, `weighted`, `cls`, `max` or `last`; the model's own files stand over it.
    pub pooling: Option<String>,
    /// Whether vectors are brought to length one.
    pub normalize: Option<bool>,
    /// How labels that the client names are found: `nli`, by a model of entailment, or `embedding`.
    pub zero_shot: Option<String>,
}

impl Manifest {
    /// Reads a directory's manifest; an absent one says nothing. What it leaves out stands in the manifest of its `base`, but
    /// for the names.
    pub fn read(root: &Path) -> Result<Self, ModelError> {
        let mut stated = table(root)?;
        if let Some(base) = stated.get("base").and_then(toml::Value::as_str) {
            let mut below = table(&root.join(base))?;
            for own in ["aliases", "description", "base"] {
                below.remove(own);
            }
            stated = over(stated, below);
        }
        stated.try_into().map_err(|error: toml::de::Error| content(root, &error))
    }

    /// What one batch may be, for a model of this kind.
    pub fn budget(&self, kind: Kind) -> Budget {
        let max_wait = self.batch.max_wait.map_or(Duration::ZERO, Span::get);
        let items = self.batch.items.unwrap_or(ITEMS);
        match kind {
            kind if kind.reads_text() => Budget {
                cost: self.batch.tokens.unwrap_or(TOKENS),
                items,
                padding: self.batch.padding.unwrap_or(PADDING),
                slack: self.batch.slack.unwrap_or(SLACK),
                max_wait,
            },
            // All items are alike, so there is nothing to pad.
            Kind::ImageClassification
            | Kind::BackgroundRemoval
            | Kind::ObjectDetection
            | Kind::ImageEmbedding
            | Kind::ImageToImage
            | Kind::ImageSegmentation
            | Kind::Ocr => {
                Budget { cost: self.batch.images.unwrap_or(IMAGES), items, padding: 0.0, slack: 0, max_wait }
            }
            Kind::Tensor => Budget {
                cost: self.batch.elements.unwrap_or(ELEMENTS),
                items,
                padding: BUCKET,
                slack: 0,
                max_wait,
            },
            _ => Budget { cost: items as u64, items, padding: 0.0, slack: 0, max_wait },
        }
    }
}

/// What a directory's manifest states, as it is written.
pub(super) fn table(root: &Path) -> Result<toml::Table, ModelError> {
    let file = root.join("forebay.toml");
    match read_said(&file).and_then(|said| String::from_utf8(said).map_err(io::Error::other)) {
        Ok(text) => toml::from_str(&text).map_err(|error| content(root, &error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(toml::Table::new()),
        Err(source) => Err(ModelError::File { file, source }),
    }
}

fn content(root: &Path, error: &toml::de::Error) -> ModelError {
    ModelError::Content { file: root.join("forebay.toml"), message: error.to_string() }
}

/// Keys of `own` over those of `base`, section by section.
fn over(own: toml::Table, mut base: toml::Table) -> toml::Table {
    for (key, value) in own {
        let value = match (value, base.remove(&key)) {
            (toml::Value::Table(own), Some(toml::Value::Table(base))) => toml::Value::Table(over(own, base)),
            (value, _) => value,
        };
        base.insert(key, value);
    }
    base
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_manifest_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = Manifest::read(folder.path()).unwrap();
        assert_eq!(manifest.kind, None);
        assert_eq!(manifest.budget(Kind::TextEmbedding).cost, TOKENS);
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("forebay.toml"), "colour = \"red\"").unwrap();
        let error = Manifest::read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("colour"), "{error}");
    }

    #[test]
    fn what_a_manifest_leaves_out_its_base_says() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            std::fs::create_dir_all(folder.path().join(name)).unwrap();
            std::fs::write(folder.path().join(name).join("forebay.toml"), text).unwrap();
        };
        write(
            "below",
            "kind = \"text_embedding\"\naliases = [\"b\"]\nlicence = \"MIT\"\n[text]\nprefix = \"q: \"\npooling = \"cls\"",
        );
        write("above", "kind = \"rerank\"\nbase = \"../below\"\n[text]\npooling = \"mean\"");
        let manifest = Manifest::read(&folder.path().join("above")).unwrap();
        assert_eq!((manifest.kind, &*manifest.licence), (Some(Kind::Rerank), "MIT"));
        assert_eq!(manifest.text.prefix.as_deref(), Some("q: "));
        assert_eq!(manifest.text.pooling.as_deref(), Some("mean"));
        assert!(manifest.aliases.is_empty(), "a name belongs to one model");
    }

    #[test]
    fn a_manifest_sets_the_budget() {
        let manifest: Manifest =
            toml::from_str("[batch]\ntokens = 512\nmax_wait = \"5ms\"\n[text]\nprefix = \"query: \"")
                .unwrap();
        let budget = manifest.budget(Kind::TextEmbedding);
        assert_eq!((budget.cost, budget.max_wait), (512, Duration::from_millis(5)));
    }

    #[test]
    fn the_documented_defaults_are_the_defaults() {
        let readme = include_str!("../../../models/README.md");
        let example = readme.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let documented: Manifest = toml::from_str(example).unwrap();
        for kind in [Kind::TextEmbedding, Kind::ImageClassification, Kind::Tensor] {
            assert_eq!(documented.budget(kind), Manifest::default().budget(kind));
        }
    }
}
