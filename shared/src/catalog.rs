//! Which models there are, as of a moment ago.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::config::ModelConfig;
use crate::model::Model;
use crate::store::{Store, StoreResult};

/// How old the view may be: models come and go rarely, and a second is not noticed.
const FRESH: Duration = Duration::from_secs(1);

/// How old it may be when a name is missing from it: a model that has just been announced is found, and somebody who
/// asks for one that does not exist costs at most twenty reads a second.
const FRESH_ON_A_MISS: Duration = Duration::from_millis(50);

/// A view of the announced models that is renewed when it is asked and has grown old.
#[derive(Debug)]
pub struct Catalog {
    store: Arc<dyn Store>,
    config: ModelConfig,
    view: Mutex<Option<(Instant, Arc<Vec<Model>>)>>,
}

impl Catalog {
    /// A view of the store's models, which answer to the configuration's names for them too.
    pub fn new(store: Arc<dyn Store>, config: ModelConfig) -> Self {
        Self { store, config, view: Mutex::default() }
    }

    /// All models, by name.
    pub async fn models(&self) -> StoreResult<Arc<Vec<Model>>> {
        self.no_older_than(FRESH).await
    }

    /// The model with this name or alias; a name stands before an alias.
    pub async fn find(&self, name: &str) -> StoreResult<Option<Model>> {
        match named(&self.models().await?, name) {
            Some(model) => Ok(Some(model)),
            None => Ok(named(&self.no_older_than(FRESH_ON_A_MISS).await?, name)),
        }
    }

    async fn no_older_than(&self, age: Duration) -> StoreResult<Arc<Vec<Model>>> {
        let mut view = self.view.lock().await;
        match view.as_ref() {
            Some((read_at, models)) if read_at.elapsed() < age => Ok(models.clone()),
            _ => {
                let mut models = self.store.models().await?;
                give_names(&mut models, &self.config.aliases);
                let models = Arc::new(models);
                *view = Some((Instant::now(), models.clone()));
                Ok(models)
            }
        }
    }
}

fn named(models: &[Model], name: &str) -> Option<Model> {
    place(models, name).map(|place| models[place].clone())
}

fn place(models: &[Model], name: &str) -> Option<usize> {
    let exactly = models.iter().position(|model| model.card.name == name);
    exactly.or_else(|| models.iter().position(|model| model.card.answers_to(name)))
}

/// Gives models the names that the configuration has for them, which are then no other's. A model's own name stays its own.
fn give_names(models: &mut [Model], aliases: &BTreeMap<String, String>) {
    let given: Vec<(&String, usize)> =
        aliases.iter().filter_map(|(alias, name)| Some((alias, place(models, name)?))).collect();
    for (alias, place) in given {
        for model in models.iter_mut() {
            model.card.aliases.retain(|other| other != alias);
        }
        models[place].card.aliases.push(alias.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::job::Kind;
    use crate::model::ModelCard;
    use crate::testing::card;

    fn model(name: &str, aliases: &[&str]) -> Model {
        let aliases = aliases.iter().map(|alias| (*alias).to_owned()).collect();
        let card = ModelCard { aliases, ..card(name, Kind::Echo) };
        Model { card, created_at: Timestamp::from_micros(0), workers: 0, draining: false, rate: 0.0 }
    }

    fn names(models: &[Model]) -> Vec<(&str, Vec<&str>)> {
        fn aliases(model: &Model) -> Vec<&str> {
            model.card.aliases.iter().map(String::as_str).collect()
        }
        models.iter().map(|model| (model.card.name.as_str(), aliases(model))).collect()
    }

    #[test]
    fn the_configurations_names_stand_before_the_manifests_and_after_a_models_own() {
        let mut models = [model("one", &["first", "gpt"]), model("two", &["second"])];
        let aliases = [("gpt", "second"), ("two", "one"), ("ada", "one"), ("lost", "three")];
        let aliases = aliases.map(|(alias, name)| (alias.to_owned(), name.to_owned())).into();
        give_names(&mut models, &aliases);
        assert_eq!(names(&models), [("one", vec!["first", "ada", "two"]), ("two", vec!["second", "gpt"])]);
        let found = |name: &str| named(&models, name).map(|model| model.card.name);
        assert_eq!(found("gpt").as_deref(), Some("two"), "the configuration's");
        assert_eq!(found("two").as_deref(), Some("two"), "its own");
        assert_eq!(found("lost"), None, "nobody's yet");
    }
}
