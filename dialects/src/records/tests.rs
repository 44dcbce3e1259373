//! Records of every format, however the stream is cut, and files that are not what they should be.

use std::io::{Cursor, Write as _};

use ::zip::write::SimpleFileOptions;
use proptest::prelude::*;

use super::csv::{Columns, Row, Rows, Said};
use super::*;

const BOUNDS: Bounds = Bounds { entries: 100, entry: 1 << 20, total: 4 << 20 };

/// Every way that matters to hand a file over: bit by bit, as a whole, and in pieces of a few bytes.
fn cuts(file: &[u8], piece: usize) -> impl Iterator<Item = &[u8]> {
    file.chunks(piece.max(1))
}

fn rows(file: &[u8], piece: usize, longest: usize) -> Vec<Row> {
    let mut reader = Rows::new(b',', longest);
    let mut found: Vec<Row> = cuts(file, piece).flat_map(|chunk| reader.push(chunk)).collect();
    found.extend(reader.finish());
    found
}

fn texts(file: &[u8], piece: usize) -> Vec<Said> {
    let rows = rows(file, piece, 1000);
    let header = rows[0].bytes.clone().expect("the header is short");
    let columns = Columns::find(&header, b',', "text", Some("id")).expect("both columns are there");
    rows[1..].iter().map(|row| columns.read(row.bytes.as_ref().expect("rows are short")).unwrap()).collect()
}

fn said(id: &str, text: &str) -> Said {
    Said { id: (!id.is_empty()).then(|| id.to_owned()), text: text.to_owned() }
}

#[test]
fn rows_are_where_they_say_they_are() {
    let file = b"\xEF\xBB\xBFid,text\r\na,one\r\n\r\nb,\"two\nlines, \"\"quoted\"\"\"\nc,three";
    let expected = [said("a", "one"), said("b", "two\nlines, \"quoted\""), said("c", "three")];
    for piece in [1, 2, 3, 7, 100] {
        assert_eq!(texts(file, piece), expected, "in pieces of {piece}");
        for row in rows(file, piece, 1000) {
            let start = usize::try_from(row.offset).unwrap();
            let end = start + usize::try_from(row.length).unwrap();
            assert_eq!(file[start..end], row.bytes.unwrap()[..], "row {} in pieces of {piece}", row.number);
        }
    }
    let numbers: Vec<u64> = rows(file, 4, 1000).iter().map(|row| row.number).collect();
    assert_eq!(numbers, [0, 1, 2, 3]);
}

#[test]
fn a_row_is_read_from_its_range_alone() {
    let file = b"id,text\na,one\nb,\"two\nlines\"\nc,three\n";
    let all = rows(file, 5, 1000);
    let (first, last) = (&all[2], &all[3]);
    let range = usize::try_from(first.offset).unwrap()..usize::try_from(last.offset + last.length).unwrap();
    let mut reader = Rows::from(first.number, first.offset, b',', 1000);
    let mut again = reader.push(&file[range]);
    again.extend(reader.finish());
    assert_eq!(again, all[2..]);
}

#[test]
fn of_a_row_that_is_too_long_only_the_place_is_told() {
    let file = format!("id,text\na,{}\nb,short\n", "x".repeat(5000));
    for piece in [1, 100, 10_000] {
        let rows = rows(file.as_bytes(), piece, 20);
        assert_eq!((rows[1].bytes.clone(), rows[1].offset), (None, 8));
        assert_eq!(rows[2].bytes.as_deref(), Some(&b"b,short"[..]));
    }
}

#[test]
fn columns_are_found_by_name_or_told() {
    let find = |header: &str, text, id| Columns::find(header.as_bytes(), b';', text, id);
    assert_eq!(find("a;text;id", "text", Some("id")), Ok(Columns { delimiter: b';', text: 1, id: Some(2) }));
    let missing = find("a;b", "text", None).unwrap_err();
    assert_eq!(missing.message, "there is no column `text`; there are `a`, `b`");
    assert_eq!(find("text;text", "text", None).unwrap_err().message, "there are several columns `text`");
    let columns = find("a;text", "text", None).unwrap();
    assert_eq!(columns.read(b"x").unwrap_err().message, "the row has 1 fields, and the text is in field 2");
    assert_eq!(columns.read(b"x;").unwrap_err().message, "the row's text is empty");
    assert_eq!(columns.read(b"x;\xff").unwrap_err().message, "the row is not UTF-8");
}

proptest! {
    #[test]
    fn what_is_written_as_csv_is_read_as_it_was(
        table in prop::collection::vec(("[a-z]{0,3}", "[a-z\",\r\n ;é]{1,12}"), 1..20),
        crlf in any::<bool>(),
        piece in 1..40_usize,
    ) {
        let terminator = if crlf { ::csv::Terminator::CRLF } else { ::csv::Terminator::Any(b'\n') };
        let mut writer = ::csv::WriterBuilder::new().terminator(terminator).from_writer(Vec::new());
        writer.write_record(["id", "text"]).unwrap();
        for (id, text) in &table {
            writer.write_record([id, text]).unwrap();
        }
        let file = writer.into_inner().unwrap();
        let expected: Vec<Said> = table.iter().map(|(id, text)| said(id, text)).collect();
        prop_assert_eq!(texts(&file, piece), expected);
    }
}

/// A picture's name and its bytes.
type File<'a> = (&'a str, Vec<u8>);

fn zipped(files: &[File<'_>]) -> Vec<u8> {
    let mut writer = ::zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn tarred(files: &[File<'_>]) -> Vec<u8> {
    let mut builder = ::tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = ::tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, &content[..]).unwrap();
    }
    builder.into_inner().unwrap()
}

fn in_zip(archive: &[u8], piece: usize, bounds: Bounds) -> Result<Vec<Entry>, Fault> {
    let size = archive.len() as u64;
    let tail = &archive[usize::try_from(size.saturating_sub(zip::TAIL)).unwrap()..];
    let directory = zip::Directory::find(size, tail)?;
    let range =
        usize::try_from(directory.range.start).unwrap()..usize::try_from(directory.range.end).unwrap();
    let mut entries = zip::Entries::new(directory, bounds);
    let mut found = Vec::new();
    for chunk in cuts(&archive[range], piece) {
        found.extend(entries.push(chunk)?);
    }
    entries.finish()?;
    Ok(found)
}

fn in_tar(archive: &[u8], piece: usize, bounds: Bounds) -> Result<Vec<Entry>, Fault> {
    let mut entries = tar::Entries::new(bounds);
    let mut found = Vec::new();
    for chunk in cuts(archive, piece) {
        found.extend(entries.push(chunk)?);
    }
    entries.finish()?;
    Ok(found)
}

fn record(archive: &[u8], entry: &Entry) -> Bytes {
    let start = usize::try_from(entry.offset).unwrap();
    Bytes::copy_from_slice(&archive[start..start + usize::try_from(entry.length).unwrap()])
}

/// Both kinds of archive, with what finds and what unpacks their files.
type Finds = fn(&[u8], usize, Bounds) -> Result<Vec<Entry>, Fault>;
type Unpacks = fn(&Bytes, u64) -> Result<Unpacked, Fault>;
type Packs = fn(&[File<'_>]) -> Vec<u8>;
const BOTH: [(Packs, Finds, Unpacks); 2] = [(zipped, in_zip, zip::unpack), (tarred, in_tar, tar::unpack)];

#[test]
fn files_are_found_and_read_from_their_records_alone() {
    let long = format!("{}/picture.png", "folder/".repeat(30));
    let files = [
        ("a.png", vec![7; 3000]),
        ("deep/er/b.png", (0..=255).collect()),
        (&long, vec![1, 2, 3]),
        ("empty.png", Vec::new()),
        ("große Bilder.png", vec![9; 700]),
    ];
    for (pack, find, unpack) in BOTH {
        let archive = pack(&files);
        for piece in [1, 100, 513, 1 << 20] {
            let found = find(&archive, piece, BOUNDS).unwrap();
            let names: Vec<_> = found.iter().map(|entry| (entry.number, entry.name.as_str())).collect();
            let expected: Vec<_> = (1..).zip(files.iter().map(|(name, _)| label(name).unwrap())).collect();
            assert_eq!(
                names,
                expected.iter().map(|(number, name)| (*number, name.as_str())).collect::<Vec<_>>()
            );
            for (entry, (_, content)) in found.iter().zip(&files) {
                let unpacked = unpack(&record(&archive, entry), BOUNDS.entry).unwrap();
                assert_eq!((&unpacked.name, unpacked.content), (&entry.name, Bytes::from(content.clone())));
                assert_eq!((entry.size, &entry.fault), (content.len() as u64, &None));
            }
        }
    }
}

#[test]
fn what_is_hidden_is_passed_over_and_names_are_no_paths() {
    let files = [".DS_Store", "a/.hidden/b", "__MACOSX/a.png", "a/b.png"].map(|name| (name, vec![1]));
    for (pack, find, _) in BOTH {
        let found = find(&pack(&files), 512, BOUNDS).unwrap();
        let names: Vec<_> = found.iter().map(|entry| (entry.number, entry.name.as_str())).collect();
        assert_eq!(names, [(1, "a/b.png")]);
    }
    for (path, name) in [
        ("../../etc/passwd", "etc/passwd"),
        ("/a", "a"),
        ("a/./b//c", "a/b/c"),
        ("C:\\x\\y", "C:/x/y"),
        ("..\\z", "z"),
    ] {
        assert_eq!(label(path).as_deref(), Some(name));
    }
    assert_eq!((label(".."), label("")), (None, None));
}

#[test]
fn folders_links_and_devices_are_passed_over() {
    let mut builder = ::tar::Builder::new(Vec::new());
    for (kind, name) in
        [(::tar::EntryType::Directory, "d/"), (::tar::EntryType::Symlink, "l"), (::tar::EntryType::Char, "c")]
    {
        let mut header = ::tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_size(0);
        header.set_path(name).unwrap();
        if kind == ::tar::EntryType::Symlink {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        builder.append(&header, &[][..]).unwrap();
    }
    assert_eq!(in_tar(&builder.into_inner().unwrap(), 512, BOUNDS), Ok(Vec::new()));
    let mut writer = ::zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.add_directory("d/", SimpleFileOptions::default()).unwrap();
    assert_eq!(in_zip(&writer.finish().unwrap().into_inner(), 9, BOUNDS), Ok(Vec::new()));
}

#[test]
fn what_an_archive_may_hold_is_bounded() {
    let files = [("a", vec![0; 3000]), ("b", vec![0; 10]), ("c", vec![0; 10])];
    for (pack, find, unpack) in BOTH {
        let archive = pack(&files);
        let found = find(&archive, 512, Bounds { entry: 2999, ..BOUNDS }).unwrap();
        let faults: Vec<_> =
            found.iter().map(|entry| entry.fault.as_ref().map(|fault| fault.limit)).collect();
        assert_eq!(faults, [Some(Some(2999)), None, None], "it fails alone");
        let refused = unpack(&record(&archive, &found[0]), 2999).unwrap_err();
        assert_eq!(refused.limit, Some(2999), "{}", refused.message);
        let many = find(&archive, 512, Bounds { entries: 2, ..BOUNDS }).unwrap_err();
        assert_eq!(many.message, "the archive has more than 2 files, which is the limit");
        let large = find(&archive, 512, Bounds { total: 3019, ..BOUNDS }).unwrap_err();
        assert_eq!(
            large.message,
            "the archive's files have more than 3019 bytes together, which is the limit"
        );
    }
}

#[test]
fn what_extends_a_header_is_bounded_altogether() {
    let archive = |extensions: usize| {
        let mut builder = ::tar::Builder::new(Vec::new());
        let mut append = |kind, size: usize| {
            let mut header = ::tar::Header::new_ustar();
            header.set_entry_type(kind);
            header.set_size(size as u64);
            builder.append_data(&mut header, "a.png", &*vec![0; size]).unwrap();
        };
        (0..extensions).for_each(|_| append(::tar::EntryType::XGlobalHeader, 60 * 1024));
        append(::tar::EntryType::Regular, 10);
        builder.into_inner().unwrap()
    };
    let entry = in_tar(&archive(4), 512, BOUNDS).unwrap().remove(0);
    assert_eq!((entry.size, entry.offset, entry.length), (10, 0, 4 * (60 * 1024 + 512) + 512 + 10));
    let refused = in_tar(&archive(5), 512, BOUNDS).unwrap_err();
    assert_eq!(refused.message, "what extends a file's header in the archive is too long");
}

#[test]
fn a_bomb_is_not_unpacked_however_small_it_says_it_is() {
    let mut archive = zipped(&[("bomb", vec![0; 16 << 20])]);
    assert!(archive.len() < 100_000);
    let entry =
        in_zip(&archive, 512, Bounds { entry: 32 << 20, total: 32 << 20, ..BOUNDS }).unwrap().remove(0);
    // What the headers say of its size is a lie.
    archive[22..26].copy_from_slice(&10_u32.to_le_bytes());
    let refused = zip::unpack(&record(&archive, &entry), 1 << 20).unwrap_err();
    assert!(refused.message.ends_with("the limit is 1048576"), "{}", refused.message);

    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(&vec![0; 16 << 20]).unwrap();
    let (mut largest, mut unpacker) = (0, gzip::Gunzip::new(8 << 20));
    let stopped = unpacker.push(&packer.finish().unwrap(), |bytes| {
        largest = largest.max(bytes.len());
        Ok(())
    });
    assert_eq!(stopped.unwrap_err().limit, Some(8 << 20));
    assert!(largest <= 5 << 20, "{largest} bytes came at once");
}

#[test]
fn a_packed_tar_is_a_tar_once_it_is_unpacked() {
    let archive = tarred(&[("a.png", vec![7; 100_000]), ("b.png", vec![8; 5])]);
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(&archive).unwrap();
    let packed = writer.finish().unwrap();
    assert!(gzip::is_gzip(&packed) && !gzip::is_gzip(&archive));
    let (mut tar, mut reader) = (Vec::new(), gzip::Gunzip::new(1 << 20));
    for chunk in cuts(&packed, 37) {
        let take = |bytes: Bytes| {
            tar.extend_from_slice(&bytes);
            Ok(())
        };
        reader.push(chunk, take).unwrap();
    }
    reader
        .finish(|bytes| {
            tar.extend_from_slice(&bytes);
            Ok(())
        })
        .unwrap();
    assert_eq!(tar, archive);
    let mut torn = gzip::Gunzip::new(1 << 20);
    torn.push(&packed[..packed.len() / 2], |_| Ok(())).unwrap();
    assert!(torn.finish(|_| Ok(())).is_err());
    assert!(gzip::Gunzip::new(1 << 20).push(b"no gzip at all", |_| Ok(())).is_err());
}

#[test]
fn torn_archives_are_refused() {
    let files = [("a", vec![1; 2000]), ("b", vec![2; 2000])];
    let archive = tarred(&files);
    for end in [100, 600, 2000, 2900] {
        assert!(in_tar(&archive[..end], 512, BOUNDS).is_err(), "cut at {end}");
    }
    let archive = zipped(&files);
    for end in [0, 10, archive.len() / 2, archive.len() - 1] {
        assert!(in_zip(&archive[..end], 512, BOUNDS).is_err(), "cut at {end}");
    }
    let entry = in_zip(&archive, 512, BOUNDS).unwrap().remove(0);
    let mut changed = archive.clone();
    changed[14] ^= 1;
    let told = zip::unpack(&record(&changed, &entry), 1 << 20).unwrap_err().message;
    assert_eq!(told, "the file does not have the bytes that its archive says it has");
}

#[test]
fn what_cannot_be_unpacked_fails_alone() {
    let mut archive = zipped(&[("a", vec![1; 200]), ("b", vec![2; 200])]);
    let second = archive.windows(4).rposition(|mark| mark == b"PK\x01\x02").unwrap();
    archive[second + 8] |= 1;
    let found = in_zip(&archive, 100, BOUNDS).unwrap();
    assert_eq!(found[0].fault, None);
    assert_eq!(found[1].fault.as_ref().unwrap().message, "the file is encrypted");
}

proptest! {
    #[test]
    fn nothing_that_comes_makes_a_reader_panic(
        mut bytes in prop::collection::vec(any::<u8>(), 0..2000),
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        valid in any::<bool>(),
        piece in 1..600_usize,
    ) {
        if valid {
            // A real archive with a few bytes changed is read further than noise.
            bytes = if bytes.len() % 2 == 0 { zipped(&[("a", bytes)]) } else { tarred(&[("a", bytes)]) };
            for (place, byte) in places {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
        }
        for (_, find, unpack) in BOTH {
            for entry in find(&bytes, piece, BOUNDS).unwrap_or_default() {
                let start = usize::try_from(entry.offset).unwrap_or(usize::MAX).min(bytes.len());
                let end = start.saturating_add(usize::try_from(entry.length).unwrap_or(usize::MAX)).min(bytes.len());
                let _ = unpack(&Bytes::copy_from_slice(&bytes[start..end]), 1 << 20);
            }
            let _ = unpack(&Bytes::from(bytes.clone()), 1 << 20);
        }
        let _ = rows(&bytes, piece, 100);
        let _ = gzip::Gunzip::new(1 << 20).push(&bytes, |_| Ok(()));
    }
}
