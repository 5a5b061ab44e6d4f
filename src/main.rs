//! The program `kennel`: reads the command line, `.env` and the configuration, and runs the command. Everything else is
//! in the library; start at `lib.rs`.

use std::{path::Path, process::ExitCode};

use clap::ArgMatches;
use kennel::{
    cli,
    config::Config,
    files::{self, Exposure},
};

fn main() -> ExitCode {
    let dumps = cli::forbid_core_dumps();
    let matches = cli::command().get_matches();
    match configure(&matches) {
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

/// Reads `.env` and then the configuration; variables of the environment win.
fn configure(matches: &ArgMatches) -> Result<Config, Box<dyn std::error::Error>> {
    let file = match dotenvy::dotenv() {
        // The error itself quotes the line, and with it perhaps a secret.
        Err(dotenvy::Error::LineParse(..)) => return Err(UNREADABLE_LINE.into()),
        Err(error) if !error.not_found() => return Err(format!(".env cannot be read: {error}").into()),
        file => file.ok(),
    };
    let mut config = Config::from_env(cli::is_dev(matches))?;
    if let Some(path) = file {
        match files::exposure(&path)? {
            Exposure::WritableByAll => return Err(format!(".env: {}", files::WRITABLE_BY_ALL).into()),
            Exposure::Shared if has_secrets(&path) => config.exposed_files.push(path),
            _ => {}
        }
    }
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
