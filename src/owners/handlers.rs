//! The routes at `/dogowner/owners`, and `/dogowner/owner` as the tutorial spells it.

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
    book::{Book, Rows, Shelf},
    credentials::require_live,
    current_user::CurrentUser,
    db::{Atomic, Db},
    idempotency::Idempotent,
    ids::OwnerId,
    lists::{ListRequest, PageResponse},
    problem::Problem,
    wire::{Created, Preconditions, ValidQuery, WithEtag},
};

/// The owners of a book, which are limited.
const SHELF: Shelf = Shelf { rows: Rows::Owners, count: |conn, me, most| Owners::of(me).count_up_to(conn, most) };

/// `GET /dogowner/owners`: lists the owners.
pub async fn list(
    me: CurrentUser,
    list: ListRequest<OwnerFilter>,
    db: Data<Db>,
) -> Result<PageResponse<OwnerOut>, Problem> {
    list.read(&db, move |conn, asked| Owners::of(me.id).list(conn, asked)).await
}

/// `POST /dogowner/owners`: makes an owner.
pub async fn create(
    me: CurrentUser,
    body: Idempotent<OwnerIn>,
    db: Data<Db>,
    book: Data<Book>,
) -> Result<HttpResponse, Problem> {
    let create = move |atomic: Atomic<'_>, new: &OwnerIn| {
        let owner = Owners::of(me.id).create(atomic, new)?;
        let (location, version) = (format!("/dogowner/owners/{}", owner.id), owner.version);
        Ok(Created::new(location, &OwnerOut::from(owner))?.version(version))
    };
    body.create(&db, &book, me.id, &SHELF, create).await
}

/// `GET /dogowner/owners/{owner_id}`: shows an owner.
pub async fn show(me: CurrentUser, id: Path<OwnerId>, db: Data<Db>) -> Result<WithEtag<OwnerOut>, Problem> {
    let owner = db.read(move |conn| Owners::of(me.id).show(conn, *id)).await?;
    Ok(WithEtag::of(owner.version, owner))
}

/// `PUT /dogowner/owners/{owner_id}`: replaces an owner.
pub async fn replace(
    me: CurrentUser,
    id: Path<OwnerId>,
    only_if: Preconditions,
    body: Valid<OwnerIn>,
    db: Data<Db>,
) -> Result<WithEtag<OwnerOut>, Problem> {
    let patch = body.0.into();
    let owner = db.write(move |conn| Owners::of(me.id).update(conn, *id, &only_if, &patch)).await?;
    Ok(WithEtag::of(owner.version, owner))
}

/// `PATCH /dogowner/owners/{owner_id}`: changes an owner.
pub async fn update(
    me: CurrentUser,
    id: Path<OwnerId>,
    only_if: Preconditions,
    body: Valid<OwnerPatch>,
    db: Data<Db>,
) -> Result<WithEtag<OwnerOut>, Problem> {
    let owner = db.write(move |conn| Owners::of(me.id).update(conn, *id, &only_if, &body.0)).await?;
    Ok(WithEtag::of(owner.version, owner))
}

/// `DELETE /dogowner/owners/{owner_id}`: deletes an owner, with its dogs if the query says so.
pub async fn delete(
    me: CurrentUser,
    id: Path<OwnerId>,
    only_if: Preconditions,
    query: ValidQuery<Deletion>,
    db: Data<Db>,
) -> Result<HttpResponse, Problem> {
    let (id, Deletion { with_dogs }) = (*id, query.0);
    let delete = move |conn: &mut _| {
        if with_dogs {
            require_live(conn, me)?;
        }
        Owners::of(me.id).delete(conn, id, &only_if, with_dogs)
    };
    let is_more = db.write(delete).await?;
    db.write_in_pieces(is_more, move |conn| Owners::of(me.id).delete_rest(conn, id, with_dogs)).await?;
    Ok(HttpResponse::NoContent().finish())
}
