//! Texts to embed: the same in every run.
//!
//! English sentences of the emotion model's training data, most of them alone, some joined, so that lengths spread as they
//! do in real queues: many short, a few long.

use std::path::Path;

use anyhow::Context;

/// One in so many texts is made of several sentences.
const JOINED: u64 = 8;

/// So many texts from the repository at `root`.
pub fn texts(root: &Path, count: usize) -> anyhow::Result<Vec<String>> {
    let file = root.join("models/emotion/data/train.en.tsv");
    let lines = std::fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
    let sentences: Vec<&str> =
        lines.lines().filter_map(|line| line.split_once('\t')).map(|(_, text)| text).collect();
    anyhow::ensure!(!sentences.is_empty(), "{} has no sentences", file.display());
    let mut chance = Chance(0x5DEE_CE66);
    Ok((0..count)
        .map(|_| {
            let parts = if chance.below(JOINED) == 0 { 2 + chance.below(7) } else { 1 };
            let chosen: Vec<&str> = (0..parts)
                .map(|_| sentences[usize::try_from(chance.below(sentences.len() as u64)).unwrap_or(0)])
                .collect();
            chosen.join(" ")
        })
        .collect())
}

/// A small generator whose numbers are the same everywhere (a linear congruential one, Knuth's constants).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit.max(1)
    }
}
