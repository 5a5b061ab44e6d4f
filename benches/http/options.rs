//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::client::Result;
use super::database::{Engine, is_postgres_installed};

const ROUTES: &str = "Of: me, owners, dogs, dogs_by_name, next_dogs_by_name, show_dog, public_dogs, create_owner, \
                      create_dog, login, crowd [default: all]";

pub struct Options {
    /// The server's program.
    pub program: PathBuf,
    pub engines: Vec<Engine>,
    pub clients: Vec<usize>,
    pub time: Duration,
    pub rounds: usize,
    /// All, if there is none.
    pub routes: Vec<String>,
    pub json: Option<PathBuf>,
    /// Of the load.
    pub threads: usize,
    pub count: bool,
    pub growth: bool,
    /// How many dogs the tables have as they grow.
    pub rows: Vec<u64>,
    /// The folder for pictures.
    pub pictures: Option<PathBuf>,
}

impl Options {
    /// None if nothing is to be done: `cargo test` may start benches, but only `cargo bench` tells them to run.
    pub fn read() -> Result<Option<Self>> {
        let matches = command().get_matches();
        if !matches.get_flag("bench") {
            eprintln!("nothing is measured without --bench, which `cargo bench --bench http` passes");
            return Ok(None);
        }
        Self::of(&matches).map(Some)
    }

    fn of(matches: &ArgMatches) -> Result<Self> {
        let number = |name: &str| matches.get_one::<usize>(name).copied().unwrap_or(1).max(1);
        let program = matches.get_one::<PathBuf>("kennel").cloned();
        let seconds = matches.get_one::<f64>("seconds").copied().unwrap_or(3.0);
        Ok(Self {
            program: program.unwrap_or_else(|| env!("CARGO_BIN_EXE_kennel").into()).canonicalize()?,
            engines: engines(matches)?,
            clients: clients(matches),
            time: Duration::try_from_secs_f64(seconds)?,
            rounds: number("rounds"),
            routes: matches.get_many("routes").unwrap_or_default().cloned().collect(),
            json: matches.get_one("json").cloned(),
            threads: number("threads"),
            count: matches.get_flag("count"),
            growth: matches.get_flag("growth"),
            rows: matches.get_many("rows").unwrap_or_default().copied().collect(),
            pictures: matches.get_one("pictures").cloned(),
        })
    }

    pub fn wants(&self, route: &str) -> bool {
        self.routes.is_empty() || self.routes.iter().any(|wanted| wanted == route)
    }

    pub fn most_clients(&self) -> usize {
        self.clients.iter().copied().max().unwrap_or(1)
    }

    pub fn warm_up(&self) -> Duration {
        self.time.min(Duration::from_secs(1))
    }
}

/// Growth is watched with one number of clients, so that all figures compare.
fn clients(matches: &ArgMatches) -> Vec<usize> {
    let is_told = matches.value_source("clients") == Some(ValueSource::CommandLine);
    if matches.get_flag("growth") && !is_told {
        return vec![32];
    }
    matches.get_many("clients").unwrap_or_default().copied().collect()
}

/// PostgreSQL is left out, loudly, where it is not installed and nobody asked for it.
fn engines(matches: &ArgMatches) -> Result<Vec<Engine>> {
    let told = matches.get_one::<String>("database").map_or("both", String::as_str);
    let is_asked_for = matches.value_source("database") == Some(ValueSource::CommandLine);
    if told == "sqlite" {
        return Ok(vec![Engine::Sqlite]);
    }
    if is_postgres_installed() {
        return Ok(if told == "both" { vec![Engine::Sqlite, Engine::Postgres] } else { vec![Engine::Postgres] });
    }
    if is_asked_for {
        return Err("PostgreSQL's initdb and postgres are not installed".into());
    }
    eprintln!("PostgreSQL is not installed: only SQLite is measured");
    Ok(vec![Engine::Sqlite])
}

fn command() -> Command {
    let option = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    Command::new("cargo bench --bench http --")
        .about(
            "Loads the program over HTTP, with few rows or (--growth) with more and more; or (--count) counts what a \
             request costs it under callgrind.",
        )
        .arg(
            option("database", "WHICH", "sqlite, postgres (a throw-away one) or both")
                .value_parser(["sqlite", "postgres", "both"])
                // The last one counts, so that what a script says can be said otherwise.
                .overrides_with("database")
                .default_value("both"),
        )
        .arg(
            option(
                "clients",
                "N,…",
                "Connections that are kept alive, for one load each; the growth takes the most of them, or 32",
            )
            .value_delimiter(',')
            .value_parser(value_parser!(usize))
            .default_value("1,32,256"),
        )
        .arg(
            option("seconds", "S", "How long each load lasts; before it, a warm-up of a second at most")
                .value_parser(value_parser!(f64))
                .default_value("3"),
        )
        .arg(
            option("rounds", "N", "How often all is done; the medians are told")
                .value_parser(value_parser!(usize))
                .default_value("1"),
        )
        .arg(option("routes", "NAME,…", ROUTES).value_delimiter(','))
        .arg(option("json", "FILE", "Writes the figures there, too").value_parser(value_parser!(PathBuf)))
        .arg(
            option("threads", "N", "Threads of the load; they take their time from the server's")
                .value_parser(value_parser!(usize))
                .default_value("1"),
        )
        .arg(
            option("kennel", "PATH", "Another program to measure [default: the one just built]")
                .value_parser(value_parser!(PathBuf)),
        )
        .arg(
            Arg::new("count")
                .long("count")
                .help("Counts instructions, allocations and statements, and compares with budgets.rs")
                .action(ArgAction::SetTrue),
        )
        .arg(
            Arg::new("growth")
                .long("growth")
                .help("Loads seven of the routes with tables of each size of --rows, as one user and as many")
                .conflicts_with("count")
                .action(ArgAction::SetTrue),
        )
        .arg(
            option("rows", "N,…", "Dogs in the tables, for --growth; owners are two fifths, users a fiftieth of them")
                .value_delimiter(',')
                .value_parser(value_parser!(u64).range(100..))
                .requires("growth")
                .default_value("1000,100000,10000000"),
        )
        .arg(
            option("pictures", "DIR", "Draws growth-sqlite.svg and growth-postgres.svg there")
                .value_parser(value_parser!(PathBuf))
                .requires("growth"),
        )
        .arg(Arg::new("bench").long("bench").hide(true).action(ArgAction::SetTrue))
}
