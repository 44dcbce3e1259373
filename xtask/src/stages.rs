//! The stages of a long run, and how long each took.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::console::{Paint, fit, seconds};
use crate::process::Interrupted;

/// Runs stages one after the other, and tells at the end what each has cost.
#[derive(Debug)]
pub struct Stages {
    begun: Instant,
    done: Vec<(String, Duration, bool)>,
}

impl Stages {
    /// None yet.
    pub fn new() -> Self {
        Self { begun: Instant::now(), done: Vec::new() }
    }

    /// Runs one stage; a failure is named after it.
    pub fn run<T>(&mut self, name: &str, stage: impl FnOnce() -> Result<T>) -> Result<T> {
        eprintln!("\n{} {}", Paint::stderr().cyan("==>"), Paint::stderr().bold(name));
        let begun = Instant::now();
        let outcome = stage();
        self.done.push((name.to_owned(), begun.elapsed(), outcome.is_ok()));
        outcome
            .map_err(|error| if error.is::<Interrupted>() { error } else { error.context(name.to_owned()) })
    }

    /// The list.
    pub fn report(&self) {
        let paint = Paint::stderr();
        eprintln!();
        for (name, took, well) in &self.done {
            let word = if *well { paint.green("ok    ") } else { paint.red("failed") };
            eprintln!("{word}  {}  {:>12}", fit(name, 44), seconds(*took));
        }
        eprintln!("        {}  {:>12}", fit("together", 44), seconds(self.begun.elapsed()));
    }
}
