//! What a model is: the card that workers announce and the api reads.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::job::{Cost, Input, Kind, Params, TensorError, TensorSpec, check_inputs};
use crate::residency::Loaded;

/// One servable model, as its worker describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// Its own name; it may contain `/` and `:`.
    pub name: String,
    /// Whose it is, and who alone sees it; `None`: everybody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Whether its files are in the registry; else they are in a folder of its worker's.
    #[serde(default)]
    pub registered: bool,
    /// SHA-256 of its files, in hexadecimal.
    pub digest: String,
    /// Bytes of its files together; unknown of models that were announced by an earlier version.
    #[serde(default)]
    pub bytes: Option<u64>,
    /// What it does.
    pub kind: Kind,
    /// Other names for it.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// One sentence for people.
    #[serde(default)]
    pub description: String,
    /// Under which terms it may be used.
    #[serde(default)]
    pub licence: String,
    /// Who made it.
    pub owned_by: String,
    /// The labels it gives, if it classifies.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Names of prompts that a client may choose from.
    #[serde(default)]
    pub prompts: Vec<String>,
    /// Tokens of one item after truncation.
    #[serde(default)]
    pub max_tokens: Option<u32>,
    /// Length of its vectors, if it embeds.
    #[serde(default)]
    pub dimensions: Option<u32>,
    /// What its graph takes, if it is used by plain tensors.
    #[serde(default)]
    pub inputs: Vec<TensorSpec>,
    /// What its graph gives, if it is used by plain tensors.
    #[serde(default)]
    pub outputs: Vec<TensorSpec>,
    /// What one batch may cost, in the kind's unit.
    pub batch_cost: u64,
    /// Its graph, relative to the folder of all models; empty if it has none.
    #[serde(default)]
    pub file: String,
}

impl ModelCard {
    /// What one batch may cost.
    pub fn budget(&self) -> Cost {
        Cost::new(self.batch_cost)
    }

    /// Whether an item's tensors are what its graph takes. Of a card that tells nothing of it the worker will know.
    pub fn check_tensors(&self, input: &Input) -> Result<(), TensorError> {
        match input {
            Input::Tensors(tensors) if !self.inputs.is_empty() => check_inputs(tensors, &self.inputs),
            _ => Ok(()),
        }
    }

    /// Whether its graph gives what is asked for; else what is wrong.
    pub fn check_outputs(&self, params: &Params) -> Result<(), String> {
        let Params::Tensor(params) = params else { return Ok(()) };
        let given: Vec<&str> = self.outputs.iter().map(|output| output.name.as_str()).collect();
        let missing = params.outputs.iter().flatten().find(|name| !given.contains(&name.as_str()));
        match missing {
            Some(name) if !given.is_empty() => {
                let given = given.join("`, `");
                Err(format!("the model `{}` has no output `{name}`; it has `{given}`", self.name))
            }
            _ => Ok(()),
        }
    }

    /// Its size as JSON, but for the names of its fields, and the largest of these.
    pub fn size(&self) -> (usize, String) {
        let fields = match serde_json::to_value(self) {
            Ok(serde_json::Value::Object(fields)) => fields,
            _ => serde_json::Map::new(),
        };
        let sizes: Vec<(usize, String)> =
            fields.into_iter().map(|(name, value)| (value.to_string().len(), name)).collect();
        let all = sizes.iter().map(|(bytes, _)| bytes).sum();
        (all, sizes.into_iter().max().unwrap_or_default().1)
    }

    /// The card of the same model under another name.
    #[must_use]
    pub fn renamed(self, owner: Option<&str>, name: &str) -> Self {
        let file = match self.file.strip_prefix(&self.name) {
            Some(rest) if rest.starts_with('/') => format!("{name}{rest}"),
            _ => self.file,
        };
        Self { owner: owner.map(str::to_owned), name: name.to_owned(), file, ..self }
    }

    /// Whether this owner may know of it.
    pub fn is_seen_by(&self, owner: &str) -> bool {
        self.owner.as_deref().is_none_or(|whose| whose == owner)
    }

    /// Whether `name` is its name or an alias.
    pub fn answers_to(&self, name: &str) -> bool {
        self.name == name || self.aliases.iter().any(|alias| alias == name)
    }
}

/// A model that some worker has announced.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// What it is.
    pub card: ModelCard,
    /// When it was first announced.
    pub created_at: Timestamp,
    /// How many living workers serve it.
    pub workers: u32,
    /// Whether nothing new is accepted for it.
    pub draining: bool,
    /// Whether a living worker has it in memory.
    pub loaded: Option<Loaded>,
    /// What those have done lately, in cost per second; zero if nothing is known.
    pub rate: f64,
}
