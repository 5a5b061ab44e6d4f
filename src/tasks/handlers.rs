//! The handlers of `/dogowner/tasks`.

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};

use super::{
    Tasks,
    wire::{TaskFilter, TaskIn, TaskOut, TaskPatch},
};
use crate::{
    body::Valid,
    book_limits::{BookLimits, Rows, Shelf},
    current_user::CurrentUser,
    db::{BookEntry, Db},
    idempotency::Idempotent,
    ids::TaskId,
    lists::{ListRequest, PageResponse},
    problem::Problem,
    wire::{Created, Preconditions, WithEtag},
};

/// The tasks of a book, which are limited.
pub const SHELF: Shelf = Shelf { rows: Rows::Tasks, count: |conn, me, most| Tasks::of(me).count_up_to(conn, most) };

/// `GET /dogowner/tasks`: lists a page of the user's tasks.
///
/// # Errors
/// `validation-failed`, when the query is not acceptable; `too-many-requests`, when it is more work than the quota has
/// left; the database's errors ([`Db::read`]).
pub async fn list(
    me: CurrentUser,
    list: ListRequest<TaskFilter>,
    db: Data<Db>,
) -> Result<PageResponse<TaskOut>, Problem> {
    list.read(&db, move |conn, query| Tasks::of(me.id).list(conn, query)).await
}

/// `POST /dogowner/tasks`: makes a task (201), once even if the request comes again with the same `Idempotency-Key`.
///
/// # Errors
/// `validation-failed`; `too-many-tasks`; with an `Idempotency-Key` also `idempotency-key-reused` and
/// `too-many-idempotency-keys` ([`Idempotent::create`]); `revoked-token`, when the user was deleted a moment ago; the
/// database's errors ([`Db::write_book`]).
pub async fn create(
    me: CurrentUser,
    body: Idempotent<TaskIn>,
    db: Data<Db>,
    limits: Data<BookLimits>,
) -> Result<HttpResponse, Problem> {
    let create = move |entry: BookEntry<'_>, new: &TaskIn| {
        let task = Tasks::of(me.id).create(entry, new)?;
        let (location, version) = (format!("/dogowner/tasks/{}", task.id), task.version);
        Ok(Created::new(location, &TaskOut::from(task))?.version(version))
    };
    body.create(&db, &limits, me.id, &SHELF, create).await
}

/// `GET /dogowner/tasks/{task_id}`: shows a task.
///
/// # Errors
/// `not-found`, when the user has no such task; the database's errors ([`Db::read`]).
pub async fn show(me: CurrentUser, id: Path<TaskId>, db: Data<Db>) -> Result<WithEtag<TaskOut>, Problem> {
    let task = db.read(move |conn| Tasks::of(me.id).show(conn, *id)).await?;
    Ok(WithEtag::of(task.version, task))
}

/// `PUT /dogowner/tasks/{task_id}`: replaces all fields of a task.
///
/// # Errors
/// `not-found`; `precondition-failed`, when `If-Match` was sent and names another version; `validation-failed`; the
/// database's errors ([`Db::write_book`]).
pub async fn replace(
    me: CurrentUser,
    id: Path<TaskId>,
    only_if: Preconditions,
    body: Valid<TaskIn>,
    db: Data<Db>,
) -> Result<WithEtag<TaskOut>, Problem> {
    let patch = body.0.into();
    let task =
        db.write_book(me.id, move |conn, book| Tasks::of(me.id).update(conn, book, *id, &only_if, &patch)).await?;
    Ok(WithEtag::of(task.version, task))
}

/// `PATCH /dogowner/tasks/{task_id}`: changes the fields of a task that the body names.
///
/// # Errors
/// `not-found`; `precondition-failed`, when `If-Match` was sent and names another version; `validation-failed`; the
/// database's errors ([`Db::write_book`]).
pub async fn update(
    me: CurrentUser,
    id: Path<TaskId>,
    only_if: Preconditions,
    body: Valid<TaskPatch>,
    db: Data<Db>,
) -> Result<WithEtag<TaskOut>, Problem> {
    let task =
        db.write_book(me.id, move |conn, book| Tasks::of(me.id).update(conn, book, *id, &only_if, &body.0)).await?;
    Ok(WithEtag::of(task.version, task))
}

/// `DELETE /dogowner/tasks/{task_id}`: deletes a task (204).
///
/// # Errors
/// `not-found`; `precondition-failed`, when `If-Match` was sent and names another version; the database's errors
/// ([`Db::write`]).
pub async fn delete(
    me: CurrentUser,
    id: Path<TaskId>,
    only_if: Preconditions,
    db: Data<Db>,
) -> Result<HttpResponse, Problem> {
    db.write_book(me.id, move |conn, book| Tasks::of(me.id).delete(conn, book, *id, &only_if)).await?;
    Ok(HttpResponse::NoContent().finish())
}
