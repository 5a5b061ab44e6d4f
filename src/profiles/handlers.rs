//! The handlers of `/me/profile`: the user's own public description.

use actix_web::{Either, HttpResponse, web::Data};

use super::{
    Profiles,
    wire::{ProfileIn, ProfileOut},
};
use crate::{
    body::Valid,
    current_user::CurrentUser,
    db::Db,
    problem::Problem,
    wire::{Created, Preconditions, WithEtag},
};

/// `GET /me/profile`: shows the user's profile.
///
/// # Errors
/// `not-found`, when the user has none; the database's errors ([`Db::read`]).
pub async fn show(me: CurrentUser, db: Data<Db>) -> Result<WithEtag<ProfileOut>, Problem> {
    let profile = db.read(move |conn| Profiles::of(me.id).show(conn)).await?;
    Ok(WithEtag::of(profile.version, profile))
}

/// `PUT /me/profile`: replaces the user's profile (200), or makes one where there is none (201). The user and the dogs
/// are public from then on.
///
/// # Errors
/// `precondition-failed`, when `If-Match` was sent and names another version; `validation-failed`; `revoked-token`,
/// when the user was deleted a moment ago; the database's errors ([`Db::write`]).
pub async fn replace(
    me: CurrentUser,
    only_if: Preconditions,
    body: Valid<ProfileIn>,
    db: Data<Db>,
) -> Result<Either<HttpResponse, WithEtag<ProfileOut>>, Problem> {
    let (profile, is_new) = db.write(move |conn| Profiles::of(me.id).replace(conn, &only_if, &body.0)).await?;
    if !is_new {
        return Ok(Either::Right(WithEtag::of(profile.version, profile)));
    }
    let version = profile.version;
    let created = Created::new("/me/profile".to_owned(), &ProfileOut::from(profile))?.version(version);
    Ok(Either::Left(created.into()))
}

/// `DELETE /me/profile`: deletes the user's profile (204). The user and the dogs are not public any more.
///
/// # Errors
/// `not-found`, when the user has none; `precondition-failed`, when `If-Match` was sent and names another version;
/// `revoked-token`, when the user was deleted a moment ago; the database's errors ([`Db::write`]).
pub async fn delete(me: CurrentUser, only_if: Preconditions, db: Data<Db>) -> Result<HttpResponse, Problem> {
    db.write(move |conn| Profiles::of(me.id).delete(conn, &only_if)).await?;
    Ok(HttpResponse::NoContent().finish())
}
