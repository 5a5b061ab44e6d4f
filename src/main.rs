//! The program: the command line, `.env`, the configuration, and off it goes. Everything else is in the
//! library; start at `lib.rs`.

use std::process::ExitCode;

use kennel::{cli, config::Config};

fn main() -> ExitCode {
    let matches = cli::command().get_matches();
    match configure() {
        Ok(config) => cli::run(&matches, config),
        Err(error) => {
            eprintln!("kennel: {error}");
            ExitCode::FAILURE
        }
    }
}

const UNREADABLE_LINE: &str =
    ".env has a line that cannot be read: write NAME=value, and put a value that has spaces or a # in quotes";

/// `.env` first, so that its variables are there to be read; those of the environment win.
fn configure() -> Result<Config, Box<dyn std::error::Error>> {
    match dotenvy::dotenv() {
        // The error itself quotes the line, and with it perhaps a secret.
        Err(dotenvy::Error::LineParse(..)) => return Err(UNREADABLE_LINE.into()),
        Err(error) if !error.not_found() => return Err(format!(".env cannot be read: {error}").into()),
        _ => {}
    }
    let config = Config::from_env()?;
    cli::start_log(&config);
    Ok(config)
}
