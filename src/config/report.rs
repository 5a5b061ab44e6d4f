//! The configuration as a table for people: each variable, where it comes from and what it resolves to, without secrets.

use std::fmt;

use super::{Config, ConfigError, Misspelt, VARIABLES, dev};
use crate::{crypto::keys::Secret, db::DatabaseUrl};

/// The place that a variable has its value from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provenance {
    /// The environment of the process.
    Environment,
    /// The file `.env`.
    EnvFile,
    /// The file that the variable with `_FILE` after its name says.
    SecretFile,
    /// The flag `--dev`, or a default that goes with `DEV`.
    Dev,
    /// The default.
    Default,
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Environment => "environment",
            Self::EnvFile => ".env",
            Self::SecretFile => "file",
            Self::Dev => "dev",
            Self::Default => "default",
        })
    }
}

/// A variable as it is set, without secrets.
pub struct ResolvedVariable {
    /// The name, such as `PORT`.
    pub name: &'static str,
    /// The place that the value comes from.
    pub from: Provenance,
    /// The value, or words in its place.
    pub value: String,
}

/// The whole configuration, as far as it can be used, and what is wrong with it.
pub struct ConfigReport {
    /// The variables, in the order of [`VARIABLES`].
    pub settings: Vec<ResolvedVariable>,
    /// The variables that cannot be used, each once. (What only goes wrong with others in use is not known.)
    pub errors: Vec<ConfigError>,
    /// The variables of the environment that look like those here and are not read.
    pub misspelt: Vec<Misspelt>,
}

/// Reports on the configuration that `lookup` finds, in which the variables of `errors` cannot be used; `from` is the
/// place that the value of a variable comes from, if it has one.
pub fn report(
    lookup: impl Fn(&str) -> Option<String>,
    mut errors: Vec<ConfigError>,
    from: impl Fn(&str) -> Option<Provenance>,
) -> ConfigReport {
    // A variable that cannot be used is read as if it was not set, which shows the next one.
    let config = loop {
        let usable = |name: &str| lookup(name).filter(|_| errors.iter().all(|error| error.variable != name));
        match Config::from_lookup(usable) {
            Ok(config) => break Some(config),
            Err(error) if errors.iter().any(|known| known.variable == error.variable) => break None,
            Err(error) => errors.push(error),
        }
    };
    if let Some(config) = config.as_ref().filter(|_| errors.is_empty())
        && config.jwt_secret.is_none()
        && matches!(config.database_url, DatabaseUrl::Postgres(_))
    {
        errors.push(ConfigError::secret_demanded());
    }
    let setting = |name: &'static str| {
        let is_dev = config.as_ref().is_some_and(|config| config.dev);
        let is_in_file = || file_for(name).is_some_and(|file| from(file).is_some());
        let from = match from(name) {
            Some(from) => from,
            None if is_in_file() => Provenance::SecretFile,
            None if is_dev && dev::rate(name).is_some() => Provenance::Dev,
            None => Provenance::Default,
        };
        let value = match &config {
            Some(config) if errors.iter().all(|error| error.variable != name) => {
                value(name, lookup(name).as_deref(), config)
            }
            _ => "cannot be used".to_owned(),
        };
        ResolvedVariable { name, from, value }
    };
    let settings = VARIABLES.iter().map(|variable| setting(variable.name)).collect();
    ConfigReport { settings, errors, misspelt: Vec::new() }
}

/// The variable that names a file with the value of the variable `name`: each whose value is a secret has one.
fn file_for(name: &str) -> Option<&'static str> {
    let says_so = format!("A file that holds {name},");
    VARIABLES.iter().find(|variable| variable.meaning.starts_with(&says_so)).map(|variable| variable.name)
}

/// The value of a variable in a configuration, of which `given` is the text, if any. One that may hold a secret is shown
/// without it, or not at all.
fn value(name: &str, given: Option<&str>, config: &Config) -> String {
    let given = given.map(str::trim).filter(|text| !text.is_empty());
    match (name, &config.database_url) {
        ("DATABASE_URL", url) => url.in_full(),
        ("MAIL_URL", _) => format!("{:?}", config.mail_url),
        ("DATABASE_POOL_SIZE", _) => config.database_pool_size.to_string(),
        ("WORKERS", _) => config.workers.to_string(),
        ("DEV", _) => config.dev.to_string(),
        ("JWT_SECRET", DatabaseUrl::Sqlite(path)) if config.jwt_secret.is_none() => {
            format!("the one in {}", Secret::path_beside(path).display())
        }
        ("JWT_SECRET", _) if config.jwt_secret.is_some() => "hidden".to_owned(),
        ("JWT_PREVIOUS_SECRETS", _) if !config.jwt_previous_secrets.is_empty() => {
            format!("hidden ({})", config.jwt_previous_secrets.len())
        }
        _ if given.is_some() && file_for(name).is_some() => "hidden".to_owned(),
        _ => {
            let default = VARIABLES.iter().find(|variable| variable.name == name).map(|variable| variable.default);
            let default = dev::rate(name).filter(|_| config.dev).or(default).filter(|default| !default.is_empty());
            given.or(default).unwrap_or("-").to_owned()
        }
    }
}
