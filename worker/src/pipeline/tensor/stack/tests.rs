use forebay_shared::job::TensorBody;
use serde_json::{Value, json};

use super::*;

fn tensor(name: &str, datatype: &str, shape: &[u64], data: &Value) -> Tensor {
    let body = json!({"name": name, "datatype": datatype, "shape": shape, "data": data});
    let body: TensorBody = serde_json::from_value(body).unwrap();
    Tensor::read_all(vec![body]).unwrap().remove(0)
}

fn port(name: &str, axes: &[&str]) -> Port {
    let read = |length: &&str| length.parse().map_or_else(|_| Axis::Any((*length).to_owned()), Axis::Fixed);
    Port { name: name.to_owned(), element: 1, axes: Some(axes.iter().map(read).collect()) }
}

fn derived(inputs: &[&[&str]], outputs: &[&[&str]]) -> bool {
    let ports = |all: &[&[&str]], what: &str| {
        all.iter().enumerate().map(|(place, axes)| port(&format!("{what}{place}"), axes)).collect()
    };
    let graph = Graph { inputs: ports(inputs, "in"), outputs: ports(outputs, "out") };
    Axes::of(&graph, &BTreeMap::new()).unwrap().is_some()
}

#[test]
fn items_run_together_where_the_first_axis_is_free_everywhere() {
    assert!(derived(&[&["", "8"]], &[&["", "3"]]));
    assert!(derived(&[&["batch", "n"], &["batch", "4"]], &[&["batch"], &["", "2"]]));
    assert!(derived(&[&["unk__1", "8"]], &[&["unk__2", "8"]]), "as tf2onnx calls what it does not know");
    assert!(!derived(&[&["samples"]], &[&["frames", "4"]]), "the graph says that they differ");
    assert!(!derived(&[&["1", "8"]], &[&["", "3"]]), "one at a time");
    assert!(!derived(&[&["", "8"], &[]], &[&["", "3"]]), "a single number has no axis");
    assert!(!derived(&[&["", "8"]], &[&["2", "", "3"]]));
    assert!(!derived(&[], &[&[""]]));
    let mut unknown = port("in", &[]);
    unknown.axes = None;
    let graph = Graph { inputs: vec![unknown], outputs: vec![port("out", &["", "2"])] };
    assert_eq!(Axes::of(&graph, &BTreeMap::new()), Ok(None));
}

#[test]
fn a_stated_axis_is_held_against_the_graph() {
    let graph = Graph { inputs: vec![port("in", &["2", ""])], outputs: vec![port("out", &["", "2"])] };
    let of = |names: &[&str]| Axes::of(&graph, &names.iter().map(|name| ((*name).to_owned(), 0)).collect());
    assert!(of(&["in", "out"]).unwrap().is_some());
    assert!(of(&["in", "out", "else"]).unwrap_err().contains("neither input nor output `else`"));
    assert!(of(&["in"]).unwrap_err().contains("the output `out` is missing"));
}

fn axes(names: &[(&str, usize)]) -> Arc<Axes> {
    Arc::new(Axes(names.iter().map(|(name, axis)| ((*name).to_owned(), *axis)).collect()))
}

#[test]
fn what_was_put_side_by_side_comes_apart_again() {
    let axes = axes(&[("a", 1), ("words", 0)]);
    let item = |rows: u64, from: i64| {
        let numbers: Vec<i64> = (from..).take(2 * usize::try_from(rows).unwrap() * 2).collect();
        let words: Vec<String> =
            (0..rows).map(|row| "w".repeat(usize::try_from(from + 1).unwrap()) + &row.to_string()).collect();
        vec![
            tensor("a", "INT32", &[2, rows, 2], &json!(numbers)),
            tensor("words", "BYTES", &[rows], &json!(words)),
            tensor("all", "FP32", &[], &json!([0.5])),
        ]
    };
    let items = [item(1, 0), item(3, 10), item(2, 40)];
    let stacks = Stack::all(items.iter().map(Vec::as_slice), Some(&axes));
    assert_eq!(stacks.len(), 1);
    let stack = &stacks[0];
    assert_eq!((&stack.places[..], &stack.rows[..]), (&[0, 1, 2][..], &[1, 3, 2][..]));
    let shapes: Vec<_> = stack.tensors.iter().map(|tensor| &tensor.shape[..]).collect();
    assert_eq!(shapes, [&[2, 6, 2][..], &[6], &[]]);
    let outputs = stack.tensors[..2].to_vec();
    for (part, item) in stack.part(outputs).unwrap().iter().zip(&items) {
        assert_eq!(part[..], item[..2]);
    }
    let short = vec![tensor("a", "INT32", &[2, 1, 1], &json!([1, 2]))];
    assert!(stack.part(short).unwrap_err().message.contains("6 rows were expected along axis 1"));
}

#[test]
fn what_differs_runs_by_itself() {
    let axes = axes(&[("a", 0), ("b", 0)]);
    let item = |rows: u64, width: u64, shared: f32, b_rows: u64| {
        let zeros = |many: u64| json!(vec![0; usize::try_from(many).unwrap()]);
        vec![
            tensor("a", "INT8", &[rows, width], &zeros(rows * width)),
            tensor("b", "INT8", &[b_rows], &zeros(b_rows)),
            tensor("s", "FP32", &[], &json!([shared])),
        ]
    };
    let items =
        [item(1, 2, 0.0, 1), item(1, 3, 0.0, 1), item(1, 2, 1.0, 1), item(2, 2, 0.0, 1), item(2, 2, 0.0, 2)];
    let places = |axes| -> Vec<Vec<usize>> {
        let all = Stack::all(items.iter().map(Vec::as_slice), axes);
        all.into_iter().map(|stack| stack.places).collect()
    };
    assert_eq!(places(Some(&axes)), [vec![0, 4], vec![1], vec![2], vec![3]]);
    assert_eq!(places(None), [vec![0], vec![1], vec![2], vec![3], vec![4]]);
}
