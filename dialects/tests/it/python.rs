//! Python's own modules, and Arrow's reader of Parquet.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use forebay_dialects::Fault;
use forebay_dialects::records::csv::{Columns, Rows};
use forebay_dialects::records::{Bounds, Entry, Unpacked, gzip, tar, zip};
use forebay_dialects::table::{Shape, Table, TableFormat};
use serde::Deserialize;
use serde_json::{Value, json};

const BOUNDS: Bounds = Bounds { entries: 100, entry: 1 << 20, total: 1 << 22 };
/// Bytes that come at once: more than a header and less than a picture.
const PIECE: usize = 700;

#[derive(Deserialize)]
struct Told {
    rows: Vec<(String, String)>,
    pictures: BTreeMap<String, String>,
}

fn python(verb: &str, folder: &Path) {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let modules = package.join("../.forebay/clients");
    let output = Command::new("python3")
        .arg("-B")
        .arg(package.join("tests/it/formats.py"))
        .arg(verb)
        .arg(folder)
        .env("PYTHONPATH", modules)
        .output()
        .expect("there is a python3");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}\n(the modules come with `cargo xtask setup --clients`)");
}

fn written() -> (tempfile::TempDir, Told) {
    let folder = tempfile::tempdir().unwrap();
    python("write", folder.path());
    let told = std::fs::read(folder.path().join("told.json")).unwrap();
    (folder, serde_json::from_slice(&told).unwrap())
}

#[test]
fn tables_that_python_writes_are_read() {
    let (folder, told) = written();
    for (name, delimiter) in [("plain.csv", b','), ("quoted.csv", b','), ("semicolons.csv", b';')] {
        let file = std::fs::read(folder.path().join(name)).unwrap();
        let mut reader = Rows::new(delimiter, 1000);
        let mut rows: Vec<_> = file.chunks(11).flat_map(|chunk| reader.push(chunk)).collect();
        rows.extend(reader.finish());
        let bytes = |index: usize| rows[index].bytes.clone().unwrap();
        let columns = Columns::find(&bytes(0), delimiter, "the text", Some("id")).unwrap();
        let said: Vec<_> = (1..rows.len()).map(|index| columns.read(&bytes(index)).unwrap()).collect();
        let said: Vec<_> = said.into_iter().map(|said| (said.id.unwrap_or_default(), said.text)).collect();
        assert_eq!(said, told.rows, "{name}");
        for row in rows {
            let start = usize::try_from(row.offset).unwrap();
            let end = start + usize::try_from(row.length).unwrap();
            assert_eq!(file[start..end], row.bytes.unwrap()[..], "{name}");
        }
    }
}

#[test]
fn archives_that_python_writes_are_read() {
    let (folder, told) = written();
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    let check = |name: &str,
                 archive: &[u8],
                 found: Vec<Entry>,
                 unpack: fn(&Bytes, u64) -> Result<Unpacked, Fault>| {
        let pictures: BTreeMap<String, String> = found
            .iter()
            .map(|entry| {
                assert_eq!(entry.fault, None, "{name}: {}", entry.name);
                let start = usize::try_from(entry.offset).unwrap();
                let end = start + usize::try_from(entry.length).unwrap();
                let unpacked = unpack(&Bytes::copy_from_slice(&archive[start..end]), BOUNDS.entry).unwrap();
                assert_eq!((&unpacked.name, unpacked.content.len() as u64), (&entry.name, entry.size));
                (unpacked.name, hex::encode(unpacked.content))
            })
            .collect();
        assert!(pictures == told.pictures, "{name}: {:?}", pictures.keys());
    };
    for name in ["deflated.zip", "stored.zip", "streamed.zip", "large.zip"] {
        let archive = read(name);
        let size = archive.len() as u64;
        let tail = usize::try_from(size.saturating_sub(zip::TAIL)).unwrap();
        let directory = zip::Directory::find(size, &archive[tail..]).unwrap();
        let range =
            usize::try_from(directory.range.start).unwrap()..usize::try_from(directory.range.end).unwrap();
        let mut entries = zip::Entries::new(directory, BOUNDS);
        let found = archive[range].chunks(PIECE).flat_map(|chunk| entries.push(chunk).unwrap()).collect();
        entries.finish().unwrap();
        check(name, &archive, found, zip::unpack);
    }
    for form in ["gnu", "pax"] {
        let archive = read(&format!("{form}.tar"));
        let (mut entries, mut found) = (tar::Entries::new(BOUNDS), Vec::new());
        for chunk in archive.chunks(PIECE) {
            found.extend(entries.push(chunk).unwrap());
        }
        entries.finish().unwrap();
        check(form, &archive, found, tar::unpack);

        let (packed, mut archive) = (read(&format!("{form}.tar.gz")), Vec::new());
        assert!(gzip::is_gzip(&packed));
        let mut reader = gzip::Gunzip::new(1 << 22);
        let mut take = |bytes: Bytes| {
            archive.extend_from_slice(&bytes);
            Ok(())
        };
        packed.chunks(PIECE).for_each(|chunk| reader.push(chunk, &mut take).unwrap());
        reader.finish(&mut take).unwrap();
        let (mut entries, mut found) = (tar::Entries::new(BOUNDS), Vec::new());
        for chunk in archive.chunks(PIECE) {
            found.extend(entries.push(chunk).unwrap());
        }
        check(form, &archive, found, tar::unpack);
    }
}

#[test]
fn tables_that_ours_writes_are_read_by_python() {
    let folder = tempfile::tempdir().unwrap();
    let line = |number: u32, id: Option<&str>, items: Value| json!({"line": number, "id": id, "status": "succeeded", "result": {"items": items}});
    let failed = json!({"index": 1, "status": "failed", "error": {"code": "input_too_long", "message": "too \"long\",\nreally"}});
    let bad = json!({"line": 9, "id": null, "status": "failed", "error": {"code": "invalid_json_line", "message": "Grüße"}});
    let row = |line: u32, id: Value, item: u32, error: Option<(&str, &str)>| {
        let (code, message) = error.unzip();
        let status = if error.is_some() { "failed" } else { "succeeded" };
        json!({"line": line, "id": id, "item": item, "status": status, "error_code": code, "error_message": message})
    };
    let with = |mut row: Value, own: Value| {
        row.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
        row
    };
    let long = Some(("input_too_long", "too \"long\",\nreally"));
    let told = Some(("invalid_json_line", "Grüße"));
    // Numbers that a float of four bytes holds exactly.
    let vector = json!([0.5, -1.25, 3.0, 0.0, 65536.125]);
    let labels = json!([{"label": "happy", "score": 0.75}, {"label": "世界", "score": 0.25}]);
    let outputs = [
        (
            Shape::Embedding,
            "embedding",
            json!({"embedding": vector}),
            json!({"embedding": vector}),
            json!({"embedding": null}),
        ),
        (
            Shape::Labels,
            "labels",
            json!({"labels": labels}),
            json!({"label": "happy", "score": 0.75, "labels": labels.to_string()}),
            json!({"label": null, "score": null, "labels": null}),
        ),
        (
            Shape::Json,
            "json",
            json!({"echo": {"a": [1, "b"]}}),
            json!({"output": r#"{"echo":{"a":[1,"b"]}}"#}),
            json!({"output": null}),
        ),
    ];
    let mut expected = serde_json::Map::new();
    for (shape, name, output, own, none) in outputs {
        let succeeded = json!({"index": 0, "status": "succeeded", "output": output});
        let lines = [
            line(1, Some("a,b"), json!([succeeded, failed])),
            line(2, None, json!([succeeded])),
            bad.clone(),
        ];
        let lines: Vec<u8> = lines.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect();
        for (format, suffix) in [(TableFormat::Csv, "csv"), (TableFormat::Parquet, "parquet")] {
            let mut table = Table::new(format, shape).unwrap();
            let mut file: Vec<u8> = lines.chunks(50).flat_map(|chunk| table.push(chunk).unwrap()).collect();
            file.extend(table.finish().unwrap());
            std::fs::write(folder.path().join(format!("{name}.{suffix}")), file).unwrap();
        }
        let rows = json!([
            with(row(1, json!("a,b"), 0, None), own.clone()),
            with(row(1, json!("a,b"), 1, long), none.clone()),
            with(row(2, Value::Null, 0, None), own),
            with(row(9, Value::Null, 0, told), none),
        ]);
        expected.insert(name.to_owned(), rows);
    }
    std::fs::write(folder.path().join("told.json"), Value::from(expected).to_string()).unwrap();
    python("read", folder.path());
}
