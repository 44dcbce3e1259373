//! Models are loaded, kept in memory and unloaded, whatever dialect asks.
//!
//! What is wished is written down, workers are told, and whoever asked is answered when it has come about.

mod wishes;

use std::time::{Duration, Instant};

use forebay_shared::events::Event;
use forebay_shared::model::Model;
use forebay_shared::residency::Wish;
use forebay_shared::store::settled;

use crate::problem::{Code, Problem};
use crate::state::State;

pub use wishes::Wishes;

/// How long a caller waits for a model to be loaded, if calls may wait that long at all. Loading goes on after that.
const LOADING: Duration = Duration::from_secs(30);
/// How long for one to leave: it does not while it runs.
const LEAVING: Duration = Duration::from_secs(2);
/// How often it is looked whether a worker serves what has just come.
const GLANCE: Duration = Duration::from_millis(250);

/// Has a wish about a model carried out, and answers with the model as it stands then. Of a model that is to be loaded, a worker
/// must have it before the answer; one that is to leave may run a little longer.
pub async fn come_about(app: &State, model: Model, wish: Wish) -> Result<Model, Problem> {
    let (is_loaded, patience) = match wish {
        Wish::Load(_) => (true, LOADING),
        Wish::Unload => (false, LEAVING),
        Wish::Keep(_) => {
            self::wish(app, &model.card.name, wish).await?;
            return Ok(model);
        }
    };
    let patience = patience.min(app.config.limits.max_wait.get());
    let model = if is_loaded { arrived(app, model, patience).await? } else { model };
    let name = &model.card.name;
    let unavailable = |detail| Err(Problem::new(Code::Unavailable, detail).at("model").model(name));
    if is_loaded && model.workers == 0 {
        return unavailable(format!("no worker serves the model `{name}` now"));
    }
    self::wish(app, name, wish).await?;
    let is_so = settled(app.parts.store.as_ref(), name, is_loaded, patience).await?;
    if is_loaded && !is_so {
        return unavailable(format!("the model `{name}` is not loaded yet; ask again in a moment"));
    }
    // What was known of the model, here and in lists, is older than the wish.
    let model = app.parts.catalog.find_any_now(name).await?;
    model.ok_or_else(|| Problem::unknown_model(name))
}

/// A model that was brought in a moment ago is on its way to workers: one that serves it is waited for.
async fn arrived(app: &State, mut model: Model, patience: Duration) -> Result<Model, Problem> {
    let left = model.created_at.plus(patience).since(app.parts.clock.now());
    let until = Instant::now() + left;
    while model.workers == 0 && model.card.registered && Instant::now() < until {
        tokio::time::sleep(GLANCE).await;
        let Some(now) = app.parts.catalog.find_any_now(&model.card.name).await? else { break };
        model = now;
    }
    Ok(model)
}

/// Writes a wish about the model with this name of its own down, and tells workers.
async fn wish(app: &State, name: &str, wish: Wish) -> Result<(), Problem> {
    // What was said before is not to stand after it.
    app.wishes.forget(name);
    app.parts.store.wish(name, wish).await?;
    app.parts.events.announce(Event::Wished).await;
    Ok(())
}
