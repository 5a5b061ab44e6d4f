//! The real server, in this process, on a port of its own, over a fresh database; stopped when the test ends.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use actix_web::rt::System;
use actix_web::web::ServiceConfig;
use kennel::config::Config;
use kennel::server::{Server, StopHandle};

use super::client::{Client, PATIENCE};
use super::sentence::{Scene, Told};
use super::{Database, Engine};

/// A good secret, known to the tests so that they can forge tokens.
pub const SECRET: &str = "q3Zt0PfWmJx8y7Vd2nKcLr5GhUeB1sAoT6iYwXvN9Qk";

pub struct App {
    client: Client,
    pub database: Database,
    /// Where its metrics are, if it has any.
    pub metrics: Option<SocketAddr>,
    stop: StopHandle,
    thread: Option<JoinHandle<Result<(), String>>>,
}

impl Deref for App {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Scene for App {
    const TOLD: Told = Told::OnEachDatabase;

    fn set(engine: Engine) -> Self {
        Self::on(Database::fresh(engine))
    }
}

impl App {
    pub fn on(database: Database) -> Self {
        Self::with(database, &[])
    }

    /// With settings that differ from the tests' usual ones.
    pub fn with(database: Database, settings: &[(&str, &str)]) -> Self {
        Self::with_routes(database, settings, |_| {})
    }

    /// With such settings, and routes that only a test has.
    pub fn with_routes(database: Database, settings: &[(&str, &str)], more: fn(&mut ServiceConfig)) -> Self {
        Self::try_start(database, settings, more).unwrap_or_else(|error| panic!("the server does not start: {error}"))
    }

    /// As [`App::with`]; the error is what the server says when it does not start.
    pub fn try_with(database: Database, settings: &[(&str, &str)]) -> Result<Self, String> {
        Self::try_start(database, settings, |_| {})
    }

    fn try_start(database: Database, settings: &[(&str, &str)], more: fn(&mut ServiceConfig)) -> Result<Self, String> {
        let config = config(&database, settings)?;
        let (tell, told) = mpsc::channel();
        let thread = thread::spawn(move || {
            System::new().block_on(async move {
                let server = match Server::start_with_routes(config, more).await {
                    Ok(server) => server,
                    Err(error) => {
                        tell.send(Err(error.to_string())).expect("the test waits for the start");
                        return Ok(());
                    }
                };
                tell.send(Ok((server.addr(), server.metrics_addr(), server.stop_handle())))
                    .expect("the test waits for the start");
                server.wait().await.map_err(|error| error.to_string())
            })
        });
        let (address, metrics, stop) = told.recv_timeout(PATIENCE).map_err(|error| error.to_string())??;
        Ok(Self { client: Client::new(address, database.engine), database, metrics, stop, thread: Some(thread) })
    }

    /// Begins a graceful stop; [`App::stopped`] waits for its end.
    pub fn begin_stop(&self) {
        self.stop.stop();
    }

    /// Stops gracefully and says how the server ended.
    pub fn stopped(mut self) -> Result<(), String> {
        self.end()
    }

    fn end(&mut self) -> Result<(), String> {
        self.client.hang_up();
        self.stop.stop();
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) => Err("the server's thread panicked".to_owned()),
            None => Ok(()),
        }
    }
}

impl Drop for App {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            eprintln!("a server of the tests ended badly: {error}");
        }
    }
}

/// The settings of a test's server: never the environment's. Everybody comes from one address and is in a hurry, so
/// nothing is counted unless a sentence is about that.
pub fn settings(database: &Database) -> HashMap<String, String> {
    let outbox = format!("file:{}", database.directory().join("outbox").display());
    let usual = [
        ("DATABASE_URL", database.url().as_str()),
        ("DATABASE_POOL_SIZE", "4"),
        ("HOST", "127.0.0.1"),
        ("PORT", "0"),
        ("WORKERS", "2"),
        ("JWT_SECRET", SECRET),
        ("LOGIN_RATE", "off"),
        ("SIGNUP_RATE", "off"),
        ("USER_RATE", "off"),
        ("IP_RATE", "off"),
        ("MAIL_URL", outbox.as_str()),
        ("LOG", "off"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    HashMap::from(usual)
}

fn config(database: &Database, differing: &[(&str, &str)]) -> Result<Config, String> {
    let mut settings = settings(database);
    settings.extend(differing.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    Config::from_lookup(|name| settings.get(name).cloned()).map_err(|error| error.to_string())
}
