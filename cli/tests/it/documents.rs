//! What the documents say is true: their links lead somewhere, their commands work, and what is rendered is rendered anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::Process;

/// Longer than this, and a README is a manual.
const README_LINES: usize = 250;

#[test]
fn the_readmes_are_short() {
    for name in ["README.md", "README.zh-CN.md"] {
        let lines = read(name).lines().count();
        assert!(lines <= README_LINES, "{name} has {lines} lines; details go to docs/");
    }
}

#[test]
fn the_readmes_show_the_same_commands() {
    let (english, chinese) = (blocks(&read("README.md")), blocks(&read("README.zh-CN.md")));
    assert!(english.iter().any(|block| block.language == "sh"), "there are commands to compare");
    for (english, chinese) in english.iter().zip(&chinese) {
        assert_eq!(english, chinese);
    }
    assert_eq!(english.len(), chinese.len());
}

#[test]
fn links_lead_somewhere() {
    let mut broken = Vec::new();
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        let folder = document.parent().unwrap();
        for link in links(&text) {
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if path.is_empty() { document.clone() } else { folder.join(path) };
            let found = target.exists() && (anchor.is_empty() || has_heading(&target, anchor));
            if !found {
                broken.push(format!("{}: {link}", document.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_reference_of_the_configuration_is_the_rendered_one() {
    let written = read("docs/configuration.md");
    assert!(
        written == forebay_cli::reference::page(),
        "docs/configuration.md is not what cli/config.default.toml says: \
         run `cargo run -p forebay-cli --example configuration`"
    );
}

/// The blocks marked `sh`, one after the other in one shell, as a reader would paste them.
#[test]
fn the_commands_of_the_readme_work() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    for part in ["lib", "models"] {
        let starter = root().join(".forebay").join(part);
        assert!(starter.is_dir(), "{} is missing: run `cargo xtask setup`", starter.display());
        std::os::unix::fs::symlink(starter, data.join(part)).unwrap();
    }
    let environment = [("FOREBAY_DATA_DIR".to_owned(), data.to_str().unwrap().to_owned())];
    let arguments = ["serve", "--listen", "127.0.0.1:0"];
    let mut service = Process::start(&arguments, &environment, folder.path(), "serve");
    service.says("worker registered");
    let greeting = service.says("listening on http://");
    let address = greeting.split("http://").nth(1).and_then(|rest| rest.split(',').next()).unwrap();

    let commands: Vec<String> = blocks(&read("README.md"))
        .into_iter()
        .filter(|block| block.language == "sh")
        .map(|block| block.lines.join("\n").replace("127.0.0.1:8080", address))
        .collect();
    // A refusal ends the script, and so does an answer that does not come.
    let careful =
        "set -eu\ncurl() { command curl --fail --show-error --max-time 60 --noproxy '*' \"$@\"; }\n";
    let script = format!("{careful}{}", commands.join("\n"));
    let output = Command::new("sh").args(["-c", &script]).current_dir(root()).output().unwrap();
    assert!(
        output.status.success(),
        "{script}\n{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    service.stop();
}

/// A fenced block; lines that only comment are left out, since those are translated.
#[derive(Debug, PartialEq, Eq)]
struct Block {
    language: String,
    lines: Vec<String>,
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for line in text.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(language), None) => {
                open = Some(Block { language: language.to_owned(), lines: Vec::new() });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) if !line.trim_start().starts_with('#') => block.lines.push(line.to_owned()),
            (None, _) => {}
        }
    }
    assert!(open.is_none(), "a fenced block is not closed");
    blocks
}

/// Where the text leads to in this repository.
fn links(text: &str) -> Vec<String> {
    let mut fenced = false;
    let prose = text.lines().filter(|line| {
        fenced ^= line.starts_with("```");
        !fenced
    });
    let links = prose.flat_map(|line| line.split("](").skip(1));
    links
        .filter_map(|rest| rest.split(')').next())
        .filter(|link| !link.contains("://") && !link.starts_with("mailto:"))
        .map(str::to_owned)
        .collect()
}

/// Whether a document has the heading that an anchor means.
fn has_heading(document: &Path, anchor: &str) -> bool {
    let slug = |heading: &str| -> String {
        let kept = heading.trim().to_lowercase();
        kept.chars()
            .filter(|c| c.is_alphanumeric() || "-_ ".contains(*c))
            .collect::<String>()
            .replace(' ', "-")
    };
    let text = fs::read_to_string(document).unwrap();
    text.lines().filter(|line| line.starts_with('#')).any(|line| slug(line.trim_start_matches('#')) == anchor)
}

/// The documents of the root, of `docs/` and of the models.
fn documents() -> Vec<PathBuf> {
    let folders = [root(), root().join("docs"), root().join("models"), root().join("models/emotion")];
    let entries = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap());
    let files = entries.map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|kind| kind == "md")).collect()
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}
