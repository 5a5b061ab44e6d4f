//! The stream of changes: `GET /dogowner/changes` as `text/event-stream` (server-sent events, WHATWG HTML §9.2). A
//! follower is told that there is something, and reads the log from where it was: so nothing is lost over a connection
//! that broke, another instance serves as well as the one before, and nothing waits for a slow reader but its own stream.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        Method, Version,
        header::{self, HeaderName, HeaderValue},
    },
    web::{Bytes, Data},
};
use futures_util::stream::unfold;
use tokio::time::{Instant, sleep, sleep_until};

use super::{
    repo::{Changes, last_of},
    wire::{ChangeOut, ChangesQuery},
};
use crate::{
    auth::{gate::presented_token, tokens::issuer::Issuer},
    credentials::{looks_like_key, require_valid},
    current_user::CurrentUser,
    db::{Db, Follower, timestamp::Timestamp},
    problem::{Kind, Problem},
    users::Users,
    wire::{Endless, TEXT_EVENT_STREAM},
    workers::Flow,
};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Asks nginx not to gather what is sent.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// The beginning of each stream: how many milliseconds a client waits before it connects again.
const RETRY: Bytes = Bytes::from_static(b"retry: 2000\n\n");
const HEARTBEAT: Bytes = Bytes::from_static(b":\n\n");
/// The time between two heartbeats. By failing they tell that a client is out of reach, and at each the credential is
/// looked at.
const BEAT: Duration = Duration::from_secs(15);
/// The pause after the database could not serve.
const PAUSE: Duration = Duration::from_secs(1);
/// The most changes that are read at a time.
const AT_ONCE: usize = 100;

/// The stream of one follower.
struct ChangeStream {
    me: CurrentUser,
    /// The last second in which the access token is valid, since 1970. An API key has none: the database knows.
    valid_until: Option<i64>,
    db: Data<Db>,
    follower: Follower,
    flow: Flow,
    /// The number of the last change that was sent.
    seen: i64,
    /// Whether the log is to be read before anything is waited for.
    is_behind: bool,
    beat_at: Instant,
}

/// The next bytes of a stream.
enum Outgoing {
    Piece(Bytes),
    /// The last piece, with the reason.
    End(&'static str),
}

/// Begins a stream after the change that the header `Last-Event-ID` or else the parameter `after` names, or with the next
/// one.
///
/// # Errors
/// `malformed-request`, when `Last-Event-ID` is no number; `changes-expired`, when changes after that are forgotten;
/// `validation-failed`, when there is no such change yet, or a parameter does not go with a stream; `too-many-streams`;
/// `overloaded`; the database's errors ([`Db::read`]).
pub async fn open(
    request: HttpRequest,
    me: CurrentUser,
    query: ChangesQuery,
    db: Data<Db>,
) -> Result<HttpResponse, Problem> {
    query.require_plain()?;
    let last_event_id = last_event_id(&request)?;
    let follower = db.hub().follow(me.id)?;
    let book = db.read(move |conn| Changes::of(me.id).book(conn)).await?;
    let seen = last_event_id.or(query.after).unwrap_or(book.last);
    // Who saw events that never were has them from a database that was put back to an earlier state since.
    if last_event_id.is_some_and(|seen| seen > book.last) {
        return Err(book.put_back(seen));
    }
    book.check(seen)?;
    let mut response = HttpResponse::Ok();
    response
        .content_type(TEXT_EVENT_STREAM)
        .insert_header((header::CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .insert_header((X_ACCEL_BUFFERING, HeaderValue::from_static("no")));
    if request.method() == Method::HEAD {
        return Ok(response.streaming(futures_util::stream::empty::<Result<Bytes, Problem>>()));
    }
    let (flow, beat_at) = (Flow::current(), Instant::now() + BEAT);
    if request.version() == Version::HTTP_10 {
        response.force_close();
    }
    let valid_until = valid_until(&request)?;
    let stream = ChangeStream { me, valid_until, db, follower, flow, seen, is_behind: true, beat_at };
    let first = futures_util::stream::once(std::future::ready(Ok::<_, Problem>(RETRY)));
    let rest = unfold(Some(stream), |stream| async move {
        let mut stream = stream?;
        match stream.next().await {
            Outgoing::Piece(piece) => Some((Ok(piece), Some(stream))),
            Outgoing::End(reason) => Some((Ok(last_piece(reason)), None)),
        }
    });
    let mut response = response.streaming(futures_util::StreamExt::chain(first, rest));
    let _none = response.extensions_mut().insert(Endless);
    Ok(response)
}

fn valid_until(request: &HttpRequest) -> Result<Option<i64>, Problem> {
    let token = presented_token(request)?;
    if looks_like_key(token) {
        return Ok(None);
    }
    let issuer = request.app_data::<Data<Issuer>>().ok_or_else(|| Problem::internal("the app has no tokens"))?;
    let (_subject, until) = issuer.access.verify(token)?;
    Ok(Some(until))
}

fn last_event_id(request: &HttpRequest) -> Result<Option<i64>, Problem> {
    let malformed = || {
        let detail = "Last-Event-ID is the number of a change: the `id` of the last event, once.";
        Problem::new(Kind::MalformedRequest).with_detail(detail)
    };
    let mut values = request.headers().get_all(LAST_EVENT_ID);
    let Some(value) = values.next() else { return Ok(None) };
    let text = std::str::from_utf8(value.as_bytes()).map_err(|_| malformed())?.trim_ascii();
    if values.next().is_some() {
        return Err(malformed());
    }
    if text.is_empty() {
        return Ok(None);
    }
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain).map(Some).ok_or_else(malformed)
}

fn last_piece(reason: &str) -> Bytes {
    format!("event: end\ndata: {{\"reason\":\"{reason}\"}}\n\n").into()
}

impl ChangeStream {
    async fn next(&mut self) -> Outgoing {
        loop {
            if self.follower.is_ending() {
                return Outgoing::End("draining");
            }
            if !self.is_behind {
                let due_at = self.due_at();
                tokio::select! {
                    () = self.follower.told() => {}
                    () = sleep_until(due_at) => {}
                }
                if self.follower.is_ending() {
                    continue;
                }
            }
            match self.flow.scope(self.read()).await {
                Ok(Some(piece)) => return self.piece(piece),
                Ok(None) if Instant::now() >= self.beat_at => return self.piece(HEARTBEAT),
                Ok(None) => {}
                Err(problem) => match end_by(problem.kind()) {
                    Some("revoked-token") if self.is_account_gone().await => return Outgoing::End("account-deleted"),
                    Some(reason) => return Outgoing::End(reason),
                    // The database is asked again, and the follower knows no more than that nothing came.
                    None => {
                        self.is_behind = true;
                        sleep(PAUSE).await;
                        if Instant::now() >= self.beat_at {
                            return self.piece(HEARTBEAT);
                        }
                    }
                },
            }
        }
    }

    fn piece(&mut self, piece: Bytes) -> Outgoing {
        self.beat_at = Instant::now() + BEAT;
        Outgoing::Piece(piece)
    }

    /// The next changes as events, if there are any, and the credential still stands.
    async fn read(&mut self) -> Result<Option<Bytes>, Problem> {
        self.require_unexpired()?;
        let (me, query) = (self.me, ChangesQuery::after(self.seen, AT_ONCE));
        let read = move |conn: &mut _| {
            require_valid(conn, me)?;
            Changes::of(me.id).list(conn, &query)
        };
        let page = self.db.snapshot(read).await?;
        self.is_behind = page.is_more;
        let Some(last) = page.changes.last().map(|change| change.seq) else { return Ok(None) };
        self.seen = last;
        let mut events = String::new();
        for change in ChangeOut::all(page)? {
            let data = serde_json::to_string(&change).map_err(Problem::internal)?;
            events.extend(["id: ", &change.seq().to_string(), "\nevent: change\ndata: ", &data, "\n\n"]);
        }
        Ok(Some(events.into()))
    }

    async fn is_account_gone(&self) -> bool {
        let me = self.me.id;
        let found = self.flow.scope(self.db.read(move |conn| Users::of(me).show(conn))).await;
        found.is_err_and(|problem| problem.kind() == Kind::RevokedToken)
    }

    /// Checks that the access token that the stream was asked for with is still good.
    fn require_unexpired(&self) -> Result<(), Problem> {
        match self.valid_until {
            Some(until) if until < Timestamp::now().seconds() => Err(Kind::ExpiredToken.into()),
            _ => Ok(()),
        }
    }

    /// The next moment at which something is to be done, whatever becomes of the book: the heartbeat, or the end.
    fn due_at(&self) -> Instant {
        let left = self.valid_until.map(|until| until.saturating_add(1).saturating_sub(Timestamp::now().seconds()));
        let left = left.map(|seconds| Duration::from_secs(u64::try_from(seconds).unwrap_or_default()));
        left.map_or(self.beat_at, |left| self.beat_at.min(Instant::now() + left))
    }
}

/// The reason by which a problem ends a stream; `None`, if it may pass.
fn end_by(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::ExpiredToken => Some("expired-token"),
        Kind::RevokedToken => Some("revoked-token"),
        Kind::ExpiredApiKey => Some("expired-api-key"),
        Kind::RevokedApiKey => Some("revoked-api-key"),
        Kind::ChangesExpired | Kind::ValidationFailed => Some("changes-expired"),
        Kind::Overloaded | Kind::Unavailable | Kind::TooManyRequests => None,
        _ => Some("internal-error"),
    }
}

/// Never returns: asks once a second for the numbers of the books that are followed in this process, while there are any,
/// since other processes write into them, too. Run it in a task of its own.
pub async fn watch_others(db: &Db) {
    loop {
        db.hub().until_followed().await;
        sleep(PAUSE).await;
        let followed = db.hub().followed();
        match db.read(move |conn| last_of(conn, &followed)).await {
            Ok(last) => db.hub().tell_of(last),
            // The streams find out by themselves, at their next heartbeat.
            Err(problem) => tracing::debug!(cause = problem.cause_in_words(), "followed books cannot be looked at"),
        }
    }
}
