//! The handlers of `/dogowner/dogs`, and of `/dogowner/dog`, another name for the same.

use actix_web::{
    Either, HttpResponse,
    web::{Data, Json, Path},
};

use super::{
    Dogs,
    wire::{DogFilter, DogIn, DogOut, DogPatch, Expand, RoleFilter},
};
use crate::{
    body::Valid,
    book_limits::{BookLimits, Rows, Shelf},
    current_user::CurrentUser,
    db::{BookEntry, Db},
    idempotency::Idempotent,
    ids::{DogId, OwnerId},
    lists::{ListRequest, PageResponse},
    owners::Owners,
    problem::Problem,
    wire::{Created, Preconditions, ValidQuery, WithEtag},
};

/// The dogs of a book, which are limited.
pub const SHELF: Shelf = Shelf { rows: Rows::Dogs, count: |conn, me, most| Dogs::of(me).count_up_to(conn, most) };

/// `GET /dogowner/dogs`: lists a page of the user's dogs, with their owners if `expand` asks for them.
///
/// # Errors
/// `validation-failed`, when the query is not acceptable; `too-many-requests`, when it is more work than the quota has
/// left; the database's errors ([`Db::read`]).
pub async fn list(
    me: CurrentUser,
    list: ListRequest<DogFilter>,
    db: Data<Db>,
) -> Result<PageResponse<DogOut>, Problem> {
    list.read(&db, move |conn, query| Dogs::of(me.id).list(conn, query)).await
}

/// `GET /dogowner/owners/{owner_id}/dogs`: lists a page of the dogs that an owner has, as primary owner or co-owner.
///
/// # Errors
/// `not-found`, when the user has no such owner; `validation-failed` and `too-many-requests`, as [`list`]; the
/// database's errors ([`Db::read`]).
pub async fn list_of_owner(
    me: CurrentUser,
    owner: Path<OwnerId>,
    list: ListRequest<RoleFilter>,
    db: Data<Db>,
) -> Result<PageResponse<DogOut>, Problem> {
    let rows = move |conn: &mut _, query: &_| {
        let _owner = Owners::of(me.id).show(conn, *owner)?;
        Dogs::of(me.id).list_of_owner(conn, *owner, query)
    };
    list.read(&db, rows).await
}

/// `POST /dogowner/dogs`: makes a dog (201), once even if the request comes again with the same `Idempotency-Key`.
///
/// # Errors
/// `validation-failed`; `too-many-dogs`; with an `Idempotency-Key` also `idempotency-key-reused` and
/// `too-many-idempotency-keys` ([`Idempotent::create`]); the database's errors ([`Db::write_book`]).
pub async fn create(
    me: CurrentUser,
    body: Idempotent<DogIn>,
    db: Data<Db>,
    limits: Data<BookLimits>,
) -> Result<HttpResponse, Problem> {
    let create = move |entry: BookEntry<'_>, new: &DogIn| {
        let dog = Dogs::of(me.id).create(entry, new)?;
        let (location, version) = (format!("/dogowner/dogs/{}", dog.id), dog.version);
        Ok(Created::new(location, &DogOut::from(dog))?.version(version))
    };
    body.create(&db, &limits, me.id, &SHELF, create).await
}

/// `GET /dogowner/dogs/{dog_id}`: shows a dog. With its owners (`expand`) it has no `ETag`: they change without it.
///
/// # Errors
/// `not-found`, when the user has no such dog; the database's errors ([`Db::read`]).
pub async fn show(
    me: CurrentUser,
    id: Path<DogId>,
    query: ValidQuery<Expand>,
    db: Data<Db>,
) -> Result<Either<WithEtag<DogOut>, Json<DogOut>>, Problem> {
    let ValidQuery(expand) = query;
    if expand.is_nothing() {
        let dog = db.read(move |conn| Dogs::of(me.id).show(conn, *id)).await?;
        return Ok(Either::Left(WithEtag::of(dog.version, dog)));
    }
    let dog = db.snapshot(move |conn| Dogs::of(me.id).show_expanded(conn, *id, expand)).await?;
    Ok(Either::Right(Json(dog.into())))
}

/// `PUT /dogowner/dogs/{dog_id}`: replaces all fields of a dog.
///
/// # Errors
/// `not-found`; `precondition-failed`, when `If-Match` was sent and names another version; `validation-failed`; the
/// database's errors ([`Db::write_book`]).
pub async fn replace(
    me: CurrentUser,
    id: Path<DogId>,
    only_if: Preconditions,
    body: Valid<DogIn>,
    db: Data<Db>,
) -> Result<WithEtag<DogOut>, Problem> {
    let patch = body.0.into();
    let dog = db.write_book(me.id, move |conn, book| Dogs::of(me.id).update(conn, book, *id, &only_if, &patch)).await?;
    Ok(WithEtag::of(dog.version, dog))
}

/// `PATCH /dogowner/dogs/{dog_id}`: changes the fields of a dog that the body names.
///
/// # Errors
/// `not-found`; `precondition-failed`, when `If-Match` was sent and names another version; `validation-failed`; the
/// database's errors ([`Db::write_book`]).
pub async fn update(
    me: CurrentUser,
    id: Path<DogId>,
    only_if: Preconditions,
    body: Valid<DogPatch>,
    db: Data<Db>,
) -> Result<WithEtag<DogOut>, Problem> {
    let dog =
        db.write_book(me.id, move |conn, book| Dogs::of(me.id).update(conn, book, *id, &only_if, &body.0)).await?;
    Ok(WithEtag::of(dog.version, dog))
}

/// `DELETE /dogowner/dogs/{dog_id}`: deletes a dog and its tasks (204), in several transactions if there are many.
///
/// # Errors
/// `not-found`; `precondition-failed`, when `If-Match` was sent and names another version; the database's errors
/// ([`Db::write`]).
pub async fn delete(
    me: CurrentUser,
    id: Path<DogId>,
    only_if: Preconditions,
    db: Data<Db>,
) -> Result<HttpResponse, Problem> {
    let id = *id;
    let delete = move |conn: &mut _, book: &mut _| Dogs::of(me.id).delete(conn, book, id, &only_if);
    let rest = move |conn: &mut _, book: &mut _| Dogs::of(me.id).delete_rest(conn, book, id);
    db.write_book_in_pieces(me.id, delete, rest).await?;
    Ok(HttpResponse::NoContent().finish())
}
