//! The api alone: a real store, a queue and events inside the process, blobs in memory, and a worker that is none.

mod app;
mod bodies;
mod contract;
mod dialects;
mod door;
mod ending;
mod explaining;
mod files;
mod following;
mod keys;
mod listing;
mod models;
mod multipart;
mod openai;
mod reading;
mod refusals;
mod retention;
mod schedules;
mod service;
mod sse;
mod stores;
mod submitting;
mod times;
mod uploads;
mod waiting;
mod worker;
