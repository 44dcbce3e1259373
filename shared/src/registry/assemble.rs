//! Bytes that are stored already become a model.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};

use super::import::{blocking, discard};
use super::unpack::is_hidden;
use super::{
    Content, ContentDigest, ImportError, Imported, ModelFile, NewModel, Progress, Registrar, Target,
    check_name, check_path, fetch,
};
use crate::model::ModelCard;
use crate::store::PutOutcome;

/// Files that are fetched at once.
const AT_ONCE: usize = 4;

/// Stored bytes that are to become a model.
#[derive(Clone, Debug)]
pub struct Assembly {
    /// Whose model it is to be; `None`: everybody's.
    pub owner: Option<String>,
    /// What it is to be called.
    pub name: String,
    /// Where it came from, for people.
    pub source: String,
    /// Its files' paths, and what stands there. Hidden ones are passed over.
    pub files: BTreeMap<String, ContentDigest>,
}

impl Registrar {
    /// Makes stored bytes a model, which is looked at before as one that is imported. Until `progress` begins, nothing but
    /// questions has been asked.
    pub async fn assemble(
        &self,
        assembly: Assembly,
        progress: Arc<dyn Progress>,
    ) -> Result<Imported, ImportError> {
        let Assembly { owner, name, source, files } = assembly;
        check_name(&name)?;
        self.check_free(owner.as_deref(), &name).await?;
        let files = self.stored(files).await?;
        let bytes = files.iter().map(|(_, content)| content.bytes).fold(0, u64::saturating_add);
        if bytes > self.limits.max_bytes.bytes() {
            return Err(ImportError::TooLarge { bytes, limit: self.limits.max_bytes });
        }
        let digests: Vec<ContentDigest> = files.iter().map(|(_, content)| content.digest).collect();
        let whose = (owner.as_deref(), name.as_str());
        let card = tokio::select! {
            card = self.look_at(whose, &files, bytes, &progress) => card?,
            never = self.keep_touching(&digests) => match never {},
        };
        progress.begin("naming", None);
        let file = |(path, content): (String, Content)| ModelFile {
            path,
            digest: content.digest,
            bytes: content.bytes,
        };
        let files = files.into_iter().map(file).collect();
        let model = NewModel { owner, name, source, files, card: Some(card) };
        match self.store.put_model(&model).await? {
            PutOutcome::Put(change, model) => Ok(Imported { model, change, stored: 0 }),
            PutOutcome::Taken => Err(ImportError::Taken(model.name)),
            PutOutcome::Missing(gone) => {
                Err(gone.first().map_or(ImportError::Swept, |gone| ImportError::Unstored(*gone)))
            }
        }
    }

    /// The files with what is stored of each.
    async fn stored(
        &self,
        mut files: BTreeMap<String, ContentDigest>,
    ) -> Result<Vec<(String, Content)>, ImportError> {
        if files.len() > self.limits.max_files {
            return Err(ImportError::TooMany { limit: self.limits.max_files });
        }
        for path in files.keys() {
            check_path(path)?;
            if let Some(file) = above(path).find(|folder| files.contains_key(*folder)) {
                return Err(ImportError::Within { path: path.clone(), file: file.to_owned() });
            }
        }
        files.retain(|path, _| !is_hidden(path));
        if files.is_empty() {
            return Err(ImportError::NoFiles);
        }
        let digests: Vec<ContentDigest> = files.values().copied().collect();
        let stored = self.store.touch_contents(&digests).await?;
        let stored: BTreeMap<_, _> = stored.into_iter().map(|content| (content.digest, content)).collect();
        let find = |(path, digest): (String, ContentDigest)| {
            let content = stored.get(&digest).cloned().ok_or(ImportError::Unstored(digest))?;
            Ok((path, content))
        };
        files.into_iter().map(find).collect()
    }

    /// Fetches the files into a folder, which is examined and goes again.
    async fn look_at(
        &self,
        whose: (Option<&str>, &str),
        files: &[(String, Content)],
        bytes: u64,
        progress: &Arc<dyn Progress>,
    ) -> Result<ModelCard, ImportError> {
        let scratch = self.scratch().await?;
        let (root, reserve) = (scratch.path(), self.limits.disk_reserve);
        let promise = self
            .promised
            .promise(&root, bytes, reserve)
            .map_err(|source| ImportError::File { file: root.clone(), source })?;
        progress.begin("fetching", Some(bytes));
        let (at, kept) = (root.as_path(), &promise);
        let fetched = stream::iter(files)
            .map(Ok)
            .try_for_each_concurrent(AT_ONCE, |(path, content)| async move {
                self.place(at, path, content, progress).await?;
                kept.written(content.bytes);
                Ok(())
            })
            .await;
        let examined = match fetched {
            Ok(()) => self.examine(&root, whose).await,
            Err(error) => Err(error),
        };
        discard(scratch).await;
        examined
    }

    async fn place(
        &self,
        root: &Path,
        path: &str,
        content: &Content,
        progress: &Arc<dyn Progress>,
    ) -> Result<(), ImportError> {
        let to = root.join(path);
        let folder: PathBuf = to.parent().unwrap_or(root).to_owned();
        blocking(move || {
            std::fs::create_dir_all(&folder).map_err(|source| ImportError::File { file: folder, source })
        })
        .await?;
        let target = Target { file: &to, reserve: self.limits.disk_reserve };
        Ok(fetch(&self.blobs, content, target, progress.as_ref()).await?)
    }
}

/// The folders above a path.
fn above(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}
