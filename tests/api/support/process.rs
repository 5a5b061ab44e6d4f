//! The program as people run it: a process of its own, with nothing in its environment but what the test says.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Deref;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::app::settings;
use super::client::{Client, PATIENCE};
use super::{Database, Engine};

/// The pause before something is looked at again.
const PAUSE: Duration = Duration::from_millis(20);
/// The bytes that a pipe holds (pipe(7)).
const PIPE: usize = 64 * 1024;

/// How a process ended, and what it said.
#[derive(Debug)]
pub struct Ended {
    /// None if a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// The program, not started yet.
pub struct Program {
    engine: Engine,
    command: Command,
}

impl Program {
    /// Set up as the tests' servers are, in the database's own directory.
    pub fn on(database: &Database) -> Self {
        Self::with(database, settings(database))
    }

    /// With these settings and no others.
    pub fn with(database: &Database, settings: HashMap<String, String>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kennel"));
        command.env_clear().envs(settings).current_dir(database.directory());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { engine: database.engine, command }
    }

    pub fn set(self, name: &str, value: &str) -> Self {
        self.set_bytes(name, OsStr::new(value))
    }

    /// A value that may be no text.
    pub fn set_bytes(mut self, name: &str, value: &OsStr) -> Self {
        self.command.env(name, value);
        self
    }

    /// With a soft limit, which the program may raise, as the shell's `ulimit` takes it: `-n 256`.
    pub fn with_limit(mut self, limit: &str) -> Self {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &format!("ulimit -S {limit} && exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_kennel")]);
        command.args(self.command.get_args());
        let set = self.command.get_envs().filter_map(|(name, value)| Some((name, value?)));
        command.env_clear().envs(set).current_dir(self.command.get_current_dir().expect("the database's"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        self.command = command;
        self
    }

    pub fn unset(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub fn args(mut self, args: &[&str]) -> Self {
        self.command.args(args);
        self
    }

    /// This is what it reads on standard input.
    pub fn told(mut self, text: &str) -> Self {
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        writer.write_all(text.as_bytes()).expect("a pipe holds a few lines");
        self.command.stdin(reader);
        self
    }

    /// Its log goes to a pipe that nobody reads.
    pub fn log_to_a_broken_pipe(mut self) -> Self {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        self.command.stderr(writer);
        self
    }

    /// Its log goes to this pipe.
    pub fn log_to(mut self, writer: PipeWriter) -> Self {
        self.command.stderr(writer);
        self
    }

    /// Both of its streams go to pipes that are full, and stay so as long as the readers live.
    pub fn with_full_pipes(mut self) -> (Self, [PipeReader; 2]) {
        let full = || {
            let (reader, mut writer) = std::io::pipe().expect("a pipe");
            writer.write_all(&b"\n".repeat(PIPE)).expect("a pipe holds so much");
            (reader, writer)
        };
        let ((stdout, out), (stderr, err)) = (full(), full());
        self.command.stdout(out).stderr(err);
        (self, [stdout, stderr])
    }

    /// Runs it to its end.
    pub fn run(self) -> Ended {
        self.spawn().process.end()
    }

    /// Starts it without waiting for anything.
    pub fn spawn(mut self) -> Starting {
        let child = self.command.spawn().expect("the program starts");
        let (process, addresses) = Process::watch(child);
        Starting { engine: self.engine, process, addresses }
    }

    /// Starts it as a server and waits until it says where it listens.
    pub fn serve(self) -> Running {
        self.spawn().wait_until_it_listens()
    }
}

/// A server that may not listen yet.
pub struct Starting {
    engine: Engine,
    process: Process,
    addresses: Receiver<(String, SocketAddr)>,
}

impl Starting {
    pub fn wait_until_it_listens(self) -> Running {
        let Ok((line, address)) = self.addresses.recv_timeout(PATIENCE) else {
            panic!("the server does not say where it listens: {:?}", self.process.kill());
        };
        Running { client: Client::new(address, self.engine), line, process: Some(self.process) }
    }

    /// Waits until it listens at this address, whether or not it can say so.
    pub fn wait_until_it_listens_at(self, address: SocketAddr) -> Running {
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < end, "the server does not listen: {:?}", self.process.kill());
            thread::sleep(PAUSE);
        }
        Running { client: Client::new(address, self.engine), line: String::new(), process: Some(self.process) }
    }

    /// Sends it the signal of this name, and waits for its end.
    pub fn stop(self, signal: &str) -> Ended {
        self.signal(signal);
        self.ended()
    }

    /// Sends it the signal of this name, and waits for nothing.
    pub fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// Waits for its end.
    pub fn ended(self) -> Ended {
        self.process.end()
    }
}

/// A server in a process of its own; killed when the test ends, if it still runs.
pub struct Running {
    client: Client,
    /// The line that says where it listens.
    pub line: String,
    process: Option<Process>,
}

impl Deref for Running {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Running {
    /// Asks it to stop, with the signal of this name (`TERM`, `INT`), and waits for its end.
    pub fn stop(self, signal: &str) -> Ended {
        self.client.hang_up();
        self.signal(signal);
        self.ended()
    }

    /// Waits for its end, which something else has brought about.
    pub fn ended(mut self) -> Ended {
        self.process.take().expect("it runs").end()
    }
}

impl Running {
    /// Sends it the signal of this name, and waits for nothing.
    pub fn signal(&self, name: &str) {
        self.process.as_ref().expect("it runs").signal(name);
    }

    /// Ends it as a power cut would, while others still talk to it.
    pub fn kill(&self) {
        self.signal("KILL");
    }

    /// Limits the size of the files that it writes, in bytes; or no longer (`unlimited`).
    pub fn limit_files(&self, bytes: &str) {
        let id = self.process.as_ref().expect("it runs").child.id();
        let status = Command::new("prlimit").args([format!("--pid={id}"), format!("--fsize={bytes}:")]).status();
        assert!(status.is_ok_and(|status| status.success()), "prlimit fails");
    }

    /// How many sockets it has open.
    pub fn sockets(&self) -> usize {
        let id = self.process.as_ref().expect("it runs").child.id();
        let files = fs::read_dir(format!("/proc/{id}/fd")).expect("Linux tells").flatten();
        files
            .filter(|file| fs::read_link(file.path()).is_ok_and(|to| to.to_string_lossy().starts_with("socket:")))
            .count()
    }

    /// The soft and the hard limit of this name that the system sets it.
    pub fn limit(&self, name: &str) -> Vec<String> {
        let id = self.process.as_ref().expect("it runs").child.id();
        let limits = fs::read_to_string(format!("/proc/{id}/limits")).expect("Linux tells");
        let line = limits.lines().find_map(|line| line.strip_prefix(name)).expect("a limit of this name");
        line.split_whitespace().take(2).map(str::to_owned).collect()
    }

    /// The most memory that it has had so far, in MiB.
    pub fn peak_memory(&self) -> u64 {
        let id = self.process.as_ref().expect("it runs").child.id();
        let status = fs::read_to_string(format!("/proc/{id}/status")).expect("Linux tells");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        peak.and_then(|kilobytes| kilobytes.parse::<u64>().ok()).expect("a number of kilobytes") / 1024
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill();
        }
    }
}

/// A process and the threads that read what it says, so that it never waits for a reader.
struct Process {
    child: Child,
    stdout: JoinHandle<String>,
    stderr: JoinHandle<String>,
}

impl Process {
    /// Begins to read. Lines with an address in them are told as they come.
    fn watch(mut child: Child) -> (Self, Receiver<(String, SocketAddr)>) {
        let (tell, told) = mpsc::channel();
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let stdout = thread::spawn(move || stdout.map(|stdout| read_lines(stdout, Some(&tell))).unwrap_or_default());
        let stderr = thread::spawn(move || stderr.map(|stderr| read_lines(stderr, None)).unwrap_or_default());
        (Self { child, stdout, stderr }, told)
    }

    fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        let status = Command::new("sh").args(["-c", &kill]).status();
        assert!(status.is_ok_and(|status| status.success()), "{kill} fails");
    }

    fn kill(mut self) -> Ended {
        let _it_may_have_ended = self.child.kill();
        self.end()
    }

    /// Waits for the end; a process that does not come to it is killed and fails the test.
    fn end(mut self) -> Ended {
        let (tell, told) = mpsc::channel();
        let (stdout, stderr) = (self.stdout, self.stderr);
        let said = thread::spawn(move || {
            let said = (stdout.join().unwrap_or_default(), stderr.join().unwrap_or_default());
            let _nobody_waits_any_more = tell.send(());
            said
        });
        let in_time = told.recv_timeout(PATIENCE).is_ok();
        if !in_time {
            let _it_may_have_ended = self.child.kill();
        }
        let code = self.child.wait().ok().and_then(|status| status.code());
        let (stdout, stderr) = said.join().unwrap_or_default();
        let ended = Ended { code, stdout, stderr };
        assert!(in_time, "the program does not end: {ended:?}");
        ended
    }
}

fn read_lines(stream: impl Read, tell: Option<&Sender<(String, SocketAddr)>>) -> String {
    let mut all = String::new();
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        if let (Some(tell), Some(address)) = (tell, address_in(&line)) {
            let _nobody_waits_any_more = tell.send((line.clone(), address));
        }
        all.push_str(&line);
        all.push('\n');
    }
    all
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("http://")?;
    let rest = rest.replacen("localhost", "127.0.0.1", 1);
    let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':')).unwrap_or(rest.len());
    rest[..end].parse().ok()
}
