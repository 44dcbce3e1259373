//! What work costs, in the unit that fills the device.

use std::iter::Sum;
use std::ops::Add;

use serde_json::Value;

use super::{Input, Item, Object};

/// Bytes of the usual template of a hypothesis.
const TEMPLATE: usize = "This example is {}.".len();

/// Tokens for text, pictures for images, elements for tensors, items for echo.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost(u64);

impl Cost {
    /// So many units.
    pub const fn new(units: u64) -> Self {
        Self(units)
    }

    /// What items probably cost that have these parameters in common: each what its input does, and what is read beside it.
    /// A query, or a source, is read with each text, and a text once for each of its labels.
    ///
    /// An estimate, taken before anything is tokenised; it sizes windows and fair shares, never a batch.
    pub fn of(items: &[Item], common: &Object) -> Self {
        let cost = |item: &Item| match &item.input {
            // It brings along what it is read beside.
            pair @ Input::Pair { .. } => pair.cost(),
            input => input.cost().beside(|name| item.params.get(name).or(common.get(name))),
        };
        items.iter().map(cost).sum()
    }

    /// What it is with what a text is read beside.
    fn beside<'a>(self, given: impl Fn(&'static str) -> Option<&'a Value>) -> Self {
        let text = |name| given(name).and_then(Value::as_str);
        if let Some(Value::Array(labels)) = given("candidate_labels") {
            let template = text("hypothesis_template").map_or(TEMPLATE, str::len) as u64;
            let label =
                |label: &Value| self + Self::text(template + label.as_str().map_or(0, str::len) as u64);
            return labels.iter().map(label).sum();
        }
        let beside = ["query", "source"].into_iter().find_map(text);
        self + beside.map(|text| Self::text(text.len() as u64)).unwrap_or_default()
    }

    /// So many bytes of text: four for each token.
    pub(super) const fn text(bytes: u64) -> Self {
        Self(bytes / 4)
    }

    /// How many units.
    pub const fn units(self) -> u64 {
        self.0
    }

    /// What is left after spending `other`; never below zero.
    #[must_use]
    pub const fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// This many times as much.
    #[must_use]
    pub const fn times(self, factor: u64) -> Self {
        Self(self.0.saturating_mul(factor))
    }
}

impl Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Self::default(), Add::add)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn item(params: &Value) -> Item {
        Item { input: Input::Text("a".repeat(400)), params: params.as_object().unwrap().clone() }
    }

    fn cost(items: &[Item], common: &Value) -> u64 {
        Cost::of(items, common.as_object().unwrap()).units()
    }

    #[test]
    fn a_text_costs_what_it_is_read_beside() {
        let plain = [item(&json!({})), item(&json!({}))];
        assert_eq!(cost(&plain, &json!({"truncate": true})), 2 * 102);
        let query = "q".repeat(200);
        assert_eq!(cost(&plain, &json!({"query": query, "raw_scores": true})), 2 * (102 + 50));
        assert_eq!(cost(&plain, &json!({"source": query})), 2 * (102 + 50));
        let own = [item(&json!({"query": "q"})), item(&json!({}))];
        assert_eq!(
            cost(&own, &json!({"query": query})),
            102 + 102 + 50,
            "an item's own stands over its job's"
        );
    }

    #[test]
    fn a_text_costs_as_often_as_it_has_labels() {
        let labels = json!({"candidate_labels": vec!["l".repeat(5); 100]});
        assert_eq!(cost(&[item(&json!({}))], &labels), 100 * (102 + 6));
        let template = json!({"candidate_labels": ["a", "b"], "hypothesis_template": "t".repeat(199)});
        assert_eq!(cost(&[item(&template)], &json!({})), 2 * (102 + 50));
    }
}
