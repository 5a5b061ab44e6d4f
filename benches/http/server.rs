//! The server under load: the program as people run it, in a process of its own, on a port that was free.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use super::client::{Connection, Result, request};
use super::settings::{SECRET, UNLIMITED};

/// What the port, the log and the tokens are to be.
const SETTINGS: [(&str, &str); 3] = [("PORT", "0"), ("LOG", "warn"), ("JWT_SECRET", SECRET)];

/// How a server is started.
pub struct Plan<'a> {
    pub program: &'a Path,
    /// A command that runs the program, such as valgrind with its options.
    pub under: &'a [OsString],
    /// The folder it runs in.
    pub home: &'a Path,
    pub database: &'a str,
    /// What is set besides.
    pub settings: &'a [(&'a str, &'a str)],
}

/// A server that answers. It is killed when it is dropped, if it was not stopped.
pub struct Server {
    child: Child,
    /// Kept open, since the server goes on to speak.
    output: BufReader<ChildStdout>,
    pub address: SocketAddr,
    /// From its start to its first answer that it is ready.
    pub ready_after: Duration,
}

impl Server {
    pub fn start(plan: &Plan<'_>) -> Result<Self> {
        let words: Vec<_> = plan.under.iter().map(OsString::as_os_str).chain([plan.program.as_os_str()]).collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).current_dir(plan.home).env_clear().envs(UNLIMITED).envs(SETTINGS);
        command.envs(plan.settings.iter().copied()).env("DATABASE_URL", plan.database);
        for kept in ["PATH", "VALGRIND_LIB"] {
            command.envs(std::env::var_os(kept).map(|value| (kept, value)));
        }
        let began = Instant::now();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let output = BufReader::new(child.stdout.take().ok_or("its output is ours")?);
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        // From here on it is ended whatever happens.
        let mut server = Self { child, output, address: nowhere, ready_after: Duration::ZERO };
        server.address = address_told(&mut server.output)?;
        Connection::open(server.address)?.ask(&request("GET", "/health/ready", None, None), 200)?;
        server.ready_after = began.elapsed();
        Ok(server)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop, and waits for its end.
    pub fn stop(mut self) -> Result<()> {
        let told = Command::new("kill").args(["-TERM", &self.pid().to_string()]).status()?;
        let ended = self.child.wait()?;
        if told.success() && ended.success() { Ok(()) } else { Err(format!("the server ended with {ended}").into()) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After `stop` there is nothing to kill.
        let _it_may_have_ended = self.child.kill();
        let _nobody_asks = self.child.wait();
    }
}

/// The first address that it tells.
fn address_told(output: &mut impl BufRead) -> Result<SocketAddr> {
    let mut line = String::new();
    while output.read_line(&mut line)? > 0 {
        if let Some((_, rest)) = line.split_once("http://") {
            let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':')).unwrap_or(rest.len());
            return Ok(rest[..end].parse()?);
        }
        line.clear();
    }
    Err("the server ended before it listened".into())
}
