//! The pieces of a request without the network, with the memory that each asks for. `cargo bench --bench pieces`;
//! with a word after `--` only the pieces with it in their names. The database is SQLite, and also PostgreSQL if
//! `BENCH_POSTGRES_URL` names a database that may be filled.
//!
//! Memory is counted on the thread of the bench: what a piece asks for on a database thread is not among it.

#![allow(clippy::expect_used, clippy::panic, reason = "a piece that fails ends the run")]

mod app;
mod database_threads;
mod fixture;
mod hash;
mod query;
mod wire;

use divan::AllocProfiler;

#[global_allocator]
static MEMORY: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}
