//! The reference of the configuration: the defaults file as tables.
//!
//! `docs/configuration.md` is what comes out here, and a test compares the two. Nothing is said here that the defaults
//! file does not say, and nothing that it says is left out.

use std::fmt::Write;

/// Every key with its default and a sentence: what runs if nobody says otherwise.
const DEFAULTS: &str = include_str!("../config.default.toml");

const TITLE: &str = "\
# Configuration

Every key, its default, and the environment variable that stands over it. This page is rendered from
[`cli/config.default.toml`](../cli/config.default.toml) by `cargo run -p forebay-cli --example configuration`; change
that file, not this one.";

/// A section: its name and its keys. Those before the first heading have a section without a name.
#[derive(Debug, Default)]
struct Section<'a> {
    name: &'a str,
    keys: Vec<Key<'a>>,
}

/// A key, its default as it is written, and what it means.
#[derive(Debug)]
struct Key<'a> {
    name: &'a str,
    default: &'a str,
    meaning: Meaning<'a>,
}

/// Keys that stand together under one comment share it.
#[derive(Debug)]
enum Meaning<'a> {
    Own(String),
    SharedWith(&'a str),
}

/// The page.
pub fn page() -> String {
    let (preface, sections) = read(DEFAULTS);
    let mut page = format!("{TITLE}\n");
    for paragraph in preface {
        write!(page, "\n{paragraph}\n").expect("a string takes all that is written");
    }
    for section in sections {
        let name = if section.name.is_empty() { "Outside all sections" } else { section.name };
        write!(page, "\n## {name}\n\n| key | default | environment | meaning |\n|---|---|---|---|\n")
            .expect("a string takes all that is written");
        for key in &section.keys {
            page.push_str(&row(section.name, key));
        }
    }
    page
}

fn row(section: &str, key: &Key<'_>) -> String {
    let meaning = match &key.meaning {
        Meaning::Own(sentences) => sentences.replace('|', "\\|"),
        Meaning::SharedWith(first) => format!("See `{first}`."),
    };
    format!("| `{}` | `{}` | `{}` | {meaning} |\n", key.name, key.default, variable(section, key.name))
}

/// `worker.retry`, `base` → `FOREBAY_WORKER__RETRY__BASE`
fn variable(section: &str, key: &str) -> String {
    let path = if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") };
    format!("FOREBAY_{}", path.replace('.', "__").to_uppercase())
}

/// Reads what the file says before its first key, and its sections.
fn read(text: &str) -> (Vec<String>, Vec<Section<'_>>) {
    let (preface, body) = text.split_once("\n\n").unwrap_or(("", text));
    let mut sections = vec![Section::default()];
    let mut comment = Vec::new();
    // The key that the comment before has been given to.
    let mut first = "";
    for line in body.lines().map(str::trim) {
        if let Some(words) = line.strip_prefix('#') {
            if !first.is_empty() {
                comment.clear();
                first = "";
            }
            comment.push(words.trim());
        } else if let Some(name) = line.strip_prefix('[') {
            (comment, first) = (Vec::new(), "");
            sections.push(Section { name: name.trim_end_matches(']'), keys: Vec::new() });
        } else if let Some((name, default)) = line.split_once(" = ") {
            let meaning =
                if first.is_empty() { Meaning::Own(comment.join(" ")) } else { Meaning::SharedWith(first) };
            if first.is_empty() {
                first = name;
            }
            if let Some(section) = sections.last_mut() {
                section.keys.push(Key { name, default, meaning });
            }
        }
    }
    (paragraphs(preface), sections)
}

/// Comment lines as paragraphs; a line without words ends one.
fn paragraphs(comment: &str) -> Vec<String> {
    let lines: Vec<_> = comment.lines().map(|line| line.trim_start_matches('#').trim()).collect();
    let groups = lines.split(|line| line.is_empty());
    groups.map(|group| group.join("\n")).filter(|paragraph| !paragraph.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_row() {
        fn keys(at: &str, table: &toml::Table, found: &mut Vec<String>) {
            for (name, value) in table {
                let path = if at.is_empty() { name.clone() } else { format!("{at}__{name}") };
                match value {
                    // A table without a header of its own is a key: what is in it is the operator's to name.
                    toml::Value::Table(below)
                        if DEFAULTS.contains(&format!("\n[{}]\n", path.replace("__", "."))) =>
                    {
                        keys(&path, below, found);
                    }
                    _ => found.push(format!("`FOREBAY_{}`", path.to_uppercase())),
                }
            }
        }
        let mut expected = Vec::new();
        keys("", &DEFAULTS.parse().unwrap(), &mut expected);
        let page = page();
        for variable in &expected {
            assert!(page.contains(variable.as_str()), "{variable} has no row");
        }
        assert_eq!(page.matches("`FOREBAY_").count(), expected.len());
    }

    #[test]
    fn no_sentence_is_lost() {
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let page = words(&page());
        for line in DEFAULTS.lines().filter_map(|line| line.strip_prefix('#')) {
            let line = words(line);
            assert!(page.contains(&line), "`{line}` is lost");
        }
    }

    #[test]
    fn keys_under_one_comment_share_it() {
        let (preface, sections) =
            read("# A file.\n#\n# Of keys.\n\n[a.b]\n# Both.\nx = 1\ny = \"\"\n# One.\nz = []\n");
        assert_eq!(preface, ["A file.", "Of keys."]);
        let rows: Vec<_> = sections[1].keys.iter().map(|key| row("a.b", key)).collect();
        assert_eq!(
            rows,
            [
                "| `x` | `1` | `FOREBAY_A__B__X` | Both. |\n",
                "| `y` | `\"\"` | `FOREBAY_A__B__Y` | See `x`. |\n",
                "| `z` | `[]` | `FOREBAY_A__B__Z` | One. |\n",
            ]
        );
    }
}
