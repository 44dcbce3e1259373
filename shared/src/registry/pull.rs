//! A wish to bring a model in from a hub becomes a job.

use super::{NameError, check_name};
use crate::hub::Reference;
use crate::id::JobId;
use crate::job::{Class, Cost, Input, Item, ItemsAt, Keep, ModelPullParams, NewJob, Object};

/// What stands as the model of such a job, so that it has a queue. No model can be called that.
pub const PULL: &str = "model_pull";

/// Attempts of a pull that may fail before it is given up; each goes on where the one before it ended.
const ATTEMPTS: u16 = 5;

/// A model that is to be brought in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPull {
    /// Whose job it is, and whose model.
    pub owner: String,
    /// Where from.
    pub reference: Reference,
    /// What it is to be called; as the repository, and the precision, if nothing is said.
    pub name: Option<String>,
    /// Whether the model is to be everybody's instead. Whoever may ask for this is the caller's to check.
    pub everybody: bool,
    /// Whether whoever asks runs the service, and may have what its token opens. That is the caller's to check too.
    pub by_admin: bool,
}

impl NewPull {
    /// The job, which the scheduler does. Its owner reads, follows, cancels and retries it like any other.
    pub fn job(self, id: JobId, keep: Keep) -> Result<NewJob, NameError> {
        let name = self.name.unwrap_or_else(|| self.reference.name());
        check_name(&name)?;
        let params = ModelPullParams { name, everybody: self.everybody, by_admin: self.by_admin };
        let params = match serde_json::to_value(params) {
            Ok(serde_json::Value::Object(params)) => params,
            _ => Object::new(),
        };
        let item = Item { input: Input::Text(self.reference.to_string()), params: Object::new() };
        Ok(NewJob {
            id,
            owner: self.owner,
            model: PULL.to_owned(),
            model_digest: String::new(),
            class: Class::Interactive,
            priority: 0,
            item_count: 1,
            items: ItemsAt::Row(ItemsAt::encode(&[item])),
            cost: Cost::new(1),
            params,
            metadata: Object::new(),
            blobs: Vec::new(),
            blob_bytes: 0,
            idempotency: None,
            max_attempts: ATTEMPTS,
            waiter: None,
            published: false,
            keep,
            client_id: None,
            key: None,
            run_at: None,
            start_by: None,
            finish_by: None,
            webhook: None,
            bulk: None,
            trace: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::ManualClock;
    use crate::job::{Kind, Params};
    use crate::testing::fixed_ids;

    fn job(reference: &str, name: Option<&str>) -> Result<NewJob, NameError> {
        let pull = NewPull {
            owner: "alice".to_owned(),
            reference: reference.parse().unwrap(),
            name: name.map(str::to_owned),
            everybody: false,
            by_admin: true,
        };
        pull.job(fixed_ids(&ManualClock::default()).job(), Keep::all(Duration::from_secs(1)))
    }

    #[test]
    fn a_pull_is_a_job_of_one_item_that_says_what_the_model_is_called() {
        for (reference, asked, name) in
            [("org/name:fp16@v1", None, "org/name:fp16"), ("org/name", Some("mine"), "mine")]
        {
            let job = job(reference, asked).unwrap();
            let ItemsAt::Row(items) = &job.items else { panic!("it is small") };
            let items = ItemsAt::decode(items.as_bytes()).unwrap();
            assert_eq!(items[0].input, Input::Text(reference.to_owned()));
            let params = ModelPullParams { name: name.to_owned(), everybody: false, by_admin: true };
            assert_eq!(Params::parse(Kind::ModelPull, &job.params), Ok(Params::ModelPull(params)));
        }
    }

    #[test]
    fn a_name_that_no_model_can_have_is_refused_before_there_is_a_job() {
        assert!(matches!(job("org/name", Some("../up")), Err(NameError::Part(_))));
        assert_eq!(job("org/name", Some(PULL)).unwrap_err(), NameError::Reserved(PULL.to_owned()));
    }
}
