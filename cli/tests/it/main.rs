//! The straight line from end to end: the real program, real processes, both columns.

mod bulks;
mod clients;
mod columns;
#[cfg(feature = "services")]
mod counting;
mod deployment;
mod dialects;
mod documents;
mod emotion;
mod explaining;
mod fairness;
mod faults;
mod files;
mod following;
mod house;
mod images;
mod lines;
mod models;
mod process;
#[cfg(feature = "services")]
mod proxy;
mod pulls;
#[cfg(feature = "services")]
mod rates;
mod readers;
mod residency;
mod schedules;
mod settings;
#[cfg(feature = "services")]
mod signed;
mod socket;
mod sse;
mod suite;
mod terminal;
mod webhooks;
