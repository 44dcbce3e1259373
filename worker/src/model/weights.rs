//! Where the weights of a graph are that do not stand in its own file.
//!
//! A tensor may name another file, and a runtime may open whatever is named. So every tensor of the graph is looked at, in
//! whichever message it stands. Field numbers are those of `onnx.proto`.

use std::collections::BTreeSet;
use std::io::Result;
use std::path::Path;

use forebay_shared::registry::check_path;

use super::ModelError;
use super::graph::{Reader, broken, each, skip, text};

/// Messages within messages: a graph in a branch of a graph takes three of them.
const DEEPEST: usize = 64;
/// The key beside a tensor's place.
const LOCATION: &str = "location";

/// Messages that a tensor can stand in, and what tells its place.
#[derive(Clone, Copy)]
enum Message {
    Model,
    Training,
    Function,
    Graph,
    Node,
    Attribute,
    Sparse,
    Tensor,
    Entry,
}

impl Message {
    /// What a field of the message is, if a tensor can stand in it.
    const fn field(self, number: u64) -> Option<Self> {
        Some(match (self, number) {
            (Self::Model, 7) | (Self::Training, 1 | 2) | (Self::Attribute, 6 | 11) => Self::Graph,
            (Self::Model, 20) => Self::Training,
            (Self::Model, 25) => Self::Function,
            (Self::Graph, 1) | (Self::Function, 7) => Self::Node,
            (Self::Node, 5) | (Self::Function, 11) => Self::Attribute,
            (Self::Graph, 5) | (Self::Attribute, 5 | 10) | (Self::Sparse, 1 | 2) => Self::Tensor,
            (Self::Graph, 15) | (Self::Attribute, 22 | 23) => Self::Sparse,
            (Self::Tensor, 13) => Self::Entry,
            _ => return None,
        })
    }
}

/// Refuses a graph whose weights are in files that did not come with it, or that lead out of its folder.
pub(super) fn check(graph: &Path) -> std::result::Result<(), ModelError> {
    let named = named(graph).map_err(|source| ModelError::File { file: graph.to_owned(), source })?;
    let refused = |message| Err(ModelError::Content { file: graph.to_owned(), message });
    for name in named {
        if let Err(error) = check_path(&name) {
            return refused(format!("its weights: {error}"));
        }
        if !graph.with_file_name(&name).is_file() {
            return refused(format!("its weights are in `{name}`, which did not come with it"));
        }
    }
    Ok(())
}

/// The files that the graph's tensors name.
fn named(graph: &Path) -> Result<BTreeSet<String>> {
    let (mut file, length) = Reader::open(graph)?;
    let mut named = BTreeSet::new();
    walk(&mut file, (Message::Model, DEEPEST), length, &mut named)?;
    Ok(named)
}

fn walk(
    file: &mut Reader,
    (message, deeper): (Message, usize),
    length: u64,
    named: &mut BTreeSet<String>,
) -> Result<()> {
    let deeper = deeper.checked_sub(1).ok_or_else(broken)?;
    each(file, length, &mut |file, field, length| match message.field(field) {
        Some(Message::Entry) => entry(file, length).map(|place| named.extend(place)),
        Some(message) => walk(file, (message, deeper), length, named),
        None => skip(file, length),
    })
}

/// StringStringEntryProto: the place of a tensor, if it is what the entry tells.
fn entry(file: &mut Reader, length: u64) -> Result<Option<String>> {
    let (mut key, mut value) = (String::new(), String::new());
    each(file, length, &mut |file, field, length| match field {
        1 => text(file, length).map(|text| key = text),
        2 => text(file, length).map(|text| value = text),
        _ => skip(file, length),
    })?;
    Ok((key == LOCATION).then_some(value))
}

#[cfg(test)]
mod tests {
    use forebay_shared::testing::graph::{Adder, message};

    use super::*;

    /// What is said of a graph whose folder has these files beside it.
    fn told(graph: &[u8], beside: &[&str]) -> std::result::Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        for path in beside {
            let file = folder.path().join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "weights").unwrap();
        }
        let file = folder.path().join("model.onnx");
        std::fs::write(&file, graph).unwrap();
        let place = format!("{}: ", file.display());
        check(&file).map_err(|error| error.to_string().replace(&place, ""))
    }

    fn at(location: &str) -> Vec<u8> {
        Adder { weights: [1.0, 2.0], location: Some(location) }.file()
    }

    #[test]
    fn weights_that_came_with_the_graph_are_taken() {
        assert_eq!(told(&Adder { weights: [1.0, 2.0], location: None }.file(), &[]), Ok(()));
        assert_eq!(told(&at("model_fp16.onnx_data"), &["model_fp16.onnx_data"]), Ok(()));
        assert_eq!(told(&at("parts/a"), &["parts/a"]), Ok(()));
    }

    #[test]
    fn weights_that_did_not_come_are_named() {
        let missing = told(&at("model.onnx_data"), &["model_fp16.onnx_data"]).unwrap_err();
        assert_eq!(missing, "its weights are in `model.onnx_data`, which did not come with it");
    }

    #[test]
    fn weights_that_lead_elsewhere_are_refused_wherever_the_graph_has_them() {
        for location in ["/etc/passwd", "../model.onnx", "a/../../b", "*/_ORT_MEM_ADDR_/*", ""] {
            assert!(told(&at(location), &[]).is_err(), "{location}");
        }
        let entry = [message(1, b"location"), message(2, b"/etc/passwd")].concat();
        let tensor = message(13, &entry);
        let constant = message(1, &message(5, &message(5, &tensor)));
        let sparse = message(15, &message(1, &tensor));
        let branch = message(1, &message(5, &message(6, &constant)));
        for graph in [&constant, &sparse, &branch] {
            let refused = told(&message(7, graph), &[]).unwrap_err();
            assert!(refused.starts_with("its weights: ") && refused.contains("/etc/passwd"), "{refused}");
        }
        let function = message(25, &message(7, &message(5, &message(5, &tensor))));
        assert!(told(&function, &[]).is_err());
    }

    #[test]
    fn what_is_too_deep_or_no_graph_is_an_error_and_no_panic() {
        let deep = (0..200).fold(Vec::new(), |within, _| message(1, &message(5, &message(6, &within))));
        assert!(told(&message(7, &deep), &[]).is_err());
        for bytes in [&b"x"[..], &[0x3a, 0xff, 0xff, 0xff, 0x7f], &[0x3f; 40], &[0xff; 40]] {
            assert!(told(bytes, &[]).is_err(), "{bytes:?}");
        }
    }
}
