//! The routes at `/dogowner/dogs/{dog_id}/co-owners`.

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

/// `GET /dogowner/dogs/{dog_id}/co-owners`: lists the co-owners of a dog.
pub async fn list(
    me: CurrentUser,
    dog: Path<DogId>,
    list: ListRequest<CoOwnerFilter>,
    db: Data<Db>,
) -> Result<PageResponse<OwnerOut>, Problem> {
    let rows = move |conn: &mut _, asked: &_| {
        let _dog = Dogs::of(me.id).show(conn, *dog)?;
        CoOwners::of(me.id).list(conn, *dog, asked)
    };
    list.read(&db, rows).await
}

/// `PUT /dogowner/dogs/{dog_id}/co-owners/{owner_id}`: makes an owner a co-owner.
pub async fn create(me: CurrentUser, ids: Path<(DogId, OwnerId)>, db: Data<Db>) -> Result<HttpResponse, Problem> {
    let (dog, owner) = *ids;
    db.write(move |conn| CoOwners::of(me.id).create(conn, dog, owner)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `DELETE /dogowner/dogs/{dog_id}/co-owners/{owner_id}`: removes a co-owner.
pub async fn delete(me: CurrentUser, ids: Path<(DogId, OwnerId)>, db: Data<Db>) -> Result<HttpResponse, Problem> {
    let (dog, owner) = *ids;
    db.write(move |conn| CoOwners::of(me.id).delete(conn, dog, owner)).await?;
    Ok(HttpResponse::NoContent().finish())
}
