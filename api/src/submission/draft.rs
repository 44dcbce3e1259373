//! A submission that makes sense for its model.

use forebay_dialects::item::{Content, given, wrong_tensor};
use forebay_shared::clock::Timestamp;
use forebay_shared::config::WebhookConfig;
use forebay_shared::fetch::Guard;
use forebay_shared::job::{Class, Cost, Input, Item, Missing, Object, Params, Webhook};
use forebay_shared::model::Model;
use serde_json::Value;

use super::retention::{RetentionBody, Wish};
use super::times::Times;
use super::{ItemBody, Submission, picture};
use crate::config::{LimitConfig, MOST_ATTEMPTS};
use crate::idempotency::Fingerprint;
use crate::problem::{Code, Problem};
use crate::state::State;

/// Priorities reach this far in both directions.
const PRIORITY: i16 = 10;
/// Pairs of metadata, as OpenAI bounds them too.
const MOST_PAIRS: usize = 16;
/// Characters of a name in metadata.
const LONGEST_NAME: usize = 64;
/// Characters of a value in metadata.
const LONGEST_VALUE: usize = 512;

/// A submission that makes sense. Its pictures are at hand, or in the object store already.
#[derive(Debug)]
pub struct Draft {
    /// The model, its alias resolved.
    pub model: Model,
    /// The model's name as the client wrote it.
    pub asked: String,
    /// Which of the model's queues.
    pub class: Class,
    /// −10…10.
    pub priority: i16,
    /// How many failed attempts end it.
    pub max_attempts: u16,
    /// Parameters for every item.
    pub params: Object,
    /// The client's own words.
    pub metadata: Object,
    /// How long the client wishes it to be kept.
    pub retention: Wish,
    /// When it may run, and by when it must.
    pub times: Times,
    /// Whom to tell.
    pub webhook: Option<Webhook>,
    /// How many items it has.
    pub item_count: u32,
    /// What they probably cost together.
    pub cost: Cost,
    /// The items.
    pub items: Vec<Item>,
    /// What it asks for, if somebody may ask for it again: see [`Draft::fingerprint`].
    pub fingerprint: Option<[u8; 32]>,
}

/// What a submission is held against.
#[derive(Clone, Debug)]
pub struct Rules {
    /// How much is allowed.
    pub limits: LimitConfig,
    /// Which addresses are allowed.
    pub guard: Guard,
    /// What the header `Cancel-After` says.
    pub cancel_after: Option<String>,
    /// The present instant.
    pub now: Timestamp,
    /// Whom a job may tell.
    pub webhooks: WebhookConfig,
}

impl Rules {
    /// The service's.
    pub fn of(app: &State) -> Self {
        Self {
            limits: app.config.limits.clone(),
            guard: app.parts.guard.clone(),
            cancel_after: None,
            now: app.parts.store.now(),
            webhooks: app.config.webhooks.clone(),
        }
    }
}

impl Submission {
    /// Checks everything, the items last. The fingerprint is taken if the submission is `keyed`.
    pub fn check(mut self, model: Model, rules: &Rules, keyed: bool) -> Result<Draft, Problem> {
        let (input, inputs) = (self.input.take(), self.inputs.take());
        let mut draft = self.check_settings(model, rules)?;
        let items = given(input, inputs)?
            .ok_or_else(|| Problem::new(Code::MissingField, "give `input` or `inputs`").at("input"))?;
        count(items.len(), rules)?;
        let checked = items.map(|(field, item)| draft.check_item(item, &field, rules));
        let checked = checked.collect::<Result<Vec<Item>, Problem>>()?;
        draft.complete(checked);
        if keyed {
            draft.fingerprint = Some(draft.fingerprint(&[]));
        }
        Ok(draft)
    }

    /// Checks all but the items, of which there are none yet.
    pub fn check_settings(self, model: Model, rules: &Rules) -> Result<Draft, Problem> {
        let priority = self.priority.unwrap_or(0);
        if !(-PRIORITY..=PRIORITY).contains(&priority) {
            let detail = format_args!("`priority` must be from -{PRIORITY} to {PRIORITY}, not {priority}");
            return Err(Problem::new(Code::InvalidField, detail).at("priority").limit(10));
        }
        let max_attempts = self.max_attempts.unwrap_or(rules.limits.max_attempts);
        if !(1..=MOST_ATTEMPTS).contains(&max_attempts) {
            let detail = format_args!("`max_attempts` must be from 1 to {MOST_ATTEMPTS}, not {max_attempts}");
            return Err(Problem::new(Code::InvalidField, detail)
                .at("max_attempts")
                .limit(u64::from(MOST_ATTEMPTS)));
        }
        let times = [self.run_at, self.start_by, self.finish_by];
        let times = Times::read(times, rules.cancel_after.clone(), rules.now)?;
        let retention = self.retention.map(RetentionBody::read).transpose()?.unwrap_or_default();
        let metadata = metadata(self.metadata.unwrap_or_default())?;
        let params = self.params.unwrap_or_default();
        check_params(&params, &model).map_err(|(name, detail)| {
            Problem::new(Code::InvalidParams, detail).at(within("params", name.as_deref()))
        })?;
        let webhook = self.webhook.map(|webhook| webhook.check(&rules.guard, &rules.webhooks)).transpose()?;
        Ok(Draft {
            model,
            asked: self.model,
            class: self.class.unwrap_or_default(),
            priority,
            max_attempts,
            params,
            metadata,
            times,
            retention,
            webhook,
            item_count: 0,
            cost: Cost::default(),
            items: Vec::new(),
            fingerprint: None,
        })
    }
}

impl Draft {
    fn check_item(&self, body: ItemBody, field: &str, rules: &Rules) -> Result<Item, Problem> {
        let (content, params) = body.open(field)?;
        let input = match content {
            Content::Text(text) => Input::Text(text),
            Content::Pair(text, text_pair) => Input::Pair { text, text_pair },
            Content::Tokens(ids) => Input::Tokens(ids),
            Content::Tensors(tensors) => Input::Tensors(tensors),
            Content::Image(image) => {
                picture::read(image, &format!("{field}.image"), &rules.limits, &rules.guard)?
            }
        };
        self.check_input(&input, field)?;
        if !params.is_empty() {
            check_params(&Params::merge(&self.params, &params), &self.model).map_err(|(name, detail)| {
                let field = within(&format!("{field}.params"), name.as_deref());
                Problem::new(Code::InvalidParams, detail).at(field)
            })?;
        }
        check_needs(&self.model, &input, [&params, &self.params], field)?;
        Ok(Item { input, params })
    }

    /// Whether the model takes such an input.
    pub fn check_input(&self, input: &Input, field: &str) -> Result<(), Problem> {
        check_input(&self.model, input, field)
    }

    /// Takes the items in, in the client's order.
    pub fn complete(&mut self, items: Vec<Item>) {
        self.item_count = u32::try_from(items.len()).unwrap_or(u32::MAX);
        self.cost = Cost::of(&items, &self.params);
        self.items = items;
    }

    /// What the submission asks for, as a number that two submissions share only if they ask for the same. Pictures that
    /// are not at hand any more count by `digests`.
    pub fn fingerprint(&self, digests: &[[u8; 32]]) -> [u8; 32] {
        let mut fingerprint = Fingerprint::default();
        fingerprint.text(&self.asked);
        fingerprint.text(self.class.as_str());
        fingerprint.number(self.priority.into());
        fingerprint.number(self.max_attempts.into());
        fingerprint.object(&self.params);
        fingerprint.object(&self.metadata);
        for number in self.retention.numbers() {
            fingerprint.number(number);
        }
        for (field, written) in self.times.written() {
            fingerprint.text(field);
            fingerprint.text(written);
        }
        if let Some(webhook) = &self.webhook {
            fingerprint.text(&webhook.url);
            webhook.events.iter().for_each(|kind| fingerprint.text(kind));
        }
        for (index, item) in self.items.iter().enumerate() {
            fingerprint.item(item, digests.get(index).copied());
        }
        fingerprint.finish()
    }
}

/// Whether so many items are allowed.
pub fn count(items: usize, rules: &Rules) -> Result<(), Problem> {
    let limit = rules.limits.max_items;
    if items == 0 {
        return Err(Problem::new(Code::EmptyInput, "there must be at least one input").at("inputs"));
    }
    if items > limit as usize {
        let detail = format_args!("there are {items} inputs, the limit is {limit}");
        return Err(Problem::new(Code::TooManyItems, detail).at("inputs").limit(u64::from(limit)));
    }
    Ok(())
}

/// Whether the model takes such an input.
pub fn check_input(model: &Model, input: &Input, field: &str) -> Result<(), Problem> {
    let card = &model.card;
    let Some(refused) = card.kind.refuses(input) else {
        return Ok(card.check_tensors(input).map_err(|error| wrong_tensor(error, field))?);
    };
    let detail = format_args!("the model `{}` does {} and takes no {refused}", card.name, card.kind);
    Err(Problem::new(Code::WrongInput, detail).at(field))
}

/// Whether an item has the parameter that its kind cannot do without, of its own or of its job.
pub fn check_needs(model: &Model, input: &Input, params: [&Object; 2], field: &str) -> Result<(), Problem> {
    let Some(missing) = Missing::of(model.card.kind, input, params) else { return Ok(()) };
    let detail = missing.message(&format!("`{field}`"));
    Err(Problem::new(Code::InvalidParams, detail).at(within("params", Some(missing.name))))
}

/// The parameter's name, if it is one, and what is wrong with it.
pub fn check_params(params: &Object, model: &Model) -> Result<(), (Option<String>, String)> {
    let params = Params::parse(model.card.kind, params).map_err(|error| (error.field, error.message))?;
    if let Err(wrong) = model.card.check_outputs(&params) {
        return Err((Some("outputs".to_owned()), wrong));
    }
    let dimensions = match &params {
        Params::TextEmbedding(embedding) => embedding.dimensions,
        Params::ImageEmbedding(embedding) => embedding.dimensions,
        _ => None,
    };
    if let (Some(wanted), Some(most)) = (dimensions, model.card.dimensions)
        && wanted > most
    {
        let detail = format!(
            "`dimensions` must be from 1 to {most} for the model `{}`, not {wanted}",
            model.card.name
        );
        return Err((Some("dimensions".to_owned()), detail));
    }
    let Params::TextEmbedding(embedding) = params else { return Ok(()) };
    match embedding.prompt {
        Some(prompt) if !model.card.prompts.contains(&prompt) => {
            let known = match &model.card.prompts[..] {
                [] => "it has none".to_owned(),
                prompts => format!("it has `{}`", prompts.join("`, `")),
            };
            let detail = format!("the model `{}` has no prompt `{prompt}`; {known}", model.card.name);
            Err((Some("prompt".to_owned()), detail))
        }
        _ => Ok(()),
    }
}

fn within(field: &str, name: Option<&str>) -> String {
    name.map_or_else(|| field.to_owned(), |name| format!("{field}.{name}"))
}

fn metadata(pairs: std::collections::BTreeMap<String, String>) -> Result<Object, Problem> {
    let refuse = |detail: String, limit: usize, field: String| {
        Err(Problem::new(Code::InvalidField, detail).at(field).limit(limit as u64))
    };
    if pairs.len() > MOST_PAIRS {
        let detail = format!("there are {} pairs, the limit is {MOST_PAIRS}", pairs.len());
        return refuse(detail, MOST_PAIRS, "metadata".to_owned());
    }
    for (name, value) in &pairs {
        let field = || format!("metadata.{}", name.chars().take(LONGEST_NAME).collect::<String>());
        if !(1..=LONGEST_NAME).contains(&name.chars().count()) {
            return refuse(format!("a name has 1 to {LONGEST_NAME} characters"), LONGEST_NAME, field());
        }
        if value.chars().count() > LONGEST_VALUE {
            return refuse(format!("a value has at most {LONGEST_VALUE} characters"), LONGEST_VALUE, field());
        }
        // Postgres cannot keep it, and one such row would take its whole group of submissions down.
        if name.contains('\0') || value.contains('\0') {
            return Err(Problem::new(Code::InvalidField, "the character U+0000 is not taken").at(field()));
        }
    }
    Ok(pairs.into_iter().map(|(name, value)| (name, Value::String(value))).collect())
}
