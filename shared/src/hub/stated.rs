//! What a model's manifest says of its graphs, as far as it matters which of them are fetched.

/// A model as Forebay has them has this file.
pub(super) const MANIFEST: &str = "forebay.toml";

/// What a manifest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stated {
    /// The model is one graph, which stands at this path if it says so.
    One(Option<String>),
    /// It is made of several.
    Several,
}

impl Stated {
    /// Reads a manifest. What is wrong with it is told when the model is looked at, by those who know all of it.
    pub fn read(manifest: &str) -> Self {
        let table: toml::Table = manifest.parse().unwrap_or_default();
        let text = |key: &str| table.get(key).and_then(toml::Value::as_str);
        if text("kind") == Some("ocr") || table.contains_key("ocr") {
            return Self::Several;
        }
        Self::One(text("file").map(str::to_owned))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_may_say_where_its_graph_is_or_that_there_are_several() {
        let one = |path: &str| Stated::One(Some(path.to_owned()));
        for (manifest, stated) in [
            ("kind = \"tensor\"\nfile = \"nets/a.onnx\"", one("nets/a.onnx")),
            ("description = \"no more\"", Stated::One(None)),
            ("file = 7", Stated::One(None)),
            ("this is = no = manifest", Stated::One(None)),
            ("kind = \"ocr\"\nfile = \"onnx/detect.onnx\"", Stated::Several),
            ("[ocr]\ndetect = \"a.onnx\"", Stated::Several),
        ] {
            assert_eq!(Stated::read(manifest), stated, "{manifest}");
        }
    }
}
