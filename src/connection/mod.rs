//! Connections: from the listener to the app, a request at a time. actix-http's parser reads (`reader`); the order of
//! reading and sending, and how long a client may take, is decided here. Start with `dispatcher`; the limits on
//! connections are in `admission`, the threads that accept and serve them in `threads`.
//!
//! actix-http's own dispatcher reads further requests while one is served, and then frames the response by the last
//! of them; it has no time-out for writing, none for the head of a later request, and reads a body in chunks to its
//! end, however far that is.

mod admission;
mod clock;
mod dispatcher;
mod encoder;
mod reader;
mod socket;
mod threads;

use std::{sync::Arc, time::Duration};

use actix_web::web::Data;

pub use self::{
    admission::{Admission, AdmissionStatus, MostConnections},
    threads::{Listeners, ServingThreads},
};
use crate::middleware::requests::RequestCounts;

/// The time-outs of a connection, which keep slow and silent clients from holding it.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// The longest time for the line and headers of a request to arrive, `HEADER_TIMEOUT`; of a connection's first
    /// request, from its beginning.
    pub header: Duration,
    /// The longest time without a byte of a next request: `KEEP_ALIVE`.
    pub keep_alive: Duration,
    /// The longest time that a client may take to read 32 KiB of a response: `WRITE_TIMEOUT`.
    pub write: Duration,
}

/// The state that all connections of the server share.
pub struct Shared {
    /// The time-outs of each connection.
    pub times: Times,
    /// The limits on the number of connections.
    pub admission: Arc<Admission>,
    /// The counts of requests, for those that cannot be read.
    pub requests: Data<RequestCounts>,
}
