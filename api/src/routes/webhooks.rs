//! Webhook endpoints: what their paths share.

pub mod create;
pub mod delete;
pub mod deliveries;
pub mod get;
pub mod keys;
pub mod list;
pub mod replay;
pub mod replay_one;
pub mod rotate;
pub mod rotate_secret;
pub mod secret;
pub mod test;
pub mod update;

use std::str::FromStr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use forebay_shared::clock::Timestamp;
use forebay_shared::config::Size;
use forebay_shared::id::{DeliveryId, WebhookId};
use forebay_shared::job::EventType;
use forebay_shared::store::{Endpoint, Secrets, Signing};
use forebay_shared::webhook::{SigningKey, new_secret};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::{Code, Problem};
use crate::routes::segment::segment;
use crate::samples;
use crate::state::{App, State};

/// A body here is a URL and a few words.
const BODY: Size = Size::new(64 << 10);

/// An endpoint as clients see it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Webhook, example = samples::webhook)]
pub struct EndpointView {
    /// Its id.
    #[schema(value_type = String)]
    id: WebhookId,
    /// `webhook`
    object: &'static str,
    /// Where messages go.
    url: String,
    /// What it is told of.
    events: Vec<EventType>,
    /// Whether it is told nothing.
    disabled: bool,
    /// Since when.
    #[schema(value_type = Option<String>, format = DateTime)]
    disabled_at: Option<Timestamp>,
    /// Why.
    disabled_reason: Option<DisabledReason>,
    /// Since when nothing got through, if the last try failed.
    #[schema(value_type = Option<String>, format = DateTime)]
    failing_since: Option<Timestamp>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was changed last.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// What its messages are signed with, `whsec_…`: only where it has just been made.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

/// Why an endpoint is disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum DisabledReason {
    /// Its owner wished so.
    Owner,
    /// It answered 410.
    Gone,
    /// It failed for too long.
    Failing,
}

impl EndpointView {
    /// The endpoint, without its secret.
    pub fn new(endpoint: Endpoint) -> Self {
        use forebay_shared::store::Disabled;
        let reason = endpoint.disabled.map(|(_, reason)| match reason {
            Disabled::Owner => DisabledReason::Owner,
            Disabled::Gone => DisabledReason::Gone,
            Disabled::Failing => DisabledReason::Failing,
        });
        Self {
            id: endpoint.id,
            object: "webhook",
            url: endpoint.url,
            events: endpoint.events,
            disabled: endpoint.disabled.is_some(),
            disabled_at: endpoint.disabled.map(|(since, _)| since),
            disabled_reason: reason,
            failing_since: endpoint.failing_since,
            created_at: endpoint.created_at,
            updated_at: endpoint.updated_at,
            secret: None,
        }
    }

    /// The endpoint with its present secret, for whom it was just made.
    pub fn with_secret(endpoint: Endpoint) -> Self {
        let secret = endpoint.secrets.present().expose().to_owned();
        Self { secret: Some(secret), ..Self::new(endpoint) }
    }
}

/// What jobs' own webhooks are signed with.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookSecret)]
pub struct SecretView {
    /// `webhook_secret`
    object: &'static str,
    /// `whsec_…`
    secret: String,
}

impl SecretView {
    /// Of the owner whose it is.
    pub fn new(signing: &Signing) -> Self {
        Self { object: "webhook_secret", secret: signing.secrets.present().expose().to_owned() }
    }
}

/// What the owner's messages are signed with, made now if there was nothing yet.
pub async fn signing(app: &State, owner: &str) -> Result<Signing, Problem> {
    let entropy = app.parts.entropy.as_ref();
    let fresh =
        Signing { secrets: Secrets::new(new_secret(entropy)), key: SigningKey::generate(entropy).secret() };
    Ok(app.parts.store.signing(owner, &fresh).await?)
}

/// The owner has no such endpoint; whose it is otherwise stays unsaid.
pub fn webhook_not_found() -> Problem {
    Problem::new(Code::WebhookNotFound, "there is no such webhook")
}

/// Nothing is sent to an endpoint that is disabled.
pub fn disabled() -> Problem {
    Problem::new(Code::WebhookDisabled, "the webhook is disabled; enable it first")
}

/// The endpoint's id in the path.
#[derive(Clone, Copy, Debug)]
pub struct Id(pub WebhookId);

/// An endpoint's and a delivery's id in the path.
#[derive(Clone, Copy, Debug)]
pub struct DeliveryPath(pub WebhookId, pub DeliveryId);

impl FromRequestParts<App> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        named(parts, app, "id", "wh_…").await.map(Self)
    }
}

impl FromRequestParts<App> for DeliveryPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        Ok(Self(named(parts, app, "id", "wh_…").await?, named(parts, app, "delivery", "msg_…").await?))
    }
}

async fn named<T: FromStr>(parts: &mut Parts, app: &App, name: &str, form: &str) -> Result<T, Problem> {
    let invalid = || {
        Problem::new(Code::InvalidId, format_args!("`{name}` in the path must be an id like `{form}`"))
            .at(name)
    };
    segment(parts, app, name).await.and_then(|id| id.parse().ok()).ok_or_else(invalid)
}

/// How a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It will be tried.
    Pending,
    /// The receiver has it.
    Succeeded,
    /// Every try failed.
    Failed,
    /// The webhook was disabled before it got through.
    Skipped,
}

impl From<forebay_shared::store::DeliveryState> for DeliveryState {
    fn from(state: forebay_shared::store::DeliveryState) -> Self {
        use forebay_shared::store::DeliveryState as Stored;
        match state {
            Stored::Pending => Self::Pending,
            Stored::Succeeded => Self::Succeeded,
            Stored::Failed => Self::Failed,
            Stored::Skipped => Self::Skipped,
        }
    }
}

impl From<DeliveryState> for forebay_shared::store::DeliveryState {
    fn from(state: DeliveryState) -> Self {
        match state {
            DeliveryState::Pending => Self::Pending,
            DeliveryState::Succeeded => Self::Succeeded,
            DeliveryState::Failed => Self::Failed,
            DeliveryState::Skipped => Self::Skipped,
        }
    }
}
