//! The program `kennel`: reads the command line, `.env` and the configuration, and runs the command. Everything else is
//! in the library; start at `lib.rs`.

use std::{
    error::Error,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::ArgMatches;
use kennel::{
    cli,
    config::{self, Config, ConfigError},
    files::{self, Exposure},
};

fn main() -> ExitCode {
    let dumps = cli::forbid_core_dumps();
    let matches = cli::command().get_matches();
    let before = config::variables_set();
    let exposed = match read_env_file() {
        Ok(exposed) => exposed,
        Err(error) => return cli::fail(&error),
    };
    if let Some(code) = cli::run_unconfigured(&matches, &before) {
        return code;
    }
    match configure(&matches, exposed) {
        Ok(config) => {
            if let Err(error) = dumps {
                tracing::warn!(%error, "core dumps cannot be turned off, and would hold secrets");
            }
            cli::run(&matches, config)
        }
        Err(error) => cli::fail(&error),
    }
}

const UNREADABLE_LINE: &str =
    ".env has a line that cannot be read: write NAME=value, and put a value that has spaces or a # in quotes";

/// Reads `.env` into the environment, whose own variables win. Returns the file's path if it holds secrets that others
/// can read.
fn read_env_file() -> Result<Option<PathBuf>, Box<dyn Error>> {
    let path = match dotenvy::dotenv() {
        Ok(path) => path,
        // The error itself quotes the line, and with it perhaps a secret.
        Err(dotenvy::Error::LineParse(..)) => return Err(UNREADABLE_LINE.into()),
        Err(error) if !error.not_found() => return Err(format!(".env cannot be read: {error}").into()),
        Err(_) => return Ok(None),
    };
    match files::exposure(&path)? {
        Exposure::WritableByAll => Err(format!(".env: {}", files::WRITABLE_BY_ALL).into()),
        Exposure::Shared if has_secrets(&path) => Ok(Some(path)),
        _ => Ok(None),
    }
}

/// Reads the configuration, and starts the log; `exposed` is a file with secrets that others can read.
fn configure(matches: &ArgMatches, exposed: Option<PathBuf>) -> Result<Config, ConfigError> {
    let mut config = Config::from_env(cli::is_dev(matches))?;
    config.exposed_files.extend(exposed);
    cli::start_log(matches, &config)?;
    Ok(config)
}

/// Whether a file sets a secret, or a URL with a password in it.
fn has_secrets(path: &Path) -> bool {
    let is_secret = |name: &str, value: &str| match name {
        "JWT_SECRET" | "JWT_PREVIOUS_SECRETS" => !value.is_empty(),
        "DATABASE_URL" | "MAIL_URL" => value.contains('@') || value.contains("password="),
        _ => false,
    };
    let variables = dotenvy::from_path_iter(path).into_iter().flatten();
    variables.flatten().any(|(name, value)| is_secret(&name, &value))
}
