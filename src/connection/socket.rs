//! The TCP stream of a connection, read and written within time-outs.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use actix_codec::{AsyncWrite, poll_read_buf};
use actix_web::web::BytesMut;
use tokio::{io::ReadBuf, net::TcpStream, time::Instant};

use super::{Times, admission::Permit, clock::Timer};

/// The bytes that are read at once.
const PIECE_READ: usize = 8 * 1024;
/// The bytes that a client has to read within `Times::write`.
const PIECE_WRITTEN: usize = 32 * 1024;
/// The time to read [`PIECE_WRITTEN`] when the server stops.
const LAST_WRITE: Duration = Duration::from_secs(5);

/// The reason why [`Socket::poll_patience`] waits for a client no longer.
pub enum Cut {
    /// The client took longer than it may.
    Late,
    /// The connection has to make room for another ([`Permit::is_evicted`]).
    Evicted,
}

/// The TCP stream of an accepted connection, with its place among all connections (the permit) and its time-outs. It
/// reads and sends without blocking, as `poll` methods.
pub struct Socket {
    stream: TcpStream,
    timer: Timer,
    /// The connection's place among all connections, kept until the socket is dropped.
    pub permit: Permit,
    /// The time-outs of the connection.
    pub times: Times,
}

/// The bytes of a response to send, in three parts that lie apart in memory (a head, a piece of the body and what ends
/// it), with how far [`Socket::poll_send`] has come.
pub struct Sending<'a> {
    parts: [&'a [u8]; 3],
    sent: usize,
    /// The bytes sent of the present piece, whose time runs.
    in_time: usize,
    since: Option<Instant>,
    /// Whether the bytes are counted as unread.
    is_held: bool,
}

impl<'a> Sending<'a> {
    /// The bytes of `parts`, in their order, with nothing sent yet.
    pub fn new(parts: [&'a [u8]; 3]) -> Self {
        Self { parts, sent: 0, in_time: 0, since: None, is_held: false }
    }

    fn rest(&self) -> [&'a [u8]; 3] {
        let mut sent = self.sent;
        self.parts.map(|part| {
            let rest = part.get(sent..).unwrap_or_default();
            sent = sent.saturating_sub(part.len());
            rest
        })
    }
}

impl Socket {
    /// A socket around an accepted `stream`. The time for the head of the first request (`times.header`) begins now;
    /// `permit`, the permission to have a connection, is given back when the socket is dropped.
    pub fn new(stream: TcpStream, permit: Permit, times: Times) -> Self {
        Self { stream, timer: Timer::new(Instant::now() + times.header), permit, times }
    }

    /// Waits for bytes and appends them to `buffer`; returns how many, 0 at the end.
    ///
    /// # Errors
    /// The stream's.
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>> {
        if buffer.capacity() - buffer.len() < PIECE_READ / 8 {
            buffer.reserve(PIECE_READ);
        }
        let read = ready!(poll_read_buf(Pin::new(&mut self.stream), cx, buffer));
        self.permit.goes_on();
        Poll::Ready(read)
    }

    /// Sends all of `sending`. The client has [`Times::write`](super::Times::write) for each 32 KiB, so that one that
    /// reads a byte now and then does not take for ever.
    ///
    /// # Errors
    /// The stream's; `TimedOut`, when the client took too long or has to make room for another: the connection is then
    /// reset when it closes.
    pub fn poll_send(&mut self, cx: &mut Context<'_>, sending: &mut Sending<'_>) -> Poll<io::Result<()>> {
        loop {
            let rest = sending.rest();
            if rest.iter().all(|part| part.is_empty()) {
                if std::mem::take(&mut sending.is_held) {
                    self.permit.holds(0);
                }
                self.permit.goes_on();
                return Poll::Ready(Ok(()));
            }
            match Pin::new(&mut self.stream).poll_write_vectored(cx, &rest.map(IoSlice::new)) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => {
                    sending.sent += count;
                    sending.in_time += count;
                    if sending.in_time >= PIECE_WRITTEN {
                        (sending.in_time, sending.since) = (0, None);
                    }
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    if !std::mem::replace(&mut sending.is_held, true) {
                        self.permit.holds(rest.iter().map(|part| part.len()).sum());
                    }
                    let since = *sending.since.get_or_insert_with(Instant::now);
                    let longest = self.permit.patience(since, self.times.write, LAST_WRITE);
                    let _late_or_evicted = ready!(self.poll_patience(cx, since, longest));
                    self.reset();
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
            }
        }
    }

    /// Ends the sending side (a TCP FIN), so that the client sees the end; reading goes on.
    ///
    /// # Errors
    /// The stream's.
    pub fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    /// Waits until the client hangs up, which is how a response without an end is declined; for ever, if it has sent
    /// something that is not read yet.
    pub fn poll_hung_up(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut byte = [0];
        match self.stream.poll_peek(cx, &mut ReadBuf::new(&mut byte)) {
            Poll::Ready(Ok(0) | Err(_)) => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }

    /// Sends a few bytes at once, without waiting.
    ///
    /// # Errors
    /// The stream's; `WouldBlock` or `WriteZero`, when they cannot be sent at once.
    pub fn try_send(&self, bytes: &[u8]) -> io::Result<()> {
        let count = self.stream.try_write(bytes)?;
        if count == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
    }

    /// Makes the close of the socket a TCP reset: the system drops unsent bytes instead of keeping them until the
    /// client reads.
    pub fn reset(&self) {
        if let Err(error) = self.stream.set_zero_linger() {
            tracing::debug!(%error, "a connection cannot be reset");
        }
    }

    /// Waits, beside a read or a write that is pending, until the client has taken longer than `longest` since `since`,
    /// or has to make room for another. Tells which.
    pub fn poll_patience(&mut self, cx: &mut Context<'_>, since: Instant, longest: Duration) -> Poll<Cut> {
        self.permit.waits(since, cx.waker());
        if self.permit.is_evicted() {
            return Poll::Ready(Cut::Evicted);
        }
        self.timer.poll(cx, since + longest).map(|()| Cut::Late)
    }
}
