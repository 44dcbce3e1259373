//! Programs that end well, badly, and not at all.

use super::*;

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

#[test]
fn what_a_program_prints_is_answered() {
    let output = output(&mut shell("echo one; echo two >&2; echo three"), &Interrupt::default()).unwrap();
    assert_eq!(output, "one\nthree\n");
}

#[test]
fn a_failure_tells_the_exit_code_and_the_last_words() {
    let error =
        output(&mut shell("seq 100; echo no room left >&2; exit 7"), &Interrupt::default()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("exit code 7") && text.contains("no room left"), "{text}");
    assert!(!text.contains("    50\n"), "only the tail is shown: {text}");
}

#[test]
fn a_missing_program_is_named() {
    let error = output(&mut Command::new("no-such-program"), &Interrupt::default()).unwrap_err();
    assert!(error.to_string().contains("no-such-program"), "{error}");
}

#[test]
fn an_interrupt_stops_the_whole_group() {
    let interrupt = Interrupt::default();
    interrupt.raise();
    let started = Instant::now();
    let error = output(&mut shell("sleep 60 & sleep 60"), &interrupt).unwrap_err();
    assert!(error.is::<Interrupted>(), "{error}");
    assert!(started.elapsed() < Duration::from_secs(5));
}
