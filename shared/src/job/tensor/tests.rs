use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn body(value: &Value) -> TensorBody {
    serde_json::from_str(&value.to_string()).unwrap()
}

fn read(value: &Value) -> Result<Tensor, TensorError> {
    Tensor::read_all(vec![body(value)]).map(|mut tensors| tensors.remove(0))
}

fn of(datatype: &str, shape: &[u64], data: &Value) -> Result<Tensor, TensorError> {
    read(&json!({"name": "x", "datatype": datatype, "shape": shape, "data": data}))
}

fn refused(datatype: &str, shape: &[u64], data: &Value) -> String {
    of(datatype, shape, data).unwrap_err().message
}

/// A tensor's elements as clients are told them.
fn told(tensor: Tensor) -> Value {
    serde_json::to_value(Tensor { encoding: Encoding::Json, ..tensor }).unwrap()["data"].take()
}

#[test]
fn every_datatype_reads_back_as_it_was_written() {
    let all = [
        ("BOOL", json!([true, false])),
        ("UINT8", json!([0, 255])),
        ("UINT16", json!([0, 65_535])),
        ("UINT32", json!([0, u32::MAX])),
        ("UINT64", json!([0, u64::MAX])),
        ("INT8", json!([-128, 127])),
        ("INT16", json!([-32_768, 32_767])),
        ("INT32", json!([i32::MIN, i32::MAX])),
        ("INT64", json!([i64::MIN, i64::MAX])),
        ("FP16", json!([-0.5, 65_504.0])),
        ("BF16", json!([-0.5, 256.0])),
        ("FP32", json!([0.1_f32, -3.0e38_f32])),
        ("FP64", json!([0.1, 1e300])),
        ("BYTES", json!(["", "今天 \"quoted\""])),
    ];
    for (datatype, data) in all {
        let tensor = of(datatype, &[2], &data).unwrap();
        assert_eq!(tensor.datatype.as_str(), datatype);
        for encoding in [Encoding::Json, Encoding::Base64] {
            let written = serde_json::to_string(&Tensor { encoding, ..tensor.clone() }).unwrap();
            let read: Tensor = serde_json::from_str(&written).unwrap();
            assert_eq!((&read.bytes, &read.shape), (&tensor.bytes, &tensor.shape), "{written}");
        }
        assert_eq!(told(tensor), data);
    }
}

#[test]
fn bytes_are_little_endian_and_texts_have_their_length_before_them() {
    assert_eq!(&of("INT16", &[2], &json!([1, -2])).unwrap().bytes[..], [1, 0, 254, 255]);
    assert_eq!(&of("FP16", &[1], &json!([1])).unwrap().bytes[..], [0, 0x3c]);
    assert_eq!(&of("BYTES", &[2], &json!(["a", "bc"])).unwrap().bytes[..], b"\x01\0\0\0a\x02\0\0\0bc");
    let tensor = read(&json!({"name": "x", "datatype": "FP32", "shape": [2], "base64": "AACAPwAAAMA"}));
    assert_eq!(told(tensor.unwrap()), json!([1.0, -2.0]));
}

#[test]
fn data_may_be_flat_or_nested_as_the_shape_is() {
    let flat = of("UINT8", &[2, 1, 3], &json!([1, 2, 3, 4, 5, 6])).unwrap();
    assert_eq!(of("UINT8", &[2, 1, 3], &json!([[[1, 2, 3]], [[4, 5, 6]]])).unwrap(), flat);
    assert_eq!(told(of("INT64", &[], &json!([16_000])).unwrap()), json!([16_000]));
    assert_eq!(told(of("INT32", &[2], &json!([1.0, -2.0])).unwrap()), json!([1, -2]));
    let nan = told(of("FP32", &[2], &json!([null, 1])).unwrap());
    assert_eq!(nan, json!([null, 1.0]));
}

#[test]
fn doubles_are_read_to_their_last_digit() {
    let text =
        |data: &str| format!(r#"{{"name": "x", "datatype": "FP64", "shape": [2, 2], "data": {data}}}"#);
    let read = |data: &str| {
        let body = serde_json::from_str(&text(data)).unwrap();
        Tensor::read_all(vec![body]).map(|mut tensors| tensors.remove(0)).map_err(|error| error.message)
    };
    // Each is written as any language writes it, and was read one digit off.
    let doubles = [31.245_270_191_439_438_f64, 121.487_919_511_619_45, -2.225_073_858_507_201e-308, 1e-7];
    let [a, b, c, d] = doubles;
    let bytes: Vec<u8> = doubles.iter().flat_map(|double| double.to_le_bytes()).collect();
    assert_eq!(&read(&format!("[[{a:?}, {b:?}],\n[{c:?},{d:?}]]")).unwrap().bytes[..], bytes);
    assert_eq!(&read(&format!("[{a:?}, {b:?}, {c:?}, {d:?}]")).unwrap().bytes[..], bytes);
    let written = told(read(&format!("[{a:?}, {b:?}, {c:?}, {d:?}]")).unwrap()).to_string();
    assert_eq!(&read(&written).unwrap().bytes[..], bytes, "{written}");

    let refused = |data: &str| read(data).unwrap_err();
    let nested = "the data of the tensor `x` is nested 3 deep, and the shape [2, 2] is not";
    assert_eq!(refused(&format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000))), nested);
    assert!(refused("[[1, 2], [3, \"4\"]]").ends_with("has a text as element 3, which is no FP64"));
    assert!(refused("[1, 2, 3, 1e400]").contains("number out of range"));
    assert_eq!(told(read("[null, -0, 1, 12345678901234567890123]").unwrap())[0], Value::Null);
}

#[test]
fn what_does_not_fit_is_named() {
    let table = [
        (refused("UINT8", &[2], &json!([1, 256])), "has 256 as element 1, which is no UINT8"),
        (refused("INT32", &[1], &json!([1.5])), "has 1.5 as element 0, which is no INT32"),
        (refused("FP16", &[1], &json!([1e6])), "has 1000000 as element 0, which is no FP16"),
        (refused("FP32", &[1], &json!(["1"])), "has a text as element 0, which is no FP32"),
        (refused("BYTES", &[1], &json!([7])), "has 7 as element 0, which is no BYTES"),
        (refused("BYTES", &[1], &json!(["\0"])), "has a text as element 0, which is no BYTES"),
        (refused("BOOL", &[1], &json!([2])), "has 2 as element 0, which is no BOOL"),
        (refused("INT8", &[1], &json!([null])), "has null as element 0, which is no INT8"),
        (refused("INT8", &[2, 2], &json!([1, 2, 3])), "has 3 elements, and the shape [2, 2] has 4"),
        (refused("INT8", &[2], &json!([1, 2, 3])), "has more elements than the 2 of the shape [2]"),
        (
            refused("INT8", &[2, 2], &json!([[1, 2], [3]])),
            "has a list of 1 where the shape [2, 2] has no such axis",
        ),
        (refused("INT8", &[2, 2], &json!([[1, 2], 3, 4])), "has lists and elements side by side"),
        (refused("INT8", &[2, 2], &json!([1, [2, 3, 4]])), "has lists and elements side by side"),
        (refused("INT8", &[4], &json!([[1, 2], [3, 4]])), "is nested 2 deep, and the shape [4] is not"),
        (refused("INT8", &[1], &json!([])), "has a list of 0 where the shape [1] has no such axis"),
    ];
    for (told, wanted) in table {
        assert_eq!(told, format!("the data of the tensor `x` {wanted}"));
    }
    assert!(refused("INT8", &[1], &json!(7)).ends_with("must be a list"));
    assert!(refused("INT8", &[1], &json!({"a": 7})).contains("expected elements of INT8"));
}

#[test]
fn limits_are_named_before_anything_is_read() {
    let error = of("FP32", &[1; 9], &json!([1])).unwrap_err();
    assert_eq!((error.path().as_str(), error.limit), ("tensors[0].shape", Some(8)));
    assert!(refused("FP32", &[2, 0], &json!([])).contains("every axis must be at least 1"));
    for shape in [&[u64::MAX, u64::MAX][..], &[4 * 1024 * 1024 + 1]] {
        let error = of("FP32", shape, &json!([1])).unwrap_err();
        assert_eq!((error.field, error.limit), (Some("shape"), Some(LARGEST)));
    }
    let named = |name: &str| json!({"name": name, "datatype": "INT8", "shape": [1], "data": [1]});
    let error = read(&named("")).unwrap_err();
    assert_eq!((error.path().as_str(), error.limit), ("tensors[0].name", Some(256)));
    let error = Tensor::read_all(vec![body(&named("a")), body(&named("a"))]).unwrap_err();
    assert_eq!((error.path().as_str(), &*error.message), ("tensors[1].name", "there are two tensors `a`"));
    let many = (0..65).map(|place| body(&named(&place.to_string()))).collect();
    let error = Tensor::read_all(many).unwrap_err();
    assert_eq!((&*error.message, error.limit), ("there are 65 tensors, the limit is 64", Some(64)));
    assert!(Tensor::read_all(Vec::new()).is_err());
    let half = json!({"name": "a", "datatype": "UINT8", "shape": [LARGEST / 2 + 1], "base64": ""});
    let error = read(&half).unwrap_err();
    assert!(error.message.contains("has 0 bytes, and UINT8"), "{error}");
}

/// Bytes of this datatype, in base64.
fn large(name: &str, datatype: &str, bytes: &[u8]) -> TensorBody {
    let shape = if datatype == "BYTES" { 1 } else { bytes.len() };
    let base64 = STANDARD.encode(bytes);
    body(&json!({"name": name, "datatype": datatype, "shape": [shape], "base64": base64}))
}

#[test]
fn an_items_tensors_are_bounded_together_to_the_byte() {
    let largest = usize::try_from(LARGEST).unwrap();
    let text = |bytes: usize| {
        let length = u32::try_from(bytes - 4).unwrap();
        [&length.to_le_bytes()[..], &vec![b'a'; bytes - 4]].concat()
    };
    assert!(Tensor::read_all(vec![large("a", "BYTES", &text(largest))]).is_ok());
    for over in [1, 2] {
        let error = Tensor::read_all(vec![large("a", "BYTES", &text(largest + over))]).unwrap_err();
        assert_eq!((error.path().as_str(), error.limit), ("tensors[0].shape", Some(LARGEST)));
    }
    let with = |bytes: usize| {
        let first = large("a", "UINT8", &vec![0; largest - 8]);
        Tensor::read_all(vec![first, large("b", "BYTES", &text(bytes))])
    };
    assert!(with(8).is_ok());
    for over in [9, 10] {
        let error = with(over).unwrap_err();
        assert_eq!((error.path().as_str(), error.limit), ("tensors[1].shape", Some(LARGEST)));
    }
}

#[test]
fn base64_is_held_against_the_shape() {
    let refused = |datatype: &str, shape: &[u64], base64: &str| {
        let body = json!({"name": "x", "datatype": datatype, "shape": shape, "base64": base64});
        read(&body).unwrap_err().message
    };
    assert!(refused("FP32", &[1], "AAA=").contains("has 2 bytes, and FP32 of the shape [1] has 4"));
    assert!(refused("FP32", &[1], "?").contains("cannot be read"));
    assert!(refused("BYTES", &[1], "AQAAAP8=").contains("element 0 what is no UTF-8"));
    assert!(refused("BYTES", &[1], "AgAAAGE=").contains("ends within element 0"));
    assert!(refused("BYTES", &[2], "AQAAAGE=").contains("has 1 elements, and the shape [2] has 2"));
    let neither = json!({"name": "x", "datatype": "INT8", "shape": [1]});
    assert!(read(&neither).unwrap_err().message.contains("exactly one of `data` and `base64`"));
}

#[test]
fn inputs_are_what_the_graph_takes() {
    let spec = |name: &str, datatype, shape: &[i64]| TensorSpec {
        name: name.to_owned(),
        datatype,
        shape: Some(shape.to_vec()),
    };
    let specs = [spec("x", Datatype::Fp32, &[-1, 2]), spec("rate", Datatype::Int64, &[])];
    let wrong = |tensors: &[Tensor]| check_inputs(tensors, &specs).unwrap_err();
    let x = of("FP32", &[1, 2], &json!([1, 2])).unwrap();
    let rate = Tensor { name: "rate".to_owned(), ..of("INT64", &[], &json!([8])).unwrap() };
    assert_eq!(check_inputs(&[rate.clone(), x.clone()], &specs), Ok(()));
    assert_eq!(wrong(std::slice::from_ref(&x)).message, "the model needs the input `rate`: INT64 [] too");
    let other = Tensor { name: "y".to_owned(), ..x.clone() };
    let error = wrong(&[x.clone(), other]);
    assert_eq!(error.path(), "tensors[1].name");
    assert_eq!(error.message, "the model has no input `y`; it has `x`, `rate`");
    let error = wrong(&[of("INT32", &[1, 2], &json!([1, 2])).unwrap()]);
    assert_eq!(error.message, "the model's input is `x`: FP32 [-1, 2], and INT32 was given");
    for shape in [&[2, 1][..], &[2], &[1, 2, 1]] {
        let error = wrong(&[of("FP32", shape, &json!([1, 2])).unwrap(), rate.clone()]);
        assert_eq!((error.path().as_str(), error.field), ("tensors[0].shape", Some("shape")));
        assert!(error.message.starts_with("the model's input is `x`: FP32 [-1, 2], and ["), "{error}");
    }
}

proptest! {
    #[test]
    fn no_data_is_a_panic(data in "[\\[\\]0-9,.\"-]{0,24}", shape in prop::collection::vec(0_u64..4, 0..4)) {
        if let Ok(data) = serde_json::from_str::<Value>(&data) {
            let read = of("INT32", &shape, &data);
            if let Ok(tensor) = read {
                prop_assert_eq!(tensor.bytes.len() as u64, tensor.elements() * 4);
            }
        }
    }
}
