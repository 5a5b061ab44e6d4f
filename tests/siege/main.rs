//! The siege: the program as people run it, under load and under fire. A round does some damage (a kill, a power cut, a
//! frozen database) while writers and readers go on, and then holds what is stored against what was promised: every
//! write that was acknowledged is there, none is there twice, none that was refused is.
//!
//! ```text
//! cargo test --test siege                              the short rounds, one after the other
//! cargo test --test siege -- R01 postgres              the rounds with one of these words in their names
//! cargo test --release --test siege -- --long          the long ones: hours
//! cargo test --test siege -- --list
//! ```
//!
//! It needs PostgreSQL, a C compiler, nginx, haproxy, etcd and Patroni (Debian's packages). A file is a topic, and a
//! function a round that reads as a page: load, damage, check. What they stand on is `load.rs` (who writes and reads),
//! `history.rs` (what was promised) and `server.rs` (the program in a process of its own).

#![allow(
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::format_push_string,
    reason = "a round that cannot go on fails, and says why"
)]

mod availability;
mod caller;
mod disk;
mod history;
mod kept;
mod load;
mod node;
mod scene;
mod server;

mod backups;
mod crowds;
mod faults;
mod kills;
mod locks;
mod power;
mod soak;
mod starting;
mod stopping;

mod patroni;
mod postgres;
mod proxies;
mod standby;

// What measures and besieges alike.
#[path = "../../benches/http/client.rs"]
mod client;
#[allow(dead_code, reason = "the benches use the rest")]
#[path = "../../benches/http/database.rs"]
mod database;
#[allow(dead_code, reason = "the benches use the rest")]
#[path = "../../benches/http/process.rs"]
mod process;
#[allow(dead_code, reason = "the benches use the rest")]
#[path = "../../benches/http/routes.rs"]
mod routes;
#[path = "../../benches/http/settings.rs"]
mod settings;

use std::process::ExitCode;
use std::time::Instant;

use scene::{Round, Scene};

/// Every round, in the order in which they are fought.
fn rounds() -> Vec<Round> {
    [
        kills::rounds(),
        power::rounds(),
        faults::rounds(),
        locks::rounds(),
        stopping::rounds(),
        starting::rounds(),
        backups::rounds(),
        crowds::rounds(),
        soak::rounds(),
        postgres::rounds(),
        standby::rounds(),
        proxies::rounds(),
        patroni::rounds(),
    ]
    .concat()
}

fn main() -> ExitCode {
    let (options, words): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|word| word.starts_with('-'));
    let (is_long, is_list) = (options.iter().any(|it| it == "--long"), options.iter().any(|it| it == "--list"));
    let is_meant = |round: &Round| words.is_empty() || words.iter().any(|word| round.name().contains(word.as_str()));
    let mut fallen = Vec::new();
    for round in rounds().into_iter().filter(is_meant) {
        if is_list {
            println!("{}", round.name());
            continue;
        }
        let began = Instant::now();
        let outcome = Scene::set(&round, is_long).and_then(|scene| round.fight(&scene));
        let (mark, said) = match outcome {
            Ok(figures) => ("stands", figures),
            Err(why) => {
                fallen.push(round.name());
                ("FALLS ", why.to_string())
            }
        };
        println!("{mark} {} ({:.1} s): {said}", round.name(), began.elapsed().as_secs_f64());
    }
    if fallen.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!("fallen: {}", fallen.join(", "));
    ExitCode::FAILURE
}
