//! A backup is taken under load, and restored elsewhere.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::client::Result;
use super::database::{Engine, programs};
use super::load::{Load, accounts};
use super::scene::{Round, Scene};
use super::server::Plan;
use super::settings::SECRET;

pub fn rounds() -> Vec<Round> {
    Round::on_both("R11 a backup under load, restored elsewhere", backup)
}

fn backup(scene: &Scene) -> Result<String> {
    let plan = scene.plan()?;
    let server = plan.start()?;
    let load = Load::on(&[plan.address], &accounts(plan.address, 16)?);
    let elsewhere = tempfile::Builder::new().prefix("kennel-siege-elsewhere-").tempdir()?;
    let copy = elsewhere.path().join("kennel.db").display().to_string();
    let mut figures = Vec::new();
    for (number, way) in ways(scene.engine).iter().enumerate() {
        let (seen, (operations, began, took)) = load.labelled(&format!("{number}-")).during(|underway| {
            thread::sleep(Duration::from_secs(scene.long_or(10, 1)));
            let (operations, began) = (underway.operations(), Instant::now());
            way.back_up(scene, &copy)?;
            let took = began.elapsed();
            underway.until_written(100)?;
            Ok((operations, began, took))
        })?;
        seen.writes.only(&[])?;
        seen.reads.only(&[])?;
        let meanwhile = seen.writes.between(began, began + took.max(Duration::from_millis(200)));
        let restored = Plan::on(&way.restore(scene, &copy)?, elsewhere.path())?;
        let other = restored.start()?;
        let found = Load::on(&[restored.address], &load.accounts).labelled(&load.label).read_back()?;
        let mut found: Vec<_> = found.into_iter().filter(|name| name.contains(&format!("-{number}-"))).collect();
        found.sort();
        seen.history.of_copy_after(operations).check(&found).map_err(|why| format!("{}: {why}", way.name()))?;
        other.stop()?;
        figures.push(format!(
            "{} in {took:.1?} with all of {operations} writes, write p99 {:.1?} meanwhile",
            way.name(),
            meanwhile.percentile(0.99)
        ));
    }
    server.stop()?;
    Ok(figures.join("; "))
}

/// How a backup is made and restored, as `docs/operating.md` says.
#[derive(Clone, Copy)]
enum Way {
    KennelBackup,
    DotBackup,
    VacuumInto,
    PgDump,
}

fn ways(engine: Engine) -> &'static [Way] {
    match engine {
        Engine::Sqlite => &[Way::KennelBackup, Way::DotBackup, Way::VacuumInto],
        Engine::Postgres => &[Way::KennelBackup, Way::PgDump],
    }
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Self::KennelBackup => "kennel backup",
            Self::DotBackup => ".backup",
            Self::VacuumInto => "VACUUM INTO",
            Self::PgDump => "pg_dump",
        }
    }

    fn back_up(self, scene: &Scene, copy: &str) -> Result<()> {
        let url = &scene.database.url;
        let file = url.trim_start_matches("sqlite://");
        let _there_may_be_none = fs::remove_file(copy);
        match self {
            Self::KennelBackup => kennel(url, &["backup", copy]),
            Self::DotBackup => run("sqlite3", &[file, &format!(".backup '{copy}'")]),
            Self::VacuumInto => run("sqlite3", &[file, &format!("VACUUM INTO '{copy}'")]),
            Self::PgDump => run(&of_postgres("pg_dump")?, &["--format=custom", "--file", copy, url]),
        }
    }

    /// The URL of the restored database.
    fn restore(self, scene: &Scene, copy: &str) -> Result<String> {
        let url = &scene.database.url;
        if let Self::PgDump = self {
            let (server, _) = url.rsplit_once('/').ok_or("a URL has a path")?;
            run(&of_postgres("psql")?, &[url, "--quiet", "--command", "CREATE DATABASE restored"])?;
            let restored = format!("{server}/restored");
            run(&of_postgres("pg_restore")?, &["--dbname", &restored, copy])?;
            return Ok(restored);
        }
        if let Self::KennelBackup = self {
            let restored = format!("{copy}-restored");
            let _there_may_be_none = fs::remove_file(&restored);
            kennel(&format!("sqlite://{restored}"), &["restore", "--keep-sessions", copy])?;
            // Tokens are signed with the key beside a SQLite file, or else with the secret that is set.
            match scene.engine {
                Engine::Sqlite => {
                    fs::copy(format!("{}.key", url.trim_start_matches("sqlite://")), format!("{restored}.key"))?;
                }
                Engine::Postgres => fs::write(format!("{restored}.key"), SECRET)?,
            }
            return Ok(format!("sqlite://{restored}"));
        }
        let file = url.trim_start_matches("sqlite://");
        fs::copy(format!("{file}.key"), format!("{copy}.key"))?;
        Ok(format!("sqlite://{copy}"))
    }
}

/// Runs a command of the program on the database with this URL.
fn kennel(url: &str, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kennel"));
    ended(command.env_clear().env("DATABASE_URL", url).args(arguments))
}

fn of_postgres(program: &str) -> Result<String> {
    Ok(programs().ok_or("PostgreSQL is not installed")?.join(program).display().to_string())
}

fn run(program: &str, arguments: &[&str]) -> Result<()> {
    ended(Command::new(program).args(arguments))
}

fn ended(command: &mut Command) -> Result<()> {
    let ended = command.output().map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    if ended.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&ended.stderr).into_owned().into()) }
}
