//! The databases: a SQLite file in a folder of its own, or one in a throw-away PostgreSQL that writes to the disk as
//! a real one does.

use std::fmt;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread;

use diesel::{Connection as _, PgConnection, RunQueryDsl, sql_query};
use tempfile::TempDir;

use super::client::Result;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        })
    }
}

/// A fresh database and a folder to go with it.
pub struct Database {
    pub url: String,
    home: TempDir,
}

impl Database {
    /// `cluster` is where PostgreSQL's is made.
    pub fn fresh(cluster: Option<&Cluster>) -> Result<Self> {
        let home = tempfile::Builder::new().prefix("kennel-bench-").tempdir()?;
        let url = match cluster {
            Some(cluster) => cluster.create_database()?,
            None => format!("sqlite://{}", home.path().join("kennel.db").display()),
        };
        Ok(Self { url, home })
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }
}

/// Runs PostgreSQL until standard input ends, which it does even if we are killed; then removes its folder.
const KEEPER: &str = r#"
trap '' INT HUP
server=$1 directory=$2; shift 2
"$server" "$@" </dev/null &
exec 2>/dev/null
read _
kill -QUIT $!
wait
rm -rf "$directory"
"#;

/// A throw-away PostgreSQL on 127.0.0.1.
pub struct Cluster {
    port: u16,
    /// The process whose children serve the connections.
    pub pid: u32,
    keeper: Child,
}

impl Cluster {
    pub fn start() -> Result<Self> {
        let programs = programs().ok_or("PostgreSQL's initdb and postgres are not installed")?;
        let home = tempfile::Builder::new().prefix("kennel-bench-postgres-").tempdir()?;
        let account = account_for(home.path())?;
        if let Some((user, group)) = account {
            chown(home.path(), Some(user), Some(group))?;
        }
        let mut initdb = Command::new(programs.join("initdb"));
        initdb.args(["--username=kennel", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]);
        initdb.args(["--pgdata", "data"]).current_dir(home.path());
        let made = as_account(&mut initdb, account).output()?;
        if !made.status.success() {
            return Err(format!("initdb: {}", String::from_utf8_lossy(&made.stderr)).into());
        }

        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "kennel-bench-postgres"]);
        command.args([programs.join("postgres"), home.path().to_owned(), "-D".into(), home.path().join("data")]);
        for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=200"] {
            command.args(["-c", setting]);
        }
        command.args(["-c", "shared_buffers=128MB", "-c", &format!("port={port}")]);
        command.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut keeper = as_account(command.env("LC_ALL", "C"), account).spawn()?;
        let log = keeper.stderr.take().ok_or("PostgreSQL's log cannot be read")?;
        let data = home.keep().join("data");
        wait_until_ready(log)?;
        let told = fs::read_to_string(data.join("postmaster.pid"))?;
        let pid = told.lines().next().unwrap_or_default().trim().parse()?;
        Ok(Self { port, pid, keeper })
    }

    /// The URL of an empty database. All of them go with the cluster.
    fn create_database(&self) -> Result<String> {
        let url = |name: &str| format!("postgres://kennel@127.0.0.1:{}/{name}", self.port);
        let mut office = PgConnection::establish(&url("postgres"))?;
        let _rows = sql_query("DROP DATABASE IF EXISTS bench WITH (FORCE)").execute(&mut office)?;
        let _rows = sql_query("CREATE DATABASE bench").execute(&mut office)?;
        Ok(url("bench"))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _nobody_asks = self.keeper.wait();
    }
}

fn wait_until_ready(log: ChildStderr) -> Result<()> {
    let mut log = BufReader::new(log);
    let mut said = String::new();
    while !said.contains("database system is ready to accept connections") {
        if log.read_line(&mut said)? == 0 {
            return Err(format!("PostgreSQL does not start: {said}").into());
        }
    }
    let _drain = thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    Ok(())
}

/// The directory of `initdb` and `postgres`: what `pg_config` says, or the newest that Debian installed.
pub fn programs() -> Option<PathBuf> {
    let told = Command::new("pg_config").arg("--bindir").output().ok();
    let told = told.and_then(|output| String::from_utf8(output.stdout).ok()).map(|path| PathBuf::from(path.trim()));
    let packaged = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut packaged: Vec<_> = packaged.filter_map(|entry| Some(entry.ok()?.path().join("bin"))).collect();
    packaged.sort();
    let mut all = told.into_iter().chain(packaged.into_iter().rev());
    all.find(|bin| bin.join("initdb").is_file() && bin.join("postgres").is_file())
}

pub fn is_postgres_installed() -> bool {
    programs().is_some()
}

/// PostgreSQL refuses to run as root; root runs it as `postgres`, or else as `nobody`.
pub fn account_for(home: &Path) -> Result<Option<(u32, u32)>> {
    if fs::metadata(home)?.uid() != 0 {
        return Ok(None);
    }
    let mut accounts = String::new();
    fs::File::open("/etc/passwd")?.read_to_string(&mut accounts)?;
    let ids = |name: &str| {
        let line = accounts.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    Ok(Some(ids("postgres").or_else(|| ids("nobody")).ok_or("there is no account to run PostgreSQL as")?))
}

pub fn as_account(command: &mut Command, account: Option<(u32, u32)>) -> &mut Command {
    match account {
        Some((user, group)) => command.uid(user).gid(group),
        None => command,
    }
}
