//! Asking for bulks: what both ways of asking share.

use std::time::Duration;

use forebay_shared::bulk::{Bulk, Form, Layout, NewBulk, OnBadLine};
use forebay_shared::config::Span;
use forebay_shared::file::Purpose;
use forebay_shared::id::{BulkId, FileId};
use forebay_shared::job::{Object, Webhook};
use forebay_shared::store::BulkCancelOutcome;
use uuid::Uuid;

use crate::auth::Submitter;
use crate::problem::{Code, Problem};
use crate::state::State;

/// What OpenAI's clients call bulks begin with.
const PREFIX: &str = "batch_";

/// What a client wishes of a bulk.
#[derive(Debug)]
pub struct Wishes {
    /// How its lines are written and answered.
    pub form: Form,
    /// How its file is written.
    pub layout: Layout,
    /// What becomes of the others when a line cannot be read.
    pub on_bad_line: OnBadLine,
    /// What every line must name.
    pub endpoint: Option<String>,
    /// The model of lines that name none.
    pub model: Option<String>,
    /// Parameters for every line.
    pub params: Object,
    /// The file.
    pub file: FileId,
    /// The bulk whose failed lines are to run again.
    pub retry_of: Option<BulkId>,
    /// How long it may take: as the client wrote it, and what that is.
    pub window: (String, Duration),
    /// How long its output is kept, if that is not as usual.
    pub keep: Option<Duration>,
    /// The client's own words.
    pub metadata: Object,
    /// Whom else to tell.
    pub webhook: Option<Webhook>,
}

/// Makes a bulk of what is wished; `file` is the field that names the file.
pub async fn create(app: &State, submitter: Submitter, wishes: Wishes, file: &str) -> Result<Bulk, Problem> {
    let Submitter { owner, key, .. } = submitter;
    let new = NewBulk {
        id: app.parts.ids.bulk(),
        owner,
        key,
        form: wishes.form,
        layout: wishes.layout,
        on_bad_line: wishes.on_bad_line,
        endpoint: wishes.endpoint,
        model: wishes.model,
        params: wishes.params,
        file: wishes.file,
        retry_of: wishes.retry_of,
        window: wishes.window,
        keep: wishes.keep.unwrap_or(app.config.bulk.keep.get()),
        metadata: wishes.metadata,
        webhook: wishes.webhook,
    };
    let not_found =
        || Problem::new(Code::FileNotFound, format_args!("there is no file `{}`", new.file)).at(file);
    let sent = app.parts.store.file(&new.owner, new.file).await?.ok_or_else(not_found)?;
    if new.form == Form::Openai && sent.purpose != Purpose::Batch {
        let detail = format_args!("the file's purpose must be `batch`, and is `{}`", sent.purpose);
        return Err(Problem::new(Code::InvalidField, detail).at(file));
    }
    let created = app.parts.store.create_bulk(&new).await?.ok_or_else(not_found)?;
    metrics::counter!("forebay_bulks_created_total", "form" => new.form.as_str()).increment(1);
    Ok(created)
}

/// How long a bulk may take, as `field` says.
pub fn span(app: &State, window: &str, field: &str) -> Result<Duration, Problem> {
    let (shortest, longest) = (Duration::from_secs(1), app.config.bulk.longest_window);
    let invalid = || {
        let detail =
            format_args!("`{field}` must be a time from 1s to {longest}, written like `24h` or `15m`");
        Problem::new(Code::InvalidField, detail).at(field).limit(longest.get().as_secs())
    };
    let span = Span::parse(window).map_err(|_| invalid())?.get();
    if (shortest..=longest.get()).contains(&span) { Ok(span) } else { Err(invalid()) }
}

/// A bulk's id: as OpenAI's clients know it, or as a UUID.
pub fn id(text: &str) -> Option<BulkId> {
    let digits = text.strip_prefix(PREFIX).unwrap_or(text);
    Uuid::try_parse(digits).ok().map(BulkId)
}

/// A bulk's id as OpenAI's clients know it.
pub fn name(id: BulkId) -> String {
    format!("{PREFIX}{}", id.0.simple())
}

/// The owner has no such bulk; whose it is otherwise stays unsaid.
pub fn not_found() -> Problem {
    Problem::new(Code::BulkNotFound, "there is no such bulk")
}

/// The owner's bulk with this id.
pub async fn find(app: &State, owner: &str, text: &str) -> Result<Bulk, Problem> {
    let id = id(text).ok_or_else(not_found)?;
    app.parts.store.bulk(owner, id).await?.ok_or_else(not_found)
}

/// Asks a bulk to stop.
pub async fn cancel(app: &State, owner: &str, text: &str) -> Result<Bulk, Problem> {
    let id = id(text).ok_or_else(not_found)?;
    match app.parts.store.cancel_bulk(owner, id).await? {
        BulkCancelOutcome::Cancelling(bulk) => Ok(*bulk),
        BulkCancelOutcome::AlreadyEnded(bulk) => {
            let detail = format_args!("a bulk that is `{}` cannot be cancelled", bulk.status);
            Err(Problem::new(Code::BulkEnded, detail))
        }
        BulkCancelOutcome::Unknown => Err(not_found()),
    }
}

/// Makes a bulk of the lines that failed in this one.
pub async fn retry(app: &State, submitter: Submitter, text: &str) -> Result<Bulk, Problem> {
    let bulk = find(app, &submitter.owner, text).await?;
    if bulk.times.ended_at.is_none() {
        let detail = format_args!("the bulk is `{}`, and only what has ended can be run again", bulk.status);
        return Err(Problem::new(Code::BulkRunning, detail));
    }
    if bulk.counts.failed == 0 {
        return Err(Problem::new(Code::NothingFailed, "no line of the bulk failed"));
    }
    let span = span(app, &bulk.window, "window")?;
    let wishes = Wishes {
        form: bulk.form,
        layout: bulk.layout,
        on_bad_line: OnBadLine::Report,
        endpoint: bulk.endpoint,
        // Of a bulk that names none, the row tells the one that all lines name; they still do.
        model: bulk.model,
        params: bulk.params,
        file: bulk.file,
        retry_of: Some(bulk.id),
        window: (bulk.window, span),
        keep: Some(bulk.keep),
        metadata: bulk.metadata,
        webhook: bulk.webhook,
    };
    create(app, submitter, wishes, "file").await
}

/// Metadata as OpenAI bounds it: 16 pairs, names of up to 64 and values of up to 512 characters.
pub fn metadata(given: Option<Object>) -> Result<Object, Problem> {
    const PAIRS: usize = 16;
    let given = given.unwrap_or_default();
    let refused = |at: &str, detail: &str, limit: u64| {
        Problem::new(Code::InvalidField, format_args!("`{at}` {detail}")).at(at.to_owned()).limit(limit)
    };
    if given.len() > PAIRS {
        return Err(refused("metadata", "must have at most 16 pairs", 16));
    }
    for (key, value) in &given {
        let at = format!("metadata.{key}");
        if key.chars().count() > 64 || key.contains('\0') {
            return Err(refused(
                "metadata",
                "must have names of up to 64 characters, none of them U+0000",
                64,
            ));
        }
        let fits = value.as_str().is_some_and(|value| value.chars().count() <= 512 && !value.contains('\0'));
        if !fits {
            return Err(refused(&at, "must be a string of up to 512 characters, none of them U+0000", 512));
        }
    }
    Ok(given)
}
