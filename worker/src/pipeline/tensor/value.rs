//! Tensors as the runtime has them.

use forebay_shared::job::{Datatype, Encoding, Failure, FailureCode, Tensor};
use half::{bf16, f16};
use ort::session::SessionInputValue;
use ort::value::{DynValue, PrimitiveTensorElementType, TensorElementType};

use crate::model::failed;

/// Little-endian elements of one type.
trait Element: PrimitiveTensorElementType + Copy + std::fmt::Debug + 'static {
    fn read(bytes: &[u8]) -> Vec<Self>;
    fn write(elements: &[Self]) -> Vec<u8>;
}

macro_rules! element {
    ($($type:ty),+) => {
        $(impl Element for $type {
            fn read(bytes: &[u8]) -> Vec<Self> {
                bytes.as_chunks().0.iter().map(|element| Self::from_le_bytes(*element)).collect()
            }

            fn write(elements: &[Self]) -> Vec<u8> {
                elements.iter().flat_map(|element| element.to_le_bytes()).collect()
            }
        })+
    };
}

element!(u8, u16, u32, u64, i8, i16, i32, i64, f16, bf16, f32, f64);

impl Element for bool {
    fn read(bytes: &[u8]) -> Vec<Self> {
        bytes.iter().map(|byte| *byte != 0).collect()
    }

    fn write(elements: &[Self]) -> Vec<u8> {
        elements.iter().copied().map(u8::from).collect()
    }
}

/// A tensor for the runtime.
pub(super) fn input(tensor: &Tensor) -> Result<SessionInputValue<'static>, Failure> {
    fn of<T: Element>(shape: Vec<i64>, tensor: &Tensor) -> Result<SessionInputValue<'static>, Failure> {
        let elements = T::read(&tensor.bytes);
        Ok(ort::value::Tensor::from_array((shape, elements)).map_err(failed)?.into())
    }
    let shape: Vec<i64> = tensor.shape.iter().map(|axis| i64::try_from(*axis).unwrap_or(i64::MAX)).collect();
    match tensor.datatype {
        Datatype::Bool => of::<bool>(shape, tensor),
        Datatype::Uint8 => of::<u8>(shape, tensor),
        Datatype::Uint16 => of::<u16>(shape, tensor),
        Datatype::Uint32 => of::<u32>(shape, tensor),
        Datatype::Uint64 => of::<u64>(shape, tensor),
        Datatype::Int8 => of::<i8>(shape, tensor),
        Datatype::Int16 => of::<i16>(shape, tensor),
        Datatype::Int32 => of::<i32>(shape, tensor),
        Datatype::Int64 => of::<i64>(shape, tensor),
        Datatype::Fp16 => of::<f16>(shape, tensor),
        Datatype::Bf16 => of::<bf16>(shape, tensor),
        Datatype::Fp32 => of::<f32>(shape, tensor),
        Datatype::Fp64 => of::<f64>(shape, tensor),
        Datatype::Bytes => {
            let strings: Vec<String> =
                tensor.strings().map(|string| String::from_utf8_lossy(string).into_owned()).collect();
            Ok(ort::value::Tensor::from_string_array((shape, &strings[..])).map_err(failed)?.into())
        }
    }
}

/// What the runtime gave under this name.
pub(super) fn output(name: &str, value: &DynValue) -> Result<Tensor, Failure> {
    fn of<T: Element>(value: &DynValue) -> Result<(Vec<i64>, Vec<u8>), Failure> {
        let (shape, elements) = value.try_extract_tensor::<T>().map_err(failed)?;
        Ok((shape.to_vec(), T::write(elements)))
    }
    let unknown = || {
        let message = format!("the output `{name}` is nothing that a tensor of KServe can be");
        Failure::permanent(FailureCode::InferenceFailed, message)
    };
    let (datatype, (shape, bytes)) = match value.dtype().tensor_type().ok_or_else(unknown)? {
        TensorElementType::Bool => (Datatype::Bool, of::<bool>(value)?),
        TensorElementType::Uint8 => (Datatype::Uint8, of::<u8>(value)?),
        TensorElementType::Uint16 => (Datatype::Uint16, of::<u16>(value)?),
        TensorElementType::Uint32 => (Datatype::Uint32, of::<u32>(value)?),
        TensorElementType::Uint64 => (Datatype::Uint64, of::<u64>(value)?),
        TensorElementType::Int8 => (Datatype::Int8, of::<i8>(value)?),
        TensorElementType::Int16 => (Datatype::Int16, of::<i16>(value)?),
        TensorElementType::Int32 => (Datatype::Int32, of::<i32>(value)?),
        TensorElementType::Int64 => (Datatype::Int64, of::<i64>(value)?),
        TensorElementType::Float16 => (Datatype::Fp16, of::<f16>(value)?),
        TensorElementType::Bfloat16 => (Datatype::Bf16, of::<bf16>(value)?),
        TensorElementType::Float32 => (Datatype::Fp32, of::<f32>(value)?),
        TensorElementType::Float64 => (Datatype::Fp64, of::<f64>(value)?),
        TensorElementType::String => {
            let (shape, strings) = value.try_extract_strings().map_err(failed)?;
            let bytes = Tensor::of_strings(strings.iter().map(String::as_bytes));
            (Datatype::Bytes, (shape.to_vec(), bytes.into()))
        }
        _ => return Err(unknown()),
    };
    let shape = shape.into_iter().map(|axis| u64::try_from(axis).unwrap_or_default()).collect();
    let encoding = Encoding::default();
    Ok(Tensor { name: name.to_owned(), datatype, shape, bytes: bytes.into(), encoding })
}
