//! Connections: from the listener to the app, a request at a time. actix-http's parser reads (`reader`); the order of
//! reading and sending, and how long a client may take, is decided here. Start with `dispatcher`; the limits on
//! connections are in `admission`.
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

use std::{
    fmt::Debug,
    io,
    net::{SocketAddr, ToSocketAddrs},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use actix_http::Request;
use actix_server::{Server, ServerBuilder};
use actix_service::{IntoServiceFactory, ServiceFactory, fn_factory, fn_service, map_config};
use actix_web::{
    Error,
    body::BoxBody,
    dev::{AppConfig, ServiceResponse},
};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

pub use self::admission::{Admission, MostConnections};

/// The connections that the system keeps until they are accepted (listen(2)): when many come at once, no client is to
/// wait until it tries again.
const BACKLOG: u32 = 4_096;
/// The bytes of responses that the system keeps for a client that does not read, per connection; Linux doubles it.
const SEND_BUFFER: u32 = 128 * 1024;

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
}

/// Binds `port` at the addresses of `host`, as many as can be bound, and makes the server that serves `app` there.
/// Returns it with the first address; it serves nothing until it is polled.
///
/// # Errors
/// No address of `host` can be listened on: the system's error for the last of them.
pub fn listen<F, I, S>(
    (host, port): (&str, u16),
    mut server: ServerBuilder,
    shared: &Arc<Shared>,
    app: F,
) -> io::Result<(Server, SocketAddr)>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig, Response = ServiceResponse<BoxBody>, Error = Error> + 'static,
    S::InitError: Debug,
{
    let mut first = None;
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "it names no address");
    for address in (host, port).to_socket_addrs()? {
        let listener = match bind(address).and_then(TcpListener::into_std) {
            Ok(listener) => listener,
            Err(error) => {
                failure = error;
                continue;
            }
        };
        let bound = listener.local_addr()?;
        let (app, shared) = (app.clone(), Arc::clone(shared));
        server = server.listen("kennel", listener, move || {
            let app = map_config(app(), |()| AppConfig::default());
            let shared = Arc::clone(&shared);
            fn_factory(move || {
                let (app, shared) = (app.new_service(()), Arc::clone(&shared));
                async move {
                    let app = app.await.map_err(|error| tracing::error!(?error, "the app cannot be put together"))?;
                    let app = Rc::new(app);
                    Ok::<_, ()>(fn_service(move |stream: TcpStream| {
                        let (app, shared) = (Rc::clone(&app), Arc::clone(&shared));
                        async move {
                            dispatcher::run(stream, &*app, &shared).await;
                            Ok::<_, ()>(())
                        }
                    }))
                }
            })
        })?;
        first = first.or(Some(bound));
    }
    first.map(|first| (server.run(), first)).ok_or(failure)
}

/// Binds a listener; the connections that it accepts inherit its buffers.
fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
