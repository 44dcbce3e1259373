//! Commands on a terminal: bars are drawn, and Ctrl-C ends them with a word.

use std::path::Path;
use std::process::Command;

use super::columns::on_both;
use super::house::{House, Plan, starter_data};
use super::models::{command, done, large};

on_both! {
    Plan::echo() => [
        an_import_draws_bars,
        an_import_that_is_interrupted_says_so,
    ];
}

/// Runs a command on a terminal of its own, and presses Ctrl-C once it has said these words. Answers with its exit code and
/// all it has written.
pub fn run(command: &Command, interrupted_at: Option<&str>) -> (i32, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/terminal/run.py");
    let mut on_terminal = Command::new("python3");
    on_terminal
        .arg(script)
        .arg(interrupted_at.unwrap_or_default())
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))))
        .env("TERM", "xterm")
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .current_dir(command.get_current_dir().expect("a house's folder"));
    let output = on_terminal.output().expect("there is python3");
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.code().unwrap_or(-1), said)
}

/// What the bars of this step said at each time that they were drawn: how much was done, and of how much.
pub fn bars<'a>(said: &'a str, step: &str) -> Vec<(&'a str, &'a str)> {
    let drawn = said.split(step).skip(1).filter_map(|bar| bar.trim_start().strip_prefix(['█', '░']));
    drawn
        .filter_map(|bar| {
            let (done, rest) = bar.trim_start_matches(['█', '░', ' ']).split_once('/')?;
            let whole = rest.split(' ').take(2).map(str::len).sum::<usize>() + 1;
            Some((done, &rest[..whole]))
        })
        .collect()
}

async fn an_import_draws_bars(house: House) {
    let folder = starter_data().join("models/opennsfw");
    let (code, said) = run(&command(&house, &["import", folder.to_str().unwrap()]), None);
    assert_eq!(code, 0, "{said}");
    for step in ["reading", "storing"] {
        let (done, whole) = bars(&said, step).pop().unwrap_or_else(|| panic!("{step} has no bar: {said}"));
        assert!(done == whole && whole.ends_with("MiB"), "{done} of {whole}: {said}");
    }
    assert!(said.contains("added: "), "{said}");
    house.stop();
}

async fn an_import_that_is_interrupted_says_so(house: House) {
    let (folder, weights) = large(&house);
    weights.set_len(512 << 20).unwrap();
    let (code, said) = run(&command(&house, &["import", folder.to_str().unwrap()]), Some("reading"));
    assert_eq!(code, 130, "{said}");
    assert!(said.trim_end().ends_with("forebay: interrupted: nothing was imported"), "{said}");
    assert_eq!(done(&house, &["list"]), "");
    house.stop();
}
