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

    /// The models that `owner` sees, by name.
    pub async fn models(&self, owner: &str) -> StoreResult<Arc<Vec<Model>>> {
        Ok(seen_by(owner, self.all().await?))
    }

    /// All models of all owners, by name: for what looks after them, not for who uses them.
    pub async fn all(&self) -> StoreResult<Arc<Vec<Model>>> {
        self.no_older_than(FRESH).await
    }

    /// Those that `owner` sees, as they are now.
    pub async fn models_now(&self, owner: &str) -> StoreResult<Arc<Vec<Model>>> {
        Ok(seen_by(owner, self.no_older_than(Duration::ZERO).await?))
    }

    /// The model with this name or alias among those that `owner` sees; a name stands before an alias.
    pub async fn find(&self, owner: &str, name: &str) -> StoreResult<Option<Model>> {
        self.look(name, |model| model.card.is_seen_by(owner)).await
    }

    /// The same among all models.
    pub async fn find_any(&self, name: &str) -> StoreResult<Option<Model>> {
        self.look(name, |_| true).await
    }

    /// The same, as it is now; and lists know it too.
    pub async fn find_any_now(&self, name: &str) -> StoreResult<Option<Model>> {
        Ok(named(&self.no_older_than(Duration::ZERO).await?, name, |_| true))
    }

    async fn look(&self, name: &str, is_seen: impl Fn(&Model) -> bool) -> StoreResult<Option<Model>> {
        match named(&self.all().await?, name, &is_seen) {
            Some(model) => Ok(Some(model)),
            None => Ok(named(&self.no_older_than(FRESH_ON_A_MISS).await?, name, &is_seen)),
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

/// Those of the models that `owner` sees: mostly all of them.
fn seen_by(owner: &str, models: Arc<Vec<Model>>) -> Arc<Vec<Model>> {
    if models.iter().all(|model| model.card.is_seen_by(owner)) {
        return models;
    }
    Arc::new(models.iter().filter(|model| model.card.is_seen_by(owner)).cloned().collect())
}

fn named(models: &[Model], name: &str, is_seen: impl Fn(&Model) -> bool) -> Option<Model> {
    place(models, name, is_seen).map(|place| models[place].clone())
}

fn place(models: &[Model], name: &str, is_seen: impl Fn(&Model) -> bool) -> Option<usize> {
    let exactly = models.iter().position(|model| model.card.name == name && is_seen(model));
    exactly.or_else(|| models.iter().position(|model| model.card.answers_to(name) && is_seen(model)))
}

/// Gives everybody's models the names that the configuration has for them, which are then no other's. A model's own name stays
/// its own. The configuration means what everybody sees: what an owner calls its model takes no name from anybody.
fn give_names(models: &mut [Model], aliases: &BTreeMap<String, String>) {
    let is_everybodys = |model: &Model| model.card.owner.is_none();
    let given: Vec<(&String, usize)> = aliases
        .iter()
        .filter_map(|(alias, name)| Some((alias, place(models, name, is_everybodys)?)))
        .collect();
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
        Model {
            card,
            created_at: Timestamp::from_micros(0),
            workers: 0,
            draining: false,
            loaded: None,
            rate: 0.0,
        }
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
        let found = |name: &str| named(&models, name, |_| true).map(|model| model.card.name);
        assert_eq!(found("gpt").as_deref(), Some("two"), "the configuration's");
        assert_eq!(found("two").as_deref(), Some("two"), "its own");
        assert_eq!(found("lost"), None, "nobody's yet");
    }

    #[test]
    fn an_owners_model_takes_no_name_of_the_configurations_from_others() {
        let mut hers = model("another", &["second", "gpt"]);
        hers.card.owner = Some("alice".to_owned());
        let mut models = [hers, model("two", &["second"])];
        give_names(&mut models, &[("gpt".to_owned(), "second".to_owned())].into());
        for owner in ["alice", "bob"] {
            let found = named(&models, "gpt", |model| model.card.is_seen_by(owner));
            assert_eq!(found.map(|model| model.card.name).as_deref(), Some("two"), "{owner}");
        }
    }

    #[test]
    fn an_owners_model_is_hidden_from_all_others_by_every_name() {
        let mut hers = model("hers", &["one", "mine"]);
        hers.card.owner = Some("alice".to_owned());
        let models = Arc::new(vec![hers, model("one", &["mine"])]);
        let seen = |owner: &str| {
            seen_by(owner, models.clone()).iter().map(|model| model.card.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(
            (seen("alice"), seen("bob")),
            (vec!["hers".to_owned(), "one".to_owned()], vec!["one".to_owned()])
        );
        let found = |owner: &str, name: &str| {
            named(&models, name, |model| model.card.is_seen_by(owner)).map(|model| model.card.name)
        };
        assert_eq!(found("alice", "hers").as_deref(), Some("hers"));
        assert_eq!(found("bob", "hers"), None);
        assert_eq!(found("alice", "mine").as_deref(), Some("hers"));
        assert_eq!(found("bob", "mine").as_deref(), Some("one"), "another owner's alias takes no name away");
        assert_eq!(found("alice", "one").as_deref(), Some("one"), "a name stands before an alias");
    }
}
