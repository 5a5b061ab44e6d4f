//! The loop of a connection: a request is read and its response sent before the next is looked at.

use std::{cell::RefCell, future::poll_fn, io, ops::ControlFlow, pin::pin, rc::Rc, task::Poll, time::Duration};

use actix_http::{ConnectionType, Request, RequestHead};
use actix_service::Service;
use actix_web::{
    Error, HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{Payload as AnyPayload, ServiceResponse},
    http::{Method, Version, header},
    rt,
};
use tokio::{net::TcpStream, time::Instant};

use super::{
    Shared,
    encoder::{Framing, write_head},
    reader::{Next, Payload, Reader},
    socket::{Sending, Socket},
};
use crate::{middleware::response, wire::Endless};

/// The most bytes that are read and dropped after the last response, which is lost if the socket closes with bytes of
/// the client unread.
const MOST_FORGOTTEN: usize = 1024 * 1024;
/// The longest time in which bytes are read and dropped after the last response.
const FORGETTING: Duration = Duration::from_secs(2);
/// The longest time for a client to hang up when the server stops.
const LAST_FORGETTING: Duration = Duration::from_secs(1);

/// The facts about a request that its response depends on.
struct ResponseContext {
    version: Version,
    is_head: bool,
    closes: bool,
}

impl ResponseContext {
    fn of(head: &RequestHead) -> Self {
        // There are no tunnels here; what a client sends that takes this for one is no request.
        let closes = head.method == Method::CONNECT || wants_to_close(head);
        Self { version: head.version, is_head: head.method == Method::HEAD, closes }
    }
}

/// Whether the client wants the connection closed (RFC 9112 §9.3). Other options of the header, as an upgrade, change
/// nothing.
fn wants_to_close(head: &RequestHead) -> bool {
    let has = |option: &[u8]| {
        let mut values = head.headers().get_all(header::CONNECTION);
        values.any(|value| {
            value.as_bytes().split(|byte| *byte == b',').any(|part| part.trim_ascii().eq_ignore_ascii_case(option))
        })
    };
    has(b"close") || (head.version == Version::HTTP_10 && !has(b"keep-alive"))
}

/// Serves an accepted TCP connection with `app` to its end, one request after the other; nothing of a failure is left
/// for the caller. A connection beyond the limits ([`Admission`](super::Admission)) is closed at once.
pub async fn run<S>(stream: TcpStream, app: &S, shared: &Shared)
where
    S: Service<Request, Response = ServiceResponse<BoxBody>, Error = Error>,
{
    let Ok(peer) = stream.peer_addr() else { return };
    let Some(place) = shared.admission.enter(peer.ip()) else { return };
    // A response is written at once; there is nothing that it could wait for.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "small packets may wait");
    }
    let mut connection = HttpConnection {
        reader: Rc::new(RefCell::new(Reader::new(Socket::new(stream, place, shared.times)))),
        head: Vec::new(),
    };
    loop {
        let next = poll_fn(|cx| connection.reader.borrow_mut().poll_head(cx)).await;
        let mut request = match next {
            Next::Request(request) => request,
            Next::Refused(problem) => {
                let mut context = ResponseContext { version: Version::HTTP_11, is_head: false, closes: true };
                let refusal = response::refuse(&problem, peer.ip(), &shared.requests);
                if connection.send(refusal, &mut context).await.is_ok() {
                    connection.hang_up(false).await;
                }
                return;
            }
            // A request that crosses the end on its way finds no answer, but it is not reset.
            Next::Silence => return connection.hang_up(false).await,
            Next::Over => return,
        };
        request.head_mut().peer_addr = Some(peer);
        if connection.answer(request, app).await.is_break() {
            return;
        }
    }
}

struct HttpConnection {
    reader: Rc<RefCell<Reader>>,
    /// The buffer for heads, kept from response to response.
    head: Vec<u8>,
}

impl HttpConnection {
    /// Serves one request; breaks if it was the last.
    async fn answer<S>(&mut self, mut request: Request, app: &S) -> ControlFlow<()>
    where
        S: Service<Request, Response = ServiceResponse<BoxBody>, Error = Error>,
    {
        let mut context = ResponseContext::of(request.head());
        if !self.reader.borrow().is_whole() {
            *request.payload() = AnyPayload::Stream { payload: Box::pin(Payload(Rc::clone(&self.reader))) };
        }
        let response = match app.call(request).await {
            Ok(answer) => answer.into_parts().1,
            Err(error) => error.error_response(),
        };
        let is_whole = poll_fn(|cx| Poll::Ready(self.reader.borrow_mut().skip_body(cx))).await;
        context.closes |= !is_whole
            || self.reader.borrow().socket.permit.is_over()
            || response.head().connection_type() == ConnectionType::Close;
        if self.send(response, &mut context).await.is_err() {
            return ControlFlow::Break(());
        }
        if context.closes {
            self.hang_up(is_whole).await;
            return ControlFlow::Break(());
        }
        self.reader.borrow_mut().expect_another();
        if self.reader.borrow().is_behind() {
            // Other connections have their turn first.
            rt::task::yield_now().await;
        }
        ControlFlow::Continue(())
    }

    /// Sends a response, which may turn out to be the last; an error leaves the connection unusable.
    async fn send(&mut self, response: HttpResponse, context: &mut ResponseContext) -> io::Result<()> {
        let (response, body) = response.into_parts();
        let framing = Framing::of(response.status(), body.size(), context.version);
        context.closes |= framing == Framing::Closed;
        let is_endless = response.extensions().get::<Endless>().is_some();
        self.head.clear();
        write_head(&mut self.head, response.head(), context.version, framing, context.closes);
        if context.is_head || framing == Framing::None {
            return self.write(b"", b"").await;
        }
        match body.try_into_bytes() {
            Ok(bytes) => self.write(&bytes, b"").await,
            Err(body) => self.send_stream(body, framing, is_endless).await,
        }
    }

    /// Sends a body piece by piece, each at once and whole: the next may be long in coming.
    async fn send_stream(&mut self, body: BoxBody, framing: Framing, is_endless: bool) -> io::Result<()> {
        let mut body = pin!(body);
        let mut left = if let Framing::Length(length) = framing { length } else { u64::MAX };
        loop {
            let next = poll_fn(|cx| match body.as_mut().poll_next(cx) {
                Poll::Pending if is_endless => self
                    .reader
                    .borrow_mut()
                    .socket
                    .poll_hung_up(cx)
                    .map(|()| Some(Err(io::ErrorKind::NotConnected.into()))),
                next => next.map(|next| next.map(|piece| piece.map_err(|error| io::Error::other(error.to_string())))),
            });
            let Some(piece) = next.await else { break };
            let piece = piece?;
            left = left.checked_sub(piece.len() as u64).ok_or(io::ErrorKind::InvalidData)?;
            if piece.is_empty() {
                continue;
            }
            let mut line_end: &[u8] = b"";
            if framing == Framing::Chunked {
                self.head.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
                line_end = b"\r\n";
            }
            self.write(&piece, line_end).await?;
        }
        match framing {
            Framing::Chunked => self.head.extend_from_slice(b"0\r\n\r\n"),
            Framing::Length(_) if left > 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            _ => {}
        }
        self.write(b"", b"").await
    }

    /// Sends what is in `head`, and `bytes` and `end` after it.
    async fn write(&mut self, bytes: &[u8], end: &[u8]) -> io::Result<()> {
        let mut sending = Sending::new([&self.head, bytes, end]);
        poll_fn(|cx| self.reader.borrow_mut().socket.poll_send(cx, &mut sending)).await?;
        self.head.clear();
        Ok(())
    }

    /// Ends the sending side and waits until the client has read everything and hangs up. The bytes of a client that
    /// goes on sending are read for a while: closing at once would lose the part of the response that it has not read.
    async fn hang_up(&mut self, is_whole: bool) {
        if poll_fn(|cx| self.reader.borrow_mut().socket.poll_finish(cx)).await.is_err() {
            return;
        }
        let (since, mut forgotten) = (Instant::now(), 0);
        poll_fn(|cx| {
            let mut reader = self.reader.borrow_mut();
            while let Poll::Ready(read) = reader.poll_forget(cx) {
                match read {
                    Ok(count) if count > 0 && forgotten <= MOST_FORGOTTEN => forgotten += count,
                    Ok(count) if count > 0 => {
                        reader.socket.reset();
                        return Poll::Ready(());
                    }
                    _ => return Poll::Ready(()),
                }
            }
            let longest = if is_whole { reader.socket.times.write } else { FORGETTING };
            let longest = reader.socket.permit.patience(since, longest, LAST_FORGETTING);
            reader.socket.poll_patience(cx, since, longest).map(|_| reader.socket.reset())
        })
        .await;
    }
}
