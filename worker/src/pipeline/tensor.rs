//! `tensor`: any graph, by named tensors.
//!
//! Nothing is done to them on the way in or out. Items run together only where that changes nothing but speed: see
//! [`Axes::of`].

mod stack;
mod value;

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use forebay_shared::job::{
    Failure, FailureCode, Output, Params, Tensor, TensorParams, TensorSpec, check_inputs,
};
use ort::session::SessionInputValue;

use super::{Answer, Material, Pipeline, of_another_kind};
use crate::model::{Graph, ModelError, ModelFiles, Port, Runtime, Session, failed};
use stack::{Axes, Stack};

/// Bytes of one item's outputs that are told: a result is held in memory, and stored, as a whole.
const MOST: usize = 64 * 1024 * 1024;

/// Runs tensors as they are.
#[derive(Debug)]
pub struct PlainTensors {
    inputs: Vec<TensorSpec>,
    outputs: Vec<TensorSpec>,
    axes: Option<Arc<Axes>>,
}

/// Tensors that the graph takes.
#[derive(Debug)]
pub struct TensorItem {
    tensors: Vec<Tensor>,
    params: TensorParams,
}

/// A session and the names of what it gives.
#[derive(Debug)]
pub struct TensorSession {
    session: Session,
    outputs: Vec<String>,
}

impl Pipeline for PlainTensors {
    type Prepared = TensorItem;
    type Tensors = Vec<Stack>;
    type Engine = TensorSession;
    type Raw = Vec<Tensor>;

    fn read(model: &ModelFiles) -> Result<Self, ModelError> {
        let graph = read_graph(&model.onnx)?;
        let (inputs, outputs) = specs(&graph, &model.onnx)?;
        let axes = Axes::of(&graph, &model.manifest.tensor.axes)
            .map_err(|message| ModelError::Content { file: model.root.join("forebay.toml"), message })?;
        Ok(Self { inputs, outputs, axes: axes.map(Arc::new) })
    }

    fn load(model: &ModelFiles, runtime: Option<&Runtime>) -> Result<TensorSession, ModelError> {
        let (_, outputs) = specs(&read_graph(&model.onnx)?, &model.onnx)?;
        let outputs = outputs.into_iter().map(|output| output.name).collect();
        Ok(TensorSession { session: model.open(runtime)?, outputs })
    }

    fn prepare(&self, material: Material, params: Params) -> Result<TensorItem, Failure> {
        let Params::Tensor(params) = params else { return Err(of_another_kind()) };
        let Material::Tensors(tensors) = material else {
            return Err(Failure::permanent(FailureCode::WrongTensors, "the model takes tensors"));
        };
        check_inputs(&tensors, &self.inputs)
            .map_err(|error| Failure::permanent(FailureCode::WrongTensors, error))?;
        for name in params.outputs.iter().flatten() {
            if self.outputs.iter().all(|output| output.name != *name) {
                let given: Vec<&str> = self.outputs.iter().map(|output| output.name.as_str()).collect();
                let message = format!("the model has no output `{name}`; it has `{}`", given.join("`, `"));
                return Err(Failure::permanent(FailureCode::InvalidParams, message));
            }
        }
        Ok(TensorItem { tensors, params })
    }

    fn length(prepared: &TensorItem) -> u32 {
        let elements: u64 = prepared.tensors.iter().map(Tensor::elements).sum();
        u32::try_from(elements).unwrap_or(u32::MAX)
    }

    fn collate(&self, batch: &[&TensorItem]) -> Result<Vec<Stack>, Failure> {
        Ok(Stack::all(batch.iter().map(|item| &item.tensors[..]), self.axes.as_ref()))
    }

    fn run(engine: &mut TensorSession, stacks: &Vec<Stack>) -> Result<Vec<Vec<Tensor>>, Failure> {
        let items = stacks.iter().map(|stack| stack.places.len()).sum();
        let mut raw = vec![Vec::new(); items];
        for stack in stacks {
            let parts = stack.part(engine.run(&stack.tensors)?)?;
            for (place, part) in stack.places.iter().zip(parts) {
                raw[*place] = part;
            }
        }
        Ok(raw)
    }

    fn finish(&self, prepared: TensorItem, raw: Vec<Tensor>) -> Result<Answer, Failure> {
        let TensorParams { outputs: wanted, encoding } = prepared.params;
        let outputs: Vec<Tensor> = match wanted {
            None => raw,
            Some(wanted) => wanted
                .iter()
                .filter_map(|name| raw.iter().find(|output| output.name == *name).cloned())
                .collect(),
        };
        let bytes: usize = outputs.iter().map(|output| output.bytes.len()).sum();
        if bytes > MOST {
            let message = format!(
                "the outputs have {bytes} bytes, the limit is {MOST}: ask for fewer of them with `outputs`"
            );
            return Err(Failure::permanent(FailureCode::InferenceFailed, message));
        }
        let outputs = outputs.into_iter().map(|output| Tensor { encoding, ..output }).collect();
        Ok(Output::Tensors { outputs }.into())
    }
}

impl TensorSession {
    fn run(&mut self, tensors: &[Tensor]) -> Result<Vec<Tensor>, Failure> {
        let input = |tensor: &Tensor| Ok((tensor.name.clone().into(), value::input(tensor)?));
        let inputs: Vec<(Cow<'_, str>, SessionInputValue<'_>)> =
            tensors.iter().map(input).collect::<Result<_, Failure>>()?;
        let outputs = self.session.run(inputs).map_err(failed)?;
        self.outputs.iter().map(|name| value::output(name, &outputs[name.as_str()])).collect()
    }
}

fn read_graph(file: &Path) -> Result<Graph, ModelError> {
    Graph::read(file).map_err(|source| ModelError::File { file: file.to_owned(), source })
}

/// What the graph takes and gives. An output that is no tensor is left out; an input cannot be.
fn specs(graph: &Graph, file: &Path) -> Result<(Vec<TensorSpec>, Vec<TensorSpec>), ModelError> {
    let input = |port: &Port| {
        port.spec().ok_or_else(|| ModelError::Content {
            file: file.to_owned(),
            message: format!("its input `{}` is nothing that a tensor of KServe can be", port.name),
        })
    };
    let inputs = graph.inputs.iter().map(input).collect::<Result<_, _>>()?;
    Ok((inputs, graph.outputs.iter().filter_map(Port::spec).collect()))
}
