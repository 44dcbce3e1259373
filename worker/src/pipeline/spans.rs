//! From labels of tokens to labelled spans: pure, as Hugging Face's token classification joins them.

use forebay_shared::job::AggregationStrategy;

/// A token with the scores of all labels.
#[derive(Clone, Debug)]
pub(super) struct Scored {
    pub(super) scores: Vec<f32>,
    /// Where it begins in the text, in characters.
    pub(super) start: u32,
    /// The place behind its last character.
    pub(super) end: u32,
    /// The number of the word that it is a part of.
    pub(super) word: u32,
}

/// A labelled part of a text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Span {
    pub(super) label: String,
    pub(super) score: f32,
    pub(super) start: u32,
    pub(super) end: u32,
}

/// The label of what is nothing.
const OUTSIDE: &str = "O";

/// What was found, in the order of the text.
pub(super) fn spans(
    tokens: &[Scored],
    strategy: AggregationStrategy,
    name: impl Fn(usize) -> String,
) -> Vec<Span> {
    let alone = |token: &Scored| {
        let (label, score) = best(&token.scores);
        Span { label: name(label), score, start: token.start, end: token.end }
    };
    let found = match strategy {
        AggregationStrategy::None => tokens.iter().map(alone).collect(),
        AggregationStrategy::Simple => joined(tokens.iter().map(alone)),
        _ => joined(tokens.chunk_by(|one, next| one.word == next.word).map(|word| {
            let (label, score) = of_word(word, strategy);
            let ends = word.iter().map(|token| token.end);
            Span { label: name(label), score, start: word[0].start, end: ends.max().unwrap_or(0) }
        })),
    };
    found.into_iter().filter(|span| span.label != OUTSIDE).collect()
}

/// The label of a word, which has at least one token.
fn of_word(word: &[Scored], strategy: AggregationStrategy) -> (usize, f32) {
    match strategy {
        AggregationStrategy::Average => {
            let mut sums = vec![0.0; word[0].scores.len()];
            for token in word {
                sums.iter_mut().zip(&token.scores).for_each(|(sum, score)| *sum += score);
            }
            let (label, sum) = best(&sums);
            (label, sum / word.len() as f32)
        }
        AggregationStrategy::Max => {
            let surest = word.iter().map(|token| best(&token.scores));
            // Of equals the first, as everywhere.
            surest.reduce(|one, next| if next.1 > one.1 { next } else { one }).unwrap_or_default()
        }
        _ => best(&word[0].scores),
    }
}

/// The best label, of equals the first.
fn best(scores: &[f32]) -> (usize, f32) {
    let placed = scores.iter().copied().enumerate();
    placed.reduce(|one, next| if next.1 > one.1 { next } else { one }).unwrap_or_default()
}

/// Neighbours with the same label become one, unless the second begins anew; its score is their mean.
fn joined(spans: impl Iterator<Item = Span>) -> Vec<Span> {
    let mut groups: Vec<(Span, f32, u32)> = Vec::new();
    for span in spans {
        let (begins, label) = parted(&span.label);
        match groups.last_mut() {
            Some((group, sum, count)) if !begins && group.label == label => {
                group.end = span.end;
                *sum += span.score;
                *count += 1;
            }
            _ => {
                let (label, score) = (label.to_owned(), span.score);
                groups.push((Span { label, ..span }, score, 1));
            }
        }
    }
    let mean = |(span, sum, count): (Span, f32, u32)| Span { score: sum / count as f32, ..span };
    groups.into_iter().map(mean).collect()
}

/// Whether a label begins something new, and what of. One without a prefix goes on, as `I-` does.
fn parted(label: &str) -> (bool, &str) {
    match label.split_once('-') {
        Some(("B" | "S" | "U", name)) => (true, name),
        Some(("I" | "E" | "L", name)) => (false, name),
        _ => (false, label),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABELS: [&str; 5] = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"];

    /// Tokens of two characters, each with a label, its score, and its word's number.
    fn tokens(labels: &[(&str, f32, u32)]) -> Vec<Scored> {
        let token = |(place, (label, score, word)): (u32, &(&str, f32, u32))| {
            let mut scores = vec![0.0; LABELS.len()];
            scores[LABELS.iter().position(|known| known == label).unwrap()] = *score;
            Scored { scores, start: place * 2, end: place * 2 + 2, word: *word }
        };
        (0..).zip(labels).map(token).collect()
    }

    fn told(tokens: &[Scored], strategy: AggregationStrategy) -> Vec<(String, u32, u32)> {
        let found = spans(tokens, strategy, |label| LABELS[label].to_owned());
        found.into_iter().map(|span| (span.label, span.start, span.end)).collect()
    }

    fn span(label: &str, start: u32, end: u32) -> (String, u32, u32) {
        (label.to_owned(), start, end)
    }

    #[test]
    fn neighbours_are_joined_unless_one_begins_anew() {
        let tokens = tokens(&[
            ("B-PER", 0.9, 0),
            ("I-PER", 0.7, 1),
            ("B-PER", 0.8, 2),
            ("O", 0.9, 3),
            ("I-PER", 0.6, 4),
            ("I-LOC", 0.6, 5),
        ]);
        assert_eq!(
            told(&tokens, AggregationStrategy::Simple),
            [span("PER", 0, 4), span("PER", 4, 6), span("PER", 8, 10), span("LOC", 10, 12)]
        );
        let scores = spans(&tokens, AggregationStrategy::Simple, |label| LABELS[label].to_owned());
        assert!((scores[0].score - 0.8).abs() < 1e-6, "the mean of its tokens'");
        assert_eq!(told(&tokens, AggregationStrategy::None).len(), 5);
    }

    #[test]
    fn a_word_has_one_label_by_the_strategy() {
        let mut tokens = tokens(&[("B-PER", 0.5, 0), ("I-LOC", 0.9, 0), ("I-LOC", 0.3, 0), ("O", 0.9, 1)]);
        tokens[1].scores[1] = 0.1;
        assert_eq!(told(&tokens, AggregationStrategy::First), [span("PER", 0, 6)]);
        assert_eq!(told(&tokens, AggregationStrategy::Max), [span("LOC", 0, 6)]);
        assert_eq!(told(&tokens, AggregationStrategy::Average), [span("LOC", 0, 6)]);
        assert_eq!(told(&tokens, AggregationStrategy::Simple), [span("PER", 0, 2), span("LOC", 2, 6)]);
    }

    #[test]
    fn nothing_is_found_in_nothing() {
        assert!(told(&[], AggregationStrategy::Average).is_empty());
        assert!(told(&tokens(&[("O", 1.0, 0)]), AggregationStrategy::Simple).is_empty());
    }
}
