//! The command line: serve (the default), the schema, and the accounts.

mod seed;
mod user;

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    process::ExitCode,
    task::Poll,
    thread,
    time::Duration,
};

use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::{
    app::StartError,
    config::{Config, VARIABLES},
    db::{self, migrate},
    files, log,
    server::Server,
};

const DEV: &str = "dev";
/// The longest time for the database to close, after the last request.
const TO_CLOSE: Duration = Duration::from_secs(1);

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

/// Runs the command; a failure is one line on standard error.
#[must_use]
pub fn run(matches: &ArgMatches, config: Config) -> ExitCode {
    let outcome = match matches.subcommand() {
        Some(("migrate", matches)) => migrate(matches, &config),
        Some(("seed", matches)) => seed::run(matches, &config),
        Some(("user", matches)) => user::run(matches, &config),
        _ => actix_web::rt::System::new().block_on(serve(config)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kennel: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Turns core dumps off: they would hold every secret that the process has.
///
/// # Errors
/// The system does not allow it.
pub fn forbid_core_dumps() -> io::Result<()> {
    rlimit::setrlimit(rlimit::Resource::CORE, 0, 0)
}

/// Starts the log, as configured, and logs the exposed files that were found before.
pub fn start_log(config: &Config) {
    log::start(&config.log, config.log_format);
    config.exposed_files.iter().for_each(|path| files::tell(path));
}

async fn serve(config: Config) -> Result<(), StartError> {
    let (database, dev) = (config.database_url.to_string(), config.dev);
    let longest_stop = config.shutdown_timeout + TO_CLOSE;
    let server = Server::start(config).await?;
    // Before it is announced that the server listens: from then on it may be stopped.
    stop_on_signal(&server, longest_stop)?;
    let at = if dev { by_name(server.addr()) } else { format!("http://{}", server.addr()) };
    println!("Kennel {} listens on {at} (database: {database})", env!("CARGO_PKG_VERSION"));
    println!("Try: curl {at}/, or open {at}/docs in a browser");
    if dev {
        println!("DEV is on, for work on this machine: pages of localhost may call, and quotas are generous.");
    }
    server.wait().await
}

/// The server's URL with the host name of this machine's pages: to a browser `127.0.0.1` would be another site, and the
/// cookie would not be sent.
fn by_name(addr: SocketAddr) -> String {
    let is_usual = addr.ip() == Ipv4Addr::LOCALHOST || addr.ip() == Ipv6Addr::LOCALHOST;
    if is_usual { format!("http://localhost:{}", addr.port()) } else { format!("http://{addr}") }
}

/// Stops the server on SIGTERM or SIGINT: the first lets requests finish; a second one ends the process, and so does
/// the end of `longest`.
fn stop_on_signal(server: &Server, longest: Duration) -> Result<(), StartError> {
    use tokio::signal::unix::{SignalKind, signal};

    let listen = |kind| signal(kind).map_err(|error| StartError::Run(format!("cannot listen for signals: {error}")));
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let handle = server.stop_handle();
    #[expect(clippy::exit, reason = "the second signal asks for just that")]
    let listening = actix_web::rt::spawn(async move {
        next(&mut terminate, &mut interrupt).await;
        tracing::info!("stopping: requests in flight may finish; a second signal stops at once");
        end_after(longest);
        handle.stop();
        next(&mut terminate, &mut interrupt).await;
        std::process::exit(1);
    });
    // The task ends with the process. While the database closes, at the very end, it hears no signal.
    drop(listening);
    Ok(())
}

/// Ends the process after `longest`, from a thread that nothing else keeps busy. Committed data is on the disk by then.
fn end_after(longest: Duration) {
    #[expect(clippy::exit, reason = "what hangs would hang for ever")]
    let watch = move || {
        thread::sleep(longest);
        eprintln!("kennel: stopped with requests in flight: they took longer than SHUTDOWN_TIMEOUT");
        std::process::exit(1);
    };
    if let Err(error) = thread::Builder::new().name("last-moment".to_owned()).spawn(watch) {
        tracing::warn!(%error, "nothing will end the process if a request hangs");
    }
}

/// Waits for either signal.
async fn next(a: &mut tokio::signal::unix::Signal, b: &mut tokio::signal::unix::Signal) {
    std::future::poll_fn(|context| {
        if a.poll_recv(context).is_ready() || b.poll_recv(context).is_ready() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
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
