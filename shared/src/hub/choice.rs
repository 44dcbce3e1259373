//! Which of a repository's files make the model: pure policy.
//!
//! A repository has the same model several times, for several frameworks and in several precisions. One graph is brought
//! in, with the weights that stand beside it and with what the pipelines read: configuration, tokenizer, labels.

use super::{Reference, Stated};
use crate::registry::{PathError, check_path};

/// What a graph's file ends with.
const GRAPH: &str = ".onnx";
/// Where a graph is looked for if it is not named.
const FOLDERS: [&str; 2] = ["onnx/", ""];
/// The graph that a model has if nothing else is said, and its precision.
const USUAL: (&str, &str) = ("model", "fp32");
/// A precision that hub users have a shorter word for.
const SHORT: (&str, &str) = ("q8", "quantized");
/// Files that the pipelines read, wherever no manifest says what belongs to the model.
const READ: [&str; 20] = [
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "preprocessor_config.json",
    "processor_config.json",
    "generation_config.json",
    "chat_template.jinja",
    "chat_template.json",
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "labels.txt",
];
/// What other frameworks write weights into, and what is for people.
const OTHERS: [&str; 13] = [
    ".safetensors",
    ".bin",
    ".pt",
    ".pth",
    ".h5",
    ".msgpack",
    ".ot",
    ".gguf",
    ".ckpt",
    ".tflite",
    ".mlmodel",
    ".md",
    ".parquet",
];
/// Choices that a refusal tells.
const TOLD: usize = 20;

/// What a file's bytes must hash to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Their SHA-256.
    Sha256([u8; 32]),
    /// The SHA-1 that Git names them by.
    Git([u8; 20]),
}

/// A file of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its path.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// What its bytes must hash to, as far as the hub tells it.
    pub expected: Option<Expected>,
}

/// A file that is to be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The file.
    pub file: Listed,
    /// Its path in the model's folder.
    pub to: String,
}

/// The files that make a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The graph, or the first of several.
    pub graph: String,
    /// All files, by path.
    pub files: Vec<Wanted>,
}

impl Choice {
    /// The size of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|wanted| wanted.file.bytes).fold(0, u64::saturating_add)
    }
}

/// Why a repository has no model that can be brought in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChoiceError {
    /// It has no graph.
    #[error("the repository `{0}` has no ONNX file")]
    None(String),
    /// It has several, and none is the usual one.
    #[error("the repository `{repository}` has several ONNX files; name one: {}", told(choices))]
    Several {
        /// The repository.
        repository: String,
        /// The graphs.
        choices: Vec<String>,
    },
    /// It has others than the one that was named.
    #[error("the repository `{repository}` has no ONNX file for `{pick}`; it has {}", told(choices))]
    Other {
        /// The repository.
        repository: String,
        /// What was asked for.
        pick: String,
        /// The graphs.
        choices: Vec<String>,
    },
    /// Its manifest names a graph that is not there.
    #[error("the manifest of the repository `{repository}` names `{file}`; it has {}", told(choices))]
    Absent {
        /// The repository.
        repository: String,
        /// What the manifest names.
        file: String,
        /// The graphs.
        choices: Vec<String>,
    },
    /// It is made of several graphs.
    #[error(
        "the model of the repository `{repository}` is made of several ONNX files; `{pick}` names one of them"
    )]
    Parts {
        /// The repository.
        repository: String,
        /// What was asked for.
        pick: String,
    },
    /// A file is called what no file of a model can be called.
    #[error("the repository is refused: {0}")]
    Path(#[from] PathError),
}

fn told(choices: &[String]) -> String {
    let told = choices.iter().take(TOLD).map(|choice| format!("`{choice}`")).collect::<Vec<_>>().join(", ");
    match choices.len().checked_sub(TOLD) {
        None | Some(0) => told,
        Some(more) => format!("{told} and {more} more"),
    }
}

/// The files that make the model which is meant. `stated` is what its manifest says of graphs, if it has one.
pub fn choose(
    reference: &Reference,
    listed: &[Listed],
    stated: Option<&Stated>,
) -> Result<Choice, ChoiceError> {
    let graphs: Vec<&Listed> = listed.iter().filter(|file| file.path.ends_with(GRAPH)).collect();
    let chosen = chosen(reference, &graphs, stated)?;
    let place = place(&chosen, stated);
    let mut files: Vec<Wanted> = Vec::new();
    for file in listed {
        let graph = chosen.iter().find(|graph| **graph == file.path || is_beside(&file.path, graph));
        let to = match (graph, &place) {
            (Some(graph), Some(place)) => moved(&file.path, graph, place),
            (Some(_), None) => file.path.clone(),
            (None, _) if belongs(&file.path, stated.is_some()) => file.path.clone(),
            (None, _) => continue,
        };
        check_path(&to)?;
        check_path(&file.path)?;
        files.push(Wanted { file: file.clone(), to });
    }
    files.sort_by(|one, other| one.to.cmp(&other.to));
    Ok(Choice { graph: chosen[0].to_owned(), files })
}

/// Where the graph is looked for when the model is loaded: where its manifest says, or where every model's is. Several stay
/// where they are.
fn place(chosen: &[&str], stated: Option<&Stated>) -> Option<String> {
    match stated {
        Some(Stated::Several) => None,
        Some(Stated::One(Some(file))) => Some(file.clone()),
        Some(Stated::One(None)) if chosen.len() > 1 => None,
        Some(Stated::One(None)) | None => Some(format!("{}{}{GRAPH}", FOLDERS[0], USUAL.0)),
    }
}

/// The graphs of the model: one, unless a manifest is there to say what several are for.
fn chosen<'a>(
    reference: &Reference,
    graphs: &[&'a Listed],
    stated: Option<&Stated>,
) -> Result<Vec<&'a str>, ChoiceError> {
    let repository = reference.repository.clone();
    let choices = || graphs.iter().map(|graph| graph.path.clone()).collect();
    let find = |path: &str| graphs.iter().find(|graph| graph.path == path).map(|graph| graph.path.as_str());
    if graphs.is_empty() {
        return Err(ChoiceError::None(repository));
    }
    let absent = |file: &str| ChoiceError::Absent {
        repository: repository.clone(),
        file: file.to_owned(),
        choices: choices(),
    };
    if let Some(Stated::One(Some(file))) = stated
        && !file.ends_with(GRAPH)
    {
        return Err(absent(file));
    }
    let all = || graphs.iter().map(|graph| graph.path.as_str()).collect();
    let usual = || FOLDERS.iter().find_map(|folder| find(&format!("{folder}{}{GRAPH}", USUAL.0)));
    let Some(pick) = &reference.pick else {
        return match (stated, usual(), graphs) {
            (Some(Stated::Several), ..) => Ok(all()),
            (Some(Stated::One(Some(file))), ..) => {
                find(file).map(|file| vec![file]).ok_or_else(|| absent(file))
            }
            (_, Some(usual), _) => Ok(vec![usual]),
            (_, None, [only]) => Ok(vec![only.path.as_str()]),
            (Some(Stated::One(None)), None, _) => Ok(all()),
            (None, None, _) => Err(ChoiceError::Several { repository, choices: choices() }),
        };
    };
    if stated == Some(&Stated::Several) {
        return Err(ChoiceError::Parts { repository, pick: pick.clone() });
    }
    let named = if pick.ends_with(GRAPH) {
        find(pick).or_else(|| FOLDERS.iter().find_map(|folder| find(&format!("{folder}{pick}"))))
    } else {
        let of = |precision: &str| {
            let find = |folder: &&str| find(&format!("{folder}{}_{precision}{GRAPH}", USUAL.0));
            FOLDERS.iter().find_map(find)
        };
        let long = || of(SHORT.1).filter(|_| pick == SHORT.0);
        of(pick).or_else(long).or_else(|| usual().filter(|_| pick == USUAL.1))
    };
    let other = || ChoiceError::Other { repository, pick: pick.clone(), choices: choices() };
    named.map(|named| vec![named]).ok_or_else(other)
}

/// Whether it has weights of the graph, which stand beside it and are called as it is, and more.
fn is_beside(path: &str, graph: &str) -> bool {
    path.strip_prefix(graph).is_some_and(|rest| {
        ["_data", ".data"].iter().any(|data| rest.starts_with(data)) && !rest.contains('/')
    })
}

/// A chosen graph goes to its place, and its weights beside it under the name that the graph knows them by.
fn moved(path: &str, graph: &str, place: &str) -> String {
    if path == graph {
        return place.to_owned();
    }
    let name = path.rsplit('/').next().unwrap_or(path);
    place.rsplit_once('/').map_or_else(|| name.to_owned(), |(folder, _)| format!("{folder}/{name}"))
}

/// Whether a file that is no graph is read by what serves the model.
fn belongs(path: &str, is_ours: bool) -> bool {
    if path.split('/').any(|part| part.starts_with('.')) {
        return false;
    }
    if is_ours {
        // Whatever else the manifest may name.
        let is_graph = path.contains(GRAPH);
        return !is_graph && !OTHERS.iter().any(|other| path.ends_with(other));
    }
    READ.contains(&path) || is_module(path)
}

/// `1_Pooling/config.json`, as sentence-transformers has it.
fn is_module(path: &str) -> bool {
    let Some((folder, file)) = path.split_once('/') else { return false };
    file == "config.json" && folder.split_once('_').is_some_and(|(n, _)| n.parse::<u8>().is_ok())
}

#[cfg(test)]
mod tests;
