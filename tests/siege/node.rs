//! A PostgreSQL server of one's own that can be stopped, frozen, made a standby and promoted. It keeps its address.

use std::fs::OpenOptions;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::sql_types::Text;
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, sql_query};

use super::client::Result;
use super::database::programs;
use super::kept::{Home, Kept, freeze, thaw, until};
use super::server::free_address;

/// The account of the service, which is no administrator: no limit would bind it.
const ROLE: &str = "CREATE ROLE app LOGIN; CREATE DATABASE kennel OWNER app";
const SETTINGS: [&str; 4] =
    ["unix_socket_directories=", "max_connections=60", "shared_buffers=64MB", "cluster_name=standby"];

pub struct Node {
    pub address: SocketAddr,
    home: Home,
    settings: Vec<String>,
    process: Option<Kept>,
    frozen: Vec<u32>,
}

impl Node {
    /// A primary with an empty database `kennel`, which belongs to the role `app`.
    pub fn primary() -> Result<Self> {
        let mut node = Self::empty()?;
        let initdb =
            ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "-D", "data"];
        node.home.run(&bin("initdb")?, &initdb)?;
        let mut access = OpenOptions::new().append(true).open(node.data().join("pg_hba.conf"))?;
        writeln!(access, "host all all 127.0.0.0/8 trust\nhost replication all 127.0.0.0/8 trust")?;
        node.start()?;
        for statement in ROLE.split("; ") {
            node.administer(statement)?;
        }
        Ok(node)
    }

    /// A standby that follows this primary, and has all that it has.
    pub fn standby_of(primary: &Self) -> Result<Self> {
        let mut node = Self::empty()?;
        let (ip, port) = (primary.address.ip().to_string(), primary.address.port().to_string());
        let options = ["-X", "stream", "-c", "fast", "--no-sync", "-R", "-D", "data"];
        node.home.run(&bin("pg_basebackup")?, &[&["-h", &ip, "-p", &port, "-U", "postgres"], &options[..]].concat())?;
        node.start()?;
        primary.until_followed()?;
        Ok(node)
    }

    /// Waits until a standby follows.
    pub fn until_followed(&self) -> Result<()> {
        let followers = "SELECT count(*)::text AS value FROM pg_stat_replication WHERE state = 'streaming'";
        until("a standby follows", || Ok(self.told(followers)? == "1"))
    }

    fn empty() -> Result<Self> {
        Ok(Self {
            address: free_address()?,
            home: Home::new()?,
            settings: SETTINGS.map(str::to_owned).to_vec(),
            process: None,
            frozen: Vec::new(),
        })
    }

    fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// The host and the port, as a URL has them.
    pub fn url(&self) -> String {
        url(&[self.address])
    }

    /// Starts the server, and waits until it takes connections.
    pub fn start(&mut self) -> Result<()> {
        let mut settings = self.settings.clone();
        settings.push(format!("listen_addresses={}", self.address.ip()));
        settings.push(format!("port={}", self.address.port()));
        let data = self.data().display().to_string();
        let mut arguments = vec!["-D", &data];
        arguments.extend(settings.iter().flat_map(|setting| ["-c", setting]));
        self.process = Some(self.home.keep(&bin("postgres")?, &arguments, "QUIT")?);
        until("PostgreSQL takes connections", || Ok(self.connect().is_ok())).map_err(|why| {
            let said = self.home.log();
            format!("{why}: {said}").into()
        })
    }

    /// Stops the server: `INT` ends it well, `QUIT` as a crash does, `KILL` is one.
    pub fn stop(&mut self, name: &str) -> Result<()> {
        thaw(&std::mem::take(&mut self.frozen));
        self.process.take().map_or(Ok(()), |process| process.end(name))
    }

    /// Stops all its processes where they stand; the connections stay open.
    pub fn freeze(&mut self) -> Result<()> {
        self.frozen = freeze(&[self.process.as_ref().ok_or("it runs")?.pid])?;
        Ok(())
    }

    /// Lets a standby take writes; returns once it does.
    pub fn promote(&self) -> Result<()> {
        self.told("SELECT pg_promote(true, 60)::text AS value").map(drop)
    }

    /// From the next start on the server takes no writes, as if it followed another one.
    pub fn demote(&self) -> Result<()> {
        self.home.write("data/standby.signal", "").map(drop)
    }

    /// A connection of the administrator.
    pub fn connect(&self) -> Result<PgConnection> {
        connect(self.address, "postgres")
    }

    /// The same to the service's database.
    pub fn connect_to_kennel(&self) -> Result<PgConnection> {
        connect(self.address, "kennel")
    }

    /// Runs statements, one after the other, as the administrator.
    pub fn administer(&self, statements: &str) -> Result<()> {
        Ok(self.connect()?.batch_execute(statements)?)
    }

    /// Sets what `ALTER SYSTEM` can set, for everybody and at once.
    pub fn set(&self, setting: &str) -> Result<()> {
        self.administer(&format!("ALTER SYSTEM SET {setting}"))?;
        self.administer("SELECT pg_reload_conf()")
    }

    /// The text `value` of a query's first row.
    pub fn told(&self, query: &str) -> Result<String> {
        told(&mut self.connect()?, query)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        thaw(&self.frozen);
    }
}

#[derive(QueryableByName)]
struct Told {
    #[diesel(sql_type = Text)]
    value: String,
}

/// The text `value` of a query's first row.
pub fn told(conn: &mut PgConnection, query: &str) -> Result<String> {
    let row: Told = sql_query(query).get_result(conn)?;
    Ok(row.value)
}

/// A connection of an administrator, which is not waited for long.
pub fn connect(address: SocketAddr, database: &str) -> Result<PgConnection> {
    Ok(PgConnection::establish(&format!("postgres://postgres@{address}/{database}?connect_timeout=2"))?)
}

/// The URL of the service's database on the one of these servers that takes writes.
pub fn url(nodes: &[SocketAddr]) -> String {
    let hosts: Vec<_> = nodes.iter().map(ToString::to_string).collect();
    let which = if nodes.len() > 1 { "?target_session_attrs=read-write" } else { "" };
    format!("postgres://app@{}/kennel{which}", hosts.join(","))
}

/// A program of PostgreSQL's.
pub fn bin(name: &str) -> Result<PathBuf> {
    Ok(programs().ok_or("PostgreSQL's initdb and postgres are not installed")?.join(Path::new(name)))
}
