//! `/dogowner/owners`, and `/dogowner/owner` as the tutorial spells it.

use actix_web::{
    HttpResponse,
    web::{Data, Json, Path},
};

use super::{
    OwnerId, Owners,
    wire::{OwnerIn, OwnerOut, OwnerPatch},
};
use crate::{
    auth::CurrentUser,
    db::Db,
    problem::Problem,
    wire::{Listed, Page, Valid, created},
};

/// `GET /dogowner/owners`
pub async fn list(me: CurrentUser, page: Page, db: Data<Db>) -> Result<Listed<OwnerOut>, Problem> {
    let window = page.window;
    let owners = db.read(move |conn| Owners::of(me.id).list(conn, window)).await?;
    Ok(page.list(owners, |owner| owner.id))
}

/// `POST /dogowner/owners`
pub async fn create(me: CurrentUser, body: Valid<OwnerIn>, db: Data<Db>) -> Result<HttpResponse, Problem> {
    let owner = db.write(move |conn| Owners::of(me.id).create(conn, &body.0)).await?;
    created(&format!("/dogowner/owners/{}", owner.id), &OwnerOut::from(owner))
}

/// `GET /dogowner/owners/{owner_id}`
pub async fn show(me: CurrentUser, id: Path<OwnerId>, db: Data<Db>) -> Result<Json<OwnerOut>, Problem> {
    let owner = db.read(move |conn| Owners::of(me.id).show(conn, *id)).await?;
    Ok(Json(owner.into()))
}

/// `PATCH /dogowner/owners/{owner_id}`
pub async fn update(
    me: CurrentUser,
    id: Path<OwnerId>,
    body: Valid<OwnerPatch>,
    db: Data<Db>,
) -> Result<Json<OwnerOut>, Problem> {
    let owner = db.write(move |conn| Owners::of(me.id).update(conn, *id, &body.0)).await?;
    Ok(Json(owner.into()))
}

/// `DELETE /dogowner/owners/{owner_id}`
pub async fn delete(me: CurrentUser, id: Path<OwnerId>, db: Data<Db>) -> Result<HttpResponse, Problem> {
    db.write(move |conn| Owners::of(me.id).delete(conn, *id)).await?;
    Ok(HttpResponse::NoContent().finish())
}
