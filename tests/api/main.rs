//! The suite: sentences that state what the service promises, told over real HTTP to the real server, on both
//! databases, each on a fresh database of its own.
//!
//! A file of sentences is a room's (`owners.rs`), a topic's (`tokens.rs`, `paths.rs`), a law's (`every_route.rs`),
//! or the house's own bookkeeping (`house.rs`). What they stand on is in `support/`. `cargo test --test api -- owners` tells the sentences with
//! `owners` in their names. Where PostgreSQL is not installed its half is left out, loudly; with
//! `KENNEL_TEST_REQUIRE_POSTGRES=1` that fails the run. So it is with the mail server (aiosmtpd) and
//! `KENNEL_TEST_REQUIRE_SMTP=1`, and with PgBouncer and `KENNEL_TEST_REQUIRE_PGBOUNCER=1`.
//!
//! # Laws over a contract
//!
//! Most of what a service promises, it promises of every operation: nobody gets in without a token, a neighbour's row is
//! the same 404 as none, every error is a problem document, a refused write changes nothing. Written once for each resource
//! such tests are forgotten for the tenth. Here they walk `openapi.yaml`: it lists the operations, examples of their bodies
//! and the shapes of their answers, so a law holds for a resource from the moment that the contract has it; and every answer
//! that any test gets is validated against it on the way. How to make a cat the contract says, too: by the POST whose path
//! the cat's begins with, and the example of its body that says most.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "a sentence that cannot go on fails, and says why"
)]

mod asked_for;
mod bodies;
mod budgets;
mod co_owner_ids;
mod co_owners;
mod connections;
mod contract_shapes;
mod cookie;
mod cors;
mod crowds;
mod cursors;
mod dev;
mod dogs;
mod email;
mod events;
mod every_body;
mod every_edit;
mod every_filter;
mod every_method;
mod every_route;
mod expand;
mod export;
mod files;
mod foreign_pages;
mod framing;
mod fresh_login;
mod full_books;
mod guessing;
mod header_bytes;
mod headers;
mod held_back;
mod hidden_dogs;
mod histories;
mod house;
mod key_rotation;
mod locks;
mod login;
mod logout;
mod logs;
mod mail;
mod mail_counts;
mod mail_failures;
mod mail_outbox;
mod mail_privacy;
mod mail_tokens;
mod mail_transport;
mod many_guesses;
mod me;
mod migrate;
mod my_sessions;
mod new_email;
mod new_password;
mod other_databases;
mod overload;
mod owners;
mod pages;
mod panics;
mod passwords;
mod paths;
mod pgbouncer;
mod pieces;
mod plans;
mod postgresql;
mod preconditions;
mod problems;
mod profile;
mod properties;
mod proxies;
mod public;
mod public_pages;
mod quotas;

mod recovery;
mod refresh;
mod retries;
mod rotation;
mod schemas;
mod searching;
mod secrets;
mod settings;
mod severed;
mod shutdown;
mod signup;
mod sorting;
mod start;
mod storms;
mod support;
mod system;
mod tasks;
mod together;
mod tokens;
mod tutorial;
mod unseen_names;
mod user_command;
mod values;
mod wanted;
mod weak_passwords;
mod weights;

use std::env;
use std::process::ExitCode;
use std::thread;

use libtest_mimic::Arguments;

use support::{Engine, Sentence, contract, pgbouncer as pooler, postgres, sentence, smtp};

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

fn sentences() -> Vec<Sentence> {
    [
        asked_for::sentences(),
        bodies::sentences(),
        budgets::sentences(),
        co_owner_ids::sentences(),
        co_owners::sentences(),
        connections::sentences(),
        contract_shapes::sentences(),
        cookie::sentences(),
        cors::sentences(),
        crowds::sentences(),
        cursors::sentences(),
        dev::sentences(),
        dogs::sentences(),
        email::sentences(),
        events::sentences(),
        every_body::sentences(),
        every_edit::sentences(),
        every_filter::sentences(),
        every_method::sentences(),
        every_route::sentences(),
        expand::sentences(),
        export::sentences(),
        files::sentences(),
        foreign_pages::sentences(),
        framing::sentences(),
        fresh_login::sentences(),
        full_books::sentences(),
        guessing::sentences(),
        header_bytes::sentences(),
        headers::sentences(),
        held_back::sentences(),
        hidden_dogs::sentences(),
        histories::sentences(),
        house::sentences(),
        key_rotation::sentences(),
        locks::sentences(),
        login::sentences(),
        logout::sentences(),
        logs::sentences(),
        mail::sentences(),
        mail_counts::sentences(),
        mail_failures::sentences(),
        mail_outbox::sentences(),
        mail_privacy::sentences(),
        mail_tokens::sentences(),
        mail_transport::sentences(),
        many_guesses::sentences(),
        me::sentences(),
        migrate::sentences(),
        my_sessions::sentences(),
        new_email::sentences(),
        new_password::sentences(),
        other_databases::sentences(),
        overload::sentences(),
        owners::sentences(),
        pages::sentences(),
        panics::sentences(),
        passwords::sentences(),
        paths::sentences(),
        pgbouncer::sentences(),
        pieces::sentences(),
        plans::sentences(),
        postgresql::sentences(),
        preconditions::sentences(),
        problems::sentences(),
        profile::sentences(),
        properties::sentences(),
        proxies::sentences(),
        public::sentences(),
        public_pages::sentences(),
        quotas::sentences(),
        recovery::sentences(),
        refresh::sentences(),
        retries::sentences(),
        rotation::sentences(),
        schemas::sentences(),
        searching::sentences(),
        secrets::sentences(),
        settings::sentences(),
        severed::sentences(),
        shutdown::sentences(),
        signup::sentences(),
        sorting::sentences(),
        start::sentences(),
        storms::sentences(),
        system::sentences(),
        tasks::sentences(),
        together::sentences(),
        tokens::sentences(),
        tutorial::sentences(),
        unseen_names::sentences(),
        user_command::sentences(),
        values::sentences(),
        wanted::sentences(),
        weights::sentences(),
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
