//! The configuration: environment variables, read once at start. Only this module knows their names, defaults and
//! limits; `.env.example` and `docs/configuration.md` list them, and a test compares.

mod dev;
mod misspelt;
mod report;
mod source;
mod variables;

use std::{ffi::OsString, fmt, io, net::SocketAddr, num::NonZeroUsize, path::PathBuf, thread, time::Duration};

use self::source::EnvReader;
pub use self::{
    misspelt::Misspelt,
    report::{ConfigReport, Provenance, ResolvedVariable},
    variables::{VARIABLES, Variable},
};
use crate::{
    book_limits::MostRows,
    connection::{MostConnections, Times},
    cors::CorsSettings,
    crypto::keys::Secret,
    db::DatabaseUrl,
    limits::{Rates, TrustedProxy},
    log::LogFormat,
    mail::{MailUrl, Mailbox},
    urls::{AppUrl, PublicUrl},
    users::SignupPolicy,
};

/// The whole configuration, a field for each environment variable; `docs/configuration.md` says more of each. `Debug`
/// shows no secret.
#[derive(Clone, Debug)]
pub struct Config {
    /// The database: `DATABASE_URL`.
    pub database_url: DatabaseUrl,
    /// The number of connections to PostgreSQL, 1 to 1000, by default 4 for each core: `DATABASE_POOL_SIZE`. SQLite
    /// does not use it.
    pub database_pool_size: usize,
    /// The address or host name to listen on: `HOST`.
    pub host: String,
    /// The port to listen on, 0 for any free one: `PORT`.
    pub port: u16,
    /// The address, with a port, at which the metrics are served (`METRICS_ADDR`); `None` for nowhere.
    pub metrics_addr: Option<SocketAddr>,
    /// The number of threads that serve requests, 1 to 512, by default one for each core: `WORKERS`.
    pub workers: usize,
    /// The backups that the server makes by itself: `BACKUP_DIR`, `BACKUP_EVERY` and `BACKUP_KEEP`.
    pub backups: Option<BackupSchedule>,
    /// The secret that all keys are derived from (`JWT_SECRET`); `None` for the one beside the SQLite file, which is
    /// made at the first start.
    pub jwt_secret: Option<Secret>,
    /// Earlier secrets, whose signatures are still good: `JWT_PREVIOUS_SECRETS`.
    pub jwt_previous_secrets: Vec<Secret>,
    /// The lifetime of an access token: `ACCESS_TOKEN_TTL`.
    pub access_token_ttl: Duration,
    /// The lifetime of a session that is not refreshed: `REFRESH_IDLE_TTL`.
    pub refresh_idle_ttl: Duration,
    /// The lifetime of a session however often it is refreshed: `REFRESH_TTL`.
    pub refresh_ttl: Duration,
    /// Whether accounts can be made by `POST /auth/signup`: `SIGNUP`.
    pub signup: SignupPolicy,
    /// The fewest characters of a new password, 8 to 64: `PASSWORD_MIN_LENGTH`.
    pub password_min_length: usize,
    /// The pages of other origins that may call: `CORS_ORIGINS` and `CORS_HEADERS`.
    pub cors: CorsSettings,
    /// The proxies whose headers about a request are believed: `TRUSTED_PROXIES`.
    pub trusted_proxies: Vec<TrustedProxy>,
    /// The rate limits: `USER_RATE`, `IP_RATE`, `LOGIN_RATE` and `SIGNUP_RATE`.
    pub rates: Rates,
    /// The most owners of a user: `MOST_OWNERS`.
    pub most_owners: MostRows,
    /// The most dogs of a user: `MOST_DOGS`.
    pub most_dogs: MostRows,
    /// The most tasks of a user: `MOST_TASKS`.
    pub most_tasks: MostRows,
    /// The most open connections of one address: `IP_CONNECTIONS`.
    pub ip_connections: MostConnections,
    /// The time-outs of a connection: `HEADER_TIMEOUT`, `KEEP_ALIVE` and `WRITE_TIMEOUT`.
    pub times: Times,
    /// The way in which mail is sent: `MAIL_URL`.
    pub mail_url: MailUrl,
    /// The sender of mails: `MAIL_FROM`.
    pub mail_from: Mailbox,
    /// The URL where people reach this server (`PUBLIC_URL`); `None` for the address in use.
    pub public_url: Option<PublicUrl>,
    /// The page that mails lead to (`APP_URL`); `None` for the console of this server.
    pub app_url: Option<AppUrl>,
    /// The filter of the log, in the syntax of `tracing_subscriber`'s `EnvFilter`: `LOG`.
    pub log: String,
    /// The format of log lines: `LOG_FORMAT`.
    pub log_format: LogFormat,
    /// The file that a server logs to (`LOG_FILE`); `None` for standard error.
    pub log_file: Option<PathBuf>,
    /// The time for which changes to a book are kept: `CHANGES_KEPT`.
    pub changes_kept: Duration,
    /// The longest time of `GET /me/export`: `EXPORT_TIMEOUT`.
    pub export_timeout: Duration,
    /// The part of `shutdown_timeout` in which a server that was told to stop serves as usual: `DRAIN_DELAY`.
    pub drain_delay: Duration,
    /// The longest time for the server to stop: `SHUTDOWN_TIMEOUT`.
    pub shutdown_timeout: Duration,
    /// Whether this is a developer's own machine, where pages of `localhost` may call and quotas are generous: `DEV`.
    pub dev: bool,
    /// The files with secrets that were read and that others than their owner can read or write; the log warns of them.
    pub exposed_files: Vec<PathBuf>,
    /// The variables of the environment that look like those here and are not read.
    pub misspelt: Vec<Misspelt>,
}

/// The schedule of the backups that a server makes by itself.
#[derive(Clone, Debug)]
pub struct BackupSchedule {
    /// The folder for them, which need not be there: `BACKUP_DIR`.
    pub folder: PathBuf,
    /// The age of the newest at which the next is made, 1 minute to 31 days: `BACKUP_EVERY`.
    pub every: Duration,
    /// The number of backups that are kept, at least 1: `BACKUP_KEEP`.
    pub keep: usize,
}

/// The reason why a variable cannot be used: its name, and the values that it accepts. Its value is not part of it, as
/// that may be a secret.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The name of the environment variable.
    pub variable: &'static str,
    /// The values that the variable accepts, or what else to do, for people.
    pub remedy: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.variable, self.remedy)
    }
}

impl std::error::Error for ConfigError {}

const DAY: u64 = 24 * 60 * 60;
const RATE: &str = "a rate such as 10/1m (how many at once, and the time in which they come back), or off";
const MOST_ROWS: &str = "a number from 1 to 1000000000, or off";
const MAIL_URLS: &str = "smtp://…, smtps://… or file:DIR; with a password, smtps://… or smtp://…?tls=required";
const HEADERS: &str = "names of request headers: X-Tenant,X-Client-Version";
const PUBLIC_URLS: &str = "an http:// or https:// URL of a host alone: links and the cookie are the whole host's, so give \
    it a name of its own, in ASCII (xn--…), and no path";
const APP_URLS: &str = "the http:// or https:// URL of a page, in ASCII (xn--…), without a #";
const METRICS_ADDRS: &str = "an IP address and a port: 127.0.0.1:9464, or [::1]:9464";
const ORIGINS: &str = "exact origins, as a browser sends them: https://app.example.com,http://localhost:5173";

/// The address or host name, and the port, of the server with this process's environment (`HOST` and `PORT`). Nothing
/// else is read, so that no other variable can be in the way.
///
/// # Errors
/// `PORT` is no port.
pub fn address() -> Result<(String, u16), ConfigError> {
    let lookup = |name: &str| std::env::var(name).ok();
    listening(&EnvReader::new(&lookup))
}

/// The socket of the supervisor that wants to be told how the server is: `NOTIFY_SOCKET` (sd_notify(3)), which systemd
/// sets and no operator.
#[must_use]
pub fn notify_socket() -> Option<OsString> {
    std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty())
}

/// The variables of the configuration that the environment sets.
#[must_use]
pub fn variables_set() -> Vec<&'static str> {
    VARIABLES.iter().map(|variable| variable.name).filter(|name| std::env::var_os(name).is_some()).collect()
}

/// The value of a variable in the environment; `dev` (the flag `--dev`) stands for `DEV=true`.
fn in_environment(name: &str, dev: bool) -> Option<String> {
    if dev && name == "DEV" { Some("true".to_owned()) } else { std::env::var(name).ok() }
}

fn misspelt_names() -> Vec<Misspelt> {
    misspelt::among(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()))
}

/// The errors of variables that hold no text.
fn not_unicode() -> impl Iterator<Item = ConfigError> {
    let is_text = |name| !matches!(std::env::var(name), Err(std::env::VarError::NotUnicode(_)));
    let names = VARIABLES.iter().map(|variable| variable.name).filter(move |name| !is_text(*name));
    names.map(|variable| ConfigError { variable, remedy: "it is not UTF-8".to_owned() })
}

fn listening(source: &EnvReader<'_>) -> Result<(String, u16), ConfigError> {
    // An IPv6 address may stand in brackets, as in a URL.
    let host = source.text("HOST")?.trim_matches(['[', ']']).to_owned();
    Ok((host, source.parsed("PORT", "a number from 0 to 65535")?))
}

impl Config {
    /// Reads the configuration from the process's environment; `dev` (the flag `--dev`) stands for `DEV=true`.
    ///
    /// # Errors
    /// A variable has a value that it does not accept; `DEV` is on where other machines can reach the server or its
    /// database.
    pub fn from_env(dev: bool) -> Result<Self, ConfigError> {
        if let Some(error) = not_unicode().next() {
            return Err(error);
        }
        let config = Self::from_lookup(|name| in_environment(name, dev))?;
        Ok(Self { misspelt: misspelt_names(), ..config })
    }

    /// Reads the configuration from the process's environment, as [`Config::from_env`] does, and goes on after errors.
    /// `before` are the variables that were set before `.env` was read ([`variables_set`]). Nothing but files with
    /// secrets is opened, and nothing is made.
    #[must_use]
    pub fn report(dev: bool, before: &[&'static str]) -> ConfigReport {
        let place = |name: &str| if before.contains(&name) { Provenance::Environment } else { Provenance::EnvFile };
        let from = |name: &str| match std::env::var_os(name) {
            _ if dev && name == "DEV" => Some(Provenance::Dev),
            value => value.filter(|value| !value.to_string_lossy().trim().is_empty()).map(|_| place(name)),
        };
        let report = report::report(|name| in_environment(name, dev), not_unicode().collect(), from);
        ConfigReport { misspelt: misspelt_names(), ..report }
    }

    /// Reads the configuration from `lookup`, which returns the value of the variable with a name; an empty value
    /// counts as none.
    ///
    /// # Errors
    /// The errors of [`Config::from_env`].
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let source = EnvReader::new(&lookup);
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let dev = source.switch("DEV")?;
        let (host, port) = listening(&source)?;
        let database_url = source.parsed_or_in_file(
            "DATABASE_URL",
            "DATABASE_URL_FILE",
            "sqlite://PATH, sqlite:PATH, a bare path, or postgres://…",
        )?;
        let backups = backup_schedule(&source, &database_url)?;
        let rate = |name| source.parsed_or(name, dev::rate(name).filter(|_| dev), RATE);
        let config = Self {
            database_url,
            database_pool_size: source.number("DATABASE_POOL_SIZE", 1..=1000)?.unwrap_or(4 * cores),
            host,
            port,
            metrics_addr: source.optional("METRICS_ADDR", METRICS_ADDRS)?,
            workers: source.number("WORKERS", 1..=512)?.unwrap_or(cores),
            backups,
            jwt_secret: source.secret("JWT_SECRET", "JWT_SECRET_FILE")?,
            jwt_previous_secrets: source.secrets("JWT_PREVIOUS_SECRETS", "JWT_PREVIOUS_SECRETS_FILE")?,
            access_token_ttl: source.duration("ACCESS_TOKEN_TTL", 1..=3600)?,
            refresh_idle_ttl: source.duration("REFRESH_IDLE_TTL", 1..=90 * DAY)?,
            refresh_ttl: source.duration("REFRESH_TTL", 1..=365 * DAY)?,
            signup: source.parsed("SIGNUP", "open or closed")?,
            password_min_length: source.number("PASSWORD_MIN_LENGTH", 8..=64)?.unwrap_or(8),
            cors: CorsSettings {
                origins: source.list("CORS_ORIGINS", ORIGINS)?,
                headers: source.list("CORS_HEADERS", HEADERS)?,
                from_this_machine: dev,
            },
            trusted_proxies: source.list("TRUSTED_PROXIES", "addresses and networks: 10.0.0.0/8,::1")?,
            rates: Rates {
                login: rate("LOGIN_RATE")?,
                signup: rate("SIGNUP_RATE")?,
                user: rate("USER_RATE")?,
                ip: rate("IP_RATE")?,
            },
            most_owners: source.parsed("MOST_OWNERS", MOST_ROWS)?,
            most_dogs: source.parsed("MOST_DOGS", MOST_ROWS)?,
            most_tasks: source.parsed("MOST_TASKS", MOST_ROWS)?,
            ip_connections: source.parsed("IP_CONNECTIONS", "a number from 1 to 4096, or off")?,
            times: Times {
                header: source.duration("HEADER_TIMEOUT", 1..=60)?,
                keep_alive: source.duration("KEEP_ALIVE", 1..=600)?,
                write: source.duration("WRITE_TIMEOUT", 1..=600)?,
            },
            mail_url: source.parsed_or_in_file("MAIL_URL", "MAIL_URL_FILE", MAIL_URLS)?,
            mail_from: source.mailbox("MAIL_FROM")?,
            public_url: source.optional("PUBLIC_URL", PUBLIC_URLS)?,
            app_url: source.optional("APP_URL", APP_URLS)?,
            log: source.log_filter("LOG")?,
            log_format: source.log_format("LOG_FORMAT")?,
            log_file: source.optional("LOG_FILE", "the path of a file")?,
            changes_kept: source.duration("CHANGES_KEPT", 86_400..=31_536_000)?,
            export_timeout: source.duration("EXPORT_TIMEOUT", 1..=3600)?,
            drain_delay: source.duration("DRAIN_DELAY", 0..=540)?,
            shutdown_timeout: source.duration("SHUTDOWN_TIMEOUT", 1..=600)?,
            dev,
            exposed_files: Vec::new(),
            misspelt: Vec::new(),
        };
        if dev {
            dev::check(&config, &lookup)?;
        }
        if config.drain_delay >= config.shutdown_timeout {
            let remedy = "it accepts a duration shorter than SHUTDOWN_TIMEOUT, of which it is a part".to_owned();
            return Err(ConfigError { variable: "DRAIN_DELAY", remedy });
        }
        Ok(Self { exposed_files: source.exposed_files(), ..config })
    }
}

/// The schedule of backups; `None`, where none are to be made.
fn backup_schedule(source: &EnvReader<'_>, database: &DatabaseUrl) -> Result<Option<BackupSchedule>, ConfigError> {
    let every = source.duration("BACKUP_EVERY", 60..=31 * DAY)?;
    let keep = source.number("BACKUP_KEEP", 1..=10_000)?.unwrap_or(7);
    let refused = |variable, remedy: &str| Err(ConfigError { variable, remedy: remedy.to_owned() });
    match (source.optional("BACKUP_DIR", "the path of a folder")?, database) {
        (Some(_), DatabaseUrl::Postgres(_)) => refused(
            "BACKUP_DIR",
            "a server on PostgreSQL makes no backups by itself. Leave it away, and let a timer run `kennel backup FILE \
             --verify`, or pg_dump",
        ),
        (Some(folder), DatabaseUrl::Sqlite(_)) => Ok(Some(BackupSchedule { folder, every, keep })),
        (None, _) => {
            for name in ["BACKUP_EVERY", "BACKUP_KEEP"] {
                if source.optional::<String>(name, "")?.is_some() {
                    return refused(name, "it goes with BACKUP_DIR, the folder for backups. Set both, or neither");
                }
            }
            Ok(None)
        }
    }
}

impl ConfigError {
    /// The error of a `METRICS_ADDR` that cannot be listened on.
    #[must_use]
    pub fn no_metrics_at(address: SocketAddr, error: &io::Error) -> Self {
        let remedy = format!(
            "cannot listen on {address}: {error}. Set it to an address of this machine with a port that is free, or leave \
             it away"
        );
        Self { variable: "METRICS_ADDR", remedy }
    }

    /// The error of a missing `JWT_SECRET` with PostgreSQL: the instances on one database share the secret, so none of
    /// them can make it.
    #[must_use]
    pub fn secret_demanded() -> Self {
        let remedy = format!("PostgreSQL demands it, so that all instances share it. {}", Secret::HOW_TO_MAKE_ONE);
        Self { variable: "JWT_SECRET", remedy }
    }
}

#[cfg(test)]
mod tests {
    use super::Config;

    #[test]
    fn a_variable_that_cannot_be_understood_is_named_with_what_it_accepts() {
        let config = |name: &'static str, value: &'static str| {
            Config::from_lookup(move |asked| (asked == name).then(|| value.to_owned()))
        };
        for (name, value) in [
            ("DATABASE_URL", "mysql://localhost/dogs"),
            ("DATABASE_URL", "sqlite::memory:"),
            ("DATABASE_POOL_SIZE", "0"),
            ("PORT", "65536"),
            ("BACKUP_EVERY", "1h"),
            ("BACKUP_KEEP", "7"),
            ("METRICS_ADDR", "9464"),
            ("METRICS_ADDR", "localhost:9464"),
            ("WORKERS", "many"),
            ("ACCESS_TOKEN_TTL", "2h"),
            ("PASSWORD_MIN_LENGTH", "7"),
            ("LOG", "verbose"),
            ("LOG", "kennel=debug,warning"),
            ("LOG_FORMAT", "xml"),
            ("CHANGES_KEPT", "23h"),
            ("EXPORT_TIMEOUT", "2h"),
            ("DRAIN_DELAY", "25s"),
            ("SHUTDOWN_TIMEOUT", "0s"),
            ("JWT_SECRET", "short"),
            ("JWT_PREVIOUS_SECRETS", "q3Zt0PfWmJx8y7Vd2nKcLr5GhUeB1sAoT6iYwXvN9Qk,short"),
            ("REFRESH_TTL", "1000d"),
            ("SIGNUP", "no"),
            ("CORS_ORIGINS", "*"),
            ("CORS_ORIGINS", "https://app.example.com/"),
            ("TRUSTED_PROXIES", "10.0.0.0/33"),
            ("LOGIN_RATE", "10"),
            ("USER_RATE", "0/1s"),
            ("MOST_OWNERS", "0"),
            ("MOST_DOGS", "-1"),
            ("MOST_TASKS", "1e3"),
            ("IP_CONNECTIONS", "0"),
            ("IP_CONNECTIONS", "4097"),
            ("HEADER_TIMEOUT", "0s"),
            ("KEEP_ALIVE", "15"),
            ("WRITE_TIMEOUT", "1h"),
            ("MAIL_URL", "http://mail.example.com"),
            ("MAIL_FROM", "nobody"),
            ("PUBLIC_URL", "kennel.example.com"),
            ("PUBLIC_URL", "https://example.com/kennel"),
            ("APP_URL", "app.example.com"),
            ("CORS_HEADERS", "*"),
            ("DEV", "on"),
        ] {
            let error = config(name, value).expect_err(name);
            assert_eq!(error.variable, name);
            assert!(error.to_string().starts_with(name), "{error}");
        }
        let error =
            config("JWT_SECRET", "changemechangemechangemechangemechangemechangeme").expect_err("a weak secret");
        assert!(!error.to_string().contains("changeme"), "{error}");
        assert!(config("PORT", " ").is_ok_and(|config| config.port == 8000));
    }
}
