//! A graph that is small enough to be written by hand: it adds two weights to two numbers.
//!
//! An ONNX file is a protocol buffer; field numbers are those of `onnx.proto`.

/// `y = x + w` for rows of two numbers.
#[derive(Clone, Copy, Debug)]
pub struct Adder<'a> {
    /// `w`.
    pub weights: [f32; 2],
    /// The file beside the graph that has them; `None`: the graph itself.
    pub location: Option<&'a str>,
}

impl Adder<'_> {
    /// The ONNX file.
    pub fn file(&self) -> Vec<u8> {
        let node = [message(1, b"x"), message(1, b"w"), message(2, b"y"), message(4, b"Add")].concat();
        let held = match self.location {
            None => message(9, &self.data()),
            Some(location) => {
                let entry = [message(1, b"location"), message(2, location.as_bytes())].concat();
                [message(13, &entry), number(14, 1)].concat()
            }
        };
        let tensor = [number(1, 2), number(2, FLOAT), message(8, b"w"), held].concat();
        let graph = [
            message(1, &node),
            message(2, b"adder"),
            message(5, &tensor),
            message(11, &port(b"x")),
            message(12, &port(b"y")),
        ];
        let opset = number(2, 17);
        [number(1, 8), message(8, &opset), message(7, &graph.concat())].concat()
    }

    /// What the file beside the graph has.
    pub fn data(&self) -> Vec<u8> {
        self.weights.map(f32::to_le_bytes).concat()
    }
}

/// TensorProto.FLOAT
const FLOAT: u8 = 1;

/// A field that has a length of its own.
pub fn message(field: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![field << 3 | 2];
    if field > 15 {
        bytes = vec![field << 3 | 0x80 | 2, field >> 4];
    }
    let mut length = content.len();
    while length >= 0x80 {
        bytes.push(u8::try_from(length & 0x7f).unwrap_or(0) | 0x80);
        length >>= 7;
    }
    bytes.push(u8::try_from(length).unwrap_or(0));
    [bytes, content.to_vec()].concat()
}

/// A field that is a small number.
fn number(field: u8, value: u8) -> Vec<u8> {
    vec![field << 3, value]
}

/// Rows of two numbers, as many as there are.
fn port(name: &[u8]) -> Vec<u8> {
    let shape = [message(1, &message(2, b"rows")), message(1, &number(1, 2))].concat();
    let tensor = [number(1, FLOAT), message(2, &shape)].concat();
    [message(1, name), message(2, &message(1, &tensor))].concat()
}
