//! `/me`: the account of whoever asks.

use actix_web::{
    HttpResponse,
    http::{
        Method,
        header::{self, ContentDisposition, DispositionParam, DispositionType},
    },
    web::Data,
};
use futures_util::StreamExt;

use super::{UserOut, Users, export::export, wire::UserPatch};
use crate::{
    auth::CurrentUser,
    db::Db,
    problem::Problem,
    wire::{Preconditions, Single, Valid},
};

/// `GET /me`
pub async fn show(me: CurrentUser, db: Data<Db>) -> Result<Single<UserOut>, Problem> {
    let user = db.read(move |conn| Users::of(me.id).show(conn)).await?;
    Ok(user.into())
}

/// `PATCH /me`
pub async fn update(
    me: CurrentUser,
    only_if: Preconditions,
    body: Valid<UserPatch>,
    db: Data<Db>,
) -> Result<Single<UserOut>, Problem> {
    let user = db.write(move |conn| Users::of(me.id).update(conn, &only_if, &body.0)).await?;
    Ok(user.into())
}

/// `DELETE /me`
pub async fn delete(me: CurrentUser, only_if: Preconditions, db: Data<Db>) -> Result<HttpResponse, Problem> {
    db.write(move |conn| Users::of(me.id).delete(conn, &only_if)).await?;
    tracing::info!(user_id = me.id.get(), "account deleted");
    Ok(HttpResponse::NoContent().finish())
}

/// `GET /me/export`
pub async fn show_export(me: CurrentUser, method: Method, db: Data<Db>) -> Result<HttpResponse, Problem> {
    let attachment = ContentDisposition {
        disposition: DispositionType::Attachment,
        parameters: vec![DispositionParam::Filename("kennel.json".to_owned())],
    };
    // Of a body that is not sent nothing need be read.
    let pieces = if method == Method::HEAD { 0 } else { usize::MAX };
    let document = export(db, me.id).await?.take(pieces);
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_DISPOSITION, attachment))
        .content_type("application/json")
        .streaming(document))
}
