use super::*;

/// A repository as optimum and transformers.js write it.
const USUAL_REPOSITORY: [&str; 14] = [
    ".gitattributes",
    "1_Pooling/config.json",
    "README.md",
    "config.json",
    "model.safetensors",
    "modules.json",
    "onnx/model.onnx",
    "onnx/model.onnx_data",
    "onnx/model_fp16.onnx",
    "onnx/model_fp16.onnx_data",
    "onnx/model_quantized.onnx",
    "openvino/openvino_model.bin",
    "tokenizer.json",
    "vocab.txt",
];

fn listed(paths: &[&str]) -> Vec<Listed> {
    paths.iter().map(|path| Listed { path: (*path).to_owned(), bytes: 10, expected: None }).collect()
}

fn chosen(reference: &str, paths: &[&str]) -> Result<Vec<(String, String)>, ChoiceError> {
    chosen_by("", reference, paths)
}

/// What is chosen of a repository that has this manifest, if it has one.
fn chosen_by(manifest: &str, reference: &str, paths: &[&str]) -> Result<Vec<(String, String)>, ChoiceError> {
    let stated = paths.contains(&"forebay.toml").then(|| Stated::read(manifest));
    let choice = choose(&reference.parse().unwrap(), &listed(paths), stated.as_ref())?;
    assert_eq!(choice.bytes(), 10 * choice.files.len() as u64);
    Ok(choice.files.into_iter().map(|wanted| (wanted.file.path, wanted.to)).collect())
}

fn paths(reference: &str, paths: &[&str]) -> Vec<String> {
    chosen(reference, paths).unwrap().into_iter().map(|(_, to)| to).collect()
}

const READ_OF_IT: [&str; 5] =
    ["1_Pooling/config.json", "config.json", "modules.json", "tokenizer.json", "vocab.txt"];

#[test]
fn the_usual_graph_comes_with_its_weights_and_what_pipelines_read() {
    let files = paths("org/name", &USUAL_REPOSITORY);
    assert_eq!(
        files,
        [
            "1_Pooling/config.json",
            "config.json",
            "modules.json",
            "onnx/model.onnx",
            "onnx/model.onnx_data",
            "tokenizer.json",
            "vocab.txt"
        ]
    );
    assert_eq!(paths("org/name:fp32", &USUAL_REPOSITORY), files);
}

#[test]
fn a_precision_stands_where_the_usual_graph_is_looked_for() {
    let files = chosen("org/name:fp16", &USUAL_REPOSITORY).unwrap();
    let graphs: Vec<_> = files.into_iter().filter(|(path, _)| path.starts_with("onnx")).collect();
    let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    assert_eq!(
        graphs,
        [
            pair("onnx/model_fp16.onnx", "onnx/model.onnx"),
            // Its graph knows them by this name.
            pair("onnx/model_fp16.onnx_data", "onnx/model_fp16.onnx_data"),
        ]
    );
    for named in [
        "org/name:quantized",
        "org/name:q8",
        "org/name:onnx/model_quantized.onnx",
        "org/name:model_quantized.onnx",
    ] {
        let files = paths(named, &USUAL_REPOSITORY);
        assert_eq!(files.iter().filter(|path| path.starts_with("onnx")).count(), 1, "{named}");
        assert_eq!(files.iter().filter(|path| READ_OF_IT.contains(&path.as_str())).count(), READ_OF_IT.len());
    }
}

#[test]
fn the_only_graph_needs_no_name() {
    assert_eq!(
        paths("a", &["net/best.onnx", "net/best.onnx.data", "labels.txt"]),
        ["labels.txt", "onnx/best.onnx.data", "onnx/model.onnx"]
    );
    assert_eq!(paths("a", &["model.onnx", "x/model.onnx"]), ["onnx/model.onnx"]);
}

#[test]
fn a_refusal_tells_the_choices() {
    let error = |reference: &str, paths: &[&str]| chosen(reference, paths).unwrap_err().to_string();
    assert_eq!(
        error("org/a", &["config.json", "model.safetensors"]),
        "the repository `org/a` has no ONNX file"
    );
    assert_eq!(
        error("org/a", &["onnx/a.onnx", "onnx/b.onnx"]),
        "the repository `org/a` has several ONNX files; name one: `onnx/a.onnx`, `onnx/b.onnx`"
    );
    assert_eq!(
        error("org/a:q4", &["onnx/model.onnx", "onnx/model_fp16.onnx"]),
        "the repository `org/a` has no ONNX file for `q4`; it has `onnx/model.onnx`, `onnx/model_fp16.onnx`"
    );
    let many: Vec<String> = (0..25).map(|n| format!("{n}.onnx")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert!(error("org/a", &many).ends_with("`19.onnx` and 5 more"));
}

#[test]
fn a_model_of_ours_comes_whole_and_as_its_manifest_has_it() {
    let ours = [
        "forebay.toml",
        "alphabet.txt",
        "onnx/detect.onnx",
        "onnx/recognize.onnx",
        "onnx/recognize.onnx_data",
        "model.safetensors",
        "README.md",
        ".gitattributes",
    ];
    assert_eq!(
        paths("org/print", &ours),
        [
            "alphabet.txt",
            "forebay.toml",
            "onnx/detect.onnx",
            "onnx/recognize.onnx",
            "onnx/recognize.onnx_data"
        ]
    );
}

#[test]
fn a_graph_stands_where_its_manifest_names_it_whichever_was_picked() {
    let ours = ["forebay.toml", "nets/a.onnx", "nets/a.onnx_data", "onnx/model.onnx", "onnx/model_fp16.onnx"];
    let names = "file = \"nets/a.onnx\"";
    let graphs = |manifest: &str, reference: &str| {
        let files = chosen_by(manifest, reference, &ours).unwrap().into_iter();
        files.filter(|(path, _)| path.contains(".onnx")).collect::<Vec<_>>()
    };
    let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    let own = ["nets/a.onnx", "nets/a.onnx_data"].map(|path| pair(path, path));
    assert_eq!(graphs(names, "a"), own, "the usual one is another model's");
    assert_eq!(graphs(names, "a:nets/a.onnx"), own);
    assert_eq!(graphs(names, "a:fp16"), [pair("onnx/model_fp16.onnx", "nets/a.onnx")]);
    assert_eq!(graphs("", "a:fp16"), [pair("onnx/model_fp16.onnx", "onnx/model.onnx")]);
    assert_eq!(graphs("", "a"), [pair("onnx/model.onnx", "onnx/model.onnx")]);
    let absent = chosen_by("file = \"b.onnx\"", "a", &["forebay.toml", "model.onnx"]).unwrap_err();
    assert_eq!(absent.to_string(), "the manifest of the repository `a` names `b.onnx`; it has `model.onnx`");
}

#[test]
fn a_model_of_several_graphs_comes_with_all_of_them_or_not_at_all() {
    let ours = ["forebay.toml", "onnx/model.onnx", "onnx/model_fp16.onnx"];
    let manifest = "[ocr]\ndetect = \"onnx/model.onnx\"\nrecognize = \"onnx/model_fp16.onnx\"";
    let all = chosen_by(manifest, "a", &ours).unwrap();
    assert!(all.iter().all(|(from, to)| from == to) && all.len() == 3, "{all:?}");
    let one = chosen_by(manifest, "a:fp16", &ours).unwrap_err();
    assert_eq!(
        one.to_string(),
        "the model of the repository `a` is made of several ONNX files; `fp16` names one of them"
    );
}

#[test]
fn a_path_that_leads_elsewhere_is_refused() {
    for hostile in ["../model.onnx", "/etc/model.onnx", "a\\b.onnx", "onnx/../../model.onnx"] {
        assert!(matches!(chosen("a", &[hostile]), Err(ChoiceError::Path(_))), "{hostile}");
    }
    let ours = ["forebay.toml", "model.onnx", "/var/lib/forebay/forebay.db"];
    assert!(matches!(chosen("a", &ours), Err(ChoiceError::Path(_))));
    let passed_over = ["forebay.toml", "model.onnx", "../../forebay.db", ".git/config"];
    assert_eq!(paths("a", &passed_over), ["forebay.toml", "onnx/model.onnx"]);
    let leads_out = chosen_by("file = \"../../a.onnx\"", "a:fp16", &["forebay.toml", "model_fp16.onnx"]);
    assert!(matches!(leads_out, Err(ChoiceError::Path(_))), "{leads_out:?}");
}
