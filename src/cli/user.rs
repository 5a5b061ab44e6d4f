//! `kennel user …`: lists, makes, disables and repairs accounts, for the people who run the server. The command works
//! on the database itself, whether a server runs or not.

use std::io::{self, BufRead, Read};

use actix_web::rt::System;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::Value;

use super::table;
use crate::{
    accounts::{ListedRow, LoginKey},
    api_keys::ApiKeys,
    app::{self, StartError},
    auth::{
        forgive,
        passwords::{hasher::Hasher, password::Password},
    },
    config::Config,
    crypto::PasswordHash,
    db::{Conn, Db, timestamp::Timestamp},
    ids::UserId,
    log::{self, Cause},
    mail::{MailKind, Mails},
    problem::{ErrorLocation, Problem},
    sessions::Sessions,
    users::{Email, NewUser, Username, Users},
};

const PASSWORD_STDIN: &str = "password-stdin";
const KEEP_KEYS: &str = "keep-keys";
/// The characters of a generated password, unless the configured least length is more.
const MADE_LENGTH: usize = 20;
/// The most bytes of a line with a password.
const LONGEST_LINE: u64 = 4096;

/// The definition of `kennel user` and its subcommands, for clap.
pub fn command() -> Command {
    let name = || Arg::new("name").value_name("NAME").required(true).help("The username, or the e-mail address");
    let stdin = || {
        let arg = Arg::new(PASSWORD_STDIN).long(PASSWORD_STDIN).action(ArgAction::SetTrue);
        arg.help("Read the password from a line of standard input, instead of making one and printing it")
    };
    let keep_keys =
        Arg::new(KEEP_KEYS).long(KEEP_KEYS).action(ArgAction::SetTrue).help("Leave the API keys as they are");
    let text = |id: &'static str, shown| Arg::new(id).value_name(shown).required(true);
    Command::new("user")
        .about("Work on the accounts; a server may run meanwhile")
        .subcommand_required(true)
        .subcommand(
            Command::new("create").about("Make an account, and mail it a token that verifies the address").args([
                text("username", "USERNAME"),
                text("email", "EMAIL"),
                stdin(),
            ]),
        )
        .subcommand(Command::new("list").about("List the accounts"))
        .subcommand(
            Command::new("disable").about("Let nobody use an account, and end its sessions and API keys").arg(name()),
        )
        .subcommand(Command::new("enable").about("Let a disabled account be used again").arg(name()))
        .subcommand(
            Command::new("reset-password")
                .about("Give an account another password, and end its sessions and API keys")
                .args([name(), stdin(), keep_keys]),
        )
        .subcommand(Command::new("end-sessions").about("End all sessions and API keys of an account").arg(name()))
}

/// Runs a subcommand of `kennel user` on the database itself, whether a server runs or not, and prints the outcome.
///
/// # Errors
/// [`StartError::Database`], when the database cannot be opened; [`StartError::Run`], in one line for people, when
/// there is no such account, a field is not acceptable, or the database fails.
pub fn run(matches: &ArgMatches, config: &Config) -> Result<(), StartError> {
    let db = Db::open_existing(&config.database_url, 1).map_err(StartError::Database)?;
    let cause = Cause { request_id: None, source: Box::new("command line") };
    let done = System::new().block_on(log::scope(cause, act(matches, config, &db)));
    db.close();
    done.map_err(|problem| StartError::Run(in_words(&problem)))
}

async fn act(matches: &ArgMatches, config: &Config, db: &Db) -> Result<(), Problem> {
    match matches.subcommand() {
        Some(("create", matches)) => create(matches, config, db).await,
        Some(("disable", matches)) => set_disabled(matches, true, db).await,
        Some(("enable", matches)) => set_disabled(matches, false, db).await,
        Some(("reset-password", matches)) => reset_password(matches, config, db).await,
        Some(("end-sessions", matches)) => end_sessions(matches, db).await,
        _ => list(db).await,
    }
}

async fn create(matches: &ArgMatches, config: &Config, db: &Db) -> Result<(), Problem> {
    let username = Username::read(&argument(matches, "username").into()).map_err(|fault| fault.at("username"))?;
    let email = Email::read(&argument(matches, "email").into()).map_err(|fault| fault.at("email"))?;
    let password = ChosenPassword::of(matches, config)?;
    let hash = password.hash(config, vec![username.to_string(), email.to_string()]).await?;
    let new = NewUser::new(&username, &email, &hash);
    let create = move |conn: &mut _| {
        let user = Users::create(conn, &new)?;
        Mails::of(user.id).queue_uncounted(conn, MailKind::Verify, &email)?;
        Ok(user)
    };
    let user = db.write(create).await?;
    tracing::info!(target: "kennel::security", user_id = user.id.get(), "account_created");
    println!("{} has an account now, with the id {}.", user.username, user.id);
    password.tell();
    Ok(())
}

async fn set_disabled(matches: &ArgMatches, is_disabled: bool, db: &Db) -> Result<(), Problem> {
    let (name, user) = named(matches, db).await?;
    let set = move |conn: &mut _| {
        let is_new = Users::of(user).set_disabled(conn, is_disabled)?;
        if is_disabled {
            end_all(conn, user)?;
        }
        Ok(is_new)
    };
    let is_new = db.write(set).await?;
    let event = if is_disabled { "account_disabled" } else { "account_enabled" };
    if is_new {
        tracing::info!(target: "kennel::security", user_id = user.get(), "{event}");
    }
    let now = if is_new { "now" } else { "already" };
    println!("{name} is {} {now}.", if is_disabled { "disabled" } else { "enabled" });
    Ok(())
}

async fn reset_password(matches: &ArgMatches, config: &Config, db: &Db) -> Result<(), Problem> {
    let keys = app::keys(config, db.id()).map_err(Problem::internal)?;
    let (name, user) = named(matches, db).await?;
    let account = db.read(move |conn| Users::of(user).account(conn)).await?;
    let account = account.ok_or_else(|| Problem::internal(format!("{name} is disabled. Enable the account first")))?;
    let password = ChosenPassword::of(matches, config)?;
    let new = password.hash(config, vec![account.username.clone(), account.email.clone()]).await?;
    let keep_keys = matches.get_flag(KEEP_KEYS);
    let old = PasswordHash::stored(account.password_hash.clone());
    let email = Email::stored(account.email.clone());
    let reset = move |conn: &mut _| {
        if !Users::of(user).set_password(conn, &old, &new)? {
            return Err(Problem::internal("the password was changed just now, by somebody else"));
        }
        Sessions::of(user).end_and_forget(conn)?;
        if !keep_keys {
            ApiKeys::of(user).end_all(conn)?;
        }
        forgive(conn, &keys.sources, Some(user), &account.username, &account.email)?;
        Mails::of(user).queue_uncounted(conn, MailKind::PasswordChanged, &email)
    };
    db.write(reset).await?;
    tracing::info!(target: "kennel::security", user_id = user.get(), "password_reset");
    let ended = if keep_keys { "no session" } else { "no session and no API key" };
    println!("{name} has another password now, and {ended}.");
    password.tell();
    Ok(())
}

async fn end_sessions(matches: &ArgMatches, db: &Db) -> Result<(), Problem> {
    let (name, user) = named(matches, db).await?;
    db.write(move |conn| end_all(conn, user)).await?;
    tracing::info!(target: "kennel::security", user_id = user.get(), "session_ended");
    println!("{name} has no session and no API key now.");
    Ok(())
}

fn end_all(conn: &mut Conn, user: UserId) -> Result<(), Problem> {
    Sessions::of(user).end_all(conn)?;
    ApiKeys::of(user).end_all(conn)
}

async fn list(db: &Db) -> Result<(), Problem> {
    let heading =
        ["ID", "USERNAME", "E-MAIL", "CREATED", "VERIFIED", "DISABLED", "SESSIONS", "KEYS"].map(str::to_owned);
    let rows = db.read(Users::list).await?;
    let rows: Vec<_> = std::iter::once(heading).chain(rows.iter().map(cells)).collect();
    table::print(&rows).map_err(Problem::internal)
}

/// The cells of an account's row; days in UTC.
fn cells(row: &ListedRow) -> [String; 8] {
    let day = |moment: Option<Timestamp>| moment.map_or("-".to_owned(), |at| at.day().to_string());
    [
        row.id.to_string(),
        row.username.clone(),
        row.email.clone(),
        day(Some(row.created_at)),
        day(row.verified_at),
        day(row.disabled_at),
        row.sessions.to_string(),
        row.api_keys.to_string(),
    ]
}

/// A password that was given, or generated.
struct ChosenPassword {
    password: Password,
    /// The generated password, to be printed.
    made: Option<String>,
}

impl ChosenPassword {
    fn of(matches: &ArgMatches, config: &Config) -> Result<Self, Problem> {
        let is_given = matches.get_flag(PASSWORD_STDIN);
        let text =
            if is_given { read_line() } else { random(config.password_min_length) }.map_err(Problem::internal)?;
        let password = Password::new(&Value::String(text.clone())).map_err(|fault| fault.at("password"))?;
        Ok(Self { password, made: (!is_given).then_some(text) })
    }

    /// Judges the password as every other, and hashes it.
    async fn hash(&self, config: &Config, context: Vec<String>) -> Result<PasswordHash, Problem> {
        let hasher = Hasher::start(1, config.password_min_length)?;
        hasher.hash(hasher.judge(self.password.clone(), context, "password").await?).await
    }

    fn tell(&self) {
        if let Some(password) = &self.made {
            println!("The password is: {password}");
        }
    }
}

fn read_line() -> io::Result<String> {
    let mut line = String::new();
    let _bytes = io::stdin().lock().take(LONGEST_LINE).read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn random(least: usize) -> io::Result<String> {
    let mut bytes = [0; 48];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| io::Error::other("the system gives no random numbers"))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes).chars().take(least.max(MADE_LENGTH)).collect())
}

/// The account that the command names: the name as given, and the user's id.
async fn named(matches: &ArgMatches, db: &Db) -> Result<(String, UserId), Problem> {
    let name = argument(matches, "name");
    let key = LoginKey::of(&name);
    let found = db.read(move |conn| Users::find(conn, &key)).await?;
    let user = found.ok_or_else(|| Problem::internal(format!("there is no account {name:?}")))?;
    Ok((name, user))
}

fn argument(matches: &ArgMatches, id: &str) -> String {
    matches.get_one::<String>(id).cloned().unwrap_or_default()
}

/// A problem in words: its fields' errors, or else its cause.
pub(super) fn in_words(problem: &Problem) -> String {
    let faults = problem.errors().iter().map(|error| match &error.place {
        ErrorLocation::Pointer(place) | ErrorLocation::Parameter(place) => {
            format!("{}: {}", place.trim_start_matches('/'), error.detail)
        }
    });
    let faults: Vec<_> = faults.collect();
    if faults.is_empty() { problem.cause_in_words() } else { faults.join(" ") }
}
