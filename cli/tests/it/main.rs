//! The straight line from end to end: the real program, real processes, both columns.

mod columns;
mod faults;
mod house;
mod process;
#[cfg(feature = "services")]
mod proxy;
mod suite;
