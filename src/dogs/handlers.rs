//! `/dogowner/dogs`, and `/dogowner/dog` as the tutorial spells it.

use actix_web::{
    HttpResponse,
    web::{Data, Json, Path},
};

use super::{
    DogId, Dogs,
    wire::{DogIn, DogOut, DogPatch},
};
use crate::{
    auth::CurrentUser,
    db::Db,
    owners::{OwnerId, Owners},
    problem::Problem,
    wire::{Listed, Page, Valid, created},
};

/// `GET /dogowner/dogs`
pub async fn list(me: CurrentUser, page: Page, db: Data<Db>) -> Result<Listed<DogOut>, Problem> {
    let window = page.window;
    let dogs = db.read(move |conn| Dogs::of(me.id).list(conn, window)).await?;
    Ok(page.list(dogs, |dog| dog.id))
}

/// `GET /dogowner/owners/{owner_id}/dogs`
pub async fn list_of_owner(
    me: CurrentUser,
    owner: Path<OwnerId>,
    page: Page,
    db: Data<Db>,
) -> Result<Listed<DogOut>, Problem> {
    let window = page.window;
    let list = move |conn: &mut _| {
        let _owner = Owners::of(me.id).show(conn, *owner)?;
        Dogs::of(me.id).list_of_owner(conn, *owner, window)
    };
    Ok(page.list(db.read(list).await?, |dog| dog.id))
}

/// `POST /dogowner/dogs`
pub async fn create(me: CurrentUser, body: Valid<DogIn>, db: Data<Db>) -> Result<HttpResponse, Problem> {
    let dog = db.write(move |conn| Dogs::of(me.id).create(conn, &body.0)).await?;
    created(&format!("/dogowner/dogs/{}", dog.id), &DogOut::from(dog))
}

/// `GET /dogowner/dogs/{dog_id}`
pub async fn show(me: CurrentUser, id: Path<DogId>, db: Data<Db>) -> Result<Json<DogOut>, Problem> {
    let dog = db.read(move |conn| Dogs::of(me.id).show(conn, *id)).await?;
    Ok(Json(dog.into()))
}

/// `PATCH /dogowner/dogs/{dog_id}`
pub async fn update(
    me: CurrentUser,
    id: Path<DogId>,
    body: Valid<DogPatch>,
    db: Data<Db>,
) -> Result<Json<DogOut>, Problem> {
    let dog = db.write(move |conn| Dogs::of(me.id).update(conn, *id, &body.0)).await?;
    Ok(Json(dog.into()))
}

/// `DELETE /dogowner/dogs/{dog_id}`
pub async fn delete(me: CurrentUser, id: Path<DogId>, db: Data<Db>) -> Result<HttpResponse, Problem> {
    db.write(move |conn| Dogs::of(me.id).delete(conn, *id)).await?;
    Ok(HttpResponse::NoContent().finish())
}
