//! The registry's index: models by name, and the stored bytes of their files.

use std::time::Duration;

use async_trait::async_trait;

use super::StoreResult;
use crate::registry::{Content, ContentDigest, ModelFile, NewModel, Registered};

/// What a name meant before a model was put under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    Added,
    /// Other files.
    Replaced,
    /// The same files.
    Unchanged,
}

/// What became of a model that was put under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutOutcome {
    /// The name means its files.
    Put(Change, Registered),
    /// These bytes are not stored, or not any more: they are to be stored first.
    Missing(Vec<ContentDigest>),
    /// Somebody else's model has the name, or one in a folder that is told of, be it as an alias; or jobs of others wait for an
    /// owner's name or run. Everybody's takes the place of one in a folder that no living worker has.
    Taken,
}

/// What became of the wish to copy a model to another name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopyOutcome {
    /// The other name means the same files now.
    Copied(Registered),
    /// The other name is taken, as of [`PutOutcome::Taken`].
    Taken,
    /// There is no such model.
    Unknown,
}

/// What became of the wish to delete a model, or stored bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// Its name is free; its files go when nobody else has them. Of bytes: they go.
    Deleted,
    /// Jobs wait for it or run. Of bytes: a model has them.
    InUse,
    /// There is no such thing.
    Unknown,
}

/// Models by name. A name is everybody's (`None`) or one owner's, and then nobody else's; owners' models are not seen by others.
#[async_trait]
pub trait Registry: Send + Sync {
    /// Of these bytes, those that are stored, and where. They stay so for as long as what nobody names is kept, counted from
    /// now.
    async fn touch_contents(&self, digests: &[ContentDigest]) -> StoreResult<Vec<Content>>;

    /// Records that bytes are stored. Answers with where they count as stored: if others were quicker, where those say, and
    /// the caller's object is the caller's to remove.
    async fn record_content(&self, content: &Content) -> StoreResult<Content>;

    /// Whether the name is taken, as of [`PutOutcome::Taken`].
    async fn is_taken(&self, owner: Option<&str>, name: &str) -> StoreResult<bool>;

    /// Makes a name mean these files, whatever it meant to its owner before, and announces the model if it has a card.
    async fn put_model(&self, model: &NewModel) -> StoreResult<PutOutcome>;

    /// The model with this name, if `owner` sees it; `None` sees only everybody's.
    async fn registered(&self, owner: Option<&str>, name: &str) -> StoreResult<Option<Registered>>;

    /// The files of the model that is exactly this owner's, by path.
    async fn registered_files(
        &self,
        owner: Option<&str>,
        name: &str,
    ) -> StoreResult<Vec<(ModelFile, Content)>>;

    /// How many models are exactly this owner's, besides the one with this name.
    async fn models_besides(&self, owner: &str, name: &str) -> StoreResult<u64>;

    /// All models of all owners, by name and owner.
    async fn all_registered(&self) -> StoreResult<Vec<Registered>>;

    /// Makes the name `to` mean the files that the name `from` means, each exactly its owner's, and announces the copy.
    async fn copy_model(
        &self,
        from: (Option<&str>, &str),
        to: (Option<&str>, &str),
    ) -> StoreResult<CopyOutcome>;

    /// Deletes the model that is exactly this owner's, and withdraws it, unless jobs of those who see it wait for its name or run.
    async fn delete_model(&self, owner: Option<&str>, name: &str) -> StoreResult<Removal>;

    /// Forgets bytes at once, unless a model has them; their object becomes garbage.
    async fn forget_content(&self, digest: ContentDigest) -> StoreResult<Removal>;

    /// Forgets bytes that no model has had for so long and nobody has touched, so many at most; their objects become garbage.
    /// Answers how many.
    async fn forget_contents(&self, age: Duration, limit: u32) -> StoreResult<u64>;

    /// Of these objects, those that are recorded.
    async fn named_contents(&self, objects: &[String]) -> StoreResult<Vec<String>>;
}
