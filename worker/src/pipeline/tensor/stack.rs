//! Items side by side: one tensor for each input, and the parts of what comes out.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use forebay_shared::job::{Failure, FailureCode, Tensor};

use crate::model::{Axis, Graph, Port};

/// Along which axis items stand side by side, by the name of each input and output.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Axes(BTreeMap<String, usize>);

/// Items that run at once.
#[derive(Debug)]
pub struct Stack {
    /// Their places in the batch.
    pub(super) places: Vec<usize>,
    /// Their tensors, side by side.
    pub(super) tensors: Vec<Tensor>,
    /// How many rows of the batch are whose; none if there is but one item.
    rows: Vec<u64>,
    axes: Option<Arc<Axes>>,
}

impl Axes {
    /// What the manifest states, or, where it states nothing, the first axis, if the graph lets it be of any length in all
    /// inputs and outputs and calls it the same wherever it calls it anything. Triton takes such a graph for one that works
    /// in batches too. `None`: each item runs by itself.
    pub(super) fn of(graph: &Graph, stated: &BTreeMap<String, usize>) -> Result<Option<Self>, String> {
        let ports = || graph.inputs.iter().chain(&graph.outputs);
        if !stated.is_empty() {
            if let Some(name) = stated.keys().find(|name| ports().all(|port| port.name != **name)) {
                return Err(format!("tensor.axes: the graph has neither input nor output `{name}`"));
            }
            if let Some(output) = graph.outputs.iter().find(|output| !stated.contains_key(&output.name)) {
                return Err(format!("tensor.axes: an axis of the output `{}` is missing", output.name));
            }
            return Ok(Some(Self(stated.clone())));
        }
        let mut called = None;
        let is_free = |port: &Port| match port.axes.as_deref() {
            Some([Axis::Any(name), ..]) => {
                // tf2onnx gives each axis that it knows nothing of a name of its own.
                name.is_empty()
                    || name.starts_with("unk__")
                    || *called.get_or_insert_with(|| name.clone()) == *name
            }
            _ => false,
        };
        let all = ports().all(is_free) && !graph.inputs.is_empty();
        Ok(all.then(|| Self(ports().map(|port| (port.name.clone(), 0)).collect())))
    }

    /// How many rows of a batch the tensors are: as many in each of them, or nobody knows.
    fn rows(&self, tensors: &[Tensor]) -> Option<u64> {
        let mut of_each = tensors.iter().filter_map(|tensor| {
            let axis = self.0.get(&tensor.name)?;
            Some(tensor.shape.get(*axis).copied())
        });
        let first = of_each.next()??;
        of_each.all(|rows| rows == Some(first)).then_some(first)
    }

    /// Whether the tensors of two items differ in rows at most, and in nothing that all items of a batch share.
    fn go_together(&self, one: &[Tensor], other: &[Tensor]) -> bool {
        one.len() == other.len()
            && one.iter().all(|tensor| {
                let Some(pair) = other.iter().find(|other| other.name == tensor.name) else { return false };
                let Some(axis) = self.0.get(&tensor.name) else {
                    return tensor.shape == pair.shape && tensor.bytes == pair.bytes;
                };
                let besides = |tensor: &Tensor| {
                    let mut shape = tensor.shape.clone();
                    shape.iter_mut().skip(*axis).take(1).for_each(|rows| *rows = 0);
                    shape
                };
                besides(tensor) == besides(pair)
            })
    }
}

impl Stack {
    /// Items, as many side by side as can be.
    pub(super) fn all<'a>(items: impl Iterator<Item = &'a [Tensor]>, axes: Option<&Arc<Axes>>) -> Vec<Self> {
        let mut groups: Vec<Vec<Member<'_>>> = Vec::new();
        for (place, tensors) in items.enumerate() {
            let rows = axes.and_then(|axes| axes.rows(tensors));
            let goes_with = |other: &Member<'_>| {
                rows.is_some()
                    && other.rows.is_some()
                    && axes.is_some_and(|axes| axes.go_together(other.tensors, tensors))
            };
            let member = Member { place, tensors, rows };
            match groups.iter_mut().find(|group| goes_with(&group[0])) {
                Some(group) => group.push(member),
                None => groups.push(vec![member]),
            }
        }
        groups.into_iter().map(|group| Self::of(&group, axes)).collect()
    }

    fn of(members: &[Member<'_>], axes: Option<&Arc<Axes>>) -> Self {
        let places = members.iter().map(|member| member.place).collect();
        let first = members[0].tensors;
        let Some(axes) = axes.filter(|_| members.len() > 1) else {
            return Self { places, tensors: first.to_vec(), rows: Vec::new(), axes: None };
        };
        let tensors = first.iter().map(|first| match axes.0.get(&first.name) {
            None => first.clone(),
            Some(along) => {
                let same = |member: &Member<'_>| {
                    member.tensors.iter().find(|tensor| tensor.name == first.name).cloned()
                };
                join(&members.iter().filter_map(same).collect::<Vec<_>>(), *along)
            }
        });
        let rows = members.iter().filter_map(|member| member.rows).collect();
        Self { places, tensors: tensors.collect(), rows, axes: Some(axes.clone()) }
    }

    /// Each item's part of what came out.
    pub(super) fn part(&self, outputs: Vec<Tensor>) -> Result<Vec<Vec<Tensor>>, Failure> {
        let Some(axes) = &self.axes else { return Ok(vec![outputs]) };
        let all: u64 = self.rows.iter().sum();
        let mut parts = vec![Vec::with_capacity(outputs.len()); self.rows.len()];
        for output in outputs {
            let along = axes.0.get(&output.name).copied().unwrap_or_default();
            if output.shape.get(along) != Some(&all) {
                // The engine runs the items one by one then.
                let message = format!(
                    "the output `{}` has the shape {:?}, and {all} rows were expected along axis {along}",
                    output.name, output.shape
                );
                return Err(Failure::permanent(FailureCode::InferenceFailed, message));
            }
            let cells = Cells::of(&output, along);
            let mut first = 0;
            for (part, rows) in parts.iter_mut().zip(&self.rows) {
                let mut bytes = Vec::new();
                for outer in 0..cells.outer {
                    bytes.extend_from_slice(cells.rows(outer, first, *rows));
                }
                let mut shape = output.shape.clone();
                shape[along] = *rows;
                part.push(Tensor { name: output.name.clone(), shape, bytes: bytes.into(), ..output });
                first += rows;
            }
        }
        Ok(parts)
    }
}

/// An item of a batch.
struct Member<'a> {
    place: usize,
    tensors: &'a [Tensor],
    /// How many rows of the batch it is; `None`: it runs by itself.
    rows: Option<u64>,
}

/// Tensors that differ in one axis at most, side by side along it.
fn join(tensors: &[Tensor], axis: usize) -> Tensor {
    let all: Vec<Cells<'_>> = tensors.iter().map(|tensor| Cells::of(tensor, axis)).collect();
    let mut bytes = Vec::with_capacity(tensors.iter().map(|tensor| tensor.bytes.len()).sum());
    for outer in 0..all[0].outer {
        for cells in &all {
            bytes.extend_from_slice(cells.rows(outer, 0, cells.count));
        }
    }
    let mut shape = tensors[0].shape.clone();
    shape[axis] = all.iter().map(|cells| cells.count).sum();
    Tensor { name: tensors[0].name.clone(), shape, bytes: bytes.into(), ..tensors[0] }
}

/// A tensor's bytes by rows of one axis.
struct Cells<'a> {
    bytes: &'a Bytes,
    /// Where each element begins, where they differ in size.
    starts: Option<Vec<usize>>,
    size: usize,
    /// How often the axis is passed.
    outer: u64,
    /// How long it is.
    count: u64,
    /// Elements of one row.
    inner: u64,
}

impl<'a> Cells<'a> {
    fn of(tensor: &'a Tensor, axis: usize) -> Self {
        Self {
            bytes: &tensor.bytes,
            starts: tensor.starts(),
            size: tensor.datatype.size().unwrap_or_default(),
            outer: tensor.shape[..axis].iter().product(),
            count: tensor.shape[axis],
            inner: tensor.shape[axis + 1..].iter().product(),
        }
    }

    fn rows(&self, outer: u64, first: u64, rows: u64) -> &'a [u8] {
        let begin = (outer * self.count + first) * self.inner;
        &self.bytes[self.byte(begin)..self.byte(begin + rows * self.inner)]
    }

    fn byte(&self, element: u64) -> usize {
        let element = usize::try_from(element).unwrap_or(usize::MAX);
        self.starts.as_ref().map_or(element * self.size, |starts| starts[element])
    }
}

#[cfg(test)]
mod tests;
