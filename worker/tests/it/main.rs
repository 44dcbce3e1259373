//! The worker alone: jobs in through store and queue, results out through blobs and events.

mod colours;
mod deaf;
mod echo;
mod fairness;
mod ground;
mod isolation;
mod reference;
mod slices;
mod stopping;
