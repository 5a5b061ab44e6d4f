//! Everything of one user as one JSON document, read and sent piece by piece, so that it takes little memory
//! however much there is. Each piece is read only while the session stands that asked for it, and while there is time:
//! otherwise the document breaks off, and is no JSON.

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
    db::{Conn, Db, timestamp::Timestamp},
    dogs::{DogOut, Dogs},
    lists::{List, ListQuery, Page, SortKey},
    owners::{OwnerOut, Owners},
    problem::{Kind, Problem},
    profiles::{ProfileOut, Profiles},
    sessions::{self, CurrentUser, SessionOut, Sessions},
    tasks::{TaskOut, Tasks},
    users::{UserOut, Users},
    workers::Flow,
};

/// What there is one of.
#[derive(Serialize)]
struct Head {
    exported_at: Timestamp,
    user: UserOut,
    /// The address that waits to be confirmed.
    new_email: Option<String>,
    profile: Option<ProfileOut>,
}

/// What there is any number of, in the order of the document.
#[derive(Clone, Copy)]
enum Section {
    Owners,
    Dogs,
    Tasks,
    Sessions,
}

impl Section {
    fn name(self) -> &'static str {
        match self {
            Self::Owners => "owners",
            Self::Dogs => "dogs",
            Self::Tasks => "tasks",
            Self::Sessions => "sessions",
        }
    }

    fn next(self) -> Option<Self> {
        match self {
            Self::Owners => Some(Self::Dogs),
            Self::Dogs => Some(Self::Tasks),
            Self::Tasks => Some(Self::Sessions),
            Self::Sessions => None,
        }
    }
}

/// Where the export is: in a section, after the row with these keys.
struct ExportPosition {
    section: Section,
    after: Option<Vec<SortKey>>,
}

/// How long an export may take, with the time that its reader takes between two pieces.
pub struct ExportTimeout(pub Duration);

/// An export under way.
#[derive(Clone)]
struct Export {
    db: Data<Db>,
    me: CurrentUser,
    deadline: Instant,
}

/// `GET /me/export`
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
    // Of a body that is not sent nothing need be read.
    let pieces = if method == Method::HEAD { 0 } else { usize::MAX };
    let document = export(db, me, &timeout).await?.take(pieces);
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_DISPOSITION, attachment))
        .content_type("application/json")
        .streaming(document))
}

/// The document, in pieces. The first is read at once, so that a failure is still an answer.
///
/// # Errors
/// Those of the database; after the first piece they end the stream, and so do the session's end and the time-out.
async fn export(
    db: Data<Db>,
    me: CurrentUser,
    timeout: &ExportTimeout,
) -> Result<impl Stream<Item = Result<Bytes, Problem>> + use<>, Problem> {
    let export = Export { db, me, deadline: Instant::now() + timeout.0 };
    let head = export.db.snapshot(move |conn| read_head(conn, me)).await?;
    let mut head = serde_json::to_string(&head).map_err(Problem::internal)?;
    // The object goes on.
    let _brace = head.pop();
    // The rest is read while it is sent, when the request has been answered.
    let flow = Flow::current();
    let start = ExportPosition { section: Section::Owners, after: None };
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
    Ok(Head { exported_at: Timestamp::now(), user, new_email, profile })
}

impl Export {
    /// The next rows as text, with what stands around them, and where to go on.
    async fn read_piece(&self, place: ExportPosition) -> Result<(String, Option<ExportPosition>), Problem> {
        let ExportPosition { section, after } = place;
        let (me, is_first) = (self.me.id, after.is_none());
        let (rows, after) = match section {
            Section::Owners => {
                self.rows::<_, _, OwnerOut>(after, move |c, asked| Owners::of(me).list(c, asked)).await?
            }
            Section::Dogs => self.rows::<_, _, DogOut>(after, move |c, asked| Dogs::of(me).list(c, asked)).await?,
            Section::Tasks => self.rows::<_, _, TaskOut>(after, move |c, asked| Tasks::of(me).list(c, asked)).await?,
            Section::Sessions => {
                self.rows::<_, _, SessionOut>(after, move |c, asked| Sessions::of(me).list(c, asked)).await?
            }
        };
        Ok(piece(section, is_first, &rows, after))
    }

    /// A page of rows as the inside of a JSON array, and the keys of the last if there are more.
    ///
    /// # Errors
    /// `revoked-token`, once the session has ended; `request-timeout`, once the time is over.
    async fn rows<L, R, T>(
        &self,
        after: Option<Vec<SortKey>>,
        list: impl Fn(&mut Conn, &ListQuery<L>) -> Result<Page<R>, Problem> + Send + 'static,
    ) -> Result<(String, Option<Vec<SortKey>>), Problem>
    where
        L: List + Default,
        R: Send + 'static,
        T: From<R> + Serialize,
    {
        if Instant::now() >= self.deadline {
            return Err(Kind::RequestTimeout.into());
        }
        let (asked, bearer) = (ListQuery::all_after(after), self.me.bearer());
        let read = move |conn: &mut Conn| {
            let _me = sessions::find_current_user(conn, bearer)?;
            list(conn, &asked)
        };
        let found = self.db.read(read).await?;
        let rows: Vec<_> = found.rows.into_iter().map(T::from).collect();
        let array = serde_json::to_string(&rows).map_err(Problem::internal)?;
        let inside = array.strip_prefix('[').and_then(|array| array.strip_suffix(']')).unwrap_or_default();
        Ok((inside.to_owned(), found.next))
    }

    fn broke_off(&self, problem: &Problem) {
        let (user_id, session_id) = (self.me.id.get(), self.me.session.get());
        tracing::warn!(user_id, session_id, cause = problem.cause_in_words(), "an export broke off");
    }
}

/// Rows with what stands around them, and where to go on.
fn piece(
    section: Section,
    is_first: bool,
    rows: &str,
    after: Option<Vec<SortKey>>,
) -> (String, Option<ExportPosition>) {
    let mut text = if is_first { format!(",\"{}\":[", section.name()) } else { String::new() };
    // What was to come may have been deleted meanwhile.
    if !is_first && !rows.is_empty() {
        text.push(',');
    }
    text.push_str(rows);
    if after.is_some() {
        return (text, Some(ExportPosition { section, after }));
    }
    text.push(']');
    let next = section.next().map(|section| ExportPosition { section, after: None });
    if next.is_none() {
        text.push('}');
    }
    (text, next)
}
