//! What a model gave, as tensors: the first axis counts the texts or pictures.
//!
//! Where more was found in one than in another, the second axis is as long as the longest, and the others are filled up
//! with empty texts and zeros.

use forebay_shared::job::{BoundingBox, Datatype, Encoding, Entity, Job, Kind, Output, Precision, Tensor};

use super::ports::TEXT;
use crate::Fault;
use crate::call::unlike;

/// The tensors of a kind's outputs, one for each item.
pub(super) fn tensors(kind: Kind, outputs: Vec<Output>, job: Option<&Job>) -> Result<Vec<Tensor>, Fault> {
    match kind {
        Kind::Tensor => plain(outputs),
        Kind::TextEmbedding | Kind::ImageEmbedding => vectors(kind, outputs),
        _ => {
            let mut columns = Columns::default();
            for (index, output) in outputs.into_iter().enumerate() {
                let url = || file(job, index);
                columns.row(output, url).ok_or_else(|| unlike(kind))?;
            }
            Ok(columns.0.into_iter().map(Column::tensor).collect())
        }
    }
}

fn plain(mut outputs: Vec<Output>) -> Result<Vec<Tensor>, Fault> {
    match (outputs.pop(), outputs.is_empty()) {
        (Some(Output::Tensors { outputs }), true) => Ok(outputs),
        _ => Err(unlike(Kind::Tensor)),
    }
}

fn vectors(kind: Kind, outputs: Vec<Output>) -> Result<Vec<Tensor>, Fault> {
    let count = outputs.len() as u64;
    let (mut bytes, mut length, mut datatype) = (Vec::new(), 0, Datatype::Fp32);
    for output in outputs {
        match output {
            Output::Embedding { embedding, .. } => {
                length = embedding.len() as u64;
                bytes.extend(embedding.iter().flat_map(|value| value.to_le_bytes()));
            }
            Output::Quantized { embedding, precision, .. } => {
                length = embedding.len() as u64;
                let signed = matches!(precision, Precision::Int8 | Precision::Binary);
                datatype = if signed { Datatype::Int8 } else { Datatype::Uint8 };
                // The lower half of a small number is the number in a byte, with its sign or without.
                bytes.extend(embedding.iter().map(|value| value.to_le_bytes()[0]));
            }
            _ => return Err(unlike(kind)),
        }
    }
    Ok(vec![tensor("embedding", datatype, vec![count, length], bytes)])
}

/// Where the picture that belongs to an item can be read.
fn file(job: Option<&Job>, item: usize) -> String {
    let place = job.and_then(|job| {
        let n = job.files.iter().position(|file| file.item as usize == item)?;
        Some(format!("/v1/jobs/{}/files/{n}", job.id))
    });
    place.unwrap_or_default()
}

/// Tensors that grow by a row with each item.
#[derive(Debug, Default)]
struct Columns(Vec<Column>);

#[derive(Debug)]
struct Column {
    name: &'static str,
    datatype: Datatype,
    axes: Axes,
    /// Of each item how many elements it has, and their bytes.
    rows: Vec<(u64, Vec<u8>)>,
}

/// What a row is.
#[derive(Clone, Copy, Debug)]
enum Axes {
    /// One element.
    One,
    /// Some elements.
    Many,
    /// Some boxes, of four elements each.
    Boxes,
}

impl Columns {
    /// Adds an item. `None`: there is no tensor for such an output.
    fn row(&mut self, output: Output, url: impl Fn() -> String) -> Option<()> {
        match output {
            Output::Labels { labels } => {
                self.texts("label", labels.iter().map(|label| label.label.as_str()));
                self.scores("score", labels.iter().map(|label| label.score));
            }
            Output::Score { score, .. } => {
                self.add("score", (Datatype::Fp32, Axes::One), [score.to_le_bytes().to_vec()]);
            }
            Output::Entities { entities, .. } => {
                let label = |entity: &Entity| entity.entity_group.clone().or_else(|| entity.entity.clone());
                let labels: Vec<String> = entities.iter().map(|one| label(one).unwrap_or_default()).collect();
                self.texts("label", labels.iter().map(String::as_str));
                self.scores("score", entities.iter().map(|entity| entity.score));
                self.texts("word", entities.iter().map(|entity| entity.word.as_str()));
                self.numbers("start", entities.iter().map(|entity| entity.start));
                self.numbers("end", entities.iter().map(|entity| entity.end));
            }
            Output::Objects { objects } => {
                self.texts("label", objects.iter().map(|object| object.label.as_str()));
                self.scores("score", objects.iter().map(|object| object.score));
                self.boxes(objects.iter().map(|object| object.bounds));
            }
            Output::Lines { lines, text } => {
                self.text(TEXT, &text);
                self.texts("line", lines.iter().map(|line| line.text.as_str()));
                self.scores("score", lines.iter().map(|line| line.score));
                self.boxes(lines.iter().map(|line| line.bounds));
            }
            Output::Picture { width, height, .. } => self.picture(&url(), [width, height]),
            Output::Segments { segments, width, height } => {
                self.picture(&url(), [width, height]);
                self.numbers("id", segments.iter().map(|segment| segment.id));
                self.texts("label", segments.iter().map(|segment| segment.label.as_str()));
                #[expect(clippy::cast_possible_truncation, reason = "a share of 0…1 is told in FP32")]
                self.scores("share", segments.iter().map(|segment| segment.share as f32));
            }
            Output::Echo { echo } => self.text(TEXT, echo.as_str()?),
            Output::Embedding { .. }
            | Output::Quantized { .. }
            | Output::TokenEmbeddings { .. }
            | Output::Pieces { .. }
            | Output::Text { .. }
            | Output::Tensors { .. }
            | Output::Model { .. } => return None,
        }
        Some(())
    }

    fn picture(&mut self, url: &str, [width, height]: [u32; 2]) {
        self.text("url", url);
        self.add("width", (Datatype::Uint32, Axes::One), [width.to_le_bytes().to_vec()]);
        self.add("height", (Datatype::Uint32, Axes::One), [height.to_le_bytes().to_vec()]);
    }

    fn text(&mut self, name: &'static str, text: &str) {
        self.add(name, (Datatype::Bytes, Axes::One), [element(text)]);
    }

    fn texts<'a>(&mut self, name: &'static str, texts: impl Iterator<Item = &'a str>) {
        self.add(name, (Datatype::Bytes, Axes::Many), texts.map(element));
    }

    fn numbers(&mut self, name: &'static str, numbers: impl Iterator<Item = u32>) {
        self.add(name, (Datatype::Uint32, Axes::Many), numbers.map(|number| number.to_le_bytes().to_vec()));
    }

    fn scores(&mut self, name: &'static str, scores: impl Iterator<Item = f32>) {
        self.add(name, (Datatype::Fp32, Axes::Many), scores.map(|score| score.to_le_bytes().to_vec()));
    }

    fn boxes(&mut self, boxes: impl Iterator<Item = BoundingBox>) {
        let sides = |bounds: BoundingBox| {
            let sides = [bounds.xmin, bounds.ymin, bounds.xmax, bounds.ymax];
            sides.iter().flat_map(|side| side.to_le_bytes()).collect()
        };
        self.add("box", (Datatype::Fp32, Axes::Boxes), boxes.map(sides));
    }

    /// Adds an item's elements to the column of this name.
    fn add(
        &mut self,
        name: &'static str,
        (datatype, axes): (Datatype, Axes),
        elements: impl IntoIterator<Item = Vec<u8>>,
    ) {
        let (mut count, mut bytes) = (0, Vec::new());
        for element in elements {
            count += 1;
            bytes.extend(element);
        }
        match self.0.iter_mut().find(|column| column.name == name) {
            Some(column) => column.rows.push((count, bytes)),
            None => self.0.push(Column { name, datatype, axes, rows: vec![(count, bytes)] }),
        }
    }
}

impl Column {
    fn tensor(self) -> Tensor {
        let items = self.rows.len() as u64;
        let longest = self.rows.iter().map(|(count, _)| *count).max().unwrap_or_default();
        let (shape, size) = match self.axes {
            Axes::One => (vec![items], 4),
            Axes::Many => (vec![items, longest], 4),
            Axes::Boxes => (vec![items, longest, 4], 16),
        };
        let mut bytes = Vec::new();
        for (count, row) in self.rows {
            bytes.extend(row);
            // Four zeros are an empty text, and the number 0.
            let missing = usize::try_from((longest - count) * size).unwrap_or_default();
            bytes.resize(bytes.len() + missing, 0);
        }
        tensor(self.name, self.datatype, shape, bytes)
    }
}

/// A text with its length before it.
fn element(text: &str) -> Vec<u8> {
    Tensor::of_strings(std::iter::once(text.as_bytes())).into()
}

fn tensor(name: &str, datatype: Datatype, shape: Vec<u64>, bytes: Vec<u8>) -> Tensor {
    Tensor { name: name.to_owned(), datatype, shape, bytes: bytes.into(), encoding: Encoding::Json }
}
