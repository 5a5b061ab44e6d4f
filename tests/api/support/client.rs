//! The way to a running server, whether it runs in this process or in one of its own: an HTTP client that shows
//! every answer as it came, and the people who use it.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use ureq::config::Config;
use ureq::unversioned::resolver::DefaultResolver;

use super::source::Source;
use super::{Actor, Answer, Engine, wire};

/// A good password, known to nobody else.
pub const PASSWORD: &str = "three wet dogs on one sofa";
/// No request of a test takes this long; it only ends a test that hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Client {
    pub address: SocketAddr,
    /// The database behind the server.
    pub engine: Engine,
    pub agent: ureq::Agent,
}

impl Client {
    pub fn new(address: SocketAddr, engine: Engine) -> Self {
        Self { address, engine, agent: config().new_agent() }
    }

    /// The same server, called from the source of this number.
    pub fn from(&self, source: u16) -> Self {
        let agent = ureq::Agent::with_parts(config(), Source::number(source), DefaultResolver::default());
        Self { address: self.address, engine: self.engine, agent }
    }

    /// Somebody without a token.
    pub fn anon(&self) -> Actor<'_> {
        Actor::new(self)
    }

    /// Makes an account of this name with the usual password; nobody is logged in by it.
    pub fn sign_up(&self, name: &str) -> Answer {
        let body = json!({"username": name, "email": format!("{name}@example.com"), "password": PASSWORD});
        self.anon().post("/auth/signup", &body).expect(201)
    }

    /// Logs in with the usual password.
    pub fn log_in(&self, name: &str) -> Actor<'_> {
        Actor::logged_in(self, &self.try_log_in(name, PASSWORD).expect(200))
    }

    /// What becomes of a login with this password.
    pub fn try_log_in(&self, name: &str, password: &str) -> Answer {
        self.anon().post("/auth/login", &json!({"username": name, "password": password}))
    }

    /// A new account, logged in.
    pub fn sign_in(&self, name: &str) -> Actor<'_> {
        self.sign_up(name);
        self.log_in(name)
    }

    /// Sends these very bytes and gives the first answer to them.
    pub fn wire(&self, bytes: impl AsRef<[u8]>) -> Answer {
        wire::exchange(self, bytes.as_ref())
    }

    /// Ends all connections, so that a server that stops has nobody to wait for.
    pub fn hang_up(&self) {
        self.agent.clone().shutdown();
    }
}

fn config() -> Config {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .allow_non_standard_methods(true)
        .proxy(None)
        .timeout_global(Some(PATIENCE))
        .build()
}
