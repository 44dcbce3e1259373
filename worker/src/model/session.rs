//! A loaded graph, and what becomes of the memory that its runs take.

use ort::session::{NoSelectedOutputs, RunOptions, SessionInputs, SessionOutputs};
use ort::value::Outlet;

/// A graph that is ready to run.
pub struct Session {
    session: ort::session::Session,
    /// What every run is told, if it is told anything.
    options: Option<RunOptions<NoSelectedOutputs>>,
}

impl Session {
    /// Takes a session whose runs give back what they took on these devices, as the runtime calls them.
    pub(super) fn new(session: ort::session::Session, gives_back: Option<&str>) -> Result<Self, ort::Error> {
        let told = |devices: &str| {
            let mut options = RunOptions::new()?;
            options.set("memory.enable_memory_arena_shrinkage", devices)?;
            Ok(options)
        };
        let options: Result<_, ort::Error> = gives_back.map(told).transpose();
        Ok(Self { session, options: options? })
    }

    /// What it takes.
    pub fn inputs(&self) -> &[Outlet] {
        self.session.inputs()
    }

    /// What it gives.
    pub fn outputs(&self) -> &[Outlet] {
        self.session.outputs()
    }

    /// Runs it.
    pub fn run<'r, 'i, 'v: 'i, const N: usize>(
        &'r mut self,
        inputs: impl Into<SessionInputs<'i, 'v, N>>,
    ) -> Result<SessionOutputs<'r>, ort::Error> {
        match &self.options {
            Some(options) => self.session.run_with_options(inputs, options),
            None => self.session.run(inputs),
        }
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("session", &self.session).finish_non_exhaustive()
    }
}
