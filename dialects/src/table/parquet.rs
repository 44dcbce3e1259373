//! Rows as Apache Parquet, group by group: what is held is one group and where the others stand.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use ::parquet::data_type::{ByteArray, ByteArrayType, DataType, FloatType, Int32Type, Int64Type};
use ::parquet::errors::Result as ParquetResult;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use ::parquet::schema::parser::parse_message_type;

use super::defect;
use super::row::{Output, Row, Shape};
use crate::Fault;

/// A group is written when its rows have about so many bytes: large enough to be read quickly, small enough to be held.
const GROUP: usize = 8 * 1024 * 1024;
/// Rows of a group at most.
const ROWS: usize = 64 * 1024;
/// What a row has besides its texts and numbers.
const AROUND: usize = 64;

/// A table whose finished groups are taken away as they come.
pub(super) struct ParquetTable {
    writer: SerializedFileWriter<Sink>,
    sink: Sink,
    shape: Shape,
    rows: Vec<Row>,
    bytes: usize,
}

/// Where the writer writes to; what stands there is taken away.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ParquetTable {
    pub(super) fn new(shape: Shape) -> Result<Self, Fault> {
        let own = match shape {
            Shape::Embedding => {
                "optional group embedding (LIST) { repeated group list { required float element; } }"
            }
            Shape::Labels => {
                "optional binary label (STRING); optional float score; optional binary labels (STRING);"
            }
            Shape::Json => "optional binary output (STRING);",
        };
        let schema = format!(
            "message answers {{ optional int64 line; optional binary id (STRING); required int32 item;
             required binary status (STRING); optional binary error_code (STRING);
             optional binary error_message (STRING); {own} }}"
        );
        let (schema, sink) = (parse_message_type(&schema).map_err(defect)?, Sink::default());
        // Numbers of a vector hardly repeat; a dictionary of them would only be thrown away again.
        let properties = WriterProperties::builder().set_dictionary_enabled(false).build();
        let writer = SerializedFileWriter::new(sink.clone(), Arc::new(schema), Arc::new(properties))
            .map_err(defect)?;
        Ok(Self { writer, sink, shape, rows: Vec::new(), bytes: 0 })
    }

    pub(super) fn add(&mut self, row: Row) -> Result<(), Fault> {
        self.bytes += AROUND + row.size();
        self.rows.push(row);
        if self.bytes >= GROUP || self.rows.len() >= ROWS { self.write() } else { Ok(()) }
    }

    /// The groups since this was asked last.
    pub(super) fn take(&mut self) -> Vec<u8> {
        self.sink.take()
    }

    pub(super) fn finish(mut self) -> Result<Vec<u8>, Fault> {
        self.write()?;
        self.writer.close().map_err(defect)?;
        Ok(self.sink.take())
    }

    fn write(&mut self) -> Result<(), Fault> {
        let rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        if rows.is_empty() {
            return Ok(());
        }
        let shape = self.shape;
        let mut group = self.writer.next_row_group().map_err(defect)?;
        columns(&mut group, &rows, shape).map_err(defect)?;
        group.close().map_err(defect)?;
        Ok(())
    }
}

impl Row {
    fn size(&self) -> usize {
        let words = self.error.as_ref().map_or(0, |(code, message)| code.len() + message.len());
        let output = match &self.output {
            Output::None => 0,
            Output::Embedding(numbers) => numbers.len() * size_of::<f32>(),
            Output::Labels { all, .. } => all.len(),
            Output::Json(json) => json.len(),
        };
        self.id.as_ref().map_or(0, String::len) + words + output
    }
}

type Group<'a> = SerializedRowGroupWriter<'a, Sink>;

/// Writes the columns, in the order of the schema.
fn columns(group: &mut Group<'_>, rows: &[Row], shape: Shape) -> ParquetResult<()> {
    optional::<Int64Type>(group, rows.iter().map(|row| row.line))?;
    optional::<ByteArrayType>(group, rows.iter().map(|row| row.id.as_deref().map(text)))?;
    required::<Int32Type>(group, rows.iter().map(|row| row.item))?;
    let status = |row: &Row| text(if row.succeeded { "succeeded" } else { "failed" });
    required::<ByteArrayType>(group, rows.iter().map(status))?;
    optional::<ByteArrayType>(group, rows.iter().map(|row| row.error.as_ref().map(|(code, _)| text(code))))?;
    optional::<ByteArrayType>(
        group,
        rows.iter().map(|row| row.error.as_ref().map(|(_, message)| text(message))),
    )?;
    match shape {
        Shape::Embedding => vectors(group, rows),
        Shape::Labels => {
            let best = |row: &Row| match &row.output {
                Output::Labels { best, .. } => best.clone(),
                _ => None,
            };
            optional::<ByteArrayType>(
                group,
                rows.iter().map(|row| best(row).map(|(label, _)| text(&label))),
            )?;
            optional::<FloatType>(group, rows.iter().map(|row| best(row).map(|(_, score)| score)))?;
            optional::<ByteArrayType>(group, rows.iter().map(json))
        }
        Shape::Json => optional::<ByteArrayType>(group, rows.iter().map(json)),
    }
}

fn json(row: &Row) -> Option<ByteArray> {
    match &row.output {
        Output::Json(json) | Output::Labels { all: json, .. } => Some(text(json)),
        Output::None | Output::Embedding(_) => None,
    }
}

fn text(text: &str) -> ByteArray {
    ByteArray::from(text.as_bytes().to_vec())
}

fn required<T: DataType>(group: &mut Group<'_>, values: impl Iterator<Item = T::T>) -> ParquetResult<()> {
    let values: Vec<T::T> = values.collect();
    write::<T>(group, &values, None, None)
}

/// A value that is not there has the level 0.
fn optional<T: DataType>(
    group: &mut Group<'_>,
    values: impl Iterator<Item = Option<T::T>>,
) -> ParquetResult<()> {
    let values: Vec<Option<T::T>> = values.collect();
    let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
    let there: Vec<T::T> = values.into_iter().flatten().collect();
    write::<T>(group, &there, Some(&levels), None)
}

/// Lists of numbers. By definition: 0 where there is none, 1 where it is empty, 2 at each number; by repetition: 1 at each
/// number but the first.
fn vectors(group: &mut Group<'_>, rows: &[Row]) -> ParquetResult<()> {
    let (mut numbers, mut defined, mut repeated) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        match &row.output {
            Output::Embedding(vector) if !vector.is_empty() => {
                numbers.extend_from_slice(vector);
                defined.extend(std::iter::repeat_n(2, vector.len()));
                repeated.push(0);
                repeated.extend(std::iter::repeat_n(1, vector.len() - 1));
            }
            output => {
                defined.push(i16::from(matches!(output, Output::Embedding(_))));
                repeated.push(0);
            }
        }
    }
    write::<FloatType>(group, &numbers, Some(&defined), Some(&repeated))
}

fn write<T: DataType>(
    group: &mut Group<'_>,
    values: &[T::T],
    defined: Option<&[i16]>,
    repeated: Option<&[i16]>,
) -> ParquetResult<()> {
    let Some(mut column) = group.next_column()? else {
        return Err(::parquet::errors::ParquetError::General("the schema has too few columns".to_owned()));
    };
    column.typed::<T>().write_batch(values, defined, repeated)?;
    column.close()
}

impl std::fmt::Debug for ParquetTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ParquetTable")
            .field("shape", &self.shape)
            .field("rows", &self.rows.len())
            .finish_non_exhaustive()
    }
}
