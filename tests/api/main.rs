//! The suite: sentences that state what the service promises, told over real HTTP to the real server, on both
//! databases, each on a fresh database of its own.
//!
//! A file of sentences is a room's (`owners.rs`), a topic's (`tokens.rs`, `paths.rs`), a law's (`every_route.rs`),
//! or the house's own bookkeeping (`house.rs`). What they stand on is in `support/`. `cargo test --test api -- owners` tells the sentences with
//! `owners` in their names. Where PostgreSQL is not installed its half is left out, loudly; with
//! `KENNEL_TEST_REQUIRE_POSTGRES=1` that fails the run.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "a sentence that cannot go on fails, and says why"
)]

mod bodies;
mod co_owner_ids;
mod co_owners;
mod crowds;
mod cursors;
mod dogs;
mod every_body;
mod every_method;
mod every_route;
mod expand;
mod export;
mod headers;
mod histories;
mod house;
mod login;
mod logout;
mod me;
mod migrate;
mod overload;
mod owners;
mod pages;
mod panics;
mod passwords;
mod paths;
mod plans;
mod preconditions;
mod profile;
mod properties;
mod public;
mod public_pages;
mod readme;
mod retries;
mod schemas;
mod searching;
mod shutdown;
mod signup;
mod sorting;
mod start;
mod storms;
mod support;
mod system;
mod tasks;
mod tokens;
mod values;
mod weak_passwords;

use std::env;
use std::process::ExitCode;
use std::thread;

use libtest_mimic::Arguments;

use support::{Engine, Sentence, contract, postgres, sentence};

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Most of a sentence is waiting for an answer.
    let threads = thread::available_parallelism().map_or(4, |cores| 2 * cores.get());
    arguments.test_threads.get_or_insert(threads);
    let engines = Engine::at_hand();
    if !engines.contains(&Engine::Postgres) && !arguments.list {
        eprintln!("\n!!! PostgreSQL (initdb, postgres) was not found: NOTHING IS TESTED ON IT !!!\n");
        if env::var("KENNEL_TEST_REQUIRE_POSTGRES").is_ok_and(|value| value == "1") {
            return ExitCode::FAILURE;
        }
    }

    sentence::keep_last_words();
    let trials = sentences().iter().flat_map(|sentence| sentence.trials(&engines)).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    let covered = !is_everything(&arguments) || contract_is_covered(&engines);
    postgres::stop();
    if conclusion.has_failed() || !covered { ExitCode::from(101) } else { ExitCode::SUCCESS }
}

fn sentences() -> Vec<Sentence> {
    [
        bodies::sentences(),
        co_owner_ids::sentences(),
        co_owners::sentences(),
        crowds::sentences(),
        cursors::sentences(),
        dogs::sentences(),
        every_body::sentences(),
        every_method::sentences(),
        every_route::sentences(),
        expand::sentences(),
        export::sentences(),
        headers::sentences(),
        histories::sentences(),
        house::sentences(),
        login::sentences(),
        logout::sentences(),
        me::sentences(),
        migrate::sentences(),
        overload::sentences(),
        owners::sentences(),
        pages::sentences(),
        panics::sentences(),
        passwords::sentences(),
        paths::sentences(),
        plans::sentences(),
        preconditions::sentences(),
        profile::sentences(),
        properties::sentences(),
        public::sentences(),
        public_pages::sentences(),
        readme::sentences(),
        retries::sentences(),
        schemas::sentences(),
        searching::sentences(),
        shutdown::sentences(),
        signup::sentences(),
        sorting::sentences(),
        start::sentences(),
        storms::sentences(),
        system::sentences(),
        tasks::sentences(),
        tokens::sentences(),
        values::sentences(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Whether every sentence was told, so that something missing is missing indeed.
fn is_everything(arguments: &Arguments) -> bool {
    arguments.filter.is_none() && arguments.skip.is_empty() && !arguments.list && !arguments.ignored && !arguments.bench
}

/// The law of coverage: each answer that the contract promises by name was produced by some sentence.
fn contract_is_covered(engines: &[Engine]) -> bool {
    let mut covered = true;
    for engine in engines {
        for promise in contract::unproduced(*engine) {
            eprintln!("openapi.yaml promises {promise}, and no sentence produced it on {engine}");
            covered = false;
        }
    }
    covered
}
