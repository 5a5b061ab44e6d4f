//! One throw-away PostgreSQL cluster for the whole run: made and started when the first test asks for a
//! database, listening on 127.0.0.1 only, stopped and removed when the run ends or the test process dies.
//!
//! The server runs under a small shell that waits for its standard input to end. We hold the other end, so
//! even a killed test process leaves nothing behind.

use std::env;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};
use std::thread;

use diesel::{Connection, PgConnection, RunQueryDsl, sql_query};
use rustix::fs::statvfs;
use tempfile::TempDir;

/// Runs the server until standard input ends, then ends the server and removes its directory. The log is the server's
/// alone, so that it ends with a server that does not start.
const KEEPER: &str = r#"
trap '' INT HUP
server=$1 directory=$2 signal=$3; shift 3
"$server" "$@" </dev/null &
exec 2>/dev/null
read _
kill -s "$signal" $!
wait
rm -rf "$directory"
"#;

/// The bytes that the cluster may take, its write-ahead log and the databases of tests that run beside each other.
const ROOM: u64 = 2 << 30;

/// The directory of `initdb` and `postgres`, if they are installed.
static PROGRAMS: LazyLock<Option<PathBuf>> = LazyLock::new(find_programs);
static CLUSTER: OnceLock<Result<Cluster, String>> = OnceLock::new();

pub struct Cluster {
    port: u16,
    keeper: Mutex<Child>,
    made: AtomicUsize,
    office: Mutex<PgConnection>,
}

pub fn is_installed() -> bool {
    PROGRAMS.is_some()
}

/// The running cluster; the first call starts it.
pub fn cluster() -> &'static Cluster {
    // A second time, because somebody may take the port between our looking and PostgreSQL's listening.
    match CLUSTER.get_or_init(|| Cluster::start().or_else(|_| Cluster::start())) {
        Ok(cluster) => cluster,
        Err(why) => panic!("PostgreSQL is installed but does not start: {why}"),
    }
}

/// Stops the cluster, if there is one. Nothing may use it afterwards.
pub fn stop() {
    if let Some(Ok(cluster)) = CLUSTER.get() {
        let mut keeper = cluster.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        drop(keeper.stdin.take());
        if let Err(error) = keeper.wait() {
            eprintln!("the PostgreSQL of the tests did not stop: {error}");
        }
    }
}

/// The URL of a database behind a port.
pub fn url(port: u16, database: &str) -> String {
    format!("postgres://kennel@127.0.0.1:{port}/{database}")
}

pub fn connect(url: &str) -> PgConnection {
    PgConnection::establish(url).unwrap_or_else(|error| panic!("cannot connect to {url}: {error}"))
}

impl Cluster {
    fn start() -> Result<Self, String> {
        let programs = PROGRAMS.as_ref().ok_or("initdb and postgres were not found")?;
        let home = tempfile::Builder::new().prefix("kennel-postgres-").tempdir_in(roomy_folder());
        let home = home.map_err(|error| error.to_string())?;
        let account = account_for(&home)?;
        if let Some((user, group)) = account {
            chown(home.path(), Some(user), Some(group)).map_err(|error| error.to_string())?;
        }

        let mut initdb = Command::new(programs.join("initdb"));
        initdb
            .args(["--username=kennel", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"])
            .args(["--pgdata", "data"])
            .current_dir(home.path());
        let made = as_account(&mut initdb, account).output().map_err(|error| format!("initdb: {error}"))?;
        if !made.status.success() {
            return Err(format!("initdb: {}", String::from_utf8_lossy(&made.stderr)));
        }

        let (port, keeper) = serve(programs, home.path(), account)?;
        let _removed_by_the_keeper = home.keep();
        let office = connect(&url(port, "postgres"));
        let cluster = Self { port, keeper: Mutex::new(keeper), made: AtomicUsize::new(0), office: Mutex::new(office) };
        cluster.speak_german();
        Ok(cluster)
    }

    /// From now on the server says everything in German, where it can: whatever it says, a caller must get the same
    /// answer. The language comes from `LANGUAGE`, which counts in any locale but C, so that none has to be installed.
    fn speak_german(&self) {
        let set = self.administer("ALTER SYSTEM SET lc_messages = 'C.UTF-8'");
        if let Err(error) = set.and_then(|_| self.administer("SELECT pg_reload_conf()")) {
            eprintln!("the PostgreSQL of the tests speaks English: {error}");
        }
    }

    pub fn url(&self, database: &str) -> String {
        url(self.port, database)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Makes an empty database and tells its name.
    pub fn create_database(&self) -> String {
        let name = format!("kennel_{}", self.made.fetch_add(1, Ordering::Relaxed));
        self.administer(&format!("CREATE DATABASE {name}")).expect("a database is made");
        name
    }

    pub fn drop_database(&self, name: &str) {
        if let Err(error) = self.administer(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")) {
            eprintln!("the test database {name} stays: {error}");
        }
    }

    /// Runs a statement as the administrator of the cluster.
    pub fn administer(&self, statement: &str) -> diesel::QueryResult<usize> {
        let mut office = self.office.lock().unwrap_or_else(PoisonError::into_inner);
        sql_query(statement).execute(&mut *office)
    }
}

/// The folder for the cluster: in memory, if that has room. A database is some hundred files, which every test makes and
/// removes; a disk's file system is many times slower at that.
fn roomy_folder() -> PathBuf {
    let in_memory = PathBuf::from("/dev/shm");
    match statvfs(&in_memory) {
        Ok(room) if room.f_bavail * room.f_frsize >= ROOM => in_memory,
        _ => env::temp_dir(),
    }
}

/// Starts the server on a port that was free a moment ago, and waits until it says that it is ready.
fn serve(programs: &Path, home: &Path, account: Option<(u32, u32)>) -> Result<(u16, Child), String> {
    let port = free_port()?;
    let settings = settings(port).into_iter().flat_map(|setting| ["-c".to_owned(), setting]);
    let data = ["-D".to_owned(), home.join("data").display().to_string()];
    let arguments: Vec<_> = data.into_iter().chain(settings).collect();
    let keeper = keep(&programs.join("postgres"), home, &arguments, account, ["QUIT", "ready to accept connections"])?;
    Ok((port, keeper))
}

/// Starts a server under its keeper, with the signal that ends it, and waits until it says that it is `ready`.
pub fn keep(
    program: &Path,
    home: &Path,
    arguments: &[String],
    account: Option<(u32, u32)>,
    [signal, ready]: [&str; 2],
) -> Result<Child, String> {
    let mut command = Command::new("sh");
    command
        .args(["-c", KEEPER, "kennel-test-server"])
        .args([program, home, Path::new(signal)])
        .args(arguments)
        .current_dir("/")
        .env("LC_ALL", "C")
        .env("LANGUAGE", "de")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut keeper = as_account(&mut command, account).spawn().map_err(|error| format!("sh: {error}"))?;
    let log = keeper.stderr.take().ok_or("its log cannot be read")?;
    wait_until_ready(log, ready)?;
    Ok(keeper)
}

/// Durability is PostgreSQL's promise, not ours to test; no test may rely on the server's time zone; and statistics that
/// come in between would change the plans that tests look at.
fn settings(port: u16) -> Vec<String> {
    let fixed = [
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "fsync=off",
        "full_page_writes=off",
        "max_connections=200",
        "shared_buffers=32MB",
        "max_wal_size=256MB",
        "timezone=<+0530>-05:30",
        "autovacuum=off",
    ];
    fixed.into_iter().map(str::to_owned).chain([format!("port={port}")]).collect()
}

fn wait_until_ready(log: ChildStderr, ready: &str) -> Result<(), String> {
    let mut log = BufReader::new(log);
    let mut said = String::new();
    while !said.contains(ready) {
        if log.read_line(&mut said).map_err(|error| error.to_string())? == 0 {
            return Err(said);
        }
    }
    let _drain = thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    Ok(())
}

pub fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    listener.local_addr().map(|address| address.port()).map_err(|error| error.to_string())
}

/// PostgreSQL and PgBouncer refuse to run as root; root runs them as `postgres`, or else as `nobody`.
pub fn account_for(home: &TempDir) -> Result<Option<(u32, u32)>, String> {
    let we_are = fs::metadata(home.path()).map_err(|error| error.to_string())?.uid();
    if we_are != 0 {
        return Ok(None);
    }
    let mut accounts = String::new();
    File::open("/etc/passwd")
        .and_then(|mut file| file.read_to_string(&mut accounts))
        .map_err(|error| format!("/etc/passwd: {error}"))?;
    let ids = |name: &str| {
        let line = accounts.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    ids("postgres").or_else(|| ids("nobody")).map(Some).ok_or("no account to run it as".to_owned())
}

fn as_account(command: &mut Command, account: Option<(u32, u32)>) -> &mut Command {
    match account {
        Some((user, group)) => command.uid(user).gid(group),
        None => command,
    }
}

fn find_programs() -> Option<PathBuf> {
    let told = Command::new("pg_config").arg("--bindir").output().ok();
    let told = told.and_then(|output| String::from_utf8(output.stdout).ok());
    let on_path = env::var_os("PATH").unwrap_or_default();
    let mut packaged: Vec<_> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .collect();
    packaged.sort_by_key(|bin| std::cmp::Reverse(version_in(bin)));

    told.map(|bindir| PathBuf::from(bindir.trim()))
        .into_iter()
        .chain(env::split_paths(&on_path))
        .chain(packaged)
        .find(|bin| bin.join("initdb").is_file() && bin.join("postgres").is_file())
}

fn version_in(bin: &Path) -> u32 {
    let version = bin.parent().and_then(Path::file_name).and_then(|name| name.to_str());
    version.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}
