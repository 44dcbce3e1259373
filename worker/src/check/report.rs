//! What a trial found, for people, and as a manifest.

use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};

use forebay_shared::job::{Kind, Modality};
use toml::Table;

use super::Findings;
use super::compare::Difference;
use crate::model::ModelFiles;

/// Characters of a sample or an answer that are shown.
const SHOWN: usize = 100;

/// What a trial found.
#[derive(Debug)]
pub struct Report {
    folder: PathBuf,
    model: ModelFiles,
    findings: Findings,
}

impl Report {
    pub(super) fn new(folder: &Path, model: ModelFiles, findings: Findings) -> Self {
        Self { folder: folder.to_owned(), model, findings }
    }

    /// Whether the model may run in batches: nobody's answer depends on who else is there.
    pub fn may_batch(&self) -> bool {
        self.findings.difference.is_bearable()
    }

    /// A manifest with what was found; what the model's own says of anything else stays.
    pub fn manifest(&self) -> String {
        let card = &self.model.card;
        let own = std::fs::read_to_string(self.folder.join("forebay.toml")).unwrap_or_default();
        let mut manifest: Table = own.parse().unwrap_or_default();
        manifest.insert("kind".to_owned(), card.kind.as_str().into());
        if let Some(tokens) = card.max_tokens {
            section(&mut manifest, "limits").insert("max_tokens".to_owned(), i64::from(tokens).into());
        }
        let best = self.findings.sweep.best().filter(|_| self.may_batch());
        let (unit, most) = best.map_or(("items", 1), |best| (unit(card.kind), best.cost));
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        section(&mut manifest, "batch").insert(unit.to_owned(), most.into());
        manifest.to_string()
    }
}

fn section<'a>(manifest: &'a mut Table, name: &str) -> &'a mut Table {
    let section = manifest.entry(name).or_insert_with(|| Table::new().into());
    section.as_table_mut().expect("the manifest has been read, so its sections are tables")
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (card, findings) = (&self.model.card, &self.findings);
        writeln!(f, "model     {} ({})", card.name, card.kind)?;
        writeln!(f, "digest    {}", card.digest)?;
        writeln!(f, "loaded    in {:.2} s", findings.loaded_in.as_secs_f64())?;
        let answer = serde_json::to_string(&findings.first.1).unwrap_or_default();
        writeln!(f, "sample    {}", shown(&findings.first.0))?;
        writeln!(f, "answer    {}", shown(&answer))?;
        writeln!(f, "answered  {} samples", findings.answered)?;
        if let Some((sample, failure)) = &findings.refused {
            writeln!(f, "refused   {}: {failure}", shown(sample))?;
        }
        match &findings.difference {
            Difference::Numbers(largest) if self.may_batch() => {
                writeln!(f, "batched   the same answers as alone: numbers differ by {largest:.1e} at most")?;
            }
            Difference::Numbers(largest) => writeln!(
                f,
                "batched   WARNING: an answer depends on what shares its batch: numbers differ by {largest:.1e}. Dynamic \
                 quantisation does that. The manifest below keeps every item alone"
            )?,
            Difference::Answers(sample) => writeln!(
                f,
                "batched   WARNING: an answer depends on what shares its batch: {} gets another one. The manifest below \
                 keeps every item alone",
                shown(sample)
            )?,
            Difference::Unbatched(why) => {
                writeln!(f, "batched   the samples do not run together: {}", shown(why))?;
            }
        }
        let best = findings.sweep.best();
        for step in &findings.sweep.steps {
            let mark =
                if best.as_ref() == Some(step) { "  ← the smallest that is nearly the best" } else { "" };
            let unit = unit(card.kind);
            writeln!(f, "{:>7} {unit} ({} items): {:.1} items/s{mark}", step.cost, step.items, step.rate)?;
        }
        Ok(())
    }
}

/// The manifest's word for what a batch of this kind may cost.
fn unit(kind: Kind) -> &'static str {
    match (kind, kind.takes(Modality::Text)) {
        (Kind::Echo, _) => "items",
        (Kind::Tensor, _) => "elements",
        (_, true) => "tokens",
        (_, false) => "images",
    }
}

fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
