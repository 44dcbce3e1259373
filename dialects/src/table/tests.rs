//! Answers as tables: every form, every shape, read back by others' code.

use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::record::Field;
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Lines as both files of a native bulk have them.
fn native() -> Vec<u8> {
    let lines = [
        json!({"line": 1, "id": "a", "status": "succeeded", "result": {"items": [
            {"index": 0, "status": "succeeded", "output": {"embedding": [0.5, -1.25, 1e-7]}},
            {"index": 1, "status": "failed", "error": {"code": "input_too_long", "message": "too, \"long\""}},
        ]}}),
        json!({"line": 3, "id": null, "status": "failed", "error": {"code": "invalid_json_line", "message": "no"}}),
    ];
    lines.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect()
}

fn table(format: TableFormat, shape: Shape, lines: &[u8], piece: usize) -> Vec<u8> {
    let mut table = Table::new(format, shape).unwrap();
    let mut bytes: Vec<u8> =
        lines.chunks(piece.max(1)).flat_map(|chunk| table.push(chunk).unwrap()).collect();
    bytes.extend(table.finish().unwrap());
    bytes
}

fn csv(shape: Shape, lines: &[u8]) -> String {
    String::from_utf8(table(TableFormat::Csv, shape, lines, 10)).unwrap()
}

/// Each row as its columns' names and values.
fn parquet(shape: Shape, lines: &[u8]) -> Vec<Vec<(String, Field)>> {
    let file = table(TableFormat::Parquet, shape, lines, 10);
    let reader = SerializedFileReader::new(Bytes::from(file)).unwrap();
    let rows = reader.get_row_iter(None).unwrap().map(Result::unwrap);
    rows.map(|row| row.get_column_iter().map(|(name, field)| (name.clone(), field.clone())).collect())
        .collect()
}

#[test]
fn a_line_has_a_row_for_each_of_its_items() {
    let expected = "line,id,item,status,error_code,error_message,embedding\r\n\
        1,a,0,succeeded,,,\"[0.5,-1.25,0.0000001]\"\r\n\
        1,a,1,failed,input_too_long,\"too, \"\"long\"\"\",\r\n\
        3,,0,failed,invalid_json_line,no,\r\n";
    assert_eq!(csv(Shape::Embedding, &native()), expected);
}

#[test]
fn a_vector_is_a_list_of_numbers() {
    let rows = parquet(Shape::Embedding, &native());
    let column = |row: usize, name: &str| {
        rows[row].iter().find(|(column, _)| column == name).map(|(_, field)| field.clone()).unwrap()
    };
    let Field::ListInternal(list) = column(0, "embedding") else { panic!("{rows:?}") };
    assert_eq!(list.elements(), [Field::Float(0.5), Field::Float(-1.25), Field::Float(1e-7)]);
    assert_eq!((column(0, "line"), column(0, "error_code")), (Field::Long(1), Field::Null));
    assert_eq!((column(1, "embedding"), column(1, "item")), (Field::Null, Field::Int(1)));
    assert_eq!(column(2, "status"), Field::Str("failed".to_owned()));
    assert_eq!((rows.len(), column(2, "id")), (3, Field::Null));
}

#[test]
fn the_best_label_has_columns_of_its_own() {
    let labels = json!([{"label": "happy", "score": 0.75}, {"label": "sad", "score": 0.25}]);
    let line = json!({"line": 1, "id": "a", "status": "succeeded", "result": {"items": [
        {"index": 0, "status": "succeeded", "output": {"labels": labels}},
    ]}});
    let rows = parquet(Shape::Labels, line.to_string().as_bytes());
    let own: Vec<_> = rows[0][6..].to_vec();
    let expected = [
        ("label".to_owned(), Field::Str("happy".to_owned())),
        ("score".to_owned(), Field::Float(0.75)),
        ("labels".to_owned(), Field::Str(labels.to_string())),
    ];
    assert_eq!(own, expected);
    let text = csv(Shape::Labels, line.to_string().as_bytes());
    assert!(text.ends_with("happy,0.75,\"[{\"\"label\"\":\"\"happy\"\",\"\"score\"\":0.75},{\"\"label\"\":\"\"sad\"\",\"\"score\"\":0.25}]\"\r\n"), "{text}");
}

#[test]
fn openais_answers_are_read_too() {
    let id = |line: u32| format!("batch_req_{:032x}{line:08x}", 7);
    let response = |status: u16, body: serde_json::Value| json!({"status_code": status, "request_id": "r", "body": body});
    let base64 = "AAAAPwAAoL8=";
    let data = json!({"object": "list", "data": [{"index": 0, "embedding": [0.5]}, {"index": 1, "embedding": base64}]});
    let error =
        json!({"error": {"message": "it is empty", "type": "t", "param": "input", "code": "empty_input"}});
    let lines = [
        json!({"id": id(17), "custom_id": "a", "response": response(200, data), "error": null}),
        json!({"id": id(18), "custom_id": "b", "response": response(400, error), "error": null}),
        json!({"id": id(19), "custom_id": null, "response": null, "error": {"code": "batch_expired", "message": "late"}}),
    ];
    let lines: Vec<u8> = lines.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect();
    let expected = "line,id,item,status,error_code,error_message,embedding\r\n\
        17,a,0,succeeded,,,[0.5]\r\n\
        17,a,1,succeeded,,,\"[0.5,-1.25]\"\r\n\
        18,b,0,failed,empty_input,it is empty,\r\n\
        19,,0,failed,batch_expired,late,\r\n";
    assert_eq!(csv(Shape::Embedding, &lines), expected);
    let moderation = json!({"id": id(1), "custom_id": "m", "response": response(200, json!({"results": []})), "error": null});
    assert!(
        csv(Shape::Json, moderation.to_string().as_bytes())
            .ends_with("1,m,0,succeeded,,,\"{\"\"results\"\":[]}\"\r\n")
    );
}

#[test]
fn what_was_deleted_is_no_row() {
    let mut lines = native();
    let end = lines.iter().position(|byte| *byte == b'\n').unwrap();
    // A deleted range is blank, the ends of its lines included.
    lines[..=end].fill(b' ');
    assert_eq!(csv(Shape::Json, &lines).lines().count(), 2);
    assert_eq!(csv(Shape::Json, b"").lines().count(), 1, "the header");
    assert!(parquet(Shape::Json, b"").is_empty());
}

#[test]
fn memory_is_bounded_by_a_group() {
    let line = |index: u32| {
        let vector: Vec<f32> = (0..384_u16).map(|place| f32::from(place) + 0.5).collect();
        let item = json!({"index": 0, "status": "succeeded", "output": {"embedding": vector}});
        format!(
            "{}\n",
            json!({"line": index, "id": null, "status": "succeeded", "result": {"items": [item]}})
        )
    };
    let mut table = Table::new(TableFormat::Parquet, Shape::Embedding).unwrap();
    let (mut file, mut largest) = (Vec::new(), 0);
    for index in 0..12_000 {
        let bytes = table.push(line(index).as_bytes()).unwrap();
        largest = largest.max(bytes.len());
        file.extend(bytes);
    }
    file.extend(table.finish().unwrap());
    assert!(file.len() > 16 << 20 && largest < 10 << 20, "{largest} of {} bytes at once", file.len());
    let reader = SerializedFileReader::new(Bytes::from(file)).unwrap();
    assert_eq!(reader.metadata().file_metadata().num_rows(), 12_000);
    assert!(reader.num_row_groups() > 1);
}

proptest! {
    #[test]
    fn a_table_does_not_depend_on_how_the_lines_come(piece in 1..200_usize) {
        for format in [TableFormat::Csv, TableFormat::Parquet] {
            let whole = table(format, Shape::Embedding, &native(), usize::MAX);
            prop_assert_eq!(table(format, Shape::Embedding, &native(), piece), whole);
        }
    }
}
