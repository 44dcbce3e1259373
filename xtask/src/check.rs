//! `check`: everything that needs no service, and the rules that no compiler knows.

mod imports;
mod migrations;

use anyhow::Result;

use crate::process;
use crate::repository::Repository;
use crate::stages::Stages;
use crate::suite::{Services, Suite};
use crate::{setup, tools};

/// The quick subset, with the suites that run without services.
pub fn run(repository: &Repository) -> Result<()> {
    let mut stages = Stages::new();
    let outcome = all(repository, &mut stages);
    stages.report();
    outcome?.report()
}

fn all(repository: &Repository, stages: &mut Stages) -> Result<Suite> {
    rules(repository, stages)?;
    let data = stages.run("set-up", || setup::assets(repository, setup::Wanted::for_tests()))?;
    stages.run("toy models", || setup::toys(repository))?;
    stages.run("tests without services", || {
        let mut suite = Suite::new(repository, &data, Services::None)?;
        suite.everything(None)?;
        Ok(suite)
    })
}

/// Formatting, imports, migrations, lints and documents; the cheap ones first.
pub fn rules(repository: &Repository, stages: &mut Stages) -> Result<()> {
    let interrupt = &repository.interrupt;
    stages.run("formatting", || {
        process::openly(repository.cargo().args(["fmt", "--all", "--check"]), interrupt)
            .map_err(|error| error.context("`cargo fmt --all` puts it right"))
    })?;
    stages.run("who imports whom", || imports::check(repository))?;
    stages.run("migrations", || migrations::check(repository))?;
    stages.run("C compiler", || tools::linker(repository))?;
    stages.run("lints", || {
        let mut clippy = repository.cargo();
        clippy.args(["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"]);
        process::openly(&mut clippy, interrupt)
    })?;
    stages.run("documents", || {
        let mut doc = repository.cargo();
        doc.args(["doc", "--workspace", "--no-deps", "--document-private-items"]);
        process::openly(doc.env("RUSTDOCFLAGS", "-Dwarnings"), interrupt)
    })
}
