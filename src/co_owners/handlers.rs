//! The handlers of `/dogowner/dogs/{dog_id}/co-owners`: the owners of a dog beside its primary one.

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};

use super::{CoOwners, wire::CoOwnerFilter};
use crate::{
    current_user::CurrentUser,
    db::Db,
    dogs::Dogs,
    ids::{DogId, OwnerId},
    lists::{ListRequest, PageResponse},
    owners::OwnerOut,
    problem::Problem,
};

/// `GET /dogowner/dogs/{dog_id}/co-owners`: lists a page of a dog's co-owners, the owners beside its primary one.
///
/// # Errors
/// `not-found`, when the user has no such dog; `validation-failed`, when the query is not acceptable; the database's
/// errors ([`Db::read`]).
pub async fn list(
    me: CurrentUser,
    dog: Path<DogId>,
    list: ListRequest<CoOwnerFilter>,
    db: Data<Db>,
) -> Result<PageResponse<OwnerOut>, Problem> {
    let rows = move |conn: &mut _, query: &_| {
        let _dog = Dogs::of(me.id).show(conn, *dog)?;
        CoOwners::of(me.id).list(conn, *dog, query)
    };
    list.read(&db, rows).await
}

/// `PUT /dogowner/dogs/{dog_id}/co-owners/{owner_id}`: makes an owner a co-owner of a dog (204, even if it is one
/// already).
///
/// # Errors
/// `not-found`, when the user has no such dog or owner; `already-primary-owner`, when the dog is this owner's;
/// `too-many-co-owners`, when it has 20; the database's errors ([`Db::write_book`]).
pub async fn create(me: CurrentUser, ids: Path<(DogId, OwnerId)>, db: Data<Db>) -> Result<HttpResponse, Problem> {
    let (dog, owner) = *ids;
    db.write_book(me.id, move |conn, book| CoOwners::of(me.id).create(conn, book, dog, owner)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `DELETE /dogowner/dogs/{dog_id}/co-owners/{owner_id}`: takes a co-owner off a dog (204, even if it is none).
///
/// # Errors
/// `not-found`, when the user has no such dog or owner; the database's errors ([`Db::write_book`]).
pub async fn delete(me: CurrentUser, ids: Path<(DogId, OwnerId)>, db: Data<Db>) -> Result<HttpResponse, Problem> {
    let (dog, owner) = *ids;
    db.write_book(me.id, move |conn, book| CoOwners::of(me.id).delete(conn, book, dog, owner)).await?;
    Ok(HttpResponse::NoContent().finish())
}
