//! One job, told version by version until it ends.

use std::collections::VecDeque;
use std::time::Duration;

use forebay_shared::events::{Ended, Event};
use forebay_shared::handover::eta::Place;
use forebay_shared::id::JobId;
use forebay_shared::job::{EventType, Failure, Job, Kind, Status};
use forebay_shared::store::Logged;

use super::{Closed, ProgressView, Tells, Told};
use crate::follow::{Feed, News};
use crate::problem::{Code, Problem};
use crate::routes::jobs::{JobView, job_not_found, kind};
use crate::seats::Seat;
use crate::state::App;

/// How long to wait before looking again at a database that was away.
const AGAIN: Duration = Duration::from_secs(1);

/// One job, told version by version until it ends.
///
/// The id of an event is the job's version, which counts one by one. What is told comes from the row; versions that were
/// passed between two looks come from the log.
#[derive(Debug)]
pub struct JobStream {
    app: App,
    feed: Feed,
    /// The job at its latest version that is known.
    job: Job,
    kind: Option<Kind>,
    /// The latest version that was told, or need not be.
    told: i64,
    pending: VecDeque<Told>,
    /// The attempt whose progress was told, and how many items had ended then.
    progress: (u32, u32),
    /// Where it stood among those that wait, as it was told last.
    place: Option<Place>,
    /// The last look failed.
    in_doubt: bool,
    closed: Closed,
    _seat: Option<Seat>,
}

impl JobStream {
    /// Begins with the job as it stands, or after the version that the client has seen. `None`: it has ended, and the
    /// client has seen that.
    pub async fn open(
        app: &App,
        (owner, id): (&str, JobId),
        after: Option<i64>,
        seat: Option<Seat>,
    ) -> Result<Option<Self>, Problem> {
        // Listening begins before the row is read: what happens between the two would otherwise be told by nobody.
        let feed = app.follower.feed(id);
        app.tail.look();
        let address = app.parts.events.address();
        let job = app.parts.store.watch(owner, id, address).await?.ok_or_else(job_not_found)?;
        let told = after.unwrap_or(job.version - 1);
        if told > job.version {
            let detail = format!("the job has not come to version {told}; it is at {}", job.version);
            return Err(Problem::new(Code::InvalidCursor, detail).at("after"));
        }
        if job.status.is_terminal() && told == job.version {
            return Ok(None);
        }
        let kind = kind(app, &job).await?;
        let mut stream = Self {
            app: app.clone(),
            feed,
            job: job.clone(),
            kind,
            told,
            pending: VecDeque::new(),
            progress: (0, 0),
            place: None,
            in_doubt: false,
            closed: Closed::not_yet("job"),
            _seat: seat,
        };
        let tells_on_the_way = job.item_count > 1 || kind == Some(Kind::ModelPull);
        if job.status == Status::Running && tells_on_the_way {
            // Whoever has taken the job already knows only of those who waited then.
            let watched = Event::Watched { id, address: address.to_owned() };
            app.parts.events.announce(watched).await;
        }
        stream.tell(job, None).await?;
        Ok(Some(stream))
    }

    /// Tells of the job as it stands, after what it passed on the way there.
    async fn tell(&mut self, job: Job, result: Option<String>) -> Result<(), Problem> {
        if job.version <= self.told {
            return Ok(());
        }
        let place = self.app.places.of(&job).await?;
        if job.version > self.told + 1 {
            for event in self.app.parts.store.job_events(&job.owner, job.id, self.told).await? {
                if event.version < job.version {
                    self.pending.push_back(self.passed(&job, &event));
                }
            }
        }
        let (version, status) = (job.version, job.status);
        self.job = job.clone();
        self.place = place;
        let view = JobView::with_result(&self.app, job, self.kind, result).await?.with_place(place);
        self.pending.push_back(Told::event(Some(version.to_string()), EventType::of(status), &view));
        self.told = version;
        if status.is_terminal() {
            self.closed.set("ended");
        }
        Ok(())
    }

    /// The job as it stood then, as far as the log tells.
    fn passed(&self, job: &Job, event: &Logged) -> Told {
        let status = event.kind.status().unwrap_or(job.status);
        let error = event.error.map(|code| Failure::permanent(code, "the job's attempts say more"));
        let then = Job {
            status,
            version: event.version,
            attempt: event.attempt,
            succeeded: event.succeeded,
            failed: event.failed,
            started_at: (status == Status::Running).then_some(event.happened_at),
            finished_at: status.is_terminal().then_some(event.happened_at),
            purge_at: None,
            error,
            result: None,
            files: Vec::new(),
            timings: None,
            changed_at: event.happened_at,
            ..job.clone()
        };
        Told::event(Some(event.version.to_string()), event.kind, &JobView::new(then, self.kind))
    }

    async fn hear(&mut self, news: News) -> Result<(), Problem> {
        if let Some(Event::Ended(ended)) = news.ended.as_deref() {
            return self.end(ended).await;
        }
        if let Some(progress) = news.progress
            && (progress.transfer.is_some() || (progress.attempt, progress.done) > self.progress)
        {
            self.progress = (progress.attempt, progress.done);
            let view = ProgressView::from(progress);
            self.pending.push_back(Told::event(None, EventType::JobProgress, &view));
        }
        if news.moved {
            match self.app.parts.store.job(&self.job.owner, self.job.id).await? {
                Some(job) => self.tell(job, None).await?,
                None => self.closed.set("deleted"),
            }
        }
        Ok(())
    }

    /// Word of the end carries all that the row says, so nothing is read but what was passed.
    async fn end(&mut self, ended: &Ended) -> Result<(), Problem> {
        let mut job = self.job.clone();
        ended.apply(&mut job);
        job.changed_at = ended.finished_at.unwrap_or(job.changed_at);
        job.cancel_requested |= ended.status == Status::Cancelled;
        self.tell(job, ended.result.clone()).await
    }

    /// What is told when nothing happens: a job that waits has come forward, perhaps.
    async fn stand(&mut self) -> Result<Told, Problem> {
        let place = self.app.places.of(&self.job).await?;
        if place.is_none() || place == self.place {
            return Ok(Told::Quiet { id: None });
        }
        self.place = place;
        let view = JobView::new(self.job.clone(), self.kind).with_place(place);
        Ok(Told::event(None, EventType::JobQueued, &view))
    }

    /// Waits for something to tell. An error is the database's, and the next look may find it back.
    async fn wait(&mut self) -> Result<Option<Told>, Problem> {
        let (quiet, stopping) = (self.app.config.api.keep_alive.get(), self.app.parts.tasks.stopping());
        if self.in_doubt {
            tokio::select! {
                () = tokio::time::sleep(AGAIN.min(quiet)) => {}
                () = stopping => {
                    self.closed.set("stopping");
                    return Ok(None);
                }
            }
            self.hear(News { moved: true, ..News::default() }).await?;
            self.in_doubt = false;
            return Ok(None);
        }
        tokio::select! {
            news = self.feed.next() => self.hear(news).await?,
            () = tokio::time::sleep(quiet) => return self.stand().await.map(Some),
            () = stopping => self.closed.set("stopping"),
        }
        Ok(None)
    }
}

impl Tells for JobStream {
    async fn next(&mut self) -> Option<Told> {
        loop {
            if let Some(told) = self.pending.pop_front() {
                return Some(told);
            }
            if self.closed.is_set() {
                return None;
            }
            match self.wait().await {
                Ok(Some(told)) => return Some(told),
                Ok(None) => {}
                Err(problem) => {
                    tracing::debug!(%problem, job.id = %self.job.id, "a followed job cannot be read; looking again");
                    self.in_doubt = true;
                    return Some(Told::Quiet { id: None });
                }
            }
        }
    }
}
