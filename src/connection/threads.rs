//! The threads that accept connections and serve them: one that accepts, and hands them out in turn to those that
//! serve, each with an app of its own.
//!
//! actix-server does the same, but drops, when it is told to stop, every connection that was accepted and that a busy
//! thread has not taken up yet, and looks once a second whether the others are done.

use std::{
    fmt::Debug,
    io,
    net::{self, SocketAddr, ToSocketAddrs},
    pin::pin,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use actix_http::Request;
use actix_rt::Arbiter;
use actix_service::{IntoServiceFactory, ServiceFactory, map_config};
use actix_web::{
    Error,
    body::BoxBody,
    dev::{AppConfig, ServiceResponse},
    rt,
};
use futures_util::future::{Either, select};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{
        OwnedSemaphorePermit, Semaphore,
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
        watch,
    },
};

use super::{Shared, dispatcher};

/// The connections that the system keeps until they are accepted (listen(2)): when many come at once, no client is to
/// wait until it tries again.
const BACKLOG: u32 = 4_096;
/// The bytes of responses that the system keeps for a client that does not read, per connection; Linux doubles it.
const SEND_BUFFER: u32 = 128 * 1024;
/// The pause after the system refused to accept a connection, usually because there are too many open files.
const PAUSE: Duration = Duration::from_millis(500);

/// The sockets on which connections come in.
pub struct Listeners(Vec<net::TcpListener>);

/// A connection on its way to the thread that serves it, and its place among all that may be open.
type Accepted = (net::TcpStream, OwnedSemaphorePermit);

/// The running threads.
pub struct ServingThreads {
    arbiters: Vec<Arbiter>,
    /// Tells that the listeners are to close; each has a receiver as long as it is open.
    close: watch::Sender<()>,
    places: Arc<Semaphore>,
    most: u32,
}

impl Listeners {
    /// Binds the addresses of `host`, as many as can be bound. Returns the first address, too.
    ///
    /// # Errors
    /// No address of `host` can be listened on.
    pub fn bind(host: &str, port: u16) -> io::Result<(Self, SocketAddr)> {
        let mut listeners = Vec::new();
        let mut failure = io::Error::new(io::ErrorKind::NotFound, "it names no address");
        for address in (host, port).to_socket_addrs()? {
            match listen(address) {
                Ok(listener) => listeners.push(listener),
                Err(error) => failure = error,
            }
        }
        let first = listeners.first().ok_or(failure)?.local_addr()?;
        Ok((Self(listeners), first))
    }
}

/// Binds a listener; the connections that it accepts inherit its buffers.
fn listen(address: SocketAddr) -> io::Result<net::TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

impl ServingThreads {
    /// Begins to accept connections, at most `most` at a time, and to serve `app` on so many `threads`.
    ///
    /// # Panics
    /// There is no actix system.
    pub fn start<F, I, S>(listeners: Listeners, (threads, most): (usize, u32), shared: &Arc<Shared>, app: &F) -> Self
    where
        F: Fn() -> I + Send + Clone + 'static,
        I: IntoServiceFactory<S, Request> + 'static,
        S: ServiceFactory<Request, Config = AppConfig, Response = ServiceResponse<BoxBody>, Error = Error> + 'static,
        S::InitError: Debug,
    {
        let (workers, mut arbiters): (Vec<_>, Vec<_>) = (0..threads)
            .map(|_| {
                let (sender, accepted) = unbounded_channel();
                let (app, shared, arbiter) = (app.clone(), Arc::clone(shared), Arbiter::new());
                let _it_runs = arbiter.spawn_fn(move || drop(rt::spawn(serve(accepted, app, shared))));
                (sender, arbiter)
            })
            .unzip();
        let (close, closing) = watch::channel(());
        let places = Arc::new(Semaphore::new(most as usize));
        let acceptor = Arbiter::new();
        for listener in listeners.0 {
            let (workers, places, closing) = (workers.clone(), Arc::clone(&places), closing.clone());
            let _it_runs = acceptor.spawn(accept(listener, workers, places, closing));
        }
        arbiters.push(acceptor);
        Self { arbiters, close, places, most }
    }

    /// Closes the listeners, and returns when they are closed. Connections that have come before are served.
    pub async fn close_listeners(&self) {
        self.close.send_replace(());
        self.close.closed().await;
    }

    /// Waits until every connection has ended. The listeners must be closed.
    pub async fn until_idle(&self) {
        drop(self.places.acquire_many(self.most).await);
    }

    /// Ends the threads, with the connections that are left. Blocks until they have ended.
    pub fn end(self) {
        for arbiter in &self.arbiters {
            let _it_had_not_ended_before = arbiter.stop();
        }
        for arbiter in self.arbiters {
            // A panic was logged where it happened.
            drop(arbiter.join());
        }
    }
}

/// Accepts connections until it is told to close the listener, and hands them out.
async fn accept(
    listener: net::TcpListener,
    workers: Vec<UnboundedSender<Accepted>>,
    places: Arc<Semaphore>,
    mut closing: watch::Receiver<()>,
) {
    let mut turns = workers.iter().cycle();
    let mut hand_out = |accepted| {
        if let Some(worker) = turns.next() {
            // A thread without an app has said why.
            drop(worker.send(accepted));
        }
    };
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "no connection can be accepted"),
    };
    loop {
        let next = pin!(async {
            let place = Arc::clone(&places).acquire_owned().await.map_err(io::Error::other)?;
            let (stream, _) = listener.accept().await?;
            Ok((stream.into_std()?, place))
        });
        match select(next, pin!(closing.changed())).await {
            Either::Left((Ok(accepted), _)) => hand_out(accepted),
            Either::Left((Err(error), _)) if has_gone(&error) => {}
            Either::Left((Err(error), _)) => {
                tracing::error!(%error, "a connection cannot be accepted");
                tokio::time::sleep(PAUSE).await;
            }
            Either::Right(_) => break,
        }
    }
    // A connection that waits when its listener closes would be reset.
    let Ok(listener) = listener.into_std() else { return };
    while let Ok(place) = Arc::clone(&places).try_acquire_owned() {
        match listener.accept().and_then(|(stream, _)| stream.set_nonblocking(true).map(|()| stream)) {
            Ok(stream) => hand_out((stream, place)),
            Err(error) if has_gone(&error) => {}
            Err(_) => break,
        }
    }
}

/// Whether an error of accept(2) is one of the connection, whose client has left already.
fn has_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};

    [ConnectionAborted, ConnectionRefused, ConnectionReset].contains(&error.kind())
}

/// Serves connections as they are handed out, each in a task of its own.
async fn serve<F, I, S>(mut accepted: UnboundedReceiver<Accepted>, app: F, shared: Arc<Shared>)
where
    F: Fn() -> I,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig, Response = ServiceResponse<BoxBody>, Error = Error> + 'static,
    S::InitError: Debug,
{
    let app = match map_config(app(), |()| AppConfig::default()).new_service(()).await {
        Ok(app) => Rc::new(app),
        Err(error) => return tracing::error!(?error, "the app cannot be put together"),
    };
    while let Some((stream, place)) = accepted.recv().await {
        let stream = match TcpStream::from_std(stream) {
            Ok(stream) => stream,
            Err(error) => {
                tracing::error!(%error, "a connection cannot be served");
                continue;
            }
        };
        let (app, shared) = (Rc::clone(&app), Arc::clone(&shared));
        drop(rt::spawn(async move {
            dispatcher::run(stream, &*app, &shared).await;
            drop(place);
        }));
    }
}
