//! What the demo asks.

/// One sentence for each of the six emotions, in two languages.
pub const MOODS: [&str; 6] = [
    "We had dinner on the terrace and laughed all evening.",
    "The house is so quiet since our old dog died.",
    "Third time the parcel is lost, and nobody answers the phone!",
    "会议改到周三下午三点，地点不变。",
    "太棒了！明天就要去看极光，我激动得睡不着！",
    "体检报告还没出来，我心里一直七上八下的。",
];

/// Pairs of sentences; only the last has nothing in common.
pub const PAIRS: [[&str; 2]; 3] = [
    ["How do I reset my password?", "I forgot my login and cannot sign in."],
    ["The ship left the harbour at dawn.", "At sunrise the boat put out to sea."],
    ["Stir the flour into the melted butter.", "The court adjourned until Monday."],
];

/// A question, and what may answer it.
pub const QUERY: &str = "When was it?";
pub const ANSWERS: [&str; 3] = ["In the old harbour.", "Early in the morning.", "With flour and butter."];

/// What a text may be about.
pub const LABELS: [&str; 3] = ["law", "cooking", "seafaring"];

/// A cat, and a cup of coffee.
pub const PICTURES: [&str; 2] = ["models/samples/cat.jpg", "models/samples/coffee.jpg"];

/// A file whose kind is to be told.
pub const SOME_FILE: &str = "Cargo.toml";

/// People, all of whom look this way.
pub const FACES: &str = "models/reference/images/faces/many.png";

/// Two lines of print.
pub const PRINT: &str = "models/reference/images/print/mixed.png";

/// A file that somebody may take for a picture by mistake.
pub const NOT_A_PICTURE: &str = "LICENSE";
