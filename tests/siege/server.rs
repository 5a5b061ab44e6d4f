//! The program in a process of its own, on an address of its own that it keeps when it is started again.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::caller::{Caller, Reply};
use super::client::{Result, request};
use super::settings::{SECRET, UNLIMITED};

/// A start takes less than this, or it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that is not started yet; started twice, it is two processes that want one address.
#[derive(Clone)]
pub struct Plan {
    pub address: SocketAddr,
    home: PathBuf,
    settings: BTreeMap<String, String>,
    /// A command that runs the program.
    under: Vec<String>,
}

impl Plan {
    /// On the database with this URL, in this folder, where its log goes, too.
    pub fn on(url: &str, home: &Path) -> Result<Self> {
        let address = free_address()?;
        let (ip, port) = (address.ip().to_string(), address.port().to_string());
        let own = [("DATABASE_URL", url), ("HOST", &ip), ("PORT", &port), ("LOG", "info")];
        // With SQLite the server makes a key of its own, which has to survive, too.
        let secret = url.starts_with("postgres").then_some(&("JWT_SECRET", SECRET));
        let settings =
            UNLIMITED.iter().chain(&own).chain(secret).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Ok(Self { address, home: home.to_owned(), settings: settings.collect(), under: Vec::new() })
    }

    /// The same as another instance: on an address of its own.
    pub fn another(&self) -> Result<Self> {
        let address = free_address()?;
        let plan = Self { address, ..self.clone() };
        Ok(plan.set("HOST", &address.ip().to_string()).set("PORT", &address.port().to_string()))
    }

    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Run by another program: `["prlimit", "--nofile=256"]`.
    pub fn under(mut self, words: &[&str]) -> Self {
        self.under = words.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// The file of the log, in which those of earlier starts stay.
    fn log(&self) -> PathBuf {
        self.home.join(format!("log-{}", self.address.ip()))
    }

    /// What is run, with its output going to the log.
    pub fn command(&self) -> Result<Command> {
        let log = File::options().create(true).append(true).open(self.log())?;
        let program = env!("CARGO_BIN_EXE_kennel").to_owned();
        let words: Vec<_> = self.under.iter().chain([&program]).collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).current_dir(&self.home).env_clear().envs(&self.settings);
        command.envs(std::env::var_os("PATH").map(|value| ("PATH", value)));
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        Ok(command)
    }

    /// Starts it and waits for nothing.
    pub fn spawn(&self) -> Result<Server> {
        self.spawn_as(self.command()?)
    }

    /// The same of a command that was changed.
    pub fn spawn_as(&self, mut command: Command) -> Result<Server> {
        Ok(Server { child: command.spawn()?, address: self.address, log: self.log() })
    }

    /// Starts it and waits until it is ready.
    pub fn start(&self) -> Result<Server> {
        let mut server = self.spawn()?;
        server.wait_until_ready()?;
        Ok(server)
    }
}

/// A process that serves; killed when it is dropped.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    log: PathBuf,
}

impl Server {
    /// A command that runs the program has made way for it.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `/health/ready` is 200; how long that took.
    pub fn wait_until_ready(&mut self) -> Result<Duration> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("the server ended with {status}: {}", self.log()).into());
            }
            if self.probe("/health/ready") == Reply::Status(200) {
                return Ok(began.elapsed());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Err(format!("the server does not become ready: {}", self.log()).into())
    }

    /// What a request without a login is answered, on a connection of its own.
    pub fn probe(&self, path: &str) -> Reply {
        Caller::new(&[self.address], Duration::from_secs(10)).ask(&request("GET", path, None, None)).0
    }

    /// Sends the signal of this name (`TERM`, `STOP`).
    pub fn signal(&self, name: &str) -> Result<()> {
        signal(self.pid(), name)
    }

    /// Ends it at once.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Waits for its end, and says how it ended and after what time. It is an error if it outlives the limit.
    pub fn end_within(&mut self, limit: Duration) -> Result<(ExitStatus, Duration)> {
        let began = Instant::now();
        while began.elapsed() < limit {
            if let Some(status) = self.child.try_wait()? {
                return Ok((status, began.elapsed()));
            }
            thread::sleep(Duration::from_millis(2));
        }
        Err(format!("the server is alive after {limit:?}").into())
    }

    /// Asks it to stop, and waits for its end, which must be a good one.
    pub fn stop(mut self) -> Result<Duration> {
        self.signal("TERM")?;
        let (status, took) = self.end_within(PATIENCE)?;
        if status.success() { Ok(took) } else { Err(format!("the server ended with {status}: {}", self.log()).into()) }
    }

    /// All that was said so far at this address.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _it_may_have_ended = self.child.kill();
        let _nobody_asks = self.child.wait();
    }
}

/// Sends a signal to a process that the siege started.
pub fn signal(pid: u32, name: &str) -> Result<()> {
    let told = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).output()?;
    if told.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&told.stderr).into_owned().into()) }
}

/// An address of 127/8 that nobody else calls from or listens on, so that it stays free between two starts.
pub fn free_address() -> Result<SocketAddr> {
    let ip = Ipv4Addr::new(127, fastrand::u8(10..), fastrand::u8(..), fastrand::u8(1..255));
    Ok(TcpListener::bind((ip, 0))?.local_addr()?)
}
