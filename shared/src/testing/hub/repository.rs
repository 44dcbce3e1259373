//! A repository of the stand-in: commits, and the names that lead to them.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::json;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// The branch that is meant if none is named.
const MAIN: &str = "main";

/// Files by path.
pub(super) type Files = BTreeMap<String, Bytes>;

/// What a repository ever had, by commit. A name may lead to another commit later; a commit stays as it is.
#[derive(Debug, Default)]
pub(super) struct Repository {
    commits: BTreeMap<String, Files>,
    /// Commits by the branches and tags that lead to them.
    names: BTreeMap<String, String>,
    /// Whose token its files are given for; `None`: anybody's, and whoever has none.
    pub(super) gate: Option<String>,
}

impl Repository {
    /// A repository with one branch.
    pub(super) fn new(files: Files) -> Self {
        let mut repository = Self::default();
        repository.commit(MAIN, files);
        repository
    }

    /// Has a branch or a tag lead to these files from now on. Answers with their commit.
    pub(super) fn commit(&mut self, name: &str, files: Files) -> String {
        let mut digest = Sha1::new();
        for (path, bytes) in &files {
            digest.update(path);
            digest.update(bytes);
        }
        let commit = hex::encode(digest.finalize());
        self.commits.insert(commit.clone(), files);
        self.names.insert(name.to_owned(), commit.clone());
        commit
    }

    /// The commit that the usual branch leads to.
    pub(super) fn head(&self) -> &str {
        &self.names[MAIN]
    }

    /// What a branch, a tag or a commit means: a commit, and its files.
    pub(super) fn at(&self, revision: &str) -> Option<(&str, &Files)> {
        let commit = self.names.get(revision).map_or(revision, String::as_str);
        self.commits.get_key_value(commit).map(|(commit, files)| (commit.as_str(), files))
    }

    /// The large files of all commits.
    pub(super) fn large(&self) -> impl Iterator<Item = (&String, &Bytes)> {
        self.commits.values().flatten().filter(|(path, _)| is_large(path))
    }
}

/// Whether Git keeps it elsewhere.
pub(super) fn is_large(path: &str) -> bool {
    path.contains(".onnx") || path.ends_with(".safetensors")
}

/// What large files are stored by.
pub(super) fn digest(bytes: &Bytes) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// What the hub tells of a revision's file.
pub(super) fn sibling((path, bytes): (&String, &Bytes)) -> serde_json::Value {
    let blob =
        hex::encode(Sha1::new_with_prefix(format!("blob {}\0", bytes.len())).chain_update(bytes).finalize());
    let mut told = json!({"rfilename": path, "size": bytes.len(), "blobId": blob});
    if is_large(path) {
        // What Git itself has is a note of where the file is.
        told["blobId"] = json!("00".repeat(20));
        told["lfs"] = json!({"sha256": digest(bytes), "size": bytes.len(), "pointerSize": 134});
    }
    told
}
