//! `kennel config check`: the configuration in a table, and whether it can be used.

use std::process::ExitCode;

use clap::Command;

use super::{fail, table};
use crate::config::{ConfigReport, ResolvedVariable};

/// The definition of `kennel config` and its subcommand, for clap.
pub fn command() -> Command {
    let check = "List each variable, where it comes from and what it resolves to, without secrets; ends with 1 if one \
        cannot be used. Nothing is connected to, or made";
    Command::new("config")
        .about("Look at the configuration")
        .subcommand_required(true)
        .subcommand(Command::new("check").about(check))
}

/// Prints the table on standard output, and on standard error a line for each variable that is misspelt or cannot be
/// used.
pub fn run(report: &ConfigReport) -> ExitCode {
    let heading = ["NAME", "FROM", "VALUE"].map(str::to_owned);
    let rows = report.settings.iter().map(|ResolvedVariable { name, from, value }| {
        [(*name).to_owned(), from.to_string(), value.chars().map(|c| if c.is_control() { '?' } else { c }).collect()]
    });
    if let Err(error) = table::print(&std::iter::once(heading).chain(rows).collect::<Vec<_>>()) {
        return fail(&error);
    }
    for misspelt in &report.misspelt {
        let _the_code_is_for_errors = fail(misspelt);
    }
    report.errors.iter().fold(ExitCode::SUCCESS, |_, error| fail(error))
}
