//! A backup is taken under load, and restored elsewhere.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use diesel::sql_types::BigInt;
use diesel::{Connection, SqliteConnection, sql_query};

use super::availability;
use super::client::Result;
use super::database::{Engine, programs};
use super::load::{Load, accounts};
use super::scene::{Round, Scene};
use super::server::Plan;
use super::settings::SECRET;

pub fn rounds() -> Vec<Round> {
    let mut rounds = Round::on_both("R11 a backup under load, restored elsewhere", backup);
    rounds.push(Round::on(Engine::Sqlite, "R11 a large backup under 500 writes a second", large_backup));
    rounds.push(Round::on(Engine::Postgres, "R11 many rows moved from SQLite and back", there_and_back));
    rounds
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

/// The longest that 99 of 100 writes may take during a backup.
const WRITE_P99: Duration = Duration::from_millis(250);

fn large_backup(scene: &Scene) -> Result<String> {
    let file = scene.database.url.trim_start_matches("sqlite://");
    let server = scene.plan()?.start()?;
    let accounts = accounts(server.address, 25)?;
    let size = scene.long_or(1 << 30, 1 << 25);
    while fs::metadata(file)?.len() < size {
        add_tasks(file, 50_000)?;
    }
    let load = Load { rest: Duration::from_millis(40), ..Load::on(&[server.address], &accounts) };
    let copy = format!("{file}-copy");
    let (seen, (began, ended)) = load.during(|underway| {
        underway.until_written(500)?;
        let began = Instant::now();
        kennel(&scene.database.url, &["backup", &copy])?;
        Ok((began, Instant::now()))
    })?;
    seen.writes.only(&[])?;
    seen.reads.only(&[])?;
    let writes = seen.writes.between(began, ended);
    let (took, p99) = (ended - began, writes.percentile(0.99));
    let rate = availability::count(writes.0.len()) / took.as_secs_f64();
    let megabytes = fs::metadata(&copy)?.len() >> 20;
    let figures = format!(
        "{megabytes} MiB in {took:.1?} under {rate:.0} writes/s, of which p99 {p99:.1?}, slowest {:.1?}",
        writes.slowest()
    );
    server.stop()?;
    scene.strictly(p99 <= WRITE_P99, || figures.clone())?;
    Ok(figures)
}

/// The longest that a million rows may be on the move.
const MOVE: Duration = Duration::from_secs(120);

fn there_and_back(scene: &Scene) -> Result<String> {
    let [first, last] = ["first.db", "last.db"].map(|name| scene.database.home().join(name).display().to_string());
    let [from, to] = [&first, &last].map(|file| format!("sqlite://{file}"));
    kennel(&from, &["seed", "--users", "25", "--dogs", "0"])?;
    let rows = scene.long_or(1_000_000, 10_000);
    add_tasks(&first, rows)?;
    let mut took = Vec::new();
    for (from, to) in [(&from, &scene.database.url), (&scene.database.url, &to)] {
        let began = Instant::now();
        kennel(from, &["move", "--to", to])?;
        took.push(began.elapsed());
    }
    let figures = format!("{rows} tasks to PostgreSQL in {:.1?}, and back in {:.1?}", took[0], took[1]);
    scene.strictly(took.iter().all(|took| *took < MOVE), || figures.clone())?;
    Ok(figures)
}

/// Adds so many tasks to the books of the first 25 users.
fn add_tasks(file: &str, count: i64) -> Result<()> {
    let mut connection = SqliteConnection::establish(file)?;
    connection.batch_execute("PRAGMA busy_timeout = 10000; PRAGMA foreign_keys = ON")?;
    let add = "INSERT INTO tasks \
        (user_id, name, name_key, completed, completed_at, due_on, created_at, updated_at, version) \
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) \
        SELECT 1 + i % 25, 'Walk round the lake with number ' || i, 'walk round the lake with number ' || i, i % 2, \
        CASE i % 2 WHEN 1 THEN 1764288000000000 + i END, date('2026-01-01', '+' || i % 700 || ' days'), \
        1764288000000000 + i, 1764288000000000 + i, 1 FROM n";
    let _rows = sql_query(add).bind::<BigInt, _>(count).execute(&mut connection)?;
    Ok(())
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
