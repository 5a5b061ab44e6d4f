//! A PgBouncer of a test's own before the throw-away PostgreSQL: it lends its few sessions for one transaction at a
//! time, each time another one. Where it is not installed, what is told of it is left out, loudly.

use std::env;
use std::fs;
use std::os::unix::fs::chown;
use std::path::PathBuf;
use std::process::Child;
use std::sync::LazyLock;

use super::postgres::{account_for, cluster, free_port, keep, url};
use super::{Database, Engine};

/// How many sessions there are, for as many clients as like to come.
pub const SESSIONS: usize = 3;

static PROGRAM: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    let path = env::var_os("PATH").unwrap_or_default();
    let directories = env::split_paths(&path).chain(["/usr/sbin".into()]);
    directories.map(|directory| directory.join("pgbouncer")).find(|program| program.is_file())
});

pub struct PgBouncer {
    port: u16,
    database: String,
    keeper: Child,
}

pub fn is_installed() -> bool {
    PROGRAM.is_some()
}

impl PgBouncer {
    /// With this line among its settings. None where there is nothing to put it before, or no program.
    pub fn before(database: &Database, setting: &str) -> Option<Self> {
        let program = PROGRAM.as_ref().filter(|_| database.engine == Engine::Postgres)?;
        let start = || -> Result<Self, String> {
            let home = tempfile::Builder::new().prefix("kennel-pgbouncer-").tempdir().map_err(|e| e.to_string())?;
            let account = account_for(&home)?;
            let port = free_port()?;
            let file = home.path().join("pgbouncer.ini");
            fs::write(&file, settings(port, setting)).map_err(|error| error.to_string())?;
            if let Some((user, group)) = account {
                chown(home.path(), Some(user), Some(group)).map_err(|error| error.to_string())?;
            }
            // It has nothing to save, and what it makes of gentler signals differs from version to version.
            let keeper = keep(program, home.path(), &[file.display().to_string()], account, ["KILL", "process up"])?;
            let _removed_by_the_keeper = home.keep();
            Ok(Self { port, database: database.own_part_of_the_url(), keeper })
        };
        // A second time, because somebody may take the port between our looking and its listening.
        let started = start().or_else(|_| start());
        Some(started.unwrap_or_else(|why| panic!("PgBouncer is installed but does not start: {why}")))
    }

    /// What `DATABASE_URL` is to say.
    pub fn url(&self) -> String {
        url(self.port, &self.database)
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        if let Err(error) = self.keeper.wait() {
            eprintln!("a PgBouncer of the tests did not stop: {error}");
        }
    }
}

fn settings(port: u16, setting: &str) -> String {
    let server = cluster().port();
    format!(
        "[databases]\n* = host=127.0.0.1 port={server} user=kennel\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
         listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\n\
         default_pool_size = {SESSIONS}\nmin_pool_size = {SESSIONS}\nserver_round_robin = 1\n{setting}\n"
    )
}
