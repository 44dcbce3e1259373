//! The other dialects: emotion, image tasks, Ollama, KServe, Text Embeddings Inference.

use super::super::stop::{Pairs, stop};
use super::Folder;

const PREDICTION: &str =
    "{\n  \"model_id\": \"{{model_id}}\",\n  \"input_data\": \"I am so happy today!\"\n}";
const PREDICTIONS: &str =
    "{\n  \"model_id\": \"{{model_id}}\",\n  \"inputs\": [\"I am happy!\", \"This makes me sad.\"]\n}";
const PICTURE: &str = "{\"model\": \"efficientnet-lite0\", \"data\": \"{{picture}}\"}";
const TEXTS: &str = "{\"inputs\": [{\"name\": \"text\", \"datatype\": \"BYTES\", \"shape\": [1], \"data\": [\"I am so happy today!\"]}]}";
const NAMED: Pairs = &[("name", "{{model}}")];
const VERSION: Pairs = &[("name", "{{model}}"), ("version", "1")];

/// The emotion API.
pub const EMOTION: Folder = Folder {
    name: "Emotion",
    about: "The emotion API's calls, onto the same jobs.",
    stops: &[
        stop("emotion_health"),
        stop("emotion_models"),
        stop("emotion_model"),
        stop("emotion_predict").json(PREDICTION),
        stop("emotion_batch").json(PREDICTIONS),
        stop("emotion_stats"),
    ],
};

/// The same under its version.
pub const EMOTION_V1: Folder = Folder {
    name: "Emotion, version 1",
    about: "The same under a path with a version.",
    stops: &[
        stop("emotion_health_v1"),
        stop("emotion_models_v1"),
        stop("emotion_model_v1"),
        stop("emotion_predict_v1").json(PREDICTION),
        stop("emotion_batch_v1").json(PREDICTIONS),
        stop("emotion_stats_v1"),
    ],
};

/// Image tasks.
pub const IMAGES: Folder = Folder {
    name: "Image tasks",
    about: "Image tasks, onto the same jobs. A picture can be sent as a file too: as the field `img` of a form.",
    stops: &[
        stop("process_image").json(PICTURE),
        stop("create_task").json(PICTURE).keep("task_id", "task_id"),
        stop("get_task"),
    ],
};

/// Ollama's calls.
pub const OLLAMA: Folder = Folder {
    name: "Ollama",
    about: "Ollama's calls, onto the same jobs and models.",
    stops: &[
        stop("home"),
        stop("ollama_version"),
        stop("ollama_tags"),
        stop("ollama_ps"),
        stop("ollama_show").json("{\"model\": \"{{model}}\", \"verbose\": true}"),
        stop("ollama_embed")
            .json("{\n  \"model\": \"all-minilm-l6-v2\",\n  \"input\": [\"The cat sits outside.\"]\n}"),
        stop("ollama_embeddings")
            .json("{\n  \"model\": \"all-minilm-l6-v2\",\n  \"prompt\": \"The cat sits outside.\"\n}"),
        stop("ollama_generate").json(
            "{\"model\": \"efficientnet-lite0\", \"prompt\": \"What is it?\", \"images\": [\"{{picture}}\"], \"stream\": false}",
        ),
        stop("ollama_chat").json(
            "{\"model\": \"efficientnet-lite0\", \"messages\": [{\"role\": \"user\", \"content\": \"What is it?\", \"images\": [\"{{picture}}\"]}]}",
        ),
    ],
};

/// KServe's protocol.
pub const KSERVE: Folder = Folder {
    name: "KServe",
    about: "KServe's Open Inference Protocol v2, onto the same jobs.",
    stops: &[
        stop("kserve_server"),
        stop("kserve_live"),
        stop("kserve_ready"),
        stop("kserve_model").at(NAMED),
        stop("kserve_model_ready").at(NAMED),
        stop("kserve_model_version").at(VERSION),
        stop("kserve_model_version_ready").at(VERSION),
        stop("kserve_infer").at(NAMED).json(TEXTS),
        stop("kserve_infer_version").at(VERSION).json(TEXTS),
        stop("kserve_index").json("{\"ready\": true}"),
        stop("kserve_unload").at(NAMED),
        stop("kserve_load").at(NAMED),
    ],
};

/// Text Embeddings Inference.
pub const TEI: Folder = Folder {
    name: "Text Embeddings Inference",
    about: "Calls of Text Embeddings Inference, onto the same jobs. The configuration says by which models.",
    stops: &[
        stop("tei_health"),
        stop("tei_info"),
        stop("tei_embed").json("{\"inputs\": [\"The cat sits outside.\", \"Stocks fell sharply today.\"]}"),
        stop("tei_embed_all").json("{\"inputs\": \"The cat sits outside.\"}"),
        stop("tei_tokenize").json("{\"inputs\": \"The cat sits outside.\"}"),
        stop("tei_decode").json("{\"ids\": [101, 1996, 4937, 7719, 2648, 1012, 102]}"),
        stop("tei_predict").json("{\"inputs\": \"I am so happy today!\"}"),
        stop("tei_rerank").json(
            "{\n  \"query\": \"Where is the cat?\",\n  \"texts\": [\"The cat sits outside.\", \"Stocks fell sharply today.\"]\n}",
        ),
        stop("tei_similarity").json(
            "{\n  \"inputs\": {\n    \"source_sentence\": \"Where is the cat?\",\n    \"sentences\": [\"The cat sits outside.\"]\n  }\n}",
        ),
    ],
};
