//! What the environment says to a real process.

use std::process::Command;

fn shown(environment: &[(&str, &str)]) -> Result<String, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_forebay"))
        .args(["config", "show"])
        .env_clear()
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

#[test]
fn the_environment_stands_over_the_defaults() {
    let shown = shown(&[
        ("FOREBAY_LIMITS__MAX_ITEMS", "7"),
        ("FOREBAY_WORKER__MODELS", r#"["emotion", "echo"]"#),
        ("FOREBAY_WORKER__LEASE", "20s"),
        ("FOREBAY_WORKER__ECHO", "false"),
    ]);
    let shown = shown.unwrap();
    for line in ["max_items = 7", r#""emotion","#, r#"lease = "20s""#, "echo = false"] {
        assert!(shown.contains(line), "{line} is not in {shown}");
    }
}

#[test]
fn a_secret_of_digits_is_text_and_stays_hidden() {
    let secrets = [
        ("FOREBAY_BLOBS__SECRET_ACCESS_KEY", "1234567890"),
        ("FOREBAY_BLOBS__ACCESS_KEY_ID", "true"),
        ("FOREBAY_AUTH__BOOTSTRAP_KEY", "12345678901234567890123456789012"),
    ];
    let shown = shown(&secrets).unwrap();
    assert!(shown.contains(r#"access_key_id = "true""#), "{shown}");
    assert!(!shown.contains("1234567890"), "{shown}");
}

#[test]
fn what_cannot_be_is_refused_by_the_name_of_its_variable() {
    let unknown = shown(&[("FOREBAY_LIMITS__MAX_ITMES", "7")]).unwrap_err();
    assert!(unknown.contains("max_itmes"), "{unknown}");
    let wrong = shown(&[("FOREBAY_LIMITS__MAX_ITEMS", "many")]).unwrap_err();
    assert!(wrong.contains("FOREBAY_LIMITS__MAX_ITEMS") || wrong.contains("limits.max_items"), "{wrong}");
}
