//! What `forebay` says of itself in documents. The program is `main.rs`.

pub mod reference;
