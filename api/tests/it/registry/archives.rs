//! Archives that are not what they should be, however they are sent.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use forebay_shared::config::Size;
use tar::{EntryType, Header};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::{archive, file, import, mood, names, word};
use crate::app::TestApp;
use crate::files::{refusal, send};

/// A zip of these files.
fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, bytes) in files {
        zip.start_file(*path, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

/// A zip whose only file is a link to another of this machine.
fn zipped_link() -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.add_symlink("config.json", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    zip.finish().unwrap().into_inner()
}

/// The same as a tar, with something of this kind.
fn linked(kind: EntryType) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_size(0);
    header.set_path("onnx").unwrap();
    header.set_link_name("/etc").unwrap();
    header.set_cksum();
    archive.append(&header, &[][..]).unwrap();
    archive.into_inner().unwrap()
}

/// What must not become a model, and what is wrong with it. The limits are 20 files and a mebibyte.
fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    let many: Vec<String> = (0..21).map(|number| format!("f{number}")).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|path| (path.as_str(), &b""[..])).collect();
    let zeros = vec![0; 2 << 20];
    let bomb = [("model.onnx", zeros.as_slice())];
    let climbing: [(&str, &[u8]); 2] = [("fine", b"x"), ("../../escaped", b"x")];
    vec![
        ("text", b"not an archive".to_vec()),
        ("nothing", Vec::new()),
        ("torn", mood()[..700].to_vec()),
        ("climbing tar", archive(&climbing)),
        ("climbing zip", zipped(&climbing)),
        ("absolute tar", archive(&[("/escaped", b"x")])),
        ("absolute zip", zipped(&[("/escaped", b"x")])),
        ("link", linked(EntryType::Symlink)),
        ("linked zip", zipped_link()),
        ("hard link", linked(EntryType::Link)),
        ("device", linked(EntryType::Char)),
        ("many", archive(&many)),
        ("many zipped", zipped(&many)),
        ("twice", archive(&[("a", b"x"), ("a", b"y")])),
        ("bomb", gzipped(&archive(&bomb))),
        ("zip bomb", zipped(&bomb)),
        ("large", vec![0; (1 << 20) + 1]),
        ("unservable", archive(&[("unservable", b"x"), ("model.onnx", b"y")])),
        ("empty", archive(&[(".hidden", b"x")])),
    ]
}

#[tokio::test]
async fn what_is_no_archive_of_a_model_is_refused_and_nothing_stays() {
    let app = TestApp::build().registry(|limits| limits.max_bytes = Size::new(1 << 20)).start().await;
    let mut told = String::new();
    for (what, archive) in hostile() {
        let bare = refusal(&import(&app, "mood", archive.clone()).await);
        let (status, param, code, message) = &bare;
        writeln!(told, "{what}: {status} {param} {code} {message}").unwrap();
        let sent = send(&app, "/v1/models", &[word("name", "mood"), file("mood.tar", archive)]).await;
        assert_eq!(refusal(&sent), bare, "{what}: a form is no other door");
        assert!(
            app.objects().await.is_empty() && names(&app).await.is_empty() && app.scratch() == 0,
            "{what}"
        );
    }
    insta::assert_snapshot!(told, @r#"
    text: 400 "file" "invalid_model" the file is not a .zip, .tar or .tar.gz
    nothing: 400 "file" "invalid_model" the file is not a .zip, .tar or .tar.gz
    torn: 400 "file" "invalid_model" the archive cannot be read: it ends before its end
    climbing tar: 400 "file" "invalid_model" the archive is refused: `../../escaped` leads out of the model's folder
    climbing zip: 400 "file" "invalid_model" the archive is refused: `../../escaped` leads out of the model's folder
    absolute tar: 400 "file" "invalid_model" the archive is refused: `/escaped` leads out of the model's folder
    absolute zip: 400 "file" "invalid_model" the archive is refused: `/escaped` leads out of the model's folder
    link: 400 "file" "invalid_model" the archive is refused: `onnx` is a symbolic link; it may have files and folders only
    linked zip: 400 "file" "invalid_model" the archive is refused: `config.json` is a symbolic link; it may have files and folders only
    hard link: 400 "file" "invalid_model" the archive is refused: `onnx` is a hard link; it may have files and folders only
    device: 400 "file" "invalid_model" the archive is refused: `onnx` is a device; it may have files and folders only
    many: 400 "file" "invalid_model" the archive is refused: it has more than 20 entries (registry.max_files)
    many zipped: 400 "file" "invalid_model" the archive is refused: it has more than 20 entries (registry.max_files)
    twice: 400 "file" "invalid_model" the archive is refused: it has `a` twice
    bomb: 400 "file" "invalid_model" the archive is refused: unpacked it has more than 1.0 MiB (registry.max_bytes)
    zip bomb: 400 "file" "invalid_model" the archive is refused: unpacked it has more than 1.0 MiB (registry.max_bytes)
    large: 413 "file" "body_too_large" the archive has more than 1.0 MiB (registry.max_bytes)
    unservable: 400 "file" "invalid_model" this is no model that can be served: unservable: it says so itself
    empty: 400 "file" "invalid_model" there are no files in it
    "#);
    assert!(!std::path::Path::new("/escaped").exists());
    insta::assert_snapshot!(import(&app, "mood", zipped_link()).await, @r#"
    400 Bad Request
    content-type: application/json
    {
      "error": {
        "message": "the archive is refused: `config.json` is a symbolic link; it may have files and folders only",
        "type": "invalid_request_error",
        "param": "file",
        "code": "invalid_model"
      }
    }
    "#);
}
