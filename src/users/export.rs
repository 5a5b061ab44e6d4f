//! Everything of one user as one JSON document, read and sent piece by piece, so that it takes little memory
//! however much there is.

use std::future::ready;

use actix_web::web::{Bytes, Data};
use futures_util::stream::{Stream, StreamExt, once, try_unfold};
use serde::Serialize;

use super::{UserId, UserOut, Users};
use crate::{
    db::{
        Connection, Db,
        keyset::{Found, Key},
        timestamp::Timestamp,
    },
    dogs::{DogOut, Dogs},
    owners::{OwnerOut, Owners},
    problem::Problem,
    profiles::{ProfileOut, Profiles},
    sessions::{SessionOut, Sessions},
    tasks::{TaskOut, Tasks},
    wire::{Asked, List},
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
struct Place {
    section: Section,
    after: Option<Vec<Key>>,
}

/// The document, in pieces. The first is read at once, so that a failure is still an answer.
///
/// # Errors
/// Those of the database; after the first piece they end the stream.
pub async fn export(db: Data<Db>, me: UserId) -> Result<impl Stream<Item = Result<Bytes, Problem>>, Problem> {
    let head = db.snapshot(move |conn| read_head(conn, me)).await?;
    let mut head = serde_json::to_string(&head).map_err(Problem::internal)?;
    // The object goes on.
    let _brace = head.pop();
    // The rest is read while it is sent, when the request has been answered.
    let flow = Flow::current();
    let start = Place { section: Section::Owners, after: None };
    let rest = try_unfold(Some(start), move |place| {
        let db = Data::clone(&db);
        async move {
            let Some(place) = place else { return Ok(None) };
            let (text, next) = flow.scope(read_piece(&db, me, place)).await.inspect_err(|problem| {
                tracing::warn!(user_id = me.get(), cause = problem.cause_in_words(), "an export broke off");
            })?;
            Ok(Some((Bytes::from(text), next)))
        }
    });
    Ok(once(ready(Ok(Bytes::from(head)))).chain(rest))
}

fn read_head(conn: &mut Connection, me: UserId) -> Result<Head, Problem> {
    let user = Users::of(me).show(conn)?.into();
    let new_email = Users::of(me).new_email(conn)?;
    let profile = Profiles::of(me).find(conn)?.map(ProfileOut::from);
    Ok(Head { exported_at: Timestamp::now(), user, new_email, profile })
}

/// The next rows as text, with what stands around them, and where to go on.
async fn read_piece(db: &Db, me: UserId, place: Place) -> Result<(String, Option<Place>), Problem> {
    let Place { section, after } = place;
    let is_first = after.is_none();
    let (rows, after) = match section {
        Section::Owners => rows::<_, _, OwnerOut>(db, after, move |c, asked| Owners::of(me).list(c, asked)).await?,
        Section::Dogs => rows::<_, _, DogOut>(db, after, move |c, asked| Dogs::of(me).list(c, asked)).await?,
        Section::Tasks => rows::<_, _, TaskOut>(db, after, move |c, asked| Tasks::of(me).list(c, asked)).await?,
        Section::Sessions => {
            rows::<_, _, SessionOut>(db, after, move |c, asked| Sessions::of(me).list(c, asked)).await?
        }
    };
    let mut text = if is_first { format!(",\"{}\":[", section.name()) } else { String::new() };
    // What was to come may have been deleted meanwhile.
    if !is_first && !rows.is_empty() {
        text.push(',');
    }
    text.push_str(&rows);
    if after.is_some() {
        return Ok((text, Some(Place { section, after })));
    }
    text.push(']');
    let next = section.next().map(|section| Place { section, after: None });
    if next.is_none() {
        text.push('}');
    }
    Ok((text, next))
}

/// A page of rows as the inside of a JSON array, and the keys of the last if there are more.
async fn rows<L, R, T>(
    db: &Db,
    after: Option<Vec<Key>>,
    list: impl Fn(&mut Connection, &Asked<L>) -> Result<Found<R>, Problem> + Send + 'static,
) -> Result<(String, Option<Vec<Key>>), Problem>
where
    L: List + Default,
    R: Send + 'static,
    T: From<R> + Serialize,
{
    let asked = Asked::all_after(after);
    let found = db.read(move |conn| list(conn, &asked)).await?;
    let rows: Vec<_> = found.rows.into_iter().map(T::from).collect();
    let array = serde_json::to_string(&rows).map_err(Problem::internal)?;
    let inside = array.strip_prefix('[').and_then(|array| array.strip_suffix(']')).unwrap_or_default();
    Ok((inside.to_owned(), found.next))
}
