//! The handlers of `/dogowner/owners`, and of `/dogowner/owner`, another name for the same.

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};

use super::{
    Owners,
    wire::{Deletion, OwnerFilter, OwnerIn, OwnerOut, OwnerPatch},
};
use crate::{
    body::Valid,
    book_limits::{BookLimits, Rows, Shelf},
    credentials::require_live,
    current_user::CurrentUser,
    db::{BookEntry, Db},
    idempotency::Idempotent,
    ids::OwnerId,
    lists::{ListRequest, PageResponse},
    problem::Problem,
    wire::{Created, Preconditions, ValidQuery, WithEtag},
};

/// The owners of a book, which are limited.
pub const SHELF: Shelf = Shelf { rows: Rows::Owners, count: |conn, me, most| Owners::of(me).count_up_to(conn, most) };

/// `GET /dogowner/owners`: lists a page of the user's owners.
///
/// # Errors
/// `validation-failed`, when the query is not acceptable; `too-many-requests`, when it is more work than the quota has
/// left; the database's errors ([`Db::read`]).
pub async fn list(
    me: CurrentUser,
    list: ListRequest<OwnerFilter>,
    db: Data<Db>,
) -> Result<PageResponse<OwnerOut>, Problem> {
    list.read(&db, move |conn, query| Owners::of(me.id).list(conn, query)).await
}

/// `POST /dogowner/owners`: makes an owner (201), once even if the request comes again with the same `Idempotency-Key`.
///
/// # Errors
/// `validation-failed`; `too-many-owners`; with an `Idempotency-Key` also `idempotency-key-reused` and
/// `too-many-idempotency-keys` ([`Idempotent::create`]); `revoked-token`, when the user was deleted a moment ago; the
/// database's errors ([`Db::write_book`]).
pub async fn create(
    me: CurrentUser,
    body: Idempotent<OwnerIn>,
    db: Data<Db>,
    limits: Data<BookLimits>,
) -> Result<HttpResponse, Problem> {
    let create = move |entry: BookEntry<'_>, new: &OwnerIn| {
        let owner = Owners::of(me.id).create(entry, new)?;
        let (location, version) = (format!("/dogowner/owners/{}", owner.id), owner.version);
        Ok(Created::new(location, &OwnerOut::from(owner))?.version(version))
    };
    body.create(&db, &limits, me.id, &SHELF, create).await
}

/// `GET /dogowner/owners/{owner_id}`: shows an owner.
///
/// # Errors
/// `not-found`, when the user has no such owner; the database's errors ([`Db::read`]).
pub async fn show(me: CurrentUser, id: Path<OwnerId>, db: Data<Db>) -> Result<WithEtag<OwnerOut>, Problem> {
    let owner = db.read(move |conn| Owners::of(me.id).show(conn, *id)).await?;
    Ok(WithEtag::of(owner.version, owner))
}

/// `PUT /dogowner/owners/{owner_id}`: replaces all fields of an owner.
///
/// # Errors
/// `not-found`; `precondition-failed`, when `If-Match` was sent and names another version; `validation-failed`; the
/// database's errors ([`Db::write_book`]).
pub async fn replace(
    me: CurrentUser,
    id: Path<OwnerId>,
    only_if: Preconditions,
    body: Valid<OwnerIn>,
    db: Data<Db>,
) -> Result<WithEtag<OwnerOut>, Problem> {
    let patch = body.0.into();
    let owner =
        db.write_book(me.id, move |conn, book| Owners::of(me.id).update(conn, book, *id, &only_if, &patch)).await?;
    Ok(WithEtag::of(owner.version, owner))
}

/// `PATCH /dogowner/owners/{owner_id}`: changes the fields of an owner that the body names.
///
/// # Errors
/// `not-found`; `precondition-failed`, when `If-Match` was sent and names another version; `validation-failed`; the
/// database's errors ([`Db::write_book`]).
pub async fn update(
    me: CurrentUser,
    id: Path<OwnerId>,
    only_if: Preconditions,
    body: Valid<OwnerPatch>,
    db: Data<Db>,
) -> Result<WithEtag<OwnerOut>, Problem> {
    let owner =
        db.write_book(me.id, move |conn, book| Owners::of(me.id).update(conn, book, *id, &only_if, &body.0)).await?;
    Ok(WithEtag::of(owner.version, owner))
}

/// `DELETE /dogowner/owners/{owner_id}`: deletes an owner without dogs, or with `force=true` its dogs and their tasks
/// too (204), in several transactions if there are many.
///
/// # Errors
/// `not-found`; `precondition-failed`, when `If-Match` was sent and names another version; `owner-has-dogs`, without
/// `force=true`; the database's errors ([`Db::write_book`]).
pub async fn delete(
    me: CurrentUser,
    id: Path<OwnerId>,
    only_if: Preconditions,
    query: ValidQuery<Deletion>,
    db: Data<Db>,
) -> Result<HttpResponse, Problem> {
    let (id, Deletion { with_dogs }) = (*id, query.0);
    let delete = move |conn: &mut _, book: &mut _| {
        if with_dogs {
            require_live(conn, me)?;
        }
        Owners::of(me.id).delete(conn, book, id, &only_if, with_dogs)
    };
    let rest = move |conn: &mut _, book: &mut _| Owners::of(me.id).delete_rest(conn, book, id, with_dogs);
    db.write_book_in_pieces(me.id, delete, rest).await?;
    Ok(HttpResponse::NoContent().finish())
}
