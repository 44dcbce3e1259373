//! A command that somebody has ended with Ctrl-C.

use std::process::ExitCode;

/// What became of what it was at. The program ends with the code that shells have for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupted(pub &'static str);

/// 128 and the number of SIGINT.
const CODE: u8 = 130;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "interrupted: {}", self.0)
    }
}

impl std::error::Error for Interrupted {}

/// Whether this is the error.
pub fn is_so(error: &anyhow::Error) -> bool {
    error.is::<Interrupted>()
}

/// The code that the program ends with after an error.
pub fn code(error: &anyhow::Error) -> ExitCode {
    if is_so(error) { CODE.into() } else { ExitCode::FAILURE }
}
