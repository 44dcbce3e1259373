//! The registry as every API has it: whose models, and why not.

pub mod pull;

use std::io::ErrorKind;
use std::sync::Arc;

use forebay_shared::events::Event;
use forebay_shared::registry::{CopyError, FetchError, ImportError, Registered, UnpackError};
use forebay_shared::store::{CopyOutcome, Removal};
use tokio::sync::oneshot;

use crate::auth::{DEFAULT_OWNER, Registrant};
use crate::problem::{Code, Problem};
use crate::state::State;

/// Does what a client began, to its end, though the client may hang up: what is half done with models is nobody's.
pub async fn to_the_end<T: Send + 'static>(
    app: &State,
    work: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    let (sender, done) = oneshot::channel();
    app.parts.tasks.spawn("work on a model", async move {
        let _ = sender.send(work.await);
    });
    done.await.unwrap_or_else(|_| Err(Problem::defect("work on a model ended without a word")))
}

/// Tells workers that the registry is not what it was.
pub async fn changed(app: &State) {
    app.parts.events.announce(Event::Registered).await;
}

/// Lets the registrant bring a model, unless what its owner keeps fills its room. Everybody's models fill nobody's.
pub async fn enter(app: &State, registrant: &Registrant) -> Result<(), Problem> {
    match &registrant.owner {
        Some(owner) => app.room.enter(app.parts.store.as_ref(), app.parts.clock.as_ref(), owner).await,
        None => Ok(()),
    }
}

/// As many models as the owner may have.
fn too_many(limit: u32, detail: impl std::fmt::Display) -> Problem {
    Problem::new(Code::TooManyModels, detail).limit(u64::from(limit))
}

/// Makes the name `to` mean what `from` means; the copy is the registrant's.
pub async fn copy(
    app: &State,
    registrant: &Registrant,
    (from, to): (&str, &str),
) -> Result<Registered, Problem> {
    enter(app, registrant).await?;
    match app.parts.registrar.copy(registrant.owner.as_deref(), from, to).await {
        Ok(CopyOutcome::Copied(model)) => {
            changed(app).await;
            Ok(model)
        }
        Ok(CopyOutcome::Unknown) => Err(unknown(app, registrant, from).await?),
        Ok(CopyOutcome::Taken) => {
            Err(Problem::new(Code::NameTaken, format_args!("the name `{to}` is taken")).at("destination"))
        }
        Err(CopyError::Name(error)) => Err(Problem::new(Code::InvalidField, error).at("destination")),
        Err(CopyError::TooManyModels { limit }) => Err(too_many(limit, CopyError::TooManyModels { limit })),
        Err(CopyError::Store(error)) => Err(error.into()),
    }
}

/// Deletes the model that the registrant means, its own before everybody's.
pub async fn delete(app: &State, registrant: &Registrant, name: &str) -> Result<(), Problem> {
    let store = &app.parts.registrar.store;
    let Some(model) = store.registered(registrant.owner.as_deref(), name).await? else {
        return Err(unknown(app, registrant, name).await?);
    };
    if model.owner.is_none() && !registrant.is_admin {
        let detail = format_args!("`{name}` is everybody's, and the API key lacks the scope `admin`");
        return Err(Problem::new(Code::Forbidden, detail));
    }
    match store.delete_model(model.owner.as_deref(), name).await? {
        Removal::Deleted => {
            changed(app).await;
            Ok(())
        }
        Removal::Unknown => Err(Problem::unknown_model(name)),
        Removal::InUse => {
            let detail =
                format_args!("jobs for `{name}` wait or run; cancel them, or wait until they have ended");
            Err(Problem::new(Code::ModelInUse, detail).at("model").model(name))
        }
    }
}

/// The registry has no such model: perhaps a worker has, or it is another's other name.
async fn unknown(app: &State, registrant: &Registrant, name: &str) -> Result<Problem, Problem> {
    let owner = registrant.owner.as_deref().unwrap_or(DEFAULT_OWNER);
    let found = app.parts.catalog.find(owner, name).await?;
    // What is remembered of a model may be older than its end.
    let Some(found) = found.filter(|found| !found.card.registered || found.card.name != name) else {
        return Ok(Problem::unknown_model(name));
    };
    let known = &found.card.name;
    let problem = if known == name {
        let detail = format_args!(
            "`{name}` stands in a folder of a worker, and only models of the registry can be changed here"
        );
        Problem::new(Code::ModelNotRegistered, detail)
    } else {
        let detail = format_args!("`{name}` is another name of `{known}`: name that one");
        Problem::new(Code::ModelNotRegistered, detail)
    };
    Ok(problem.at("model").model(name))
}

/// Why something did not become a model. Where our own files stand is not told.
pub fn refused(error: ImportError) -> Problem {
    match error {
        ImportError::Name(error) => Problem::new(Code::InvalidField, error).at("name"),
        ImportError::Taken(_) => Problem::new(Code::NameTaken, error).at("name"),
        ImportError::TooManyModels { limit } => too_many(limit, error),
        ImportError::Store(error) => error.into(),
        ImportError::Blobs(error) | ImportError::Fetch(FetchError::Blobs(error)) => error.into(),
        ImportError::Unstored(digest) => Problem::new(
            Code::BlobNotFound,
            format_args!("there is no blob sha256:{digest}; upload it first"),
        ),
        ImportError::Swept => {
            Problem::new(Code::Unavailable, "what was stored is just being removed; send it again")
        }
        ImportError::Unpack(UnpackError::Format { .. }) => {
            Problem::new(Code::InvalidModel, "the file is not a .zip, .tar or .tar.gz").at("file")
        }
        ImportError::File { ref source, .. }
        | ImportError::Unpack(UnpackError::File { ref source, .. })
        | ImportError::Fetch(FetchError::File { ref source, .. })
            if source.kind() == ErrorKind::StorageFull =>
        {
            let detail = "the service's disk has no room for the model at the moment";
            Problem::new(Code::Unavailable, detail).because(Arc::new(error))
        }
        ImportError::File { .. }
        | ImportError::Changed { .. }
        | ImportError::Defect
        | ImportError::Unpack(UnpackError::File { .. })
        | ImportError::Fetch(FetchError::File { .. } | FetchError::Wrong { .. }) => {
            Problem::internal(Arc::new(error))
        }
        ImportError::Archive { limit } | ImportError::TooLarge { limit, .. } => {
            Problem::new(Code::BodyTooLarge, error).at("file").limit(limit.bytes())
        }
        ImportError::Empty { .. } => Problem::new(Code::InvalidModel, "there are no files in it").at("file"),
        error => Problem::new(Code::InvalidModel, error).at("file"),
    }
}
