//! Somebody who calls the service, and goes on calling whatever becomes of it.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use super::client::{Answer, Connection};

/// What a request came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reply {
    Status(u16),
    /// There was no connection, so nothing was asked.
    Refused,
    /// The connection ended without an answer.
    HungUp,
    /// No answer came in time.
    TimedOut,
}

impl Reply {
    pub fn is_good(self) -> bool {
        matches!(self, Self::Status(200..=299))
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "{status}"),
            Self::Refused => f.write_str("refused"),
            Self::HungUp => f.write_str("hung up"),
            Self::TimedOut => f.write_str("timed out"),
        }
    }
}

/// A client that keeps its connection, opens another one where that broke, and then takes the next address.
pub struct Caller {
    addresses: Vec<SocketAddr>,
    turn: usize,
    patience: Duration,
    connection: Option<Connection>,
}

impl Caller {
    /// No step of a request may take longer than `patience`.
    pub fn new(addresses: &[SocketAddr], patience: Duration) -> Self {
        Self { addresses: addresses.to_owned(), turn: 0, patience, connection: None }
    }

    /// The same, beginning with the address of this number.
    pub fn from(mut self, number: usize) -> Self {
        self.turn = number;
        self
    }

    /// What the request came to, and the answer if there is one.
    pub fn ask(&mut self, request: &[u8]) -> (Reply, Option<Answer>) {
        if self.connection.is_none() {
            let address = self.addresses[self.turn % self.addresses.len()];
            self.connection = Connection::open_with_patience(address, self.patience).ok();
        }
        let Some(connection) = self.connection.as_mut() else {
            self.turn += 1;
            return (Reply::Refused, None);
        };
        match connection.send(request) {
            Ok(answer) => {
                if answer.header("Connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
                    self.connection = None;
                }
                (Reply::Status(answer.status), Some(answer))
            }
            Err(error) => {
                self.connection = None;
                self.turn += 1;
                let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
                let is_late = matches!(kind, Some(ErrorKind::WouldBlock | ErrorKind::TimedOut));
                (if is_late { Reply::TimedOut } else { Reply::HungUp }, None)
            }
        }
    }
}
