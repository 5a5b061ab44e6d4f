//! The program over HTTP, as people run it: a server of its own on a fresh database, SQLite and PostgreSQL in turn.
//! A folder is a mode: `load/`, `growth/` (the same as the tables grow) and `count/` (what a request costs); the files
//! beside them are shared. `cargo bench --bench http -- --help`; `benches/README.md` says how to read the figures.

#![allow(
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::format_push_string,
    reason = "a measure that cannot be taken ends the run"
)]

mod client;
mod count;
mod database;
mod growth;
mod load;
mod load_generator;
mod options;
mod points;
mod process;
mod rig;
mod routes;
mod server;
mod settings;

use std::process::ExitCode;

use options::Options;

fn main() -> ExitCode {
    let options = match Options::read() {
        Ok(Some(options)) => options,
        Ok(None) => return ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let is_well = if options.count {
        count::run(&options.program, &options.engines, &options.routes, options.rounds)
    } else if options.growth {
        growth::run(&options)
    } else {
        load::run(&options)
    };
    match is_well {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
