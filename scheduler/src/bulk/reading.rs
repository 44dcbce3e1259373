//! One pass over a bulk's file, from lines to a verdict: no input, no output, pure work.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use forebay_dialects::bulk::{Answers, Request, Rules, bad_line, refusal};
use forebay_dialects::records::csv::Columns;
use forebay_dialects::{Fault, FaultCode};
use forebay_shared::bulk::{BadLine, Bulk, Layout, Line, LineId, OnBadLine, Part};
use forebay_shared::config::{BulkConfig, ModerationConfig};
use forebay_shared::job::{Cost, Item, Kind, Object};
use forebay_shared::model::{Model, ModelCard};

use super::cut::{Cutter, Piece, Weight};
use super::keys::Names;
use super::models::Models;
use super::records::{Record, Records};

/// What an answer says besides its values, in bytes.
const AROUND: u64 = 250;
/// Bytes of a number in a vector, and of a label with its score, as JSON has them.
const NUMBER: u64 = 12;
const LABEL: u64 = 64;

/// What a file is read with.
#[derive(Clone, Debug)]
pub(super) struct Means {
    pub(super) config: Arc<BulkConfig>,
    pub(super) moderation: Arc<ModerationConfig>,
    /// The models there are, each with what a slice for it may cost.
    pub(super) models: Arc<Vec<(Model, Cost)>>,
    /// Only lines of these numbers run, if that is given; the others are read for their names.
    pub(super) only: Option<Arc<HashSet<u64>>>,
}

/// A file that is being read.
#[derive(Debug)]
pub(super) struct Reading {
    bulk: Arc<Bulk>,
    means: Means,
    records: Option<Records>,
    /// Of a table, once its header has come.
    columns: Option<Columns>,
    names: Names,
    cutter: Cutter,
    models: Models,
    total: u64,
    items: u64,
    errors: Vec<BadLine>,
    /// Whether enough is known to refuse the file.
    enough: bool,
    /// Lines that are in no slice, as the file of errors tells of them.
    bad: Answers,
    bad_lines: u64,
}

/// What became of a file that was read to its end.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It is refused, and this is why.
    Refused(Vec<BadLine>),
    /// It is good.
    Good {
        /// Its slices.
        pieces: Vec<Piece>,
        /// What is needed to read a part of the file.
        part: Part,
        /// How many lines are in none.
        bad_lines: u64,
    },
}

impl Reading {
    pub(super) fn new(bulk: Arc<Bulk>, means: Means, records: Records) -> Self {
        let cutter = match bulk.layout {
            Layout::Jsonl | Layout::Csv { .. } => Cutter::default(),
            Layout::Zip | Layout::Tar => Cutter::apart(),
        };
        Self {
            bulk,
            models: Models::new(means.models.clone()),
            means,
            records: Some(records),
            columns: None,
            names: Names::default(),
            cutter,
            total: 0,
            items: 0,
            errors: Vec::new(),
            enough: false,
            bad: Answers::default(),
            bad_lines: 0,
        }
    }

    /// Takes in bytes. `Break`: enough is known to refuse the file.
    pub(super) fn feed(&mut self, chunk: &[u8]) -> ControlFlow<()> {
        match self.records.as_mut().map(|records| records.push(chunk)) {
            Some(Ok(records)) => {
                self.columns = self.records.as_ref().and_then(Records::columns);
                records.into_iter().try_for_each(|record| self.take(&record))
            }
            Some(Err(fault)) => self.refuse(bad_line(&fault, None)),
            None => ControlFlow::Continue(()),
        }
    }

    /// What is to be told of bad lines since this was asked last.
    pub(super) fn told(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bad).errors
    }

    /// The last line has come, or enough is known: the verdict, and what is left to be told of bad lines.
    pub(super) fn finish(mut self) -> (Verdict, Vec<u8>) {
        let mut part = Part::Jsonl;
        if !self.enough
            && let Some(records) = self.records.take()
        {
            match records.finish() {
                Ok((last, found)) => {
                    part = found;
                    if let Part::Csv { delimiter, text, id } = part {
                        self.columns = Some(Columns { delimiter, text, id });
                    }
                    let _ = last.into_iter().try_for_each(|record| self.take(&record));
                }
                Err(fault) => {
                    let _ = self.refuse(bad_line(&fault, None));
                }
            }
        }
        if self.total == 0 && self.errors.is_empty() {
            self.errors.push(match self.means.only {
                Some(_) => {
                    refusal("nothing_failed", "no line failed, so there is nothing to run again", None)
                }
                None => refusal("empty_file", "the file has no lines", None),
            });
        }
        let told = self.told();
        let verdict = if self.errors.is_empty() {
            Verdict::Good { pieces: self.cutter.finish(), part, bad_lines: self.bad_lines }
        } else {
            Verdict::Refused(self.errors)
        };
        (verdict, told)
    }

    fn take(&mut self, record: &Record) -> ControlFlow<()> {
        let line = &record.line;
        let (name, read) = self.read(record);
        // Names of lines that are passed over count: a later line of the same name is refused whenever the file is read.
        let fresh = name.as_deref().is_none_or(|name| self.names.add(name));
        if self.means.only.as_ref().is_some_and(|only| !only.contains(&line.number)) {
            self.cutter.skip(line.number);
            return ControlFlow::Continue(());
        }
        self.total += 1;
        let config = self.means.config.clone();
        if self.total > config.max_lines {
            let message = format!("the file has more than {} lines, which is the limit", config.max_lines);
            return self.refuse(refusal("too_many_tasks", message, Some(line.number)));
        }
        let checked = match read {
            Ok(_) if !fresh => Err(duplicate(name.as_deref().unwrap_or_default(), line.number)),
            Ok(request) => self
                .models
                .choose(&request)
                .map(|model| (model, request))
                .map_err(|fault| bad_line(&fault, Some(line.number))),
            Err(fault) => Err(bad_line(&fault, Some(line.number))),
        };
        match checked {
            Ok((model, request)) => self.keep(record, model, &request),
            Err(bad) => self.complain(line, name.as_deref(), bad),
        }
    }

    fn read(&self, Record { line, entry }: &Record) -> (Option<String>, Result<Request, Fault>) {
        let rules = rules(&self.bulk, &self.means.moderation);
        if let Some(entry) = entry {
            return match &entry.fault {
                Some(fault) => (Some(entry.name.clone()), Err(fault.clone())),
                // What it looks like is seen when it runs.
                None => rules.picture(Some(entry.name.clone()), Vec::new()),
            };
        }
        let Some(bytes) = &line.bytes else {
            let longest = self.means.config.longest_line;
            let message = format!("the line has {} bytes, the limit is {longest}", line.length);
            return (None, Err(Fault::new(FaultCode::InvalidField, message)));
        };
        match self.columns {
            Some(columns) => rules.row(columns, Some(bytes.clone())),
            None => rules.read(bytes),
        }
    }

    fn keep(&mut self, Record { line, entry }: &Record, model: usize, request: &Request) -> ControlFlow<()> {
        self.items += request.items.len() as u64;
        let limit = self.means.config.max_inputs;
        if self.items > limit {
            let message = format!("the lines have more than {limit} inputs together, which is the limit");
            return self.refuse(refusal("too_many_inputs", message, Some(line.number)));
        }
        let (Model { card, .. }, most) = self.models.get(model);
        let weight = Weight {
            number: line.number,
            offset: line.offset,
            length: line.length,
            items: u32::try_from(request.items.len()).unwrap_or(u32::MAX),
            cost: request.cost(),
            // A picture is held unpacked until it has run.
            answer: AROUND
                + entry.as_ref().map_or(0, |entry| entry.size)
                + request.items.iter().map(|item| answer(card, item)).sum::<u64>(),
        };
        self.cutter.add(model, weight, *most);
        ControlFlow::Continue(())
    }

    fn complain(&mut self, line: &Line, name: Option<&str>, bad: BadLine) -> ControlFlow<()> {
        self.cutter.skip(line.number);
        match self.bulk.on_bad_line {
            OnBadLine::Report => {
                let id = LineId { bulk: self.bulk.id, line: line.number };
                self.bad.error(self.bulk.form, id, name, (&bad.code, &bad.message));
                self.bad_lines += 1;
                ControlFlow::Continue(())
            }
            OnBadLine::Refuse => {
                self.errors.push(bad);
                if self.errors.len() < self.means.config.max_errors {
                    return ControlFlow::Continue(());
                }
                self.enough = true;
                ControlFlow::Break(())
            }
        }
    }

    /// The file is refused whatever its lines say.
    fn refuse(&mut self, why: BadLine) -> ControlFlow<()> {
        self.errors.insert(0, why);
        self.enough = true;
        ControlFlow::Break(())
    }
}

/// What holds for every line of a bulk.
pub(super) fn rules<'a>(bulk: &'a Bulk, moderation: &'a ModerationConfig) -> Rules<'a> {
    Rules {
        form: bulk.form,
        endpoint: bulk.endpoint.as_deref(),
        model: bulk.model.as_deref(),
        params: &bulk.params,
        moderation,
    }
}

fn duplicate(name: &str, line: u64) -> BadLine {
    let message = format!("the name `{name}` stands on an earlier line too; each may stand once");
    BadLine { param: Some("custom_id".to_owned()), ..refusal("duplicate_custom_id", message, Some(line)) }
}

/// How many bytes an item is probably answered with.
fn answer(card: &ModelCard, item: &Item) -> u64 {
    match card.kind {
        // Without a word from its worker, as long as the usual models' vectors are.
        Kind::TextEmbedding | Kind::ImageEmbedding => {
            let each = item.params.get("output").is_some_and(|output| output == "token_embeddings");
            let vectors = if each { Cost::of(std::slice::from_ref(item), &Object::new()).units() } else { 1 };
            u64::from(card.dimensions.unwrap_or(1024)) * NUMBER * vectors
        }
        Kind::TextClassification | Kind::ImageClassification => card.labels.len() as u64 * LABEL,
        // A box and a label for each of as many things as are told unless more are asked for.
        Kind::ObjectDetection => 100 * 3 * LABEL,
        // A page of print: its words, and places and scores for each of its lines.
        Kind::Ocr => 100 * 5 * LABEL,
        Kind::Rerank | Kind::TextSimilarity => LABEL,
        // As many as may be asked for; and as many parts as a long text may well have.
        Kind::ZeroShotClassification | Kind::TokenClassification => 100 * LABEL,
        Kind::Tensor => card.outputs.iter().map(|output| output.least_elements() * NUMBER).sum(),
        Kind::Echo => Cost::of(std::slice::from_ref(item), &Object::new()).units() * 4,
        // No line has it.
        Kind::BackgroundRemoval | Kind::ImageToImage | Kind::ImageSegmentation | Kind::ModelPull => 0,
    }
}

#[cfg(test)]
mod tests;
