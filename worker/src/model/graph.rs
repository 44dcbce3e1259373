//! What a graph takes and gives, read from its file without loading it.
//!
//! An ONNX file is a protocol buffer. Of it only the declarations are read, a few hundred bytes; weights are skipped. Field
//! numbers are those of `onnx.proto`.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufReader, Error, ErrorKind, Read, Result};
use std::path::Path;

use forebay_shared::job::{Datatype, TensorSpec};

/// Bytes of a name at most; what is longer is no graph's.
const LONGEST: u64 = 4096;
/// Fields that are looked at: those of the largest known graphs are a tenth of it, and a stranger's file could have thousands of
/// millions.
const MOST_FIELDS: u64 = 1_000_000;
/// Bytes of all names together.
const MOST_TEXT: u64 = 16 * 1024 * 1024;

/// What a graph takes and gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    /// What it takes, but for what it has a value of its own for.
    pub inputs: Vec<Port>,
    /// What it gives.
    pub outputs: Vec<Port>,
}

/// An input or an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// The number of its elements' type in `onnx.proto`; zero if it is no tensor.
    pub element: u64,
    /// Its axes, if the graph tells how many there are.
    pub axes: Option<Vec<Axis>>,
}

/// An axis of an input or output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Axis {
    /// It is always as long.
    Fixed(i64),
    /// It may be of any length; in the graph those of one name are as long as each other.
    Any(String),
}

/// A file that is read within bounds.
pub(super) struct Reader {
    file: BufReader<File>,
    fields: u64,
    text: u64,
}

impl Graph {
    /// Reads the declarations of the graph in a file.
    pub fn read(file: &Path) -> Result<Self> {
        let (mut file, length) = Reader::open(file)?;
        let mut graph = Self::default();
        let mut owned = HashSet::new();
        // ModelProto
        each(&mut file, length, &mut |file, field, length| match field {
            7 => each(file, length, &mut |file, field, length| match field {
                5 => initializer(file, length).map(|name| owned.extend([name])),
                11 => port(file, length).map(|port| graph.inputs.push(port)),
                12 => port(file, length).map(|port| graph.outputs.push(port)),
                _ => skip(file, length),
            }),
            _ => skip(file, length),
        })?;
        // Old files list their weights among the inputs.
        graph.inputs.retain(|input| !owned.contains(&input.name));
        Ok(graph)
    }
}

impl Reader {
    /// A file, and how many bytes it has.
    pub(super) fn open(file: &Path) -> Result<(Self, u64)> {
        let file = File::open(file)?;
        let length = file.metadata()?.len();
        Ok((Self { file: BufReader::new(file), fields: MOST_FIELDS, text: MOST_TEXT }, length))
    }
}

impl Port {
    /// The same for clients; `None`: it is no tensor, or of numbers that KServe has no word for.
    pub fn spec(&self) -> Option<TensorSpec> {
        let length = |axis: &Axis| match axis {
            Axis::Fixed(length) => *length,
            Axis::Any(_) => -1,
        };
        let shape = self.axes.as_ref().map(|axes| axes.iter().map(length).collect());
        Some(TensorSpec { name: self.name.clone(), datatype: datatype(self.element)?, shape })
    }
}

/// TensorProto.DataType
const fn datatype(element: u64) -> Option<Datatype> {
    Some(match element {
        1 => Datatype::Fp32,
        2 => Datatype::Uint8,
        3 => Datatype::Int8,
        4 => Datatype::Uint16,
        5 => Datatype::Int16,
        6 => Datatype::Int32,
        7 => Datatype::Int64,
        8 => Datatype::Bytes,
        9 => Datatype::Bool,
        10 => Datatype::Fp16,
        11 => Datatype::Fp64,
        12 => Datatype::Uint32,
        13 => Datatype::Uint64,
        16 => Datatype::Bf16,
        _ => return None,
    })
}

/// TensorProto: its name.
fn initializer(file: &mut Reader, length: u64) -> Result<String> {
    let mut name = String::new();
    each(file, length, &mut |file, field, length| match field {
        8 => text(file, length).map(|text| name = text),
        _ => skip(file, length),
    })?;
    Ok(name)
}

/// ValueInfoProto, and in it TypeProto, TypeProto.Tensor and TensorShapeProto.
fn port(file: &mut Reader, length: u64) -> Result<Port> {
    let mut port = Port { name: String::new(), element: 0, axes: None };
    each(file, length, &mut |file, field, length| match field {
        1 => text(file, length).map(|name| port.name = name),
        2 => each(file, length, &mut |file, field, length| match field {
            1 => fields(file, length, &mut |file, field, value| match (field, value) {
                (1, Value::Number(element)) => {
                    port.element = element;
                    Ok(())
                }
                (2, Value::Bytes(length)) => {
                    let axes = port.axes.insert(Vec::new());
                    each(file, length, &mut |file, field, length| match field {
                        1 => axis(file, length).map(|axis| axes.push(axis)),
                        _ => skip(file, length),
                    })
                }
                (_, value) => pass(file, value),
            }),
            _ => skip(file, length),
        }),
        _ => skip(file, length),
    })?;
    Ok(port)
}

/// TensorShapeProto.Dimension
fn axis(file: &mut Reader, length: u64) -> Result<Axis> {
    let mut axis = Axis::Any(String::new());
    fields(file, length, &mut |file, field, value| match (field, value) {
        (1, Value::Number(length)) => {
            // Some writers say 0 or −1 for any length.
            if let Some(length) = i64::try_from(length).ok().filter(|length| *length > 0) {
                axis = Axis::Fixed(length);
            }
            Ok(())
        }
        (2, Value::Bytes(length)) => text(file, length).map(|name| axis = Axis::Any(name)),
        (_, value) => pass(file, value),
    })?;
    Ok(axis)
}

/// What is done with a field of a message: its number and its value, or how many bytes that has.
pub(super) type Visit<'a, T> = &'a mut dyn FnMut(&mut Reader, u64, T) -> Result<()>;

/// A field's value: a number, or so many bytes that whoever gets it has to read or skip.
#[derive(Clone, Copy)]
enum Value {
    Number(u64),
    Bytes(u64),
}

/// Hands over the fields of a message of `length` bytes that have a length of their own.
pub(super) fn each(file: &mut Reader, length: u64, visit: Visit<'_, u64>) -> Result<()> {
    fields(file, length, &mut |file, field, value| match value {
        Value::Bytes(length) => visit(file, field, length),
        Value::Number(_) => Ok(()),
    })
}

/// Hands over the fields of a message of `length` bytes.
fn fields(file: &mut Reader, length: u64, visit: Visit<'_, Value>) -> Result<()> {
    let mut left = length;
    while left > 0 {
        file.fields = file.fields.checked_sub(1).ok_or_else(too_much)?;
        let (tag, mut read) = number(file)?;
        let value = match tag & 7 {
            0 => {
                let (value, bytes) = number(file)?;
                read += bytes;
                Value::Number(value)
            }
            1 => Value::Bytes(8),
            5 => Value::Bytes(4),
            2 => {
                let (value, bytes) = number(file)?;
                read += bytes;
                Value::Bytes(value)
            }
            _ => return Err(broken()),
        };
        let bytes = if let Value::Bytes(bytes) = value { bytes } else { 0 };
        left = left.checked_sub(read).and_then(|left| left.checked_sub(bytes)).ok_or_else(broken)?;
        visit(file, tag >> 3, value)?;
    }
    Ok(())
}

/// A number of seven bits a byte, and how many bytes it has.
fn number(file: &mut Reader) -> Result<(u64, u64)> {
    let mut number = 0;
    for place in 0..10 {
        let mut byte = [0];
        file.file.read_exact(&mut byte)?;
        number |= u64::from(byte[0] & 0x7f) << (7 * place);
        if byte[0] < 0x80 {
            return Ok((number, place + 1));
        }
    }
    Err(broken())
}

pub(super) fn text(file: &mut Reader, length: u64) -> Result<String> {
    if length > LONGEST {
        return Err(broken());
    }
    file.text = file.text.checked_sub(length).ok_or_else(too_much)?;
    let mut text = String::new();
    (&mut file.file).take(length).read_to_string(&mut text)?;
    Ok(text)
}

fn pass(file: &mut Reader, value: Value) -> Result<()> {
    match value {
        Value::Number(_) => Ok(()),
        Value::Bytes(length) => skip(file, length),
    }
}

pub(super) fn skip(file: &mut Reader, length: u64) -> Result<()> {
    file.file.seek_relative(i64::try_from(length).map_err(|_| broken())?)
}

fn too_much() -> Error {
    Error::new(ErrorKind::InvalidData, "it declares more than any graph does")
}

pub(super) fn broken() -> Error {
    Error::new(ErrorKind::InvalidData, "this is no ONNX file")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_are_read_and_weights_are_not() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/toys/toy-embedding/onnx/model.onnx");
        let graph = Graph::read(&file).unwrap();
        let names: Vec<&str> = graph.inputs.iter().map(|port| port.name.as_str()).collect();
        assert!(names.starts_with(&["input_ids", "attention_mask"]), "{names:?}");
        let spec = graph.inputs[0].spec().unwrap();
        assert_eq!((spec.datatype, spec.shape), (Datatype::Int64, Some(vec![-1, -1])));
        assert_eq!(graph.outputs[0].spec().unwrap().datatype, Datatype::Fp32);
    }

    #[test]
    fn what_is_no_graph_is_an_error_and_no_panic() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model.onnx");
        for bytes in [&b"x"[..], &[0x3a, 0xff, 0xff, 0xff, 0x7f], &[0x3f; 40], &[0xff; 40]] {
            std::fs::write(&file, bytes).unwrap();
            assert!(Graph::read(&file).is_err(), "{bytes:?}");
        }
        std::fs::write(&file, b"").unwrap();
        assert_eq!(Graph::read(&file).unwrap(), Graph::default());
    }

    /// A message's field with this content.
    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        let mut length = content.len();
        let mut bytes = vec![number << 3 | 2];
        while length >= 0x80 {
            bytes.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
            length >>= 7;
        }
        bytes.push(u8::try_from(length).unwrap());
        [bytes, content.to_vec()].concat()
    }

    #[test]
    fn what_a_stranger_declares_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model.onnx");
        let told = |graph: &[u8]| {
            std::fs::write(&file, field(7, graph)).unwrap();
            Graph::read(&file).map(|graph| graph.inputs.len()).map_err(|error| error.to_string())
        };
        let input = field(11, &field(1, b"a"));
        assert_eq!(told(&input.repeat(3)), Ok(3));
        let empty = field(11, b"").repeat(1_000_000);
        assert_eq!(told(&empty).unwrap_err(), "it declares more than any graph does");
        let long = field(11, &field(1, &[b'a'; 4096])).repeat(4097);
        assert_eq!(told(&long).unwrap_err(), "it declares more than any graph does");
    }
}
