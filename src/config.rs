//! The configuration: environment variables, read once at start. This is the only place that knows their
//! names, defaults and limits; `.env.example` and the README list them, and a test compares.

use std::{
    fmt, fs,
    io::{self, Read},
    num::NonZeroUsize,
    str::FromStr,
    thread,
    time::Duration,
};

use tracing::level_filters::LevelFilter;

use crate::{auth::keys::Secret, db::DatabaseUrl};

/// A variable that is read, as it is documented.
pub struct Variable {
    pub name: &'static str,
    /// As one would write it; empty where there is none.
    pub default: &'static str,
    pub meaning: &'static str,
}

/// Every variable that is read.
pub const VARIABLES: &[Variable] = &[
    variable("DATABASE_URL", "sqlite://kennel.db", "Where the data lives: sqlite://PATH, or postgres://…"),
    variable(
        "DATABASE_POOL_SIZE",
        "",
        "How many connections PostgreSQL is used with, 1 to 1000 (default: 4 for each core)",
    ),
    variable("HOST", "127.0.0.1", "The address to listen on; 0.0.0.0 for all"),
    variable("PORT", "8000", "The port to listen on; 0 takes a free one"),
    variable("WORKERS", "", "How many threads serve requests, 1 to 512 (default: one for each core)"),
    variable(
        "JWT_SECRET",
        "",
        "What signs the access tokens: at least 32 random bytes in base64url. With SQLite one is made beside the database file; PostgreSQL demands it",
    ),
    variable("JWT_SECRET_FILE", "", "A file that holds JWT_SECRET, instead of the variable"),
    variable("ACCESS_TOKEN_TTL", "15m", "How long an access token, and with it a login, lives: 1s to 1h"),
    variable(
        "PASSWORD_MIN_LENGTH",
        "8",
        "The fewest characters of a new password, 8 to 64; 15 is the advice where a password is all there is",
    ),
    variable(
        "LOG",
        "info",
        "What is logged: error, warn, info, debug, trace, off, or a filter such as kennel=debug,info",
    ),
    variable("LOG_FORMAT", "text", "text, or json for one object a line"),
    variable("SHUTDOWN_TIMEOUT", "25s", "How long requests in flight may take when the server stops: 1s to 10m"),
];

const fn variable(name: &'static str, default: &'static str, meaning: &'static str) -> Variable {
    Variable { name, default, meaning }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// Everything that can be set. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct Config {
    pub database_url: DatabaseUrl,
    pub database_pool_size: usize,
    pub host: String,
    pub port: u16,
    pub workers: usize,
    /// None: beside the SQLite file there is one, or will be.
    pub jwt_secret: Option<Secret>,
    pub access_token_ttl: Duration,
    pub password_min_length: usize,
    pub log: String,
    pub log_format: LogFormat,
    pub shutdown_timeout: Duration,
}

/// A variable that cannot be used: its name, and what it accepts. Never its value, which may be a secret.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError {
    pub variable: &'static str,
    pub remedy: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.variable, self.remedy)
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// The configuration of this process: its environment.
    ///
    /// # Errors
    /// A variable that would be read cannot be understood.
    pub fn from_env() -> Result<Self, ConfigError> {
        for name in VARIABLES.iter().map(|variable| variable.name) {
            if matches!(std::env::var(name), Err(std::env::VarError::NotUnicode(_))) {
                return Err(ConfigError { variable: name, remedy: "it is not UTF-8".to_owned() });
            }
        }
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// The configuration that `lookup` gives; an empty value counts as none.
    ///
    /// # Errors
    /// As [`Config::from_env`].
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let source = Source(&lookup);
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Ok(Self {
            database_url: source.parsed("DATABASE_URL", "sqlite://PATH, sqlite:PATH, a bare path, or postgres://…")?,
            database_pool_size: source.number("DATABASE_POOL_SIZE", 1..=1000)?.unwrap_or(4 * cores),
            // An IPv6 address may stand in brackets, as in a URL.
            host: source.text("HOST")?.trim_matches(['[', ']']).to_owned(),
            port: source.parsed("PORT", "a number from 0 to 65535")?,
            workers: source.number("WORKERS", 1..=512)?.unwrap_or(cores),
            jwt_secret: source.secret("JWT_SECRET", "JWT_SECRET_FILE")?,
            access_token_ttl: source.duration("ACCESS_TOKEN_TTL", 1, 3600)?,
            password_min_length: source.number("PASSWORD_MIN_LENGTH", 8..=64)?.unwrap_or(8),
            log: source.log_filter("LOG")?,
            log_format: source.log_format("LOG_FORMAT")?,
            shutdown_timeout: source.duration("SHUTDOWN_TIMEOUT", 1, 600)?,
        })
    }
}

impl ConfigError {
    /// Instances on PostgreSQL share a secret, so none of them can make one.
    #[must_use]
    pub fn secret_demanded() -> Self {
        let remedy = format!("PostgreSQL demands it, so that all instances share it. {}", Secret::HOW_TO_MAKE_ONE);
        Self { variable: "JWT_SECRET", remedy }
    }
}

/// Reads variables and says what they accept when they cannot be read.
struct Source<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Source<'_> {
    /// The value, if there is one.
    fn given(&self, name: &str) -> Option<String> {
        (self.0)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// The value or the documented default.
    fn text(&self, name: &'static str) -> Result<String, ConfigError> {
        let default = || VARIABLES.iter().find(|variable| variable.name == name).map(|it| it.default.to_owned());
        self.given(name).or_else(default).ok_or_else(|| refused(name, "it is not documented"))
    }

    fn parsed<T: FromStr>(&self, name: &'static str, accepts: &str) -> Result<T, ConfigError> {
        self.text(name)?.parse().map_err(|_| refused(name, accepts))
    }

    fn number(&self, name: &'static str, range: std::ops::RangeInclusive<usize>) -> Result<Option<usize>, ConfigError> {
        let accepts = || refused(name, &format!("a number from {} to {}", range.start(), range.end()));
        let Some(value) = self.given(name) else { return Ok(None) };
        value.parse().ok().filter(|number| range.contains(number)).map(Some).ok_or_else(accepts)
    }

    /// A duration in whole seconds, minutes, hours or days: `2s`, `15m`, `12h`, `30d`.
    fn duration(&self, name: &'static str, least: u64, most: u64) -> Result<Duration, ConfigError> {
        seconds(&self.text(name)?)
            .filter(|seconds| (least..=most).contains(seconds))
            .map(Duration::from_secs)
            .ok_or_else(|| {
                refused(name, &format!("a duration such as 2s, 15m, 12h or 30d, from {least} to {most} seconds"))
            })
    }

    /// A level, or several of `target=level` and one level for the rest.
    fn log_filter(&self, name: &'static str) -> Result<String, ConfigError> {
        let filter = self.text(name)?;
        let is_level =
            |part: &str| part.rsplit('=').next().is_some_and(|level| level.trim().parse::<LevelFilter>().is_ok());
        if filter.split(',').all(is_level) {
            return Ok(filter);
        }
        Err(refused(name, "error, warn, info, debug, trace, off, or a filter such as kennel=debug,info"))
    }

    fn log_format(&self, name: &'static str) -> Result<LogFormat, ConfigError> {
        match self.text(name)?.as_str() {
            "text" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            _ => Err(refused(name, "text or json")),
        }
    }

    /// A secret from its variable or from the file that the other one names.
    fn secret(&self, name: &'static str, file: &'static str) -> Result<Option<Secret>, ConfigError> {
        let (variable, text) = match (self.given(name), self.given(file)) {
            (Some(_), Some(_)) => return Err(refused(file, &format!("nothing while {name} is set"))),
            (None, None) => return Ok(None),
            (Some(text), None) => (name, text),
            (None, Some(path)) => {
                let text = read_start(&path)
                    .map_err(|error| refused(file, &format!("the path of a readable file ({})", error.kind())))?;
                (file, text.trim().to_owned())
            }
        };
        Secret::parse(&text).map(Some).map_err(|fault| ConfigError { variable, remedy: fault.to_string() })
    }
}

/// The beginning of a file; nothing that is configured is longer.
fn read_start(path: &str) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?.take(65_536).read_to_string(&mut text)?;
    Ok(text)
}

fn refused(variable: &'static str, accepts: &str) -> ConfigError {
    ConfigError { variable, remedy: format!("it accepts {accepts}") }
}

fn seconds(text: &str) -> Option<u64> {
    let unit = text.chars().last()?;
    let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return None,
    };
    number.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::{Config, seconds};

    #[test]
    fn durations_are_a_number_and_a_unit() {
        assert_eq!(seconds("15m"), Some(900));
        assert_eq!(seconds("30d"), Some(2_592_000));
        for wrong in ["", "15", "m", "-1s", "1.5h", "1w", "1 s", "99999999999999999999s", "18446744073709551615d"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }

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
            ("WORKERS", "many"),
            ("ACCESS_TOKEN_TTL", "2h"),
            ("PASSWORD_MIN_LENGTH", "7"),
            ("LOG", "verbose"),
            ("LOG", "kennel=debug,warning"),
            ("LOG_FORMAT", "xml"),
            ("SHUTDOWN_TIMEOUT", "0s"),
            ("JWT_SECRET", "short"),
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
