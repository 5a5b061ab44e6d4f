//! The reading side of a connection: the head of a request, whole or not at all, and then its body, as far as the
//! handler wants it.

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use actix_codec::Decoder;
use actix_http::{
    HttpMessage, Request, ServiceConfig,
    error::{ParseError, PayloadError},
    h1::{Codec, Message, MessageType},
};
use actix_web::{
    http::{Method, header},
    web::{Bytes, BytesMut},
};
use futures_util::Stream;
use tokio::time::Instant;

use super::socket::{Cut, Socket};
use crate::problem::{Kind, Problem};

/// The most bytes of a head: a little more than `middleware::response` allows, which tells which part is too long.
const LARGEST_HEAD: usize = 32 * 1024;
/// The most unread bytes of a body that are read and dropped, so that the connection can be kept.
const MOST_SKIPPED: usize = 64 * 1024;
/// The largest buffer, in bytes, that is kept between requests.
const KEPT: usize = 16 * 1024;

/// The next event on the reading side of a connection, as [`Reader::poll_head`] returns it.
pub enum Next {
    /// A request whose head was read whole; its body is read by [`Payload`].
    Request(Request),
    /// A request that is malformed, too large or too late: send this problem, and close.
    Refused(Problem),
    /// The end of the time for a request that has not begun: close.
    Silence,
    /// The end of the connection: the client has closed it, or it has to make room for another.
    Over,
}

/// The part of a request's body that is still to come.
enum BodyState {
    /// The body is read to its end.
    Whole,
    /// The parser says where the body ends.
    Coded,
    /// So many bytes are to come. The parser does not know: it takes an offer of another protocol for a change to it.
    Sized(u64),
    /// The body ended early, cannot be understood, or is not wanted any more.
    Broken,
}

/// The reading side of a connection, on actix-http's parser: for each request the head ([`Reader::poll_head`]), then
/// its body ([`Payload`]), then [`Reader::expect_another`].
pub struct Reader {
    /// The socket that is read, and on which the response is sent.
    pub socket: Socket,
    buffer: BytesMut,
    codec: Codec,
    body: BodyState,
    /// Whether the client waits to be told to send the body.
    is_asked: bool,
    is_first: bool,
    has_begun: bool,
    since: Instant,
    /// The bytes of an incomplete head that were searched for its end.
    seen: usize,
    /// The bytes at which an incomplete head is parsed again, though no end is in sight.
    look_again: usize,
}

impl Reader {
    /// The reader of a new connection. The time for its first request ([`Times::header`](super::Times::header)) runs
    /// from now.
    pub fn new(socket: Socket) -> Self {
        Self {
            socket,
            buffer: BytesMut::new(),
            codec: Codec::new(ServiceConfig::default()),
            body: BodyState::Whole,
            is_asked: false,
            is_first: true,
            has_begun: false,
            since: Instant::now(),
            seen: 0,
            look_again: 0,
        }
    }

    /// Whether bytes of a further request have come already, while the present one is served.
    pub fn is_behind(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Gets ready for the head of the next request, whose time ([`Times::keep_alive`](super::Times::keep_alive)) runs
    /// from now.
    pub fn expect_another(&mut self) {
        self.is_first = false;
        self.skip_empty_lines();
        self.has_begun = !self.buffer.is_empty();
        self.since = Instant::now();
        if self.buffer.is_empty() && self.buffer.capacity() > KEPT {
            self.buffer = BytesMut::new();
        }
    }

    /// Skips the empty lines before a request, which mean nothing (RFC 9112 §2.2).
    fn skip_empty_lines(&mut self) {
        let count = self.buffer.iter().take_while(|byte| b"\r\n".contains(byte)).count();
        drop(self.buffer.split_to(count));
    }

    /// Waits for the whole head of the next request, no longer than [`Times`](super::Times) allows, and parses it.
    pub fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        loop {
            if let Some(next) = self.parse() {
                return Poll::Ready(next);
            }
            if self.buffer.len() >= LARGEST_HEAD {
                return Poll::Ready(Next::Refused(self.too_large()));
            }
            match self.socket.poll_read(cx, &mut self.buffer) {
                Poll::Ready(Ok(0)) if self.has_begun => {
                    let cut = Problem::new(Kind::MalformedRequest).with_detail("The request ends within its headers.");
                    return Poll::Ready(Next::Refused(cut));
                }
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Next::Over),
                Poll::Ready(Ok(_)) => {
                    if !self.has_begun {
                        self.skip_empty_lines();
                    }
                    if !self.has_begun && !self.buffer.is_empty() {
                        self.has_begun = true;
                        // The time for a connection's first request runs from the beginning.
                        self.since = if self.is_first { self.since } else { Instant::now() };
                    }
                }
                Poll::Pending => return self.poll_patience(cx),
            }
        }
    }

    /// Waits for the head until its time is over; when the server stops, hardly for one that has not begun.
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        let times = self.socket.times;
        let mut longest = if self.has_begun || self.is_first { times.header } else { times.keep_alive };
        if !self.has_begun {
            longest = self.socket.permit.patience_with_the_silent(self.since, longest);
        }
        match ready!(self.socket.poll_patience(cx, self.since, longest)) {
            Cut::Late if self.has_begun => {
                let detail =
                    format!("Send the line and the headers of a request within {} seconds.", times.header.as_secs());
                Poll::Ready(Next::Refused(Problem::new(Kind::RequestTimeout).with_detail(detail)))
            }
            Cut::Late => Poll::Ready(Next::Silence),
            Cut::Evicted => Poll::Ready(Next::Over),
        }
    }

    /// Parses a head, if it is there whole. A head that comes byte by byte is not parsed at each byte.
    fn parse(&mut self) -> Option<Next> {
        let length = self.buffer.len();
        let unseen = self.buffer.get(self.seen.saturating_sub(3)..)?;
        if length == 0 || (length < self.look_again && !has_end(unseen)) {
            self.seen = length;
            return None;
        }
        match self.codec.decode(&mut self.buffer) {
            Ok(None) => {
                (self.seen, self.look_again) = (length, 2 * length);
                None
            }
            Ok(Some(Message::Item(request))) => {
                (self.seen, self.look_again) = (0, 0);
                self.expect_body(&request);
                Some(Next::Request(request))
            }
            Ok(Some(Message::Chunk(_))) => Some(Next::Refused(Problem::internal("a body without a request"))),
            Err(ParseError::TooLarge) => {
                let problem = Problem::new(Kind::HeaderFieldsTooLarge);
                Some(Next::Refused(problem.with_detail("A request may have 96 headers.")))
            }
            Err(_) => Some(Next::Refused(Problem::new(Kind::MalformedRequest))),
        }
    }

    fn too_large(&self) -> Problem {
        let is_of_the_line = !self.buffer.contains(&b'\n');
        Problem::new(if is_of_the_line { Kind::UriTooLong } else { Kind::HeaderFieldsTooLarge })
    }

    fn expect_body(&mut self, request: &Request) {
        self.body = match self.codec.message_type() {
            MessageType::None => BodyState::Whole,
            MessageType::Payload => BodyState::Coded,
            MessageType::Stream => {
                // The parser would take all that follows for the other protocol.
                self.codec = Codec::new(ServiceConfig::default());
                let length = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
                match length.and_then(|length| length.trim().parse().ok()) {
                    Some(length) if request.method() != Method::CONNECT => BodyState::Sized(length),
                    _ => BodyState::Whole,
                }
            }
        };
        self.is_asked = request.head().expect();
    }

    /// Whether the body of the present request was read to its end, or it has none.
    pub fn is_whole(&self) -> bool {
        matches!(self.body, BodyState::Whole | BodyState::Sized(0))
    }

    /// The next piece of the body.
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, PayloadError>>> {
        let since = Instant::now();
        loop {
            match self.decode_body() {
                Ok(Some(piece)) => return Poll::Ready(Some(Ok(piece))),
                Ok(None) if self.is_whole() => return Poll::Ready(None),
                Ok(None) => {}
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
            if std::mem::take(&mut self.is_asked) && self.socket.try_send(b"HTTP/1.1 100 Continue\r\n\r\n").is_err() {
                return Poll::Ready(Some(Err(self.broken(PayloadError::Incomplete(None)))));
            }
            match self.socket.poll_read(cx, &mut self.buffer) {
                Poll::Ready(Ok(count)) if count > 0 => self.is_asked = false,
                Poll::Ready(ended) => {
                    return Poll::Ready(Some(Err(self.broken(PayloadError::Incomplete(ended.err())))));
                }
                // The time for a whole body is its reader's to limit.
                Poll::Pending => {
                    let _evicted = ready!(self.socket.poll_patience(cx, since, Duration::from_secs(3600)));
                    return Poll::Ready(Some(Err(self.broken(PayloadError::Incomplete(None)))));
                }
            }
        }
    }

    /// The next piece of the body, as far as it was read.
    fn decode_body(&mut self) -> Result<Option<Bytes>, PayloadError> {
        match &mut self.body {
            BodyState::Whole | BodyState::Sized(0) => Ok(None),
            BodyState::Broken => Err(PayloadError::Incomplete(None)),
            BodyState::Sized(left) => {
                let count = usize::try_from(*left).unwrap_or(usize::MAX).min(self.buffer.len());
                *left -= count as u64;
                Ok((count > 0).then(|| self.buffer.split_to(count).freeze()))
            }
            BodyState::Coded => match self.codec.decode(&mut self.buffer) {
                Ok(Some(Message::Chunk(Some(piece)))) => Ok(Some(piece)),
                Ok(Some(Message::Chunk(None))) => {
                    self.body = BodyState::Whole;
                    Ok(None)
                }
                Ok(None) => Ok(None),
                Ok(Some(Message::Item(_))) | Err(_) => Err(self.broken(PayloadError::EncodingCorrupted)),
            },
        }
    }

    fn broken(&mut self, error: PayloadError) -> PayloadError {
        self.body = BodyState::Broken;
        error
    }

    /// Reads and drops, without waiting, what the handler has left of the body, up to a limit. Returns whether that was
    /// all, so that a next request can follow.
    pub fn skip_body(&mut self, cx: &mut Context<'_>) -> bool {
        let mut skipped = 0;
        // A client that was not told to send the body may send it or not.
        while !self.is_whole() && !self.is_asked && skipped <= MOST_SKIPPED {
            match self.decode_body() {
                Ok(Some(piece)) => skipped += piece.len(),
                Ok(None) if self.is_whole() => {}
                Ok(None) => match self.socket.poll_read(cx, &mut self.buffer) {
                    Poll::Ready(Ok(count)) if count > 0 => {}
                    _ => break,
                },
                Err(_) => break,
            }
        }
        let is_whole = self.is_whole();
        self.body = if is_whole { BodyState::Whole } else { BodyState::Broken };
        is_whole
    }

    /// Waits for bytes and drops them, on a connection that is about to close; returns how many, 0 at the end.
    ///
    /// # Errors
    /// The socket's.
    pub fn poll_forget(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.buffer.clear();
        self.socket.poll_read(cx, &mut self.buffer)
    }
}

/// Whether a head may end in `bytes`: a line, and an empty one.
fn has_end(bytes: &[u8]) -> bool {
    bytes.windows(3).any(|three| three == b"\n\r\n") || bytes.windows(2).any(|two| two == b"\n\n")
}

/// The body of the present request, a stream of its bytes for the handler. Fails with `PayloadError`, when the body
/// breaks off, is framed wrongly, or the connection has to close.
pub struct Payload(pub Rc<RefCell<Reader>>);

impl Stream for Payload {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.borrow_mut().poll_body(cx)
    }
}
