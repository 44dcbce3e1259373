//! The worker alone: jobs in through store and queue, results out through blobs and events.

mod cache;
mod check;
mod colours;
mod deaf;
mod drawing;
mod echo;
mod fairness;
mod ground;
mod isolation;
mod memory;
mod reference;
mod registry;
mod residency;
mod slices;
mod stopping;
