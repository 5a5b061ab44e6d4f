//! `kennel backup`, `restore`, `move` and `check`: whole databases, for the people who run the server.

use std::{
    cell::RefCell,
    io::{self, IsTerminal},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use indicatif::{ProgressBar, ProgressStyle};

use super::signals;
use crate::{
    app::StartError,
    backups::{self, BackupPattern, TIME, Verified},
    config::Config,
    db::{
        DatabaseUrl,
        archive::{self, ArchiveError, Digest, Step},
    },
    mail::MailUrl,
};

const FILE: &str = "file";
const KEEP: &str = "keep";
const VERIFY: &str = "verify";
const KEEP_SESSIONS: &str = "keep-sessions";
const TO: &str = "to";
const ABSENT: &str = "absent";

/// The definitions of the commands, for clap.
pub fn commands() -> [Command; 4] {
    let file = |help| Arg::new(FILE).value_name("FILE").required(true).help(help).value_parser(value_parser!(PathBuf));
    [
        Command::new("backup")
            .about("Write everything into a new SQLite file and check it; servers may go on meanwhile")
            .arg(file("The file, which must not be there; {time} in its name becomes the time (UTC)"))
            .arg(
                Arg::new(KEEP)
                    .long(KEEP)
                    .value_name("N")
                    .value_parser(value_parser!(u16).range(1..))
                    .help("Then delete all but the newest N files whose names differ in {time} only"),
            )
            .arg(Arg::new(VERIFY).long(VERIFY).action(ArgAction::SetTrue).help(
                "Start the app on a copy of it, too, and read it through its routes; keep it only if that is well",
            )),
        Command::new("restore")
            .about(
                "Put a backup in the place of the database; the file that is there is moved aside. No server may run",
            )
            .arg(file("The backup"))
            .arg(
                Arg::new(KEEP_SESSIONS)
                    .long(KEEP_SESSIONS)
                    .action(ArgAction::SetTrue)
                    .help("Let people stay logged in, also with tokens that were used or ended since the backup"),
            ),
        Command::new("move")
            .about("Copy the database into another, empty one, which may be of the other kind. No server may run")
            .arg(
                Arg::new(TO)
                    .long(TO)
                    .value_name("URL")
                    .required(true)
                    .value_parser(value_parser!(DatabaseUrl))
                    .help("The other database, as in DATABASE_URL"),
            ),
        Command::new("check")
            .about("Tell whether a database is well; exit code 1, if not. Servers may go on meanwhile")
            .arg(
                Arg::new(FILE)
                    .value_name("FILE|URL")
                    .value_parser(value_parser!(DatabaseUrl))
                    .help("A backup, or a database [DATABASE_URL]"),
            )
            .arg(
                Arg::new(ABSENT)
                    .long(ABSENT)
                    .value_name("TEXT")
                    .value_parser(clap::builder::NonEmptyStringValueParser::new())
                    .help("Look for these bytes instead, in the database, its log and its key, and in the outbox"),
            ),
    ]
}

/// Runs `kennel backup`.
///
/// # Errors
/// [`StartError::Run`], in one line for people that says what happened, and what stands.
pub fn back_up(matches: &ArgMatches, config: &Config) -> Result<(), StartError> {
    let pattern = BackupPattern::new(matches.get_one::<PathBuf>(FILE).map_or(Path::new(""), PathBuf::as_path));
    let keep = matches.get_one::<u16>(KEEP).copied().map(usize::from);
    if keep.is_some() && !pattern.has_time() {
        return Err(StartError::Run(format!("--keep needs a name with {TIME} in it, such as kennel-{TIME}.db")));
    }
    let (made, verified) =
        or_nothing("no backup was made", |watch| backups::back_up(config, &pattern, matches.get_flag(VERIFY), watch))?;
    println!("{} is whole: {} bytes, {}", made.path.display(), made.bytes, in_words(&made.digest));
    if let Some(Verified { users, rows }) = verified {
        println!("Verified: the app, started on a copy of it, served {rows} rows of {users} users as they are stored.");
    }
    if let DatabaseUrl::Sqlite(_) = config.database_url
        && config.jwt_secret.is_none()
    {
        println!("The key beside the database is not in it. Keep a copy elsewhere: without it people log in again.");
    }
    let deleted = keep
        .map(|keep| pattern.delete_older(keep))
        .transpose()
        .map_err(|error| StartError::Run(format!("the backup is made, but an older one cannot be deleted: {error}")))?;
    for old in deleted.unwrap_or_default() {
        println!("deleted {}", old.display());
    }
    Ok(())
}

/// Runs `kennel restore`.
///
/// # Errors
/// [`StartError::Run`], in one line for people that says what happened, and what stands.
pub fn restore(matches: &ArgMatches, config: &Config) -> Result<(), StartError> {
    let backup = matches.get_one::<PathBuf>(FILE).cloned().unwrap_or_default();
    let keep_sessions = matches.get_flag(KEEP_SESSIONS);
    let nothing = format!("{} is not restored, and the database holds what it held", backup.display());
    let restored = or_nothing(&nothing, |watch| archive::restore(&backup, &config.database_url, keep_sessions, watch))?;
    println!("{} holds the backup: {}", config.database_url.in_full(), in_words(&restored.digest));
    if let Some(aside) = &restored.aside {
        println!("The database that was there is {} now.", aside.display());
    }
    for name in &restored.migrated {
        println!("It was of an older version: ran {name}");
    }
    if keep_sessions {
        println!("The sessions go on.");
    } else {
        println!(
            "{} sessions ended: people log in again. API keys go on, also such as were deleted since.",
            restored.ended
        );
    }
    Ok(())
}

/// Runs `kennel move`.
///
/// # Errors
/// [`StartError::Run`], in one line for people that says what happened, and what stands.
pub fn move_to(matches: &ArgMatches, config: &Config) -> Result<(), StartError> {
    let Some(to) = matches.get_one::<DatabaseUrl>(TO) else { return Ok(()) };
    let nothing = "nothing was moved, and both databases hold what they held";
    let digest = or_nothing(nothing, |watch| archive::move_to(&config.database_url, to, watch))?;
    println!("{} holds what {} does: {}", to.in_full(), config.database_url, in_words(&digest));
    println!("Everything is as it was here, too. To serve from there, set:");
    match to {
        DatabaseUrl::Sqlite(path) => println!("DATABASE_URL=sqlite://{}", path.display()),
        // Not the URL itself, which may hold a password.
        DatabaseUrl::Postgres(_) => println!("DATABASE_URL=the URL that you gave with --to"),
    }
    match (&config.database_url, &config.jwt_secret) {
        (DatabaseUrl::Sqlite(path), None) => {
            println!("JWT_SECRET=the content of {}.key, so that every token stays good", path.display());
        }
        _ => println!("JWT_SECRET=the same as here, so that every token stays good"),
    }
    Ok(())
}

/// Runs `kennel check`.
///
/// # Errors
/// [`StartError::Run`], in one line, when something is wrong; what it is has been printed.
pub fn check(matches: &ArgMatches, config: &Config) -> Result<(), StartError> {
    let url = matches.get_one::<DatabaseUrl>(FILE).unwrap_or(&config.database_url);
    if let Some(text) = matches.get_one::<String>(ABSENT) {
        return check_absence(url, config, text);
    }
    let findings = with_progress(|watch| archive::check(url, watch)).map_err(failed)?;
    for finding in &findings.findings {
        println!("[{}] {}", if finding.wrong.is_empty() { "ok" } else { "WRONG" }, finding.what);
        for wrong in &finding.wrong {
            println!("    {wrong}");
        }
    }
    if findings.is_older {
        println!("It is of an older version than this program: only what every version has was looked at.");
    }
    if let Some(digest) = &findings.digest {
        println!("{}: {}", url.in_full(), in_words(digest));
    }
    if findings.are_well() { Ok(()) } else { Err(StartError::Run(format!("{} is not well", url.in_full()))) }
}

fn check_absence(url: &DatabaseUrl, config: &Config, text: &str) -> Result<(), StartError> {
    let outbox = match &config.mail_url {
        MailUrl::File(folder) => Some(folder.as_path()),
        MailUrl::Smtp(_) => None,
    };
    let found = archive::whereabouts(url, outbox, text).map_err(failed)?;
    if found.is_empty() {
        println!("The text is nowhere.");
        return Ok(());
    }
    for place in found {
        println!("{place}");
    }
    Err(StartError::Run("the text is still there".to_owned()))
}

fn in_words(digest: &Digest) -> String {
    format!("{} rows, digest {digest}", digest.rows())
}

fn failed(error: impl std::fmt::Display) -> StartError {
    StartError::Run(error.to_string())
}

/// Runs something that is done wholly or not at all; of a failure, and when it is told to stop, it is said what stands
/// then: `nothing`.
fn or_nothing<T>(
    nothing: &str,
    work: impl FnOnce(archive::Watch<'_>) -> Result<T, ArchiveError>,
) -> Result<T, StartError> {
    let stopped = format!("{nothing}: it was told to stop");
    signals::stop_by(move || archive::stop(|| signals::tell_last(&stopped), signals::fail_at_once))?;
    with_progress(work).map_err(|error| StartError::Run(format!("{nothing}: {error}")))
}

/// Runs something with its progress on standard error, if that is a terminal.
fn with_progress<T>(work: impl FnOnce(archive::Watch<'_>) -> Result<T, ArchiveError>) -> Result<T, ArchiveError> {
    if !io::stderr().is_terminal() {
        return work(&|_| {});
    }
    let bar = RefCell::new(ProgressBar::new_spinner());
    let outcome = work(&|step| match step {
        Step::Begins(what, rows) => {
            bar.borrow().finish_and_clear();
            let next = if rows == 0 { ProgressBar::new_spinner() } else { ProgressBar::new(rows) };
            let template = if rows == 0 { "{spinner} {msg} {pos}" } else { "{msg} {wide_bar} {pos}/{len} {eta}" };
            next.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
            next.set_message(what);
            next.enable_steady_tick(Duration::from_millis(200));
            drop(bar.replace(next));
        }
        Step::Rows(rows) => bar.borrow().inc(rows as u64),
    });
    bar.borrow().finish_and_clear();
    outcome
}
