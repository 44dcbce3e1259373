//! Models that came from somebody else: what their manifests and graphs name stays in their folders.

use std::path::{Path, PathBuf};

use forebay_shared::job::Kind;
use forebay_shared::registry::check_path;

use super::{ModelError, ModelFiles, manifest, read, weights};

/// The keys of a manifest that name files.
const FILES: [&[&str]; 5] =
    [&["file"], &["ocr", "detect"], &["ocr", "orient"], &["ocr", "recognize"], &["ocr", "alphabet"]];

/// Reads what the model in the folder `root` says of itself, as [`read`] does. One that would use files of another folder is
/// refused before any of those is looked at, and so is one whose weights did not all come with it.
pub fn read_closed(root: &Path, name: &str) -> Result<ModelFiles, ModelError> {
    let stated = manifest::table(root)?;
    let refused = |message: String| Err(ModelError::Content { file: root.join("forebay.toml"), message });
    if stated.contains_key("base") {
        return refused("`base` names another model's folder, which does not come with this one".to_owned());
    }
    for path in FILES {
        let value = path[1..].iter().fold(stated.get(path[0]), |value, key| value?.get(key));
        if let Some(Err(error)) = value.and_then(toml::Value::as_str).map(check_path) {
            return refused(format!("`{}`: {error}", path.join(".")));
        }
    }
    let model = read(root, name)?;
    for graph in graphs(&model) {
        weights::check(&graph)?;
    }
    Ok(model)
}

/// The graphs that are loaded when the model is.
fn graphs(model: &ModelFiles) -> Vec<PathBuf> {
    match model.card.kind {
        Kind::Echo => Vec::new(),
        Kind::Ocr => {
            let parts = model.manifest.ocr.parts(&model.root);
            [model.onnx.clone(), parts.recognize].into_iter().chain(parts.orient).collect()
        }
        _ => vec![model.onnx.clone()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(manifest: &str) -> Result<ModelFiles, String> {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("model");
        std::fs::create_dir_all(folder.join("onnx")).unwrap();
        for file in ["model/onnx/model.onnx", "model/a.onnx", "model/alphabet.txt", "outside.onnx"] {
            std::fs::write(root.path().join(file), "").unwrap();
        }
        std::fs::write(folder.join("forebay.toml"), manifest).unwrap();
        read_closed(&folder, "model").map_err(|error| error.to_string())
    }

    #[test]
    fn a_model_that_keeps_to_its_folder_is_read() {
        let model = told("kind = \"image_classification\"\nfile = \"a.onnx\"").unwrap();
        assert!(model.onnx.ends_with("model/a.onnx"));
        let model =
            told("kind = \"ocr\"\n[ocr]\ndetect = \"onnx/model.onnx\"\nrecognize = \"a.onnx\"").unwrap();
        assert!(model.onnx.ends_with("onnx/model.onnx"));
    }

    #[test]
    fn what_one_says_of_itself_is_bounded() {
        let long = format!("kind = \"ocr\" # {}", "x".repeat(4 << 20));
        let refused = told(&long).unwrap_err();
        assert!(refused.ends_with("forebay.toml: it has more than 4.0 MiB"), "{refused}");
    }

    #[test]
    fn one_that_leads_elsewhere_is_refused() {
        for (manifest, key) in [
            ("file = \"../outside.onnx\"", "`file`"),
            ("file = \"/etc/passwd\"", "`file`"),
            ("base = \"/\"", "`base`"),
            ("base = \"onnx\"", "`base`"),
            ("[ocr]\ndetect = \"../outside.onnx\"", "`ocr.detect`"),
            ("[ocr]\nalphabet = \"onnx/../../outside.onnx\"", "`ocr.alphabet`"),
        ] {
            let refused = told(&format!("kind = \"ocr\"\n{manifest}")).unwrap_err();
            assert!(refused.contains("forebay.toml") && refused.contains(key), "{refused}");
        }
    }
}
