//! The load: writers, each with an account and rows of its own, and readers. They go on whatever becomes of the
//! service, and note what each request came to.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::availability::{Asked, Asks};
use super::caller::{Caller, Reply};
use super::client::{Answer, Connection, Result, request, request_with};
use super::history::{Act, History, Operation, Outcome};
use super::routes;

/// Who waits longer for an answer has given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sooner than anybody who has begun with a job gives it up.
const AT_ONCE: Duration = Duration::from_secs(1);

/// A user of the service.
#[derive(Clone)]
pub struct Account {
    pub name: String,
    pub token: String,
}

/// Signs up so many users.
pub fn accounts(address: SocketAddr, count: usize) -> Result<Vec<Account>> {
    let mut server = Connection::open(address)?;
    let mut sign_up = |number| {
        let name = format!("writer{number}");
        Ok(Account { token: routes::sign_up(&mut server, &name)?, name })
    };
    (0..count).map(&mut sign_up).collect()
}

/// Who loads what.
#[derive(Clone)]
pub struct Load {
    /// Instances of the service; who finds one gone goes to the next.
    pub addresses: Vec<SocketAddr>,
    /// Whose rows are written and read.
    pub accounts: Vec<Account>,
    /// As many as accounts, or fewer.
    pub writers: usize,
    pub readers: usize,
    /// How long everybody rests between two requests.
    pub rest: Duration,
    /// Part of the rows' names, so that each round of a row has its own.
    pub label: String,
}

/// What was seen of a load.
#[derive(Default)]
pub struct Seen {
    pub history: History,
    pub writes: Asks,
    pub reads: Asks,
}

impl Seen {
    pub fn add(&mut self, other: Self) {
        self.history.0.extend(other.history.0);
        self.writes.0.extend(other.writes.0);
        self.reads.0.extend(other.reads.0);
    }

    /// The requests that were made from then on.
    pub fn since(&self, then: Instant) -> Self {
        let now = Instant::now();
        let (writes, reads) = (self.writes.between(then, now), self.reads.between(then, now));
        Self { history: History::default(), writes, reads }
    }

    /// Leaves out what came to nothing good from then on.
    pub fn forget_failures_since(&mut self, then: Instant) {
        for asks in [&mut self.writes, &mut self.reads] {
            asks.0.retain(|asked| asked.at < then || asked.reply.is_good());
        }
    }
}

/// A load that is under way.
#[derive(Default)]
pub struct Underway {
    acknowledged: AtomicUsize,
    refused: AtomicUsize,
    is_over: AtomicBool,
    seen: Mutex<Seen>,
}

impl Underway {
    /// Blocks until so many more writes are acknowledged. It is an error if that takes a minute.
    pub fn until_written(&self, count: usize) -> Result<()> {
        self.until_more(&self.acknowledged, count, "nobody can write")
    }

    /// The same of writes that come to nothing good.
    pub fn until_refused(&self, count: usize) -> Result<()> {
        self.until_more(&self.refused, count, "every write is done")
    }

    /// How many operations there were so far.
    pub fn operations(&self) -> usize {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).history.0.len()
    }

    fn until_more(&self, of: &AtomicUsize, count: usize, otherwise: &str) -> Result<()> {
        let (began, before) = (Instant::now(), of.load(Ordering::Relaxed));
        while of.load(Ordering::Relaxed) < before + count {
            if began.elapsed() > Duration::from_secs(60) {
                let kinds = self.seen.lock().unwrap_or_else(PoisonError::into_inner).writes.kinds();
                return Err(format!("{otherwise}: {kinds}").into());
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    fn note(&self, note: impl FnOnce(&mut Seen)) {
        note(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Load {
    /// Eight writers and two readers that hardly rest.
    pub fn on(addresses: &[SocketAddr], accounts: &[Account]) -> Self {
        Self {
            addresses: addresses.to_owned(),
            accounts: accounts.to_owned(),
            writers: accounts.len(),
            readers: 2,
            rest: Duration::from_millis(2),
            label: String::new(),
        }
    }

    /// The same for another round of a row.
    pub fn labelled(&self, label: &str) -> Self {
        Self { label: label.to_owned(), ..self.clone() }
    }

    /// The same without the writers.
    pub fn only_reading(self) -> Self {
        Self { writers: 0, ..self }
    }

    /// Loads the service while damage is done, until that returns.
    pub fn during<T>(&self, damage: impl FnOnce(&Underway) -> Result<T>) -> Result<(Seen, T)> {
        let underway = Underway::default();
        let done = thread::scope(|scope| {
            for number in 0..self.writers {
                let underway = &underway;
                scope.spawn(move || self.write(number, underway));
            }
            for number in 0..self.readers {
                let underway = &underway;
                scope.spawn(move || self.read(number, underway));
            }
            let done = damage(&underway);
            underway.is_over.store(true, Ordering::Relaxed);
            done
        })?;
        Ok((underway.seen.into_inner().unwrap_or_else(PoisonError::into_inner), done))
    }

    /// Makes rows, gives each two other names, and deletes every third.
    fn write(&self, number: usize, underway: &Underway) {
        let account = &self.accounts[number];
        let mut writer = Writer {
            caller: Caller::new(&self.addresses, PATIENCE).from(number),
            token: &account.token,
            rest: self.rest,
            underway,
        };
        for row in 0.. {
            if underway.is_over() {
                return;
            }
            writer.live_and_die(&format!("{}-{}{row}", account.name, self.label), row);
        }
    }

    fn read(&self, number: usize, underway: &Underway) {
        let mut caller = Caller::new(&self.addresses, PATIENCE).from(number);
        let token = self.accounts.get(number % self.accounts.len().max(1)).map(|account| account.token.as_str());
        let request = request("GET", "/dogowner/owners?limit=1", token, None);
        while !underway.is_over() {
            let at = Instant::now();
            let reply = caller.ask(&request).0;
            underway.note(|seen| seen.reads.0.push(Asked { at, took: at.elapsed(), reply }));
            thread::sleep(self.rest);
        }
    }

    /// The names of all rows of all writers.
    pub fn read_back(&self) -> Result<Vec<String>> {
        let mut caller = Caller::new(&self.addresses, PATIENCE);
        let mut names = Vec::new();
        for account in &self.accounts {
            let mut next = Some("/dogowner/owners?limit=200".to_owned());
            while let Some(path) = next {
                let (reply, answer) = caller.ask(&request("GET", &path, Some(&account.token), None));
                let answer = answer.filter(|_| reply.is_good()).ok_or_else(|| format!("GET {path}: {reply}"))?;
                let rows: Value = serde_json::from_slice(&answer.body)?;
                let rows = rows.as_array().ok_or("a list is a list")?;
                names.extend(rows.iter().filter_map(|row| Some(row["name"].as_str()?.to_owned())));
                let link = answer.header("Link").filter(|link| link.contains("rel=\"next\""));
                next = link.and_then(|link| link.split(['<', '>']).nth(1)).map(str::to_owned);
            }
        }
        Ok(names)
    }
}

struct Writer<'a> {
    caller: Caller,
    token: &'a str,
    rest: Duration,
    underway: &'a Underway,
}

impl Writer<'_> {
    /// The life of a row, up to the first operation of which nobody knows what became.
    fn live_and_die(&mut self, row: &str, number: usize) -> Option<()> {
        let (path, mut etag) = self.create(row, number.is_multiple_of(2))?;
        for version in 2..4 {
            let name = format!("{row}/{version}");
            let body = json!({ "name": name });
            let request = request_with("PATCH", &path, Some(self.token), &[("If-Match", &etag)], Some(&body));
            let answer = self.ask(row, Act::Rename(name), &request)?;
            answer.header("ETag")?.clone_into(&mut etag);
        }
        if number.is_multiple_of(3) {
            self.ask(row, Act::Delete, &request("DELETE", &path, Some(self.token), None))?;
        }
        Some(())
    }

    /// The path and the ETag of a new row. Under a key it is asked for again until it is known to be there.
    fn create(&mut self, row: &str, with_key: bool) -> Option<(String, String)> {
        let body = json!({ "name": row });
        let key = [("Idempotency-Key", row)];
        let (act, headers) = if with_key { (Act::CreateOnce, &key[..]) } else { (Act::Create, &[][..]) };
        let request = request_with("POST", "/dogowner/owners", Some(self.token), headers, Some(&body));
        loop {
            let answer = self.ask(row, act.clone(), &request);
            if let Some(answer) = answer {
                return Some((answer.header("Location")?.to_owned(), answer.header("ETag")?.to_owned()));
            }
            if !with_key || self.underway.is_over() {
                return None;
            }
        }
    }

    /// The answer, if the operation is done.
    fn ask(&mut self, row: &str, act: Act, request: &[u8]) -> Option<Answer> {
        thread::sleep(self.rest);
        let at = Instant::now();
        let (reply, answer) = self.caller.ask(request);
        let took = at.elapsed();
        let outcome = outcome(reply, answer.as_ref(), took);
        let count = if outcome == Outcome::Done { &self.underway.acknowledged } else { &self.underway.refused };
        count.fetch_add(1, Ordering::Relaxed);
        let operation = Operation { row: row.to_owned(), act, reply, outcome };
        self.underway.note(|seen| {
            seen.history.0.push(operation);
            seen.writes.0.push(Asked { at, took, reply });
        });
        answer.filter(|_| outcome == Outcome::Done)
    }
}

/// What is known of a write by its answer. A server that is overloaded and says so at once has not begun it; of another
/// 503 nobody knows.
fn outcome(reply: Reply, answer: Option<&Answer>, took: Duration) -> Outcome {
    let is_overload = |answer: &Answer| String::from_utf8_lossy(&answer.body).contains("/problems/overloaded");
    match reply {
        Reply::Status(200..=299) => Outcome::Done,
        // A proxy may have asked twice, and the first deletion was done.
        Reply::Status(404) => Outcome::Unknown,
        Reply::Refused | Reply::Status(400..=499) => Outcome::NotDone,
        Reply::Status(_) if took < AT_ONCE && answer.is_some_and(is_overload) => Outcome::NotDone,
        Reply::Status(_) | Reply::HungUp | Reply::TimedOut => Outcome::Unknown,
    }
}
