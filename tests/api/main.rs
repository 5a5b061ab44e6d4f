//! The suite: sentences that state what the service promises, told over real HTTP to the real server, on both
//! databases, each on a fresh database of its own.
//!
//! Folders are areas, files are topics, and what all stand on is in `support/`. A trial is named by its folder, its
//! file, the rule and the database, and words after `--` choose by a part of that name:
//!
//! ```text
//! cargo test --test api -- laws::                what holds for every operation
//! cargo test --test api -- rooms::owners         a file
//! cargo test --test api -- ::sqlite              what is told on SQLite
//! cargo test --test api -- --skip ::postgres     all but what is told on PostgreSQL
//! ```
//!
//! A new file needs its name twice in the `mod.rs` of its folder: declared by `pub mod`, and gathered. (One macro could
//! do both, but `cargo fmt` does not follow modules into macros, and would format none of these files.) A sentence in
//! `repository/house.rs` says what is missing.
//!
//! Where PostgreSQL is not installed its half is left out, loudly; with `KENNEL_TEST_REQUIRE_POSTGRES=1` that fails the
//! run. So it is with the mail server (aiosmtpd) and `KENNEL_TEST_REQUIRE_SMTP=1`, and with PgBouncer and
//! `KENNEL_TEST_REQUIRE_PGBOUNCER=1`.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "a sentence that cannot go on fails, and says why"
)]

mod accounts;
mod guessing;
mod http;
mod laws;
mod lists;
mod mail;
mod operations;
mod repository;
mod rooms;
mod support;
mod writes;

use std::env;
use std::process::ExitCode;
use std::thread;

use libtest_mimic::Arguments;

use support::{Engine, contract, gather, pgbouncer as pooler, postgres, sentence, smtp};

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Most of a sentence is waiting for an answer.
    let threads = thread::available_parallelism().map_or(4, |cores| 2 * cores.get());
    arguments.test_threads.get_or_insert(threads);
    let engines = Engine::at_hand();
    let lacking = [
        (engines.contains(&Engine::Postgres), "PostgreSQL (initdb, postgres)", "KENNEL_TEST_REQUIRE_POSTGRES"),
        (pooler::is_installed(), "PgBouncer", "KENNEL_TEST_REQUIRE_PGBOUNCER"),
        (smtp::is_installed(), "A real mail server (Python's aiosmtpd)", "KENNEL_TEST_REQUIRE_SMTP"),
    ];
    for (_, what, required) in lacking.into_iter().filter(|(is_there, ..)| !is_there && !arguments.list) {
        eprintln!("\n!!! {what} was not found: NOTHING IS TESTED ON IT !!!\n");
        if env::var(required).is_ok_and(|value| value == "1") {
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

gather![accounts, guessing, http, laws, lists, mail, operations, repository, rooms, writes];

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
