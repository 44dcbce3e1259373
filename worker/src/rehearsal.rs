//! Items that take their worker down, for rehearsals of crashes. No other build knows them.

/// Ends the process without a word if the item says that its worker dies at this stage.
pub fn passes(stage: &str, text: &str) {
    if text.strip_prefix("the worker dies while it ") == Some(stage) {
        tracing::warn!(stage, "the worker dies, as an item asks it to");
        std::process::abort();
    }
}
