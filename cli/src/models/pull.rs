//! `forebay models pull`: a job like any other, done by this process while it lives.

use std::cell::Cell;
use std::sync::Arc;

use anyhow::Context;
use forebay_api::DEFAULT_OWNER;
use forebay_scheduler::pull::Puller;
use forebay_shared::config::Size;
use forebay_shared::hub::Reference;
use forebay_shared::job::{Job, Keep, NewJob, Output, Status, read_result};
use forebay_shared::registry::NewPull;
use forebay_shared::shutdown::{Tasks, signal};
use forebay_shared::store::Store;

use super::bar::Bars;
use crate::config::Config;
use crate::interrupted::Interrupted;
use crate::seams::{Seams, puller};

/// What is to be pulled.
#[derive(Debug)]
pub struct Wish {
    pub reference: String,
    pub name: Option<String>,
    pub revision: Option<String>,
    pub owner: Option<String>,
}

impl Wish {
    fn reference(&self) -> anyhow::Result<Reference> {
        match &self.revision {
            Some(_) if self.reference.contains('@') => {
                anyhow::bail!("the revision is said twice: after @, and by --revision")
            }
            Some(revision) => Ok(format!("{}@{revision}", self.reference).parse()?),
            None => Ok(self.reference.parse()?),
        }
    }
}

/// Pulls a model and says what became of it. Whoever interrupts it cancels the job; if it is killed, a scheduler goes on.
pub async fn run(wish: Wish, config: &Config) -> anyhow::Result<()> {
    let reference = wish.reference()?;
    let tasks = Tasks::new();
    let seams = Seams::open(config, "forebay models pull", &tasks).await?;
    let puller = puller(config, &seams)?;
    let everybody = wish.owner.is_none();
    let owner = wish.owner.unwrap_or_else(|| DEFAULT_OWNER.to_owned());
    let pull = NewPull { owner, reference, name: wish.name, everybody, by_admin: true };
    let job = pull.job(seams.ids.job(), Keep::all(config.retention.jobs.get()));
    // Whoever waits here tries again by hand, and goes on with what has come.
    let job = NewJob { max_attempts: 1, ..job.context("choose another with --name")? };
    let ended = pulled(&puller, job, seams.store.as_ref()).await;
    tasks.stop();
    puller.rest().await;
    let told = match ended {
        Ok((job, true)) if job.status == Status::Cancelled => {
            Err(Interrupted("the pull is cancelled").into())
        }
        Ok((job, _)) => tell(&job, &seams).await,
        Err(error) => Err(error),
    };
    tasks.halt();
    told
}

/// The job when it has ended, and whether somebody has interrupted it.
async fn pulled(puller: &Arc<Puller>, job: NewJob, store: &dyn Store) -> anyhow::Result<(Job, bool)> {
    let (owner, id) = (job.owner.clone(), job.id);
    eprintln!("job {id}");
    let bars = Bars::default();
    let is_interrupted = Cell::new(false);
    let interrupted = async {
        signal().await;
        is_interrupted.set(true);
        eprintln!("cancelling; what has come stays for the next time");
        store.cancel(&owner, id).await.context("cancelling")?;
        std::future::pending::<anyhow::Result<Job>>().await
    };
    let job = tokio::select! {
        job = puller.pull(job, &bars) => job.context("pulling"),
        job = interrupted => job,
    };
    Ok((job?, is_interrupted.get()))
}

async fn tell(job: &Job, seams: &Seams) -> anyhow::Result<()> {
    if let Some(error) = &job.error {
        anyhow::bail!("{}", error.message);
    }
    let at = job.result.as_ref().with_context(|| format!("the job is {}", job.status))?;
    let result = seams.blobs.range(&at.segment, at.offset..at.offset + at.length).await;
    let outcomes = read_result(&result.context("reading the result")?).context("reading the result")?;
    let Some(Ok(Output::Model { model, digest, bytes, revision, stored })) = outcomes.into_iter().next()
    else {
        anyhow::bail!("the job is {}", job.status);
    };
    println!("{model}  {digest}");
    eprintln!("pulled {revision}: {}, of which {} were new", Size::new(bytes), Size::new(stored));
    Ok(())
}
