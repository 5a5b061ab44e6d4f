//! The import (`POST /me/import`): the document of an export, from here or elsewhere, becomes rows of the user, all of
//! them in one transaction or none.
//!
//! # Why a thread reads the document
//!
//! An ordinary body is read on the thread that serves the request, since that takes no time to speak of. While one of
//! 8 MiB is read, all others on that thread would wait, and it takes many times its length in memory. So one thread
//! reads them, one after the other, and users take turns.

mod document;

use std::{
    collections::HashSet,
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use actix_web::{
    FromRequest, HttpRequest, HttpResponse,
    dev::Payload,
    web::{Bytes, Data},
};
use serde::Serialize;

use self::document::{Document, NewIds};
use crate::{
    body::{BodyLimits, parse, read_bytes},
    book_limits::{BookLimits, Full, Reservation, Shelf},
    current_user::{CurrentUser, LoggedInUser},
    db::{Book, BookEntry, Conn, Db},
    dogs::{self, Dogs},
    idempotency::{Idempotent, RequestKey, key_name},
    ids::UserId,
    owners::{self, Owners},
    problem::{Kind, Problem},
    profiles::Profiles,
    sessions,
    tasks::{self, Tasks},
    wire::{Created, Fields, FromQuery, Query, ValidQuery},
    workers::{WorkerLimits, Workers, lock, one_by_one},
};

/// The limits on a document.
const LIMITS: BodyLimits = BodyLimits { bytes: 8 << 20, patience: Duration::from_secs(60) };
const TOO_LARGE: &str = "An import may have 8,388,608 bytes and 500,000 values.";
const TOO_SLOW: &str = "Send the whole document within 60 seconds.";
/// The most documents that are under way at a time, since each may take its length in memory.
const MOST_UPLOADS: usize = 16;
/// The longest wait until a document is read.
const PATIENCE: Duration = Duration::from_secs(20);
/// The path of this operation, under which an `Idempotency-Key` is remembered.
const PATH: &str = "/me/import";
/// The path of all that a user has, for `Location`.
const LOCATION: &str = "/me/export";

/// The thread that reads imported documents, and the users whose documents are under way, of whom each has one.
pub struct Importer {
    reader: Workers<()>,
    users: Arc<Mutex<HashSet<UserId>>>,
}

impl Importer {
    /// Starts the thread.
    ///
    /// # Errors
    /// `io::Error`, when the system has no more threads to give.
    pub fn start() -> io::Result<Self> {
        let limits = WorkerLimits::new(1, MOST_UPLOADS, PATIENCE);
        Ok(Self { reader: Workers::start("importer", limits, || Ok(()), one_by_one)?, users: Arc::default() })
    }

    /// Lets a user send a document.
    fn admit(&self, user: UserId) -> Result<Admitted, Problem> {
        let mut users = lock(&self.users);
        if users.contains(&user) {
            let problem = Problem::too_many_requests(Duration::from_secs(1));
            return Err(
                problem.with_detail("An import of yours is waiting already. Send the next one when it is answered.")
            );
        }
        if users.len() >= MOST_UPLOADS {
            return Err(Kind::Overloaded.into());
        }
        let _is_new = users.insert(user);
        Ok(Admitted { users: Arc::clone(&self.users), user })
    }

    /// Reads and checks a document.
    async fn read(&self, upload: &Upload) -> Result<(Document, Option<RequestKey>), Problem> {
        let (body, key) = (upload.body.clone(), upload.key.clone());
        let read = move |(): &mut ()| {
            let mut json = parse(&body).map_err(by_our_limits)?;
            let key = key.clone().map(|name| RequestKey::new(name, PATH, &mut json));
            Ok((Fields::read(json).map_err(Problem::validation)?, key))
        };
        self.reader.run(read).await
    }
}

/// The right of a user to send a document. Dropping it lets the user send another.
struct Admitted {
    users: Arc<Mutex<HashSet<UserId>>>,
    user: UserId,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let _was_there = lock(&self.users).remove(&self.user);
    }
}

/// The body of an import as it came, and its `Idempotency-Key`. An extractor, which refuses a second document of a user
/// while the first is under way (`too-many-requests`) and one of too many (`overloaded`), and otherwise as
/// [`read_bytes`].
pub struct Upload {
    body: Bytes,
    key: Option<String>,
    _admitted: Admitted,
}

impl FromRequest for Upload {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let admitted = CurrentUser::of(request).and_then(|me| importer(request)?.admit(me.id));
        let key = key_name(request.headers());
        let body = read_bytes(request, payload, LIMITS);
        Box::pin(async move {
            let (admitted, key) = (admitted?, key?);
            Ok(Self { body: body.await.map_err(by_our_limits)?, key, _admitted: admitted })
        })
    }
}

fn importer(request: &HttpRequest) -> Result<&Importer, Problem> {
    let importer = request.app_data::<Data<Importer>>();
    importer.map(|importer| &***importer).ok_or_else(|| Problem::internal("the app has no importer"))
}

/// Says the limits on an import, instead of those on other bodies.
fn by_our_limits(problem: Problem) -> Problem {
    match problem.kind() {
        Kind::ContentTooLarge => problem.with_detail(TOO_LARGE),
        Kind::RequestTimeout => problem.with_detail(TOO_SLOW),
        _ => problem,
    }
}

/// The query of `POST /me/import`.
pub struct ImportQuery {
    /// Whether the document is checked only.
    pub dry_run: bool,
}

impl FromQuery for ImportQuery {
    fn from_query(query: &mut Query<'_>) -> Self {
        Self { dry_run: query.flag("dry_run").unwrap_or_default() }
    }
}

/// The response to an import: what was added or, after `dry_run=true`, would be.
#[derive(Serialize)]
pub struct ImportOut {
    dry_run: bool,
    /// Whether the profile is added; not so if the user has one.
    profile: bool,
    owners: usize,
    dogs: usize,
    tasks: usize,
}

impl ImportOut {
    fn of(document: &Document, dry_run: bool, profile: bool) -> Self {
        let Document { profile: _, owners, dogs, tasks } = document;
        Self { dry_run, profile, owners: owners.len(), dogs: dogs.len(), tasks: tasks.len() }
    }
}

/// `POST /me/import`: adds the rows of a document to those of the user (201), once even if the request comes again with
/// the same `Idempotency-Key`; with `dry_run=true` only checks it (200).
///
/// # Errors
/// `validation-failed`; `content-too-large`; `too-many-owners`, `too-many-dogs` or `too-many-tasks`; with an
/// `Idempotency-Key` also `idempotency-key-reused` and `too-many-idempotency-keys`; `revoked-token`, when the session has
/// ended meanwhile; the database's errors ([`Db::write`]).
pub async fn import_book(
    me: LoggedInUser,
    query: ValidQuery<ImportQuery>,
    upload: Upload,
    importer: Data<Importer>,
    db: Data<Db>,
    limits: Data<BookLimits>,
) -> Result<HttpResponse, Problem> {
    let (document, key) = importer.read(&upload).await?;
    if query.0.dry_run {
        return Ok(HttpResponse::Ok().json(check(&db, &limits, me, &document).await?));
    }
    let room = reserve(&db, &limits, me.id, shelves(&document));
    let make = move |entry: BookEntry<'_>, document: &Document| {
        Created::new(LOCATION.to_owned(), &entry.transaction(|conn, book| add(conn, book, me, document))?)
    };
    Idempotent::of(document, key).create_in(&db, &limits, me.id, room, make).await
}

/// The rows of a document by their kinds, and how many there are.
fn shelves(document: &Document) -> [(Shelf, usize); 3] {
    [
        (owners::handlers::SHELF, document.owners.len()),
        (dogs::handlers::SHELF, document.dogs.len()),
        (tasks::handlers::SHELF, document.tasks.len()),
    ]
}

/// Reserves room for all rows of a document.
async fn reserve(
    db: &Db,
    limits: &BookLimits,
    user: UserId,
    shelves: [(Shelf, usize); 3],
) -> Result<Result<Vec<Reservation>, Full>, Problem> {
    let mut reserved = Vec::new();
    for (shelf, wanted) in shelves {
        match limits.reserve_many(db, user, &shelf, wanted).await? {
            Ok(room) => reserved.push(room),
            Err(full) => return Ok(Err(full)),
        }
    }
    Ok(Ok(reserved))
}

/// Finds out what an import of this document would add now.
async fn check(db: &Db, limits: &BookLimits, me: LoggedInUser, document: &Document) -> Result<ImportOut, Problem> {
    let _room = reserve(db, limits, me.id, shelves(document)).await??;
    let has_profile = db.read(move |conn| Ok(Profiles::of(me.id).find(conn)?.is_some())).await?;
    Ok(ImportOut::of(document, true, document.profile.is_some() && !has_profile))
}

/// Adds the rows of a document, in the transaction that is open on `conn`.
fn add(conn: &mut Conn, book: &mut Book, me: LoggedInUser, document: &Document) -> Result<ImportOut, Problem> {
    let Document { profile, owners, dogs, tasks } = document;
    let owner_ids = NewIds::of(owners, Owners::of(me.id).import(conn, book, owners)?);
    let dog_ids = NewIds::of(dogs, Dogs::of(me.id).import(conn, book, dogs, |owner| owner_ids.find(owner))?);
    Tasks::of(me.id).import(conn, book, tasks, |dog| dog_ids.find(dog))?;
    let is_added = match profile {
        Some(profile) => Profiles::of(me.id).import(conn, profile)?,
        None => false,
    };
    sessions::require_live(conn, me.id, me.session)?;
    Ok(ImportOut::of(document, false, is_added))
}
