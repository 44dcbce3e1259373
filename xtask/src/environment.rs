//! The environment: read here and nowhere else in this crate.

use std::ffi::OsString;
use std::process::Command;

/// The value of `name`, if it is set and not empty.
#[expect(clippy::disallowed_methods, reason = "this is the door through which chores read the environment")]
pub fn told(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Takes away what the caller's shell configures of Forebay, so that every run meets the same defaults.
pub fn without_forebay(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("FOREBAY_")) {
            command.env_remove(name);
        }
    }
    command
}

/// Takes away what `cargo run` told this program about itself: a cargo started from here must not take it for its own.
pub fn without_own_cargo(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        let own = |name: &str| {
            ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"]
                .iter()
                .any(|p| name.starts_with(p))
                || name == "CARGO_PRIMARY_PACKAGE"
        };
        if name.to_str().is_some_and(own) {
            command.env_remove(name);
        }
    }
    command
}
