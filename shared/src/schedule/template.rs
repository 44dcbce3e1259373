//! A submission that was checked, to be made a job at each firing.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::id::{JobId, KeyId, ScheduleId};
use crate::job::{Class, Cost, Items, ItemsAt, Keep, Missing, NewJob, Object, Params, Webhook};
use crate::model::Model;
use crate::words::words;

/// The name in a job's metadata under which its schedule stands.
pub const SCHEDULE: &str = "schedule";

/// A submission that was checked. All that it says of time counts from the firing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Template {
    /// The model as the client wrote it: an alias is resolved at each firing.
    pub model: String,
    /// Which of the model's two queues.
    pub class: Class,
    /// −10…10.
    pub priority: i16,
    /// How many failed attempts end a job.
    pub max_attempts: u16,
    /// Parameters for every item.
    pub params: Object,
    /// The client's own words.
    pub metadata: Object,
    /// The items; pictures stand here or are fetched.
    #[serde(serialize_with = "to_text", deserialize_with = "from_text")]
    pub items: Items,
    /// How long a job is kept once it has ended.
    pub keep: Keep,
    /// Not begun within this, a job expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_within: Option<Duration>,
    /// Not ended within this, a job expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_within: Option<Duration>,
    /// Whom else to tell of a job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Webhook>,
    /// The key that wrote it: its limits hold for the jobs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
}

/// Why a template makes no job any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, thiserror::Error)]
#[error("{message}")]
pub struct Unfit {
    /// The named reason.
    pub code: UnfitCode,
    /// One sentence.
    pub message: String,
}

/// The reasons why a template makes no job any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnfitCode {
    /// Nobody has announced a model of this name.
    UnknownModel,
    /// The model of this name takes no such items.
    WrongInput,
    /// The model of this name takes no such parameters.
    InvalidParams,
}

words!(
    UnfitCode,
    "firing error",
    UnknownModel = "unknown_model",
    WrongInput = "wrong_input",
    InvalidParams = "invalid_params",
);

impl Template {
    /// The job of one firing at `now`. The model behind the name may be another than when the template was checked, so
    /// what depends on it is checked again.
    pub fn job(
        &self,
        id: JobId,
        schedule: ScheduleId,
        owner: &str,
        model: Option<&Model>,
        now: Timestamp,
    ) -> Result<NewJob, Unfit> {
        let unfit = |code, message: String| Unfit { code, message };
        let card = match model {
            Some(model) => &model.card,
            None => {
                return Err(unfit(UnfitCode::UnknownModel, format!("there is no model `{}`", self.model)));
            }
        };
        for (index, item) in self.items.iter().enumerate() {
            if card.kind.refuses(&item.input).is_some() {
                let message =
                    format!("the model `{}` does {} and does not take item {index}", card.name, card.kind);
                return Err(unfit(UnfitCode::WrongInput, message));
            }
            if let Some(missing) = Missing::of(card.kind, &item.input, [&item.params, &self.params]) {
                return Err(unfit(UnfitCode::InvalidParams, missing.message(&format!("item {index}"))));
            }
            Params::parse(card.kind, &Params::merge(&self.params, &item.params))
                .map_err(|error| unfit(UnfitCode::InvalidParams, error.to_string()))?;
        }
        let mut metadata = self.metadata.clone();
        metadata.insert(SCHEDULE.to_owned(), Value::String(schedule.to_string()));
        Ok(NewJob {
            id,
            owner: owner.to_owned(),
            model: card.name.clone(),
            model_digest: card.digest.clone(),
            class: self.class,
            priority: self.priority,
            item_count: u32::try_from(self.items.len()).unwrap_or(u32::MAX),
            cost: Cost::of(&self.items, &self.params),
            items: ItemsAt::Row(ItemsAt::encode(&self.items)),
            params: self.params.clone(),
            metadata,
            blobs: Vec::new(),
            blob_bytes: 0,
            idempotency: None,
            max_attempts: self.max_attempts,
            waiter: None,
            published: false,
            keep: self.keep,
            client_id: None,
            key: self.key,
            run_at: None,
            start_by: self.start_within.map(|span| now.plus(span)),
            finish_by: self.finish_within.map(|span| now.plus(span)),
            webhook: self.webhook.clone(),
            bulk: None,
            trace: None,
        })
    }
}

/// Items stand in the row as one text, as they do in a job's: a database's JSON does not take every character of theirs.
fn to_text<S: Serializer>(items: &Items, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&ItemsAt::encode(items))
}

fn from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Items, D::Error> {
    let text = String::deserialize(deserializer)?;
    ItemsAt::decode(text.as_bytes()).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Kind;
    use crate::testing::{card, fixed_ids, sample_template};

    fn model(kind: Kind) -> Model {
        Model {
            card: card("words", kind),
            created_at: Timestamp::from_micros(0),
            workers: 1,
            draining: false,
            loaded: None,
            rate: 0.0,
        }
    }

    #[test]
    fn a_firing_makes_the_job_that_was_written_down() {
        let ids = fixed_ids(&crate::clock::ManualClock::default());
        let now = Timestamp::from_micros(1_000_000);
        let mut template = sample_template();
        template.finish_within = Some(Duration::from_mins(5));
        template.key = Some(ids.key());
        let schedule = ids.schedule();
        let job = template.job(ids.job(), schedule, "alice", Some(&model(Kind::Echo)), now).unwrap();
        assert_eq!((job.model.as_str(), job.item_count, job.published), ("words", 1, false));
        assert_eq!(job.key, template.key, "the key's limits hold for it");
        assert_eq!((job.start_by, job.finish_by), (None, Some(now.plus(Duration::from_mins(5)))));
        assert_eq!(job.metadata[SCHEDULE], Value::String(schedule.to_string()));
        let ItemsAt::Row(items) = job.items else { panic!("not in the row") };
        assert_eq!(ItemsAt::decode(items.as_bytes()).unwrap(), template.items);
    }

    #[test]
    fn a_model_that_is_gone_or_another_makes_no_job() {
        let ids = fixed_ids(&crate::clock::ManualClock::default());
        let (template, now) = (sample_template(), Timestamp::from_micros(0));
        let refused = |template: &Template, model: Option<&Model>| {
            template.job(ids.job(), ids.schedule(), "alice", model, now).unwrap_err().code
        };
        assert_eq!(refused(&template, None), UnfitCode::UnknownModel);
        assert_eq!(refused(&template, Some(&model(Kind::ImageClassification))), UnfitCode::WrongInput);
        assert_eq!(refused(&template, Some(&model(Kind::Rerank))), UnfitCode::InvalidParams, "no query");
        let mut delayed = template;
        delayed.params.insert("delay_ms".to_owned(), 5.into());
        assert_eq!(refused(&delayed, Some(&model(Kind::TextClassification))), UnfitCode::InvalidParams);
    }
}
