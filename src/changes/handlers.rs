//! The handlers of `/dogowner/book` and `/dogowner/changes`.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{ETAG, EntityTag, HeaderValue},
    web::{Data, Path},
};

use super::{
    repo::{BookState, Changes, ChangesPage},
    stream,
    undo::{MostOfEach, undo as take_back},
    wire::{BookOut, ChangeOut, ChangesQuery},
};
use crate::{
    book_limits::BookLimits,
    current_user::CurrentUser,
    db::{BookEntry, Conn, Db, SWEPT_AT_ONCE},
    idempotency::{BodilessKey, Idempotent, respond},
    ids::ChangeSeq,
    lists::{MOST_ROWS, PageResponse},
    problem::{Kind, Problem},
    wire::{Created, ValidQuery, is_known},
};

/// The path of the list, for `Link`.
const PATH: &str = "/dogowner/changes";

/// `GET /dogowner/book`: shows the number of the newest change of the book, and that up to which changes are forgotten;
/// or 304, while nothing has changed. The cheapest way to find out whether there is something new.
///
/// # Errors
/// The database's errors ([`Db::read`]).
pub async fn show_book(request: HttpRequest, me: CurrentUser, db: Data<Db>) -> Result<HttpResponse, Problem> {
    let book = db.read_inline(move |conn| Changes::of(me.id).book(conn)).await?;
    let tag = tag_of(book);
    if is_known(&request, &tag) {
        return Ok(HttpResponse::NotModified().insert_header((ETAG, tag)).finish());
    }
    Ok(HttpResponse::Ok().insert_header((ETAG, tag)).json(BookOut::from(book)))
}

/// The number of the newest change; with that up to which changes are forgotten, once there is one.
fn tag_of(BookState { last, floor }: BookState) -> EntityTag {
    EntityTag::new_strong(if floor == 0 { last.to_string() } else { format!("{last}-{floor}") })
}

/// `GET /dogowner/changes`: lists a page of the changes to the book, each with the row as it is now.
///
/// # Errors
/// `validation-failed`, when the query is not acceptable; `changes-expired`, when changes after `after` are forgotten;
/// `too-many-requests`, when it is more work than the quota has left; the database's errors ([`Db::snapshot`]).
pub async fn list(
    request: HttpRequest,
    me: CurrentUser,
    query: ValidQuery<ChangesQuery>,
    db: Data<Db>,
) -> Result<PageResponse<ChangeOut>, Problem> {
    let ValidQuery(query) = query;
    let (newest_first, limit) = (query.is_newest_first, query.limit);
    let page = db.snapshot(move |conn| Changes::of(me.id).list(conn, &query)).await?;
    let last = page.changes.last().filter(|_| page.is_more).map(|change| change.seq);
    let next = last.map(|seq| next_page(request.query_string(), newest_first, seq, limit)).transpose()?;
    Ok(PageResponse { rows: ChangeOut::all(page)?, next, total: None })
}

/// The `Link` to the page behind the change `seq`.
fn next_page(query: &str, newest_first: bool, seq: i64, limit: usize) -> Result<HeaderValue, Problem> {
    let bound = if newest_first { "before" } else { "after" };
    let mut link = form_urlencoded::Serializer::new(String::new());
    link.append_pair(bound, &seq.to_string()).append_pair("limit", &limit.to_string());
    let kept = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| ![bound, "limit"].contains(&name.as_ref()));
    let link = format!("<{PATH}?{}>; rel=\"next\"", link.extend_pairs(kept).finish());
    HeaderValue::try_from(link).map_err(Problem::internal)
}

/// `GET /dogowner/changes` for who prefers `text/event-stream`: the changes as they are made, until the credential ends or
/// the server stops.
///
/// # Errors
/// `malformed-request`, when `Last-Event-ID` is no number; `changes-expired`, when changes after that are forgotten;
/// `validation-failed`, when there is no such change yet, or a parameter does not go with a stream; `too-many-streams`;
/// `overloaded`; the database's errors ([`Db::read`]).
pub async fn follow(
    request: HttpRequest,
    me: CurrentUser,
    query: ValidQuery<ChangesQuery>,
    db: Data<Db>,
) -> Result<HttpResponse, Problem> {
    stream::open(request, me, query.0, db).await
}

/// `DELETE /dogowner/changes`: forgets the changes that there are (204), in several transactions if there are many.
/// Nothing can be taken back then, and followers have to read the lists again.
///
/// # Errors
/// The database's errors ([`Db::write`]); some changes may be forgotten then.
pub async fn forget(me: CurrentUser, db: Data<Db>) -> Result<HttpResponse, Problem> {
    let last = db.read(move |conn| Ok(Changes::of(me.id).book(conn)?.last)).await?;
    db.write_in_pieces(true, move |conn| Changes::of(me.id).forget(conn, last, SWEPT_AT_ONCE)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /dogowner/changes/{seq}/undo`: takes back a change with all others of its operation (200 with the changes that
/// this makes), once even if the request comes again with the same `Idempotency-Key`.
///
/// # Errors
/// `not-found`, `changes-expired`, `changed-since`, `cannot-undo`; with an `Idempotency-Key` also
/// `idempotency-key-reused` and `too-many-idempotency-keys`; the database's errors ([`Db::write_book`]).
pub async fn undo(
    me: CurrentUser,
    seq: Path<ChangeSeq>,
    key: BodilessKey,
    db: Data<Db>,
    limits: Data<BookLimits>,
) -> Result<HttpResponse, Problem> {
    let (seq, most) = (seq.get(), MostOfEach::of(&limits));
    let undo = move |entry: BookEntry<'_>, (): &()| {
        entry.transaction(|conn, book| {
            take_back(conn, book, seq, most)?;
            book.log(conn)?;
            made_by(conn, me, book.batch())
        })
    };
    // Whether there is room, the operation itself finds out.
    let room = async { Ok(Ok(())) };
    let (undone, is_replayed) = Idempotent::of((), key.0).create_once(&db, &limits, me.id, room, undo).await?;
    let undone = if is_replayed {
        let first = first_of(&undone)?;
        db.snapshot(move |conn| made_by(conn, me, first)).await?
    } else {
        undone
    };
    Ok(respond(undone, is_replayed))
}

/// The response with the changes of the operation whose first has the number `first`: a page of them, as far as they are
/// not forgotten, and where the rest is. Its receipt is that number, or 0 if there are none.
fn made_by(conn: &mut Conn, me: CurrentUser, first: i64) -> Result<Created, Problem> {
    let mut page = match Changes::of(me.id).list(conn, &ChangesQuery::after(first - 1, MOST_ROWS)) {
        Err(problem) if problem.kind() == Kind::ChangesExpired => ChangesPage::default(),
        page => page?,
    };
    let count = page.changes.len();
    page.changes.retain(|change| change.batch == first);
    page.is_more &= page.changes.len() == count;
    let last = page.changes.last().filter(|_| page.is_more);
    let link = last.map(|last| format!("<{PATH}?after={}&limit={MOST_ROWS}>; rel=\"next\"", last.seq));
    let receipt = if page.changes.is_empty() { 0 } else { first };
    Created::page(&ChangeOut::all(page)?, link, receipt.to_string().into_bytes())
}

/// The number in a receipt of [`made_by`].
fn first_of(stored: &Created) -> Result<i64, Problem> {
    let text = std::str::from_utf8(&stored.body).map_err(Problem::internal)?;
    text.parse().map_err(Problem::internal)
}
