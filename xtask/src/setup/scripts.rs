//! Which files of the checkout a build script is made of.
//!
//! Imports are followed by their text: a statement that begins a line and names a module beside the script or below
//! `models`. That is how these scripts are written; anything else is a module that pip installed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The script, what it imports of this checkout, and the data files beside it.
pub fn inputs(models: &Path, script: &Path) -> Result<BTreeSet<PathBuf>> {
    let beside = script.parent().expect("a script stands in a folder");
    let mut found = BTreeSet::new();
    let mut unread = vec![script.to_owned()];
    while let Some(path) = unread.pop() {
        if !found.insert(path.clone()) {
            continue;
        }
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        for module in text.lines().flat_map(modules) {
            let roots = match module.strip_prefix('.') {
                Some(_) => vec![path.parent().expect("a script stands in a folder")],
                None => vec![beside, models],
            };
            unread.extend(roots.iter().flat_map(|root| files(root, module.trim_start_matches('.'))));
        }
    }
    for entry in fs::read_dir(beside)? {
        let path = entry?.path();
        let kind = path.extension().and_then(|kind| kind.to_str());
        if path.is_file() && !matches!(kind, Some("py" | "md")) {
            found.insert(path);
        }
    }
    Ok(found)
}

/// The modules that a line imports, as `a.b` or, relative, `.b`.
fn modules(line: &str) -> Vec<String> {
    let names = |list: &str| -> Vec<String> {
        list.split(',').filter_map(|one| one.split_whitespace().next()).map(str::to_owned).collect()
    };
    if let Some(rest) = line.strip_prefix("import ") {
        return names(rest);
    }
    let Some((module, imported)) = line.strip_prefix("from ").and_then(|rest| rest.split_once(" import "))
    else {
        return Vec::new();
    };
    if module == "." {
        return names(imported).into_iter().map(|name| format!(".{name}")).collect();
    }
    vec![module.trim().to_owned()]
}

/// The files of a module below `root`, with the packages on the way.
fn files(root: &Path, module: &str) -> Vec<PathBuf> {
    let mut path = root.to_owned();
    let mut found = Vec::new();
    for part in module.split('.') {
        path.push(part);
        found.push(path.join("__init__.py"));
    }
    found.push(path.with_extension("py"));
    found.retain(|file| file.is_file());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_read_from_their_text() {
        assert_eq!(modules("from convert.bert import BertWeights"), ["convert.bert"]);
        assert_eq!(modules("from . import graph, unigram as u"), [".graph", ".unigram"]);
        assert_eq!(modules("import json, head"), ["json", "head"]);
        assert!(modules("    from nowhere import x").is_empty());
    }

    #[test]
    fn a_script_is_made_of_what_it_reaches_and_of_the_data_beside_it() {
        let models = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = models.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("convert/__init__.py", "");
        write("convert/e5.py", "from .graph import Graph\n");
        write("convert/graph.py", "import numpy\n");
        write("convert/other.py", "");
        write("emotion/build.py", "from convert.e5 import E5 \nfrom head import read\n");
        write("emotion/head.py", "");
        write("emotion/train.py", "");
        write("emotion/head.json", "{}");
        write("emotion/README.md", "");
        let found = inputs(models.path(), &models.path().join("emotion/build.py")).unwrap();
        let names: Vec<_> = found.iter().map(|path| path.strip_prefix(models.path()).unwrap()).collect();
        let expected = [
            "convert/__init__.py",
            "convert/e5.py",
            "convert/graph.py",
            "emotion/build.py",
            "emotion/head.json",
            "emotion/head.py",
        ];
        assert_eq!(names, expected.map(Path::new));
    }
}
