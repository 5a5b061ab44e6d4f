//! Real mail servers (aiosmtpd, see `smtp.py`): one process for the whole run, which listens on an address of its own
//! for each test and ends with us. Where it is not installed, `unwell.rs` stands in, and what only a real one can
//! tell is left out, loudly.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::thread;

use serde_json::Value;

use super::client::PATIENCE;
use super::letter::{Envelope, Sealed};

/// A Python that has aiosmtpd.
static PYTHON: LazyLock<Option<&str>> = LazyLock::new(|| {
    let has_it = |python: &&str| {
        let mut command = Command::new(python);
        command.args(["-c", "import aiosmtpd.smtp"]).stdin(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    ["python3", "/usr/bin/python3"].into_iter().find(has_it)
});
static OFFICE: LazyLock<Office> = LazyLock::new(Office::open);

/// Who waits for what arrives at an address: first that it is open, then mails.
type Waiting = Arc<Mutex<HashMap<String, Sender<Option<Sealed>>>>>;

/// The process, and what it is told.
struct Office {
    wishes: Mutex<ChildStdin>,
    waiting: Waiting,
    /// It ends when its input does.
    _process: Child,
}

pub fn is_installed() -> bool {
    PYTHON.is_some()
}

/// An address that nobody listens on, and nobody else will.
pub fn free_address() -> SocketAddr {
    static TAKEN: AtomicU16 = AtomicU16::new(1);
    let [high, low] = TAKEN.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    let listener = TcpListener::bind((Ipv4Addr::new(127, 2, high, low), 0)).expect("an address of this machine");
    listener.local_addr().expect("it listens")
}

/// Opens a mail server as `smtp.py` understands the wish; whatever it takes can be received.
pub fn open(address: SocketAddr, mut wish: Value) -> Receiver<Option<Sealed>> {
    wish["address"] = address.to_string().into();
    OFFICE.listen(address, &wish)
}

impl Office {
    fn open() -> Self {
        let mut command = Command::new(PYTHON.expect("aiosmtpd is installed"));
        command.args(["-c", include_str!("smtp.py")]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("Python starts");
        let (wishes, told) = (process.stdin.take().expect("ours"), process.stdout.take().expect("ours"));
        let waiting = Waiting::default();
        let there = Arc::clone(&waiting);
        let _it_ends_with_the_process = thread::spawn(move || deliver(told, &there));
        Self { wishes: Mutex::new(wishes), waiting, _process: process }
    }

    fn listen(&self, address: SocketAddr, wish: &Value) -> Receiver<Option<Sealed>> {
        let (sender, arriving) = mpsc::channel();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let _nobody_waited_before = waiting.insert(address.to_string(), sender);
        drop(waiting);
        let mut wishes = self.wishes.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(wishes, "{wish}").expect("the mail servers' process runs");
        drop(wishes);
        let opened = arriving.recv_timeout(PATIENCE).expect("the mail server opens");
        assert!(opened.is_none(), "nothing arrives before");
        arriving
    }
}

/// Hands what the process says to whoever waits for it.
fn deliver(told: ChildStdout, waiting: &Waiting) {
    for line in BufReader::new(told).lines().map_while(Result::ok) {
        let Ok(said) = serde_json::from_str::<Value>(&line) else { continue };
        let text = |name: &str| said[name].as_str().unwrap_or_default().to_owned();
        let (at, what) = match said["opened"].as_str() {
            Some(address) => (address.to_owned(), None),
            None => (text("at"), Some(Sealed { envelope: envelope(&said), text: text("text") })),
        };
        let waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = waiting.get(&at) {
            let _the_test_may_be_over = sender.send(what);
        }
    }
}

fn envelope(said: &Value) -> Envelope {
    let recipients = said["recipients"].as_array().into_iter().flatten();
    Envelope {
        sender: said["sender"].as_str().unwrap_or_default().to_owned(),
        recipients: recipients.filter_map(|one| one.as_str().map(str::to_owned)).collect(),
        encrypted: said["encrypted"] == true,
        greeting: String::new(),
        user: said["user"].as_str().map(str::to_owned),
    }
}
