//! Connections: from the listener to the app, a request at a time. actix-http's parser reads (`reader`); when what is
//! read and sent, and how long a client may take, is decided here. Start with `dispatcher`; who may have how many
//! connections, `admission` says.
//!
//! actix-http's own dispatcher reads further requests while one is answered, and then frames the answer by the last
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

/// Connections that the system keeps until they are accepted: when many come at once, others are not to wait until
/// theirs is tried again.
const BACKLOG: u32 = 4_096;
/// Bytes of an answer that the system keeps for a client that does not read, for each connection; Linux doubles it.
const SEND_BUFFER: u32 = 128 * 1024;

/// How long a client may take.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// For the head of a request.
    pub header: Duration,
    /// Until the next request.
    pub keep_alive: Duration,
    /// To read 32 KiB of an answer.
    pub write: Duration,
}

/// What all connections share.
pub struct Shared {
    pub times: Times,
    pub admission: Arc<Admission>,
}

/// Binds the addresses of `host`, as many as can be had, and puts `app` behind them. The server does nothing until it
/// is polled.
///
/// # Errors
/// None of the addresses can be listened on.
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

/// What is accepted from a listener has its buffers.
fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
