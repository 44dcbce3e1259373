//! Finding models: every directory below the models' root that holds an ONNX file is one.

use std::path::{Component, Path, PathBuf};

use forebay_shared::job::Kind;
use forebay_shared::model::ModelCard;
use serde_json::Value;

use super::{Graph, Manifest, ModelError, ModelFiles, Port, digest, optional_json};

/// Folders between the root and a model: `org/name`.
const DEPTH: usize = 3;
/// The longest name: the broker's queue names have 255 bytes, some of which are ours.
const NAME_LIMIT: usize = 200;
/// Where the ONNX file is looked for.
const ONNX_FILES: [&str; 3] = ["onnx/model.onnx", "model.onnx", "onnx/detect.onnx"];

/// Finds the models below `root`, those of `wanted` or all if that is empty, and reads what they say of themselves. One
/// that cannot be read is named and left out.
pub fn scan(root: &Path, wanted: &[String], max_pixels: u64) -> Vec<ModelFiles> {
    let mut folders = Vec::new();
    find(root, DEPTH, &mut folders);
    folders.sort();
    let mut models = Vec::new();
    for folder in folders {
        let name = folder.strip_prefix(root).unwrap_or(&folder).to_string_lossy().into_owned();
        // What nobody wants is not read: its digest alone is as long as its files.
        if !wanted.is_empty() && !wanted.contains(&name) {
            continue;
        }
        match read(&folder, &name) {
            Ok(model) => models.push(ModelFiles { max_pixels, ..model }),
            Err(error) => tracing::error!(%error, model = name, "a model is left out"),
        }
    }
    models
}

fn find(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()) {
        let is_model = entry.join("forebay.toml").is_file() || onnx(&entry, None).is_some();
        if is_model {
            found.push(entry);
        } else if depth > 1 {
            find(&entry, depth - 1, found);
        }
    }
}

fn onnx(root: &Path, named: Option<&str>) -> Option<PathBuf> {
    named.into_iter().chain(ONNX_FILES).map(|name| root.join(name)).find(|file| file.is_file())
}

/// Reads what the model in the folder `root` says of itself.
pub fn read(root: &Path, name: &str) -> Result<ModelFiles, ModelError> {
    let content = |message: &str| ModelError::Content { file: root.to_owned(), message: message.to_owned() };
    if name.len() > NAME_LIMIT {
        return Err(content("its name is longer than 200 bytes"));
    }
    let manifest = Manifest::read(root)?;
    // The same files may serve several kinds, each under a name of its own.
    let own = root;
    let base = manifest.base.as_ref().map(|base| own.join(base));
    let root = base.as_deref().unwrap_or(own);
    let config = optional_json(&root.join("config.json"))?;
    let named = manifest.ocr.detect.as_deref().or(manifest.file.as_deref());
    let onnx = onnx(root, named).ok_or_else(|| content("it has no onnx/model.onnx"))?;
    let kind = manifest
        .kind
        .or_else(|| infer(root, &config))
        .or_else(|| is_bare(root).then_some(Kind::Tensor))
        .ok_or_else(|| ModelError::Kind { root: root.to_owned() })?;
    if kind == Kind::Ocr
        && let Some(file) = manifest.ocr.parts(root).missing()
    {
        return Err(content(&format!("it has no {}", file.strip_prefix(root).unwrap_or(file).display())));
    }
    let graph = graph(kind, &onnx)?;
    let specs = |ports: &[Port]| ports.iter().filter_map(Port::spec).collect();
    let digest_of =
        |root: &Path| digest::of(root).map_err(|source| ModelError::File { file: root.to_owned(), source });
    let (digest, bytes) = match &base {
        Some(base) => {
            let ((own, own_bytes), (base, base_bytes)) = (digest_of(own)?, digest_of(base)?);
            (digest::of_text(&format!("{own} {base}")), own_bytes + base_bytes)
        }
        None => digest_of(own)?,
    };
    let card = ModelCard {
        name: name.to_owned(),
        owner: None,
        registered: false,
        digest,
        bytes: Some(bytes),
        kind,
        aliases: manifest.aliases.clone(),
        description: manifest.description.clone(),
        licence: manifest.licence.clone(),
        owned_by: manifest.owned_by.clone().unwrap_or_else(|| "forebay".to_owned()),
        labels: labels(&config),
        prompts: prompts(root, &manifest)?,
        max_tokens: kind.reads_text().then(|| max_tokens(root, &manifest, &config)).transpose()?,
        dimensions: dimensions(kind, &config),
        inputs: specs(&graph.inputs),
        outputs: specs(&graph.outputs),
        batch_cost: manifest.budget(kind).cost,
        file: among_models(name, own, &onnx),
    };
    Ok(ModelFiles {
        root: root.to_owned(),
        onnx,
        manifest,
        config,
        card,
        max_pixels: u64::MAX,
        bytes,
        held: None,
    })
}

/// Where a file is among the models: below the folder of its own model, or of one that lends its files.
fn among_models(name: &str, own: &Path, file: &Path) -> String {
    let mut place = PathBuf::from(name);
    for part in file.strip_prefix(own).unwrap_or(file).components() {
        match part {
            Component::ParentDir => drop(place.pop()),
            part => place.push(part),
        }
    }
    place.to_string_lossy().into_owned()
}

/// What is told of the graph: of models that are used by plain tensors, what they take and give.
fn graph(kind: Kind, onnx: &Path) -> Result<Graph, ModelError> {
    if kind != Kind::Tensor {
        return Ok(Graph::default());
    }
    let graph = Graph::read(onnx).map_err(|source| ModelError::File { file: onnx.to_owned(), source })?;
    if graph.inputs.is_empty() || graph.outputs.is_empty() {
        let message = "its graph takes nothing or gives nothing".to_owned();
        return Err(ModelError::Content { file: onnx.to_owned(), message });
    }
    Ok(graph)
}

/// Whether there is a graph and nothing that says what it is for: then it can be used by its tensors, and by nothing else.
fn is_bare(root: &Path) -> bool {
    let telling = ["config.json", "tokenizer.json", "preprocessor_config.json", "modules.json"];
    telling.iter().all(|file| !root.join(file).exists())
}

/// What the files say the model does, as the Hugging Face ecosystem writes it.
fn infer(root: &Path, config: &Value) -> Option<Kind> {
    let architecture = architecture(config);
    if architecture.ends_with("ForSequenceClassification") {
        // One score for a row is what cross-encoders give.
        let is_ranker =
            labels(config).len() == 1 || config.get("num_labels").and_then(Value::as_u64) == Some(1);
        return Some(if is_ranker { Kind::Rerank } else { Kind::TextClassification });
    }
    if architecture.ends_with("ForTokenClassification") {
        return Some(Kind::TokenClassification);
    }
    if architecture.ends_with("ForImageSuperResolution") {
        return Some(Kind::ImageToImage);
    }
    if architecture.ends_with("ForSemanticSegmentation") {
        return Some(Kind::ImageSegmentation);
    }
    if architecture.ends_with("ForImageClassification") {
        return Some(Kind::ImageClassification);
    }
    if architecture.ends_with("ForObjectDetection") {
        return Some(Kind::ObjectDetection);
    }
    let has = |file: &str| root.join(file).is_file();
    // CLIPVisionModelWithProjection, SiglipVisionModel; ViTModel and Dinov2Model, which read no text.
    let is_tower = ["VisionModelWithProjection", "VisionModel"].iter().any(|end| architecture.ends_with(end))
        || (architecture.ends_with("Model") && has("preprocessor_config.json") && !has("tokenizer.json"));
    if is_tower {
        return Some(Kind::ImageEmbedding);
    }
    if has("onnx/detect.onnx") && has("onnx/recognize.onnx") {
        return Some(Kind::Ocr);
    }
    (has("modules.json") || (architecture.ends_with("Model") && has("tokenizer.json")))
        .then_some(Kind::TextEmbedding)
}

/// How long its vectors are, as far as the files say.
fn dimensions(kind: Kind, config: &Value) -> Option<u32> {
    let keys: &[&str] = match kind {
        Kind::TextEmbedding => &["hidden_size"],
        // That of the projection, if there is one.
        Kind::ImageEmbedding => &["projection_dim", "hidden_size"],
        _ => &[],
    };
    let size = keys.iter().find_map(|key| config.get(*key).and_then(Value::as_u64))?;
    u32::try_from(size).ok()
}

/// The name of the model's class, as Hugging Face has it.
pub(super) fn architecture(config: &Value) -> &str {
    config.pointer("/architectures/0").and_then(Value::as_str).unwrap_or_default()
}

/// `id2label`, in the order of the ids.
fn labels(config: &Value) -> Vec<String> {
    let Some(named) = config.get("id2label").and_then(Value::as_object) else { return Vec::new() };
    let mut labels: Vec<(usize, String)> =
        named.iter().filter_map(|(id, label)| Some((id.parse().ok()?, label.as_str()?.to_owned()))).collect();
    labels.sort();
    labels.into_iter().map(|(_, label)| label).collect()
}

fn prompts(root: &Path, manifest: &Manifest) -> Result<Vec<String>, ModelError> {
    let stated = optional_json(&root.join("config_sentence_transformers.json"))?;
    let mut names: Vec<String> = manifest.text.prompts.keys().cloned().collect();
    if let Some(prompts) = stated.get("prompts").and_then(Value::as_object) {
        names.extend(prompts.keys().cloned());
    }
    names.sort();
    names.dedup();
    Ok(names)
}

/// The smallest of what the manifest, sentence-transformers and the architecture allow.
fn max_tokens(root: &Path, manifest: &Manifest, config: &Value) -> Result<u32, ModelError> {
    let sentence = optional_json(&root.join("sentence_bert_config.json"))?;
    let stated = [
        manifest.limits.max_tokens.map(u64::from),
        sentence.get("max_seq_length").and_then(Value::as_u64),
        config.get("max_position_embeddings").and_then(Value::as_u64),
    ];
    let smallest = stated.into_iter().flatten().min().unwrap_or(512);
    Ok(u32::try_from(smallest).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let file = folder.path().join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, content).unwrap();
        }
        folder
    }

    #[test]
    fn adding_a_directory_adds_a_model() {
        let root = folder(&[
            ("org/mood/onnx/model.onnx", "x"),
            (
                "org/mood/config.json",
                r#"{"architectures":["BertForSequenceClassification"],"max_position_embeddings":512,
                    "id2label":{"10":"k","1":"b","0":"a"}}"#,
            ),
            ("vectors/model.onnx", "x"),
            ("vectors/modules.json", "[]"),
            ("vectors/config.json", r#"{"architectures":["BertModel"],"hidden_size":384}"#),
            ("vectors/sentence_bert_config.json", r#"{"max_seq_length":128}"#),
            ("notes/readme.txt", "not a model"),
        ]);
        let models = scan(root.path(), &[], 100);
        let told: Vec<_> = models.iter().map(|model| (model.card.name.as_str(), model.card.kind)).collect();
        assert_eq!(told, [("org/mood", Kind::TextClassification), ("vectors", Kind::TextEmbedding)]);
        assert_eq!(models[0].card.labels, ["a", "b", "k"]);
        assert_eq!((models[0].card.max_tokens, models[1].card.max_tokens), (Some(512), Some(128)));
        assert_eq!(models[1].card.dimensions, Some(384));
    }

    #[test]
    fn models_that_look_are_told_by_their_architecture() {
        let root = folder(&[
            ("a/model.onnx", "x"),
            ("a/config.json", r#"{"architectures":["DetrForObjectDetection"]}"#),
            ("b/model.onnx", "x"),
            (
                "b/config.json",
                r#"{"architectures":["CLIPVisionModelWithProjection"],"hidden_size":24,"projection_dim":16}"#,
            ),
            ("c/model.onnx", "x"),
            ("c/config.json", r#"{"architectures":["Dinov2Model"],"hidden_size":384}"#),
            ("c/preprocessor_config.json", "{}"),
        ]);
        let models = scan(root.path(), &[], 100);
        let told: Vec<_> = models.iter().map(|model| (model.card.kind, model.card.dimensions)).collect();
        assert_eq!(
            told,
            [
                (Kind::ObjectDetection, None),
                (Kind::ImageEmbedding, Some(16)),
                (Kind::ImageEmbedding, Some(384))
            ]
        );
    }

    #[test]
    fn what_a_text_model_does_is_told_by_its_architecture_and_its_labels() {
        let config = |architecture: &str, labels: &[&str]| {
            let labels: serde_json::Map<String, Value> = labels
                .iter()
                .zip(0..)
                .map(|(label, id): (_, u32)| (id.to_string(), (*label).into()))
                .collect();
            serde_json::json!({"architectures": [architecture], "id2label": labels}).to_string()
        };
        let root = folder(&[
            ("ner/model.onnx", "x"),
            ("ner/config.json", &config("BertForTokenClassification", &["O", "B-PER"])),
            ("nli/model.onnx", "x"),
            ("nli/config.json", &config("BertForSequenceClassification", &["entailment", "contradiction"])),
            ("ranker/model.onnx", "x"),
            ("ranker/config.json", &config("BertForSequenceClassification", &["LABEL_0"])),
            ("zero/forebay.toml", "kind = \"zero_shot_classification\"\nbase = \"../nli\""),
        ]);
        let models = scan(root.path(), &[], 100);
        let told: Vec<_> = models.iter().map(|model| (model.card.name.as_str(), model.card.kind)).collect();
        let expected = [
            ("ner", Kind::TokenClassification),
            ("nli", Kind::TextClassification),
            ("ranker", Kind::Rerank),
            ("zero", Kind::ZeroShotClassification),
        ];
        assert_eq!(told, expected);
        assert_eq!((&models[1].card.labels, models[1].onnx.exists()), (&models[3].card.labels, true));
        assert_ne!(models[1].card.digest, models[3].card.digest);
        let files = [0, 1, 3].map(|index| models[index].card.file.as_str());
        assert_eq!(files, ["ner/model.onnx", "nli/model.onnx", "nli/model.onnx"], "whose file it is");
    }

    #[test]
    fn a_model_of_several_graphs_is_one_model() {
        let root = folder(&[
            ("print/onnx/detect.onnx", "12345"),
            ("print/onnx/orient.onnx", "123"),
            ("print/onnx/recognize.onnx", "1234567"),
            ("print/alphabet.txt", "a"),
            ("named/forebay.toml", "kind = \"ocr\"\n[ocr]\ndetect = \"a.onnx\"\nrecognize = \"b.onnx\""),
            ("named/a.onnx", "x"),
            ("named/b.onnx", "x"),
            ("named/alphabet.txt", "a"),
            ("torn/onnx/detect.onnx", "x"),
            ("torn/forebay.toml", "kind = \"ocr\""),
        ]);
        let models = scan(root.path(), &[], 100);
        let told: Vec<_> = models.iter().map(|model| (model.card.name.as_str(), model.card.kind)).collect();
        assert_eq!(told, [("named", Kind::Ocr), ("print", Kind::Ocr)]);
        assert!(models[0].onnx.ends_with("named/a.onnx") && models[1].onnx.ends_with("onnx/detect.onnx"));
        assert_eq!(models[1].bytes, 5 + 3 + 7 + 1, "each of its graphs takes room");
        let orients = |model: &ModelFiles| model.manifest.ocr.parts(&model.root).orient.is_some();
        assert_eq!((orients(&models[0]), orients(&models[1])), (false, true));
        let error = read(&root.path().join("torn"), "torn").unwrap_err().to_string();
        assert!(error.ends_with("it has no onnx/recognize.onnx"), "{error}");
    }

    #[test]
    fn a_graph_with_nothing_beside_it_is_used_by_its_tensors() {
        let toy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/toys/toy-embedding/onnx/model.onnx");
        let root = folder(&[
            ("bare/forebay.toml", "licence = \"MIT\""),
            ("told/config.json", r#"{"model_type": "something"}"#),
        ]);
        for name in ["bare", "told"] {
            std::fs::copy(&toy, root.path().join(name).join("model.onnx")).unwrap();
        }
        std::fs::create_dir_all(root.path().join("empty")).unwrap();
        std::fs::write(root.path().join("empty/model.onnx"), "").unwrap();
        let models = scan(root.path(), &[], 100);
        assert_eq!(models.iter().map(|model| model.card.name.as_str()).collect::<Vec<_>>(), ["bare"]);
        let card = &models[0].card;
        assert_eq!(
            (card.kind, card.inputs[0].to_string()),
            (Kind::Tensor, "`input_ids`: INT64 [-1, -1]".into())
        );
        assert_eq!(
            read(&root.path().join("told"), "told").unwrap_err().to_string().matches("kind = ").count(),
            1
        );
    }

    #[test]
    fn one_bad_directory_leaves_the_others() {
        let root = folder(&[
            ("bad/model.onnx", "x"),
            ("broken/forebay.toml", "kind = 7"),
            ("good/model.onnx", "x"),
            ("good/forebay.toml", "kind = \"image_classification\""),
        ]);
        let models = scan(root.path(), &[], 100);
        assert_eq!(models.iter().map(|model| model.card.name.as_str()).collect::<Vec<_>>(), ["good"]);
    }
}
