//! The parameter without which an item cannot run.

use super::Object;
use crate::job::{Input, Kind};

/// A parameter that an item needs, and that neither it nor its job has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Its name.
    pub name: &'static str,
    kind: Kind,
}

impl Missing {
    /// Looks for what the kind needs for this input in the item's parameters, which stand over the job's.
    pub fn of(kind: Kind, input: &Input, [item, job]: [&Object; 2]) -> Option<Self> {
        let name = kind.needs(input)?;
        let given = item.get(name).or_else(|| job.get(name));
        if given.is_some_and(|value| !value.is_null()) { None } else { Some(Self { name, kind }) }
    }

    /// What the client reads, which calls the item so.
    pub fn message(self, item: &str) -> String {
        let unless = match self.kind {
            Kind::ZeroShotClassification => "",
            _ => ", unless the item is a pair of `text` and `text_pair`",
        };
        format!("{} needs the parameter `{}` for {item}{unless}", self.kind, self.name)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_need_is_met_by_the_item_or_by_its_job() {
        let (text, none) = (Input::Text("a".to_owned()), Object::new());
        let query = json!({"query": "what?"});
        let query = query.as_object().unwrap();
        let nothing = json!({"query": null});
        let missing = |given| Missing::of(Kind::Rerank, &text, given).map(|missing| missing.name);
        assert_eq!((missing([query, &none]), missing([&none, query])), (None, None));
        assert_eq!(missing([&none, &none]), Some("query"));
        assert_eq!(
            missing([nothing.as_object().unwrap(), query]),
            Some("query"),
            "the item's stands over the job's"
        );
        assert_eq!(Missing::of(Kind::TextEmbedding, &text, [&none, &none]), None);
    }

    #[test]
    fn the_message_names_the_way_around() {
        let (text, none) = (Input::Text("a".to_owned()), Object::new());
        let message = |kind| Missing::of(kind, &text, [&none, &none]).unwrap().message("`input`");
        assert_eq!(
            message(Kind::TextSimilarity),
            "text_similarity needs the parameter `source` for `input`, unless the item is a pair of `text` and `text_pair`"
        );
        assert_eq!(
            message(Kind::ZeroShotClassification),
            "zero_shot_classification needs the parameter `candidate_labels` for `input`"
        );
    }
}
