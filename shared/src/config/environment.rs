//! `FOREBAY_SECTION__KEY`: the layer that the environment is.

use std::collections::BTreeMap;

use figment::providers::Env;
use figment::value::{Dict, Map, Value};
use figment::{Error, Figment, Metadata, Profile, Provider};

const PREFIX: &str = "FOREBAY_";

/// The environment's values, by dotted key.
#[derive(Debug)]
pub(super) struct Environment(BTreeMap<String, Value>);

impl Environment {
    /// Reads it. A key that is text in the layers below is text here, whatever it looks like: a secret may consist of
    /// digits. All others are read as TOML values.
    pub(super) fn over(below: &Figment) -> Self {
        // What the test command tells the tests is no configuration.
        let variables = Env::prefixed(PREFIX).filter(|key| !key.starts_with("test_")).split("__");
        let values = variables.iter().map(|(key, raw)| {
            let is_text = matches!(below.find_value(key.as_str()), Ok(Value::String(..)));
            let read = || raw.parse().unwrap_or_else(|never| match never {});
            (key.to_string(), if is_text { Value::from(raw.as_str()) } else { read() })
        });
        Self(values.collect())
    }
}

impl Provider for Environment {
    fn metadata(&self) -> Metadata {
        Metadata::named("the environment")
            .interpolater(|_, keys| format!("{PREFIX}{}", keys.join("__").to_uppercase()))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        let mut root = Dict::new();
        for (key, value) in &self.0 {
            insert(&mut root, &key.split('.').collect::<Vec<_>>(), value);
        }
        Ok(Profile::Default.collect(root))
    }
}

fn insert(dict: &mut Dict, path: &[&str], value: &Value) {
    match path {
        [] => {}
        [key] => drop(dict.insert((*key).to_owned(), value.clone())),
        [section, rest @ ..] => {
            let inner = dict.entry((*section).to_owned()).or_insert_with(|| Value::from(Dict::new()));
            if let Value::Dict(_, inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}
