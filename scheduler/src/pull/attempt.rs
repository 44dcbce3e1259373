//! One attempt at a pull: looked up, fetched, looked at, stored, named.

use std::sync::Arc;

use forebay_shared::events::{Event, Step};
use forebay_shared::hub::{Choice, Download, Hub, HubError, Reference, Snapshot, choose};
use forebay_shared::job::{
    Claimed, Failure, FailureCode, Input, ItemsAt, Kind, ModelPullParams, Output, Params,
};
use forebay_shared::registry::{Import, ImportError, Imported, Progress, Registered, Silent, check_room};
use forebay_shared::store::StoreError;

use super::Puller;
use super::grant::Grant;
use super::nest::Nest;
use super::telling::Telling;

/// How an attempt ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// The model is there, or why not.
    Done(Result<Output, Failure>),
    /// The client asked.
    Cancelled,
    /// The process stops: another goes on.
    Stopped,
    /// Another pull fetches the same: this one is done when that has ended.
    Busy,
    /// The lease is gone: another goes on.
    Lapsed,
}

/// What is pulled.
struct Pull {
    reference: Reference,
    params: ModelPullParams,
    /// Whose model it is to be.
    owner: Option<String>,
}

/// What the hub has of it.
struct Prepared {
    pull: Pull,
    /// As it is asked for this pull.
    hub: Hub,
    snapshot: Snapshot,
    choice: Choice,
    /// Which files, of which revision of what: the model's source.
    source: String,
}

impl Puller {
    /// Pulls until the model is there, or until that is not wanted any more.
    pub(super) async fn attempt(&self, grant: &Grant, progress: &dyn Progress) -> Ended {
        let telling = Telling::new(progress);
        let Grant { life, claimed, .. } = grant;
        let (stop, mut spent) = (life.stop_of(claimed.id), None);
        let ended = tokio::select! {
            ended = self.bring(grant, &telling, &mut spent) => ended,
            never = telling.pass_on(claimed, self.parts.events.as_ref()) => match never {},
            () = stop.cancelled() => Ended::Cancelled,
            () = life.lapsed.cancelled() => Ended::Lapsed,
            () = self.parts.tasks.stopping() => Ended::Stopped,
        };
        if let Some(nest) = spent {
            self.clear(nest).await;
        }
        life.forget(claimed.id);
        ended
    }

    /// Looks at the hub, and goes on alone: of several pulls of the same, one fetches it. The folder is `spent` when the model
    /// is there.
    async fn bring(&self, grant: &Grant, telling: &Telling<'_>, spent: &mut Option<Nest>) -> Ended {
        let prepared = match self.prepare(&grant.claimed, telling).await {
            Ok(prepared) => prepared,
            Err(failure) => return Ended::Done(Err(failure)),
        };
        match self.nest(&prepared, grant.waits).await {
            Ok(Some(nest)) => {
                let done = self.bring_into(&nest, prepared, telling).await;
                if let Ok(Output::Model { model, .. }) = &done {
                    tracing::info!(job.id = %grant.claimed.id, model, "a model was pulled");
                    *spent = Some(nest);
                }
                Ended::Done(done)
            }
            Ok(None) => Ended::Busy,
            Err(error) => Ended::Done(Err(unwritable(&error))),
        }
    }

    async fn prepare(&self, claimed: &Claimed, telling: &Telling<'_>) -> Result<Prepared, Failure> {
        let pull = read(claimed)?;
        telling.step(Step::Manifest, "looking", None);
        let hub = self.hub_for(&claimed.owner, &pull.params);
        let snapshot = hub.look(&pull.reference, telling).await.map_err(|error| error.failure())?;
        let stated = hub.stated(&snapshot, telling).await.map_err(|error| error.failure())?;
        let choice = choose(&pull.reference, &snapshot.listed, stated.as_ref())
            .map_err(|error| Failure::permanent(FailureCode::UnfitModel, error))?;
        self.bounded(&choice)?;
        let Snapshot { repository, commit, .. } = &snapshot;
        let source = format!("{}/{repository}@{commit}:{}", hub.host(), choice.graph);
        Ok(Prepared { pull, hub, snapshot, choice, source })
    }

    /// The hub, as it is asked for this owner: the token is for those who may have what it opens.
    fn hub_for(&self, owner: &str, params: &ModelPullParams) -> Hub {
        let is_named = |named: &String| named == owner || named == "*";
        if params.by_admin || self.parts.token_owners.iter().any(is_named) {
            return self.parts.hub.clone();
        }
        self.parts.hub.without_token()
    }

    /// The download's folder; none if another has it and this one is not to wait.
    async fn nest(&self, prepared: &Prepared, waits: bool) -> std::io::Result<Option<Nest>> {
        let Prepared { hub, source, .. } = prepared;
        // What came with the token is not for those who come without it.
        let what = if hub.has_token() { format!("{source} with a token") } else { source.clone() };
        if waits {
            return Nest::take(&self.parts.folder, &what).await.map(Some);
        }
        Nest::try_take(&self.parts.folder, &what)
    }

    async fn bring_into(
        &self,
        nest: &Nest,
        prepared: Prepared,
        telling: &Telling<'_>,
    ) -> Result<Output, Failure> {
        let Prepared { pull, hub, snapshot, choice, source } = prepared;
        let revision = snapshot.commit.clone();
        if let Some(model) = self.known(&pull, &source).await? {
            return Ok(output(&model, 0, revision));
        }
        let reserve = self.parts.registrar.limits.disk_reserve;
        let download = Download { snapshot, choice, folder: nest.path().to_owned(), reserve };
        self.fetch(&hub, &download, telling).await?;
        let imported = self.import(&pull, &download, source, telling).await?;
        self.parts.events.announce(Event::Registered).await;
        Ok(output(&imported.model, imported.stored, revision))
    }

    /// Removes what may be much, where it delays nobody.
    async fn clear(&self, nest: Nest) {
        if let Ok(Err(error)) = self.parts.tasks.spawn_blocking(move || nest.clear()).await {
            tracing::debug!(%error, "a folder of a pull is left to be forgotten");
        }
    }

    fn bounded(&self, choice: &Choice) -> Result<(), Failure> {
        let (limits, bytes) = (&self.parts.registrar.limits, choice.bytes());
        if choice.files.len() > limits.max_files {
            let error = ImportError::TooMany { limit: limits.max_files };
            return Err(Failure::permanent(FailureCode::UnfitModel, error));
        }
        if bytes > limits.max_bytes.bytes() {
            return Err(HubError::TooLarge { bytes, limit: limits.max_bytes }.failure());
        }
        Ok(())
    }

    /// The model, if the name means these files already: somebody else may just have pulled it. What cannot have the name is
    /// not worth fetching.
    async fn known(&self, pull: &Pull, source: &str) -> Result<Option<Registered>, Failure> {
        let store = &self.parts.registrar.store;
        let taken = store.is_taken(pull.owner.as_deref(), &pull.params.name).await;
        if taken.map_err(|error| stored(&error))? {
            return Err(refused(&ImportError::Taken(pull.params.name.clone())));
        }
        let model = store.registered(pull.owner.as_deref(), &pull.params.name).await;
        let model = model.map_err(|error| stored(&error))?;
        Ok(model.filter(|model| model.owner == pull.owner && model.source == source))
    }

    async fn fetch(&self, hub: &Hub, download: &Download, telling: &Telling<'_>) -> Result<(), Failure> {
        check_room(&download.folder, download.missing().await, download.reserve)
            .map_err(|source| HubError::File { path: download.folder.clone(), source }.failure())?;
        telling.step(Step::Download, "fetching", Some(download.choice.bytes()));
        hub.download(download, telling).await.map_err(|error| error.failure())
    }

    /// Makes what was fetched a model, by the way that folders and archives go.
    async fn import(
        &self,
        pull: &Pull,
        download: &Download,
        source: String,
        telling: &Telling<'_>,
    ) -> Result<Imported, Failure> {
        telling.step(Step::Store, "storing", Some(download.choice.bytes()));
        let (from, name, owner) = (download.model(), pull.params.name.clone(), pull.owner.clone());
        let import = Import { from, owner, name, source };
        self.parts.registrar.import(import, Arc::new(Silent)).await.map_err(|error| refused(&error))
    }
}

/// Why what was fetched did not become a model.
fn refused(error: &ImportError) -> Failure {
    match error {
        ImportError::Store(error) => stored(error),
        ImportError::Blobs(_) | ImportError::Swept => {
            Failure::transient(FailureCode::StorageUnavailable, "the model cannot be stored at the moment")
        }
        ImportError::File { .. } => unwritable(error),
        ImportError::Defect => Failure::permanent(FailureCode::Internal, error),
        ImportError::Name(_) | ImportError::Taken(_) | ImportError::TooManyModels { .. } => {
            Failure::permanent(FailureCode::InvalidParams, error)
        }
        _ => Failure::permanent(FailureCode::UnfitModel, error),
    }
}

/// What the job asks for.
fn read(claimed: &Claimed) -> Result<Pull, Failure> {
    let unreadable =
        || Failure::permanent(FailureCode::Internal, "the job does not say what is to be pulled");
    let ItemsAt::Row(items) = &claimed.items else { return Err(unreadable()) };
    let items = ItemsAt::decode(items.as_bytes()).map_err(|_| unreadable())?;
    let Some(Input::Text(reference)) = items.first().map(|item| &item.input) else {
        return Err(unreadable());
    };
    let invalid = |error: &dyn std::fmt::Display| Failure::permanent(FailureCode::InvalidParams, error);
    let reference = reference.parse().map_err(|error| invalid(&error))?;
    let params = Params::parse(Kind::ModelPull, &claimed.params).map_err(|error| invalid(&error))?;
    let Params::ModelPull(params) = params else { return Err(unreadable()) };
    let owner = (!params.everybody).then(|| claimed.owner.clone());
    Ok(Pull { reference, params, owner })
}

fn output(model: &Registered, stored: u64, revision: String) -> Output {
    let (name, digest) = (model.name.clone(), model.digest.to_string());
    Output::Model { model: name, digest, bytes: model.bytes, revision, stored }
}

fn stored(error: &StoreError) -> Failure {
    match error {
        StoreError::Unavailable(_) => {
            Failure::transient(FailureCode::StorageUnavailable, "the database cannot be reached")
        }
        _ => Failure::permanent(FailureCode::Internal, "the database refuses the model"),
    }
}

/// What is only in the way here is told in the log.
fn unwritable(error: &dyn std::error::Error) -> Failure {
    tracing::error!(%error, "a pull cannot write to its folder");
    Failure::transient(
        FailureCode::Internal,
        "the folder of downloads cannot be used; the scheduler's log says why",
    )
}
