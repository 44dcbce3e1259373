//! Any cutting of the stream gives the same lines.

use proptest::prelude::*;

use super::{Line, Lines};

fn cut(file: &[u8], sizes: &[usize], longest: usize) -> Vec<Line> {
    let (mut lines, mut found, mut rest) = (Lines::new(longest), Vec::new(), file);
    let mut sizes = sizes.iter().copied().cycle();
    while !rest.is_empty() {
        let size = sizes.next().unwrap_or(rest.len()).clamp(1, rest.len());
        found.extend(lines.push(&rest[..size]));
        rest = &rest[size..];
    }
    found.extend(lines.finish());
    found
}

fn told(file: &[u8]) -> Vec<(u64, u64, String)> {
    let told = |line: Line| {
        let text =
            line.bytes.map_or("(too long)".to_owned(), |text| String::from_utf8(text.to_vec()).unwrap());
        (line.number, line.offset, text)
    };
    cut(file, &[], 10).into_iter().map(told).collect()
}

fn line(number: u64, offset: u64, text: &str) -> (u64, u64, String) {
    (number, offset, text.to_owned())
}

#[test]
fn every_end_of_a_line_is_known() {
    assert_eq!(told(b"a\nb\r\nc"), [line(1, 0, "a"), line(2, 2, "b"), line(3, 5, "c")]);
    assert_eq!(told(b"a\n"), [line(1, 0, "a")], "a last end begins no line");
    assert_eq!(told(b""), []);
}

#[test]
fn blank_lines_are_counted_and_not_told() {
    assert_eq!(told(b"\n \r\na\n\n\nb\n\n"), [line(3, 4, "a"), line(6, 8, "b")]);
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_line() {
    assert_eq!(told(b"\xEF\xBB\xBFa\nb"), [line(1, 3, "a"), line(2, 5, "b")]);
    assert_eq!(
        told(b"\xEF\xBB\xBF0123456789\n"),
        [line(1, 3, "0123456789")],
        "nor does it count for its length"
    );
    assert_eq!(told(b"\xEF\xBB\xBF"), []);
}

#[test]
fn of_a_line_that_is_too_long_only_the_place_is_told() {
    assert_eq!(
        told(b"0123456789\r\n0123456789x\nb"),
        [line(1, 0, "0123456789"), line(2, 12, "(too long)"), line(3, 24, "b")]
    );
    let (mut lines, long) = (Lines::new(10), vec![b'x'; 100_000]);
    for _ in 0..100 {
        assert!(lines.push(&long).is_empty());
        assert!(lines.gathered.len() <= 15, "what is too long is not kept");
    }
    let told = lines.push(b"\n").remove(0);
    assert_eq!((told.length, told.bytes), (10_000_000, None));
}

proptest! {
    #[test]
    fn any_cutting_gives_the_same_lines(
        file in "(\u{FEFF})?([a-z ]{0,12}(\r)?(\n|\r\n)?){0,20}",
        sizes in prop::collection::vec(1_usize..9, 1..9),
    ) {
        let file = file.as_bytes();
        let whole = cut(file, &[], 8);
        prop_assert_eq!(cut(file, &sizes, 8), whole.clone());
        for line in whole {
            let start = usize::try_from(line.offset).unwrap();
            let end = start + usize::try_from(line.length).unwrap();
            if let Some(bytes) = line.bytes {
                prop_assert_eq!(&file[start..end], &bytes[..], "the place is where the line stands");
            }
        }
    }
}
