//! Where a test's mails arrive, and a server that mails there. Whoever waits for a mail blocks until it comes.

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::mpsc::Receiver;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde_json::{Value, json};

use super::client::PATIENCE;
use super::clock::now;
use super::letter::{Letter, Purpose, Sealed};
use super::sentence::{Scene, Told};
use super::unwell::{Mood, Unwell};
use super::{App, Database, Engine, smtp};

pub struct Postbox {
    pub address: SocketAddr,
    inside: Mutex<Inside>,
}

struct Inside {
    arriving: Arriving,
    /// What came while another mail was waited for.
    unread: Vec<Letter>,
    /// How many have come.
    came: i64,
}

/// From whom mails come.
enum Arriving {
    Real(Receiver<Option<Sealed>>),
    StandIn { letters: Receiver<Sealed>, _server: Unwell },
}

impl Postbox {
    pub fn open() -> Self {
        Self::open_at(smtp::free_address())
    }

    pub fn open_at(address: SocketAddr) -> Self {
        if smtp::is_installed() {
            return Self::choosy(address, json!({}));
        }
        let (server, letters) = Unwell::listen(address, Mood::Well);
        Self::of(server.address, Arriving::StandIn { letters, _server: server })
    }

    /// At a real server that wants a login, or TLS.
    pub fn choosy(address: SocketAddr, wish: Value) -> Self {
        Self::of(address, Arriving::Real(smtp::open(address, wish)))
    }

    fn of(address: SocketAddr, arriving: Arriving) -> Self {
        Self { address, inside: Mutex::new(Inside { arriving, unread: Vec::new(), came: 0 }) }
    }

    /// What `MAIL_URL` is to say.
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// The token that confirms this address.
    #[track_caller]
    pub fn verification(&self, address: &str) -> String {
        self.next(address, Purpose::Verify).token().to_owned()
    }

    /// The token with which this address calls off that another takes its place.
    #[track_caller]
    pub fn cancellation(&self, address: &str) -> String {
        self.next(address, Purpose::Cancel).token().to_owned()
    }

    /// The token that resets a password, sent to this address.
    #[track_caller]
    pub fn reset(&self, address: &str) -> String {
        self.next(address, Purpose::Reset).token().to_owned()
    }

    /// The next mail to this address for this purpose.
    #[track_caller]
    pub fn next(&self, address: &str, purpose: Purpose) -> Letter {
        self.find(|letter| letter.is_to(address) && letter.purpose() == purpose)
            .unwrap_or_else(|others| panic!("no {purpose:?} for {address}, but {} others: {others:?}", others.len()))
    }

    /// Waits for a mail; if none that fits comes, gives the others.
    fn find(&self, fits: impl Fn(&Letter) -> bool) -> Result<Letter, Vec<Letter>> {
        let mut inside = self.lock();
        if let Some(place) = inside.unread.iter().position(&fits) {
            return Ok(inside.unread.remove(place));
        }
        let began = Instant::now();
        while let Some(letter) = inside.wait(began) {
            if fits(&letter) {
                return Ok(letter);
            }
            inside.unread.push(letter);
        }
        Err(inside.unread.clone())
    }

    /// All that was not asked for, when at least so many have come since the beginning.
    pub fn rest(&self, sent: i64) -> Vec<Letter> {
        let mut inside = self.lock();
        let began = Instant::now();
        while inside.came < sent {
            let letter = inside.wait(began).unwrap_or_else(|| panic!("{} of {sent} mails came", inside.came));
            inside.unread.push(letter);
        }
        while let Some(letter) = inside.look() {
            inside.unread.push(letter);
        }
        std::mem::take(&mut inside.unread)
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    /// The next mail, if one comes in time.
    fn wait(&mut self, began: Instant) -> Option<Letter> {
        let left = PATIENCE.saturating_sub(began.elapsed());
        let sealed = match &self.arriving {
            Arriving::Real(letters) => letters.recv_timeout(left).ok().flatten(),
            Arriving::StandIn { letters, .. } => letters.recv_timeout(left).ok(),
        };
        self.came += i64::from(sealed.is_some());
        sealed.map(Letter::open)
    }

    /// The next mail, if one has come.
    fn look(&mut self) -> Option<Letter> {
        let sealed = match &self.arriving {
            Arriving::Real(letters) => letters.try_recv().ok().flatten(),
            Arriving::StandIn { letters, .. } => letters.try_recv().ok(),
        };
        self.came += i64::from(sealed.is_some());
        sealed.map(Letter::open)
    }
}

/// Waits until there are no such mails (`mails WHERE …`).
pub fn until_no(mails: &str, database: &Database) {
    let began = Instant::now();
    while database.count(mails) > 0 {
        assert!(began.elapsed() < PATIENCE, "there are {mails}: {:?}", database.rows_of("mails"));
    }
}

/// Waits until a mail was tried to be sent, and was not.
pub fn until_tried(database: &Database) {
    let began = Instant::now();
    let tried = format!("mails WHERE sent_at IS NULL AND attempts > 0 AND {}", is_nobodys(database));
    while database.count(&tried) == 0 {
        assert!(began.elapsed() < PATIENCE, "none was tried: {:?}", database.rows_of("mails"));
    }
}

/// The condition that a mail is on its way with nobody: whoever sends it has it for a minute, and is done with it in a
/// third of that; one that has failed a few times is due sooner.
pub fn is_nobodys(database: &Database) -> String {
    let soon = now() + 30.0;
    match database.engine {
        Engine::Sqlite => format!("next_attempt_at < {soon} * 1000000"),
        Engine::Postgres => format!("next_attempt_at < to_timestamp({soon})"),
    }
}

/// Waits until the server has dealt with every mail that is due, and gives how many it has sent.
pub fn settle(database: &Database) -> i64 {
    until_no("mails WHERE sent_at IS NULL", database);
    database.count("mails WHERE sent_at IS NOT NULL")
}

/// A server that mails to a postbox.
pub struct Posted {
    pub app: App,
    pub post: Postbox,
}

impl Deref for Posted {
    type Target = App;

    fn deref(&self) -> &App {
        &self.app
    }
}

impl Scene for Posted {
    const TOLD: Told = Told::OnEachDatabase;

    fn set(engine: Engine) -> Self {
        Self::with(engine, &[])
    }
}

impl Posted {
    pub fn with(engine: Engine, settings: &[(&str, &str)]) -> Self {
        let post = Postbox::open();
        let url = post.url();
        let settings = [&[("MAIL_URL", url.as_str())], settings].concat();
        Self { app: App::with(Database::fresh(engine), &settings), post }
    }

    /// All mails that were sent and that nobody has asked for, once nothing is left to send.
    pub fn rest(&self) -> Vec<Letter> {
        self.post.rest(settle(&self.database))
    }
}
