//! The export: everything of one user as one JSON document, read and sent piece by piece, so that it takes little
//! memory however much there is. Each piece is read only while the session or the API key that asked for it stands, and
//! while there is time: otherwise the document breaks off, and is no JSON.

use std::{
    future::ready,
    time::{Duration, Instant},
};

use actix_web::{
    HttpResponse,
    http::{
        Method,
        header::{self, ContentDisposition, DispositionParam, DispositionType},
    },
    web::{Bytes, Data},
};
use futures_util::stream::{Stream, StreamExt, once, try_unfold};
use serde::Serialize;

use crate::{
    api_keys::{ApiKeyOut, ApiKeys},
    changes::{ChangeOut, Changes},
    credentials,
    current_user::CurrentUser,
    db::{Conn, Db, timestamp::Timestamp},
    dogs::{DogOut, Dogs},
    ids::UserId,
    lists::{List, ListQuery, MOST_ROWS, Page, SortKey},
    owners::{OwnerOut, Owners},
    problem::{Kind, Problem},
    profiles::{ProfileOut, Profiles},
    sessions::{SessionOut, Sessions},
    tasks::{TaskOut, Tasks},
    users::{UserOut, Users},
    workers::Flow,
};

/// The number of the form that an exported document has, and that an imported one must have. Another form is another
/// number.
pub const FORM: u32 = 1;

/// The members of the document that there is one of.
#[derive(Serialize)]
struct Head {
    /// The number of the document's form, by which `POST /me/import` knows it.
    kennel: u32,
    exported_at: Timestamp,
    user: UserOut,
    /// The address that waits to be confirmed.
    new_email: Option<String>,
    profile: Option<ProfileOut>,
}

/// A member of the document with any number of rows: its name, and how they are read.
type Section = (&'static str, ReadPage);

/// Reads a page of a user's rows, after the row with these keys.
type ReadPage = fn(&mut Conn, UserId, Option<Vec<SortKey>>) -> Result<SectionPage, Problem>;

/// A page of rows as the inside of a JSON array, and the keys of the last if there are more.
struct SectionPage {
    json: String,
    next: Option<Vec<SortKey>>,
}

/// Every room with rows of a user, in the order of the document.
const SECTIONS: &[Section] = &[
    ("owners", |conn, me, after| rows::<_, _, OwnerOut>(after, |q| Owners::of(me).list(conn, q))),
    ("dogs", |conn, me, after| rows::<_, _, DogOut>(after, |q| Dogs::of(me).list(conn, q))),
    ("tasks", |conn, me, after| rows::<_, _, TaskOut>(after, |q| Tasks::of(me).list(conn, q))),
    ("changes", changes),
    ("sessions", |conn, me, after| rows::<_, _, SessionOut>(after, |q| Sessions::of(me).list(conn, q))),
    ("api_keys", |conn, me, after| rows::<_, _, ApiKeyOut>(after, |q| ApiKeys::of(me).list(conn, q))),
];

fn rows<L, R, T>(
    after: Option<Vec<SortKey>>,
    list: impl FnOnce(&ListQuery<L>) -> Result<Page<R>, Problem>,
) -> Result<SectionPage, Problem>
where
    L: List + Default,
    T: From<R> + Serialize,
{
    let page = list(&ListQuery::all_after(after))?;
    section_page(&page.rows.into_iter().map(T::from).collect::<Vec<_>>(), page.next)
}

/// The changes of the book, which are listed by their numbers and not as other rows are.
fn changes(conn: &mut Conn, me: UserId, after: Option<Vec<SortKey>>) -> Result<SectionPage, Problem> {
    let after = after.and_then(|keys| match keys.as_slice() {
        [SortKey::Id(seq)] => Some(*seq),
        _ => None,
    });
    let rows = Changes::of(me).logged(conn, after.unwrap_or_default(), MOST_ROWS)?;
    let last = rows.last().filter(|_| rows.len() == MOST_ROWS).map(|change| vec![SortKey::Id(change.seq)]);
    let rows = rows.into_iter().map(ChangeOut::logged).collect::<Result<Vec<_>, _>>()?;
    section_page(&rows, last)
}

fn section_page(rows: &impl Serialize, next: Option<Vec<SortKey>>) -> Result<SectionPage, Problem> {
    let array = serde_json::to_string(rows).map_err(Problem::internal)?;
    let inside = array.strip_prefix('[').and_then(|array| array.strip_suffix(']')).unwrap_or_default();
    Ok(SectionPage { json: inside.to_owned(), next })
}

/// The position of an export: in the first of `sections`, after the row with these keys.
struct ExportPosition {
    sections: &'static [Section],
    after: Option<Vec<SortKey>>,
}

/// The longest time that `GET /me/export` may take in all, with the time that the client takes to read it:
/// `EXPORT_TIMEOUT`.
pub struct ExportTimeout(
    /// The time, counted from the beginning of the request's handler.
    pub Duration,
);

/// An export under way.
#[derive(Clone)]
struct Export {
    db: Data<Db>,
    me: CurrentUser,
    deadline: Instant,
}

/// `GET /me/export`: streams everything of the user as one JSON document, as an attachment. A failure after its
/// beginning breaks the document off, so that it is no JSON: the database's, the end of the credential, or the end of
/// the time ([`ExportTimeout`]).
///
/// # Errors
/// `revoked-token`, when the user was deleted a moment ago; `overloaded`, `too-many-requests` or `unavailable`, as
/// [`Db::snapshot`](crate::db::Db::snapshot).
pub async fn show_export(
    me: CurrentUser,
    method: Method,
    timeout: Data<ExportTimeout>,
    db: Data<Db>,
) -> Result<HttpResponse, Problem> {
    let attachment = ContentDisposition {
        disposition: DispositionType::Attachment,
        parameters: vec![DispositionParam::Filename("kennel.json".to_owned())],
    };
    // For HEAD, whose body is not sent, nothing need be read.
    let pieces = if method == Method::HEAD { 0 } else { usize::MAX };
    let document = export(db, me, &timeout).await?.take(pieces);
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_DISPOSITION, attachment))
        .content_type("application/json")
        .streaming(document))
}

/// The document, in pieces. The first is read at once, so that its failure is still a response of its own.
///
/// # Errors
/// The database's errors; after the first piece they end the stream, and so do the credential's end and the time-out.
async fn export(
    db: Data<Db>,
    me: CurrentUser,
    timeout: &ExportTimeout,
) -> Result<impl Stream<Item = Result<Bytes, Problem>> + use<>, Problem> {
    let export = Export { db, me, deadline: Instant::now() + timeout.0 };
    let head = export.db.snapshot(move |conn| read_head(conn, me)).await?;
    let mut head = serde_json::to_string(&head).map_err(Problem::internal)?;
    // The object is not closed yet.
    let _brace = head.pop();
    // The rest is read while it is sent, when the handler has returned.
    let flow = Flow::current();
    let start = ExportPosition { sections: SECTIONS, after: None };
    let rest = try_unfold(Some(start), move |place| {
        let export = export.clone();
        async move {
            let Some(place) = place else { return Ok(None) };
            let (text, next) =
                flow.scope(export.read_piece(place)).await.inspect_err(|problem| export.broke_off(problem))?;
            Ok(Some((Bytes::from(text), next)))
        }
    });
    Ok(once(ready(Ok(Bytes::from(head)))).chain(rest))
}

fn read_head(conn: &mut Conn, me: CurrentUser) -> Result<Head, Problem> {
    let user = Users::of(me.id).show(conn)?.into();
    let new_email = Users::of(me.id).account(conn)?.and_then(|account| account.pending).map(|pending| pending.address);
    let profile = Profiles::of(me.id).find(conn)?.map(ProfileOut::from);
    Ok(Head { kennel: FORM, exported_at: Timestamp::now(), user, new_email, profile })
}

impl Export {
    /// Reads the next rows as JSON, with the punctuation around them; returns where to go on, too.
    ///
    /// # Errors
    /// The errors of a credential that has ended; `request-timeout`, once the time is over.
    async fn read_piece(&self, place: ExportPosition) -> Result<(String, Option<ExportPosition>), Problem> {
        let ExportPosition { sections, after } = place;
        let Some(((name, read), following)) = sections.split_first() else {
            return Ok(("}".to_owned(), None));
        };
        if Instant::now() >= self.deadline {
            return Err(Kind::RequestTimeout.into());
        }
        let (is_first, me) = (after.is_none(), self.me);
        let read = move |conn: &mut Conn| {
            credentials::require_valid(conn, me)?;
            read(conn, me.id, after.clone())
        };
        let SectionPage { json, next } = self.db.read(read).await?;
        let mut text = if is_first { format!(",\"{name}\":[") } else { String::new() };
        // The rows that were to come may have been deleted meanwhile.
        if !is_first && !json.is_empty() {
            text.push(',');
        }
        text.push_str(&json);
        if next.is_some() {
            return Ok((text, Some(ExportPosition { sections, after: next })));
        }
        text.push(']');
        Ok((text, Some(ExportPosition { sections: following, after: None })))
    }

    fn broke_off(&self, problem: &Problem) {
        let (user_id, credential) = (self.me.id.get(), self.me.credential);
        tracing::warn!(user_id, %credential, cause = problem.cause_in_words(), "an export broke off");
    }
}
