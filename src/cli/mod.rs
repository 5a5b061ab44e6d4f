//! The command line: serve (the default), the schema, the accounts, and how the server is.

mod archive;
mod config_check;
mod health;
mod notify;
mod seed;
mod signals;
mod table;
mod user;

use std::{
    fmt::Display,
    io::{self, Write},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    process::ExitCode,
    sync::mpsc,
    thread,
    time::Duration,
};

use clap::{Arg, ArgAction, ArgMatches, Command};

use self::{
    notify::{READY, notify},
    signals::SignalThread,
};
use crate::{
    app::StartError,
    config::{Config, ConfigError, VARIABLES},
    db::{self, migrate},
    files, log,
    server::Server,
};

const DEV: &str = "dev";
/// The longest time for the last lines, once nothing else is left to do: their reader may have stalled.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The program's arguments, with every variable in the help.
#[must_use]
pub fn command() -> Command {
    Command::new("kennel")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A JSON REST service for people who look after dogs. Without a command, it serves.")
        .after_help(variables())
        .arg(dev())
        .subcommand(Command::new("serve").about("Serve requests (the default)").arg(dev()))
        .subcommand(
            Command::new("migrate")
                .about("Work on the database's schema; serving brings it up to date by itself")
                .subcommand_required(true)
                .subcommand(Command::new("run").about("Bring the schema up to date"))
                .subcommand(Command::new("revert").about("Take the newest migration back, and the data it holds"))
                .subcommand(Command::new("show").about("List the migrations, [X] for those that ran")),
        )
        .subcommand(user::command())
        .subcommand(seed::command())
        .subcommands(archive::commands())
        .subcommand(health::command())
        .subcommand(config_check::command())
}

fn dev() -> Arg {
    let help = "For work on one's own machine: pages of localhost may call, and quotas are generous (as DEV=true)";
    Arg::new(DEV).long(DEV).help(help).action(ArgAction::SetTrue)
}

/// Whether `--dev` is given.
#[must_use]
pub fn is_dev(matches: &ArgMatches) -> bool {
    let serve = matches.subcommand_matches("serve");
    matches.get_flag(DEV) || serve.is_some_and(|matches| matches.get_flag(DEV))
}

fn variables() -> String {
    let described = VARIABLES.iter().map(|variable| {
        let default = if variable.default.is_empty() { String::new() } else { format!(" [{}]", variable.default) };
        format!("\n  {}{default}\n      {}", variable.name, variable.meaning)
    });
    "Environment variables (a file named .env is read too):".to_owned() + &described.collect::<String>()
}

/// Runs the command, if it is one that needs no configuration that can be used; a failure is one line on standard error.
/// `before` are the variables that were set before `.env` was read.
#[must_use]
pub fn run_unconfigured(matches: &ArgMatches, before: &[&'static str]) -> Option<ExitCode> {
    match matches.subcommand() {
        Some(("health", matches)) => {
            Some(health::run(matches).map_or_else(|error| fail(&error), |()| ExitCode::SUCCESS))
        }
        Some(("config", _)) => Some(config_check::run(&Config::report(is_dev(matches), before))),
        _ => None,
    }
}

/// Runs the command; a failure is one line on standard error.
#[must_use]
pub fn run(matches: &ArgMatches, config: Config) -> ExitCode {
    let outcome = match matches.subcommand() {
        Some(("migrate", matches)) => migrate(matches, &config),
        Some(("backup", matches)) => archive::back_up(matches, &config),
        Some(("restore", matches)) => archive::restore(matches, &config),
        Some(("move", matches)) => archive::move_to(matches, &config),
        Some(("check", matches)) => archive::check(matches, &config),
        Some(("seed", matches)) => seed::run(matches, &config),
        Some(("user", matches)) => user::run(matches, &config),
        _ => actix_web::rt::System::new().block_on(serve(config)),
    };
    log::flush(LAST_WORDS);
    outcome.map_or_else(|error| fail(&error), |()| ExitCode::SUCCESS)
}

/// Says on standard error why the program ends.
#[must_use]
pub fn fail(error: &dyn Display) -> ExitCode {
    say(io::stderr(), format!("kennel: {error}\n"), LAST_WORDS);
    ExitCode::FAILURE
}

/// Writes to a standard stream, and waits for that no longer than `longest`: it may be a pipe that is full for ever.
fn say(mut stream: impl Write + Send + 'static, text: String, longest: Duration) {
    let (written, is_written) = mpsc::channel::<()>();
    let write = move || {
        let _told_when_it_is_dropped = written;
        // Where nobody reads, there is nowhere to say so.
        drop(stream.write_all(text.as_bytes()).and_then(|()| stream.flush()));
    };
    if thread::Builder::new().spawn(write).is_ok() {
        let _written_or_late = is_written.recv_timeout(longest);
    }
}

/// Turns core dumps off: they would hold every secret that the process has.
///
/// # Errors
/// The system does not allow it.
pub fn forbid_core_dumps() -> io::Result<()> {
    rlimit::setrlimit(rlimit::Resource::CORE, 0, 0)
}

/// Starts the log, as configured, and logs what was found before: files that are exposed, and variables that are not
/// read. Only a server logs to `LOG_FILE`: a command may be run by another user, whose file the server could not write.
///
/// # Errors
/// The file cannot be written, or the system has no thread for it.
pub fn start_log(matches: &ArgMatches, config: &Config) -> Result<(), ConfigError> {
    let serves = matches!(matches.subcommand_name(), None | Some("serve"));
    let file = config.log_file.clone().filter(|_| serves);
    let failed = |error| ConfigError {
        variable: if file.is_some() { "LOG_FILE" } else { "LOG" },
        remedy: format!("the log cannot be written: {error}"),
    };
    log::start(&config.log, config.log_format, file.clone()).map_err(failed)?;
    config.exposed_files.iter().for_each(|path| files::tell(path));
    config.misspelt.iter().for_each(|misspelt| tracing::warn!("{misspelt}"));
    Ok(())
}

async fn serve(config: Config) -> Result<(), StartError> {
    let (database, dev) = (config.database_url.to_string(), config.dev);
    let (longest_stop, has_log_file) = (config.shutdown_timeout, config.log_file.is_some());
    let signals = SignalThread::start(has_log_file)?;
    let server = Server::start(config).await?;
    // Before it is announced that the server listens: from then on it may be stopped.
    signals.serves(server.stop_handle(), longest_stop);
    notify(READY);
    let metrics = server.metrics_addr().map(|at| format!("Metrics: http://{at}/metrics\n")).unwrap_or_default();
    say(io::stdout(), announcement(server.addr(), &database, dev) + &metrics, Duration::ZERO);
    server.wait().await
}

/// The lines that say where the server listens.
fn announcement(addr: SocketAddr, database: &str, dev: bool) -> String {
    let at = if dev { by_name(addr) } else { format!("http://{addr}") };
    let dev = if dev {
        "DEV is on, for work on this machine: pages of localhost may call, and quotas are generous.\n"
    } else {
        ""
    };
    format!(
        "Kennel {} listens on {at} (database: {database})\nOpen {at}/app in a browser, or {at}/docs to read and try the API, or try: curl {at}/\n{dev}",
        env!("CARGO_PKG_VERSION")
    )
}

/// The server's URL with the host name of this machine's pages: to a browser `127.0.0.1` would be another site, and the
/// cookie would not be sent.
fn by_name(addr: SocketAddr) -> String {
    let is_usual = addr.ip() == Ipv4Addr::LOCALHOST || addr.ip() == Ipv6Addr::LOCALHOST;
    if is_usual { format!("http://localhost:{}", addr.port()) } else { format!("http://{addr}") }
}

fn migrate(matches: &ArgMatches, config: &Config) -> Result<(), StartError> {
    let makes_one = matches.subcommand_name() == Some("run");
    let connect = if makes_one { db::connect } else { db::connect_existing };
    let mut conn = connect(&config.database_url).map_err(StartError::Database)?;
    match matches.subcommand_name() {
        Some("run") => {
            let ran = migrate::run(&mut conn).map_err(StartError::Database)?;
            for name in ran {
                println!("ran {name}");
            }
            println!("The schema is up to date.");
        }
        Some("revert") => match migrate::revert(&mut conn).map_err(StartError::Database)? {
            Some(version) => println!("reverted {version}"),
            None => println!("There is nothing to revert."),
        },
        _ => {
            for step in migrate::show(&mut conn).map_err(StartError::Database)? {
                println!("[{}] {}", if step.applied { 'X' } else { ' ' }, step.name);
            }
        }
    }
    Ok(())
}
