//! What every sentence stands on: a fresh database, the real server in front of it, people who call it
//! over HTTP, and the contract that each answer is held to.
//!
//! Not here: what the service should do; that is in the files of sentences next door.
//! Start with `sentence.rs`, then `app.rs` and `actor.rs`.

pub mod actor;
pub mod answer;
pub mod app;
pub mod book;
pub mod client;
pub mod clock;
pub mod contract;
pub mod database;
pub mod events;
pub mod forge;
pub mod invariants;
pub mod letter;
pub mod manners;
pub mod outbox;
pub mod park;
pub mod passage;
pub mod pgbouncer;
pub mod postbox;
pub mod postgres;
pub mod process;
pub mod property;
pub mod recorder;
pub mod repository;
pub mod schema;
pub mod sentence;
pub mod smtp;
pub mod source;
pub mod touched;
pub mod unwell;
pub mod walk;
mod watched;
pub mod weak_passwords;
pub mod wire;

pub use actor::Actor;
pub use answer::Answer;
pub use app::App;
pub use book::Book;
pub use client::PASSWORD;
pub use database::{Database, Engine};
pub use repository::Repository;
pub use sentence::Sentence;
pub(crate) use sentence::{gather, sentences};
