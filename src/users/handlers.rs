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

use super::{UserOut, Users, deletion::delete_rest, export::export, repo::EmailChange, wire::UserPatch};
use crate::{
    auth::CurrentUser,
    db::Db,
    mail::Post,
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
    post: Data<Post>,
) -> Result<Single<UserOut>, Problem> {
    let update = move |conn: &mut _| Users::of(me.id).update(conn, &only_if, &body.0, || me.require_fresh_login());
    let (user, change) = db.write(update).await?;
    if change != EmailChange::None {
        post.wake();
    }
    if change == EmailChange::Asked {
        tracing::info!(target: "kennel::security", user_id = me.id.get(), "email_change_requested");
    }
    Ok(user.into())
}

/// `DELETE /me`: everything goes, so the password must have been given a moment ago. The account is gone at once and
/// its rows piece by piece; what should be left of them then is for the sweeper.
pub async fn delete(me: CurrentUser, only_if: Preconditions, db: Data<Db>) -> Result<HttpResponse, Problem> {
    me.require_fresh_login()?;
    db.write(move |conn| Users::of(me.id).delete(conn, &only_if)).await?;
    tracing::info!(target: "kennel::security", user_id = me.id.get(), "account_deleted");
    if let Err(problem) = db.write_in_pieces(true, move |conn| delete_rest(conn, me.id)).await {
        let cause = problem.cause_in_words();
        tracing::warn!(user_id = me.id.get(), cause, "what a deleted account had is not all deleted yet");
    }
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
