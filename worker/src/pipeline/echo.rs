//! `echo`: gives an item back without a model, to measure the queue or to rehearse slow models.

use std::time::Duration;

use forebay_shared::job::{EchoParams, Failure, Output, Params};
use forebay_shared::picture::Picture;
use serde_json::json;

use super::{Answer, Material, Medium, Pipeline};
use crate::model::{ModelError, ModelFiles, Runtime};

/// A picture of at most this size is given back as a medium; of a larger one, only its size and its type, so that the queue
/// is measured and not the object store.
const MEDIUM: usize = 64 * 1024;

/// Gives items back.
#[derive(Debug)]
pub struct Echo;

/// An item and how long it keeps the device busy.
#[derive(Debug)]
pub struct EchoItem {
    material: Material,
    delay: Duration,
}

/// How many items there are, and how long they keep the device busy.
#[derive(Debug)]
pub struct EchoBatch {
    items: usize,
    delay: Duration,
}

impl Pipeline for Echo {
    type Prepared = EchoItem;
    type Tensors = EchoBatch;
    type Engine = ();
    type Raw = ();

    fn read(_: &ModelFiles) -> Result<Self, ModelError> {
        Ok(Self)
    }

    fn load(_: &ModelFiles, _: Option<&Runtime>) -> Result<(), ModelError> {
        Ok(())
    }

    fn prepare(&self, material: Material, params: Params) -> Result<EchoItem, Failure> {
        #[cfg(feature = "rehearsal")]
        rehearse("prepares", &material);
        let EchoParams { delay_ms } = match params {
            Params::Echo(params) => params,
            _ => EchoParams::default(),
        };
        Ok(EchoItem { material, delay: Duration::from_millis(u64::from(delay_ms)) })
    }

    fn length(_: &EchoItem) -> u32 {
        1
    }

    fn weight(prepared: &EchoItem) -> usize {
        match &prepared.material {
            Material::Text(_) | Material::Pair(..) | Material::Tokens(_) | Material::Tensors(_) => 0,
            Material::Image(bytes) => bytes.len(),
        }
    }

    fn collate(&self, batch: &[&EchoItem]) -> Result<EchoBatch, Failure> {
        #[cfg(feature = "rehearsal")]
        for item in batch {
            rehearse("runs", &item.material);
        }
        let delay = batch.iter().map(|item| item.delay).max().unwrap_or_default();
        Ok(EchoBatch { items: batch.len(), delay })
    }

    fn run((): &mut (), batch: &EchoBatch) -> Result<Vec<()>, Failure> {
        std::thread::sleep(batch.delay);
        Ok(vec![(); batch.items])
    }

    fn finish(&self, prepared: EchoItem, (): ()) -> Result<Answer, Failure> {
        #[cfg(feature = "rehearsal")]
        rehearse("finishes", &prepared.material);
        match prepared.material {
            Material::Text(text) => Ok(Output::Echo { echo: json!(text) }.into()),
            Material::Pair(text, pair) => {
                Ok(Output::Echo { echo: json!({"text": text, "text_pair": pair}) }.into())
            }
            Material::Tokens(ids) => Ok(Output::Echo { echo: json!(ids) }.into()),
            Material::Tensors(outputs) => Ok(Output::Tensors { outputs }.into()),
            Material::Image(bytes) => {
                let content_type = Picture::sniff(&bytes, u64::MAX)
                    .map_or("application/octet-stream", |picture| picture.content_type)
                    .to_owned();
                let output =
                    Output::Echo { echo: json!({"bytes": bytes.len(), "content_type": content_type}) };
                let media =
                    if bytes.len() <= MEDIUM { vec![Medium { content_type, bytes }] } else { Vec::new() };
                Ok(Answer { output, media })
            }
        }
    }
}

#[cfg(feature = "rehearsal")]
fn rehearse(stage: &str, material: &Material) {
    if let Material::Text(text) = material {
        crate::rehearsal::passes(stage, text);
    }
}
