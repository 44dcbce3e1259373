use super::*;
use crate::job::{Datatype, Encoding};

#[test]
fn every_output_reads_back_as_it_was_written() {
    let entity = Entity {
        entity: None,
        entity_group: Some("PER".to_owned()),
        score: 0.5,
        word: "Anna".to_owned(),
        start: 0,
        end: 4,
    };
    let line = TextLine {
        text: "two words".to_owned(),
        score: 0.5,
        bounds: BoundingBox { xmin: 0.0, ymin: 1.0, xmax: 8.0, ymax: 3.0 },
        corners: [(0.0, 1.0), (8.0, 1.0), (8.0, 3.0), (0.0, 3.0)].map(|(x, y)| Point { x, y }),
        turned: true,
    };
    let tensor = |encoding| Tensor {
        name: "y".to_owned(),
        datatype: Datatype::Fp32,
        shape: vec![1, 1],
        bytes: 0.1_f32.to_le_bytes().to_vec().into(),
        encoding,
    };
    let outputs = [
        Output::Embedding { embedding: vec![0.5, -1.0], tokens: 5 },
        Output::Quantized { embedding: vec![-128, 127], precision: Precision::Int8, tokens: 5 },
        Output::Quantized { embedding: vec![255, 0], precision: Precision::Ubinary, tokens: 5 },
        Output::TokenEmbeddings { embeddings: vec![vec![0.5], vec![-1.0]], tokens: 2 },
        Output::Pieces {
            pieces: vec![Piece { id: 7, text: "a".into(), special: false, start: Some(0), stop: Some(1) }],
            tokens: 1,
        },
        Output::Text { text: String::new(), tokens: 2 },
        Output::Score { score: -0.25, tokens: 9 },
        Output::Entities { entities: vec![entity], tokens: 4 },
        Output::Labels { labels: Vec::new() },
        Output::Lines { lines: vec![line], text: "two words".to_owned() },
        Output::Lines { lines: Vec::new(), text: String::new() },
        Output::Model {
            model: "org/name".to_owned(),
            digest: "00".repeat(32),
            bytes: 7,
            revision: "main".to_owned(),
            stored: 5,
        },
        Output::Tensors { outputs: vec![tensor(Encoding::Json), tensor(Encoding::Base64)] },
    ];
    for output in outputs {
        let written = serde_json::to_string(&output).unwrap();
        assert_eq!(serde_json::from_str::<Output>(&written).unwrap(), output, "{written}");
    }
}
