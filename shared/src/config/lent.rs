//! What a hub's own tools read from the environment, lent to those who configure nothing else.
//!
//! `HF_ENDPOINT` stands over the default endpoint and under everything else. `HF_TOKEN` is meant for the hub that those tools
//! would ask, so it is lent to that endpoint alone, and where no token is configured.

use figment::Figment;
use figment::providers::{Env, Serialized};

const ENDPOINT: (&str, &str) = ("HF_ENDPOINT", "hub.endpoint");
const TOKEN: (&str, &str) = ("HF_TOKEN", "hub.token");

/// What is lent.
#[derive(Debug, Default)]
pub(super) struct Lent {
    endpoint: Option<String>,
    token: Option<String>,
    /// Where those tools would ask.
    usual: Option<String>,
}

impl Lent {
    /// Reads it.
    pub(super) fn read() -> Self {
        let read = |name: &str| {
            let variables = Env::raw().only(&[name]);
            let found = variables.iter().next();
            found.map(|(_, value)| value).filter(|value| !value.is_empty())
        };
        Self { endpoint: read(ENDPOINT.0), token: read(TOKEN.0), usual: None }
    }

    /// Lends the endpoint to these defaults, if they know any.
    pub(super) fn endpoint(&mut self, defaults: Figment) -> Figment {
        self.usual = text(&defaults, ENDPOINT.1);
        match (&self.usual, &self.endpoint) {
            (Some(_), Some(endpoint)) => {
                self.usual = Some(endpoint.clone());
                // A bare pair would stand over every layer that comes later.
                defaults.merge(Serialized::default(ENDPOINT.1, endpoint))
            }
            _ => defaults,
        }
    }

    /// Lends the token to these layers.
    pub(super) fn token(&self, layers: Figment) -> Figment {
        let has_none = text(&layers, TOKEN.1).is_some_and(|token| token.is_empty());
        let is_usual = text(&layers, ENDPOINT.1) == self.usual;
        match &self.token {
            Some(token) if has_none && is_usual => layers.merge(Serialized::default(TOKEN.1, token)),
            _ => layers,
        }
    }
}

fn text(layers: &Figment, key: &str) -> Option<String> {
    layers.find_value(key).ok()?.into_string()
}

#[cfg(test)]
mod tests {
    use figment::providers::{Format, Toml};

    use super::*;

    /// The endpoint and the token that are in force, with these variables and this file.
    fn told(endpoint: &str, token: &str, file: &str) -> (String, String) {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let mut lent = Lent { endpoint: some(endpoint), token: some(token), usual: None };
        let defaults = Figment::from(Toml::string("[hub]\nendpoint = \"https://hub\"\ntoken = \"\""));
        let below = lent.endpoint(defaults);
        let layers = lent.token(below.merge(Toml::string(file)));
        let text = |key| text(&layers, key).unwrap();
        (text(ENDPOINT.1), text(TOKEN.1))
    }

    #[test]
    fn a_token_is_lent_where_none_is_configured() {
        let pair = |endpoint: &str, token: &str| (endpoint.to_owned(), token.to_owned());
        assert_eq!(told("", "", ""), pair("https://hub", ""));
        assert_eq!(told("", "hf_7", ""), pair("https://hub", "hf_7"));
        assert_eq!(told("", "7", ""), pair("https://hub", "7"), "a token may consist of digits");
        assert_eq!(told("", "hf_7", "[hub]\ntoken = \"own\""), pair("https://hub", "own"));
        assert_eq!(told("https://mirror", "hf_7", ""), pair("https://mirror", "hf_7"));
    }

    #[test]
    fn a_token_is_lent_to_no_other_hub() {
        let other = "[hub]\nendpoint = \"https://other\"";
        for endpoint in ["", "https://mirror"] {
            assert_eq!(told(endpoint, "hf_7", other), ("https://other".to_owned(), String::new()));
        }
    }

    #[test]
    fn a_program_that_asks_no_hub_is_lent_nothing() {
        let mut lent =
            Lent { endpoint: Some("https://mirror".to_owned()), token: Some("hf_7".to_owned()), usual: None };
        let below = lent.endpoint(Figment::from(Toml::string("a = 1")));
        let layers = lent.token(below);
        assert!(layers.find_value("hub").is_err());
    }
}
