//! `Dockerfile`: what every container has from the image.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Declared, assert_exists, assert_mentions_exist, read, texts};

/// The instructions of the last stage, by their first word, lines put together.
fn instructions() -> Vec<(String, String)> {
    let text = read("Dockerfile");
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let whole = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    let all: Vec<(String, String)> = whole
        .lines()
        .filter_map(|line| line.trim().split_once(' '))
        .map(|(word, rest)| (word.to_owned(), rest.trim().to_owned()))
        .collect();
    let last = all.iter().rposition(|(word, _)| word == "FROM").unwrap();
    all[last..].to_vec()
}

fn instruction(word: &str) -> String {
    let found = instructions().into_iter().rfind(|(own, _)| own == word);
    found.unwrap_or_else(|| panic!("the last stage has {word}")).1
}

/// What the image sets; a container's own environment stands over it.
pub fn environment() -> BTreeMap<String, String> {
    let set = instructions().into_iter().filter(|(word, _)| word == "ENV");
    set.map(|(_, pair)| pair.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned())).unwrap())
        .collect()
}

/// Whom the image runs as.
pub fn user() -> u64 {
    instruction("USER")
        .split(':')
        .next()
        .unwrap()
        .parse()
        .expect("a number, so that anybody can tell that it is not root")
}

#[test]
fn the_image_runs_the_program_as_nobody_special() {
    assert_eq!(instruction("ENTRYPOINT"), r#"["forebay"]"#);
    assert!(user() > 0, "not root");
    assert_eq!(environment()["FOREBAY_DATA_DIR"], "/var/lib/forebay");
    for variable in environment().keys() {
        assert_exists(variable);
    }
    assert_mentions_exist(&read("Dockerfile"));
}

#[test]
fn the_image_by_itself_serves_and_is_asked_where_it_listens() {
    let command: Value = serde_json::from_str(&instruction("CMD")).unwrap();
    let arguments = texts(&command);
    assert_eq!(arguments[0], "serve");
    let served = Declared {
        role: "api", // what it listens with
        arguments,
        environment: environment(),
        checks: Vec::new(),
        grace: std::time::Duration::ZERO,
    };
    let port = served.port().unwrap();
    assert_eq!(instruction("EXPOSE"), port.to_string());
    let health = instruction("HEALTHCHECK");
    assert!(health.contains(&format!("/dev/tcp/127.0.0.1/{port} ")), "{health}");
}

#[test]
fn the_models_and_the_library_are_where_the_program_looks_for_them() {
    let folder = &environment()["FOREBAY_DATA_DIR"];
    let copies: Vec<String> =
        instructions().into_iter().filter(|(word, _)| word == "COPY").map(|(_, rest)| rest).collect();
    assert!(copies.contains(&format!("--from=assets /out/ {folder}/")), "{copies:?}");
    let text = read("Dockerfile");
    for variant in ["setup --no-build \\", "setup --no-build --gpu \\"] {
        assert!(text.contains(&format!("cargo --locked xtask {variant}")), "{variant}");
    }
}

#[test]
fn the_image_is_made_of_the_whole_workspace() {
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let members = manifest["workspace"]["members"].as_array().unwrap();
    let left_out = read(".dockerignore");
    for member in members.iter().filter_map(toml::Value::as_str).chain(["migrations", "models", ".cargo"]) {
        assert!(!left_out.lines().any(|line| line.trim_end_matches('/') == member), "{member} is left out");
    }
}
