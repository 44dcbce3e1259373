//! What a tensor's elements are.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::words::words;

/// What a tensor's elements are, in KServe's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Datatype {
    /// true or false, in a byte
    Bool,
    /// 0…2⁸−1
    Uint8,
    /// 0…2¹⁶−1
    Uint16,
    /// 0…2³²−1
    Uint32,
    /// 0…2⁶⁴−1
    Uint64,
    /// −2⁷…2⁷−1
    Int8,
    /// −2¹⁵…2¹⁵−1
    Int16,
    /// −2³¹…2³¹−1
    Int32,
    /// −2⁶³…2⁶³−1
    Int64,
    /// IEEE 754, two bytes
    Fp16,
    /// IEEE 754, four bytes
    Fp32,
    /// IEEE 754, eight bytes
    Fp64,
    /// The upper half of an FP32
    Bf16,
    /// texts
    Bytes,
}

words!(
    Datatype,
    "datatype",
    Bool = "BOOL",
    Uint8 = "UINT8",
    Uint16 = "UINT16",
    Uint32 = "UINT32",
    Uint64 = "UINT64",
    Int8 = "INT8",
    Int16 = "INT16",
    Int32 = "INT32",
    Int64 = "INT64",
    Fp16 = "FP16",
    Fp32 = "FP32",
    Fp64 = "FP64",
    Bf16 = "BF16",
    Bytes = "BYTES",
);

impl Datatype {
    /// Bytes of one element; `None`: they differ.
    pub const fn size(self) -> Option<usize> {
        match self {
            Self::Bool | Self::Uint8 | Self::Int8 => Some(1),
            Self::Uint16 | Self::Int16 | Self::Fp16 | Self::Bf16 => Some(2),
            Self::Uint32 | Self::Int32 | Self::Fp32 => Some(4),
            Self::Uint64 | Self::Int64 | Self::Fp64 => Some(8),
            Self::Bytes => None,
        }
    }
}
