//! The routes at `/me/keys`: the API keys of the user's programs. All of them need a login, and refuse API keys
//! themselves.

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};

use super::{
    ApiKeyOut, ApiKeys,
    wire::{ApiKeyFilter, ApiKeyIn, NewApiKeyOut},
};
use crate::{
    body::Valid,
    credentials::ApiKeyText,
    current_user::LoggedInUser,
    db::Db,
    ids::ApiKeyId,
    lists::{ListRequest, PageResponse},
    problem::{Kind, Problem},
    sessions,
};

/// `GET /me/keys`: lists a page of the user's API keys, without their texts. An API key is refused here
/// (`insufficient-scope`).
///
/// # Errors
/// `validation-failed`, when the query is not acceptable; the database's errors ([`Db::read`]).
pub async fn list(
    me: LoggedInUser,
    list: ListRequest<ApiKeyFilter>,
    db: Data<Db>,
) -> Result<PageResponse<ApiKeyOut>, Problem> {
    list.read(&db, move |conn, query| ApiKeys::of(me.id).list(conn, query)).await
}

/// `POST /me/keys`: makes an API key and responds with its text, which is shown this once. A stolen token must not
/// become a key that outlives it, so the password must have been given in the last 5 minutes.
///
/// # Errors
/// `fresh-login-required`, when the password was given longer ago; `too-many-api-keys`, when the user has 20, expired
/// ones among them; `revoked-token`, when the session has ended meanwhile; the database's errors ([`Db::write`]).
pub async fn create(me: LoggedInUser, body: Valid<ApiKeyIn>, db: Data<Db>) -> Result<HttpResponse, Problem> {
    me.require_fresh_login()?;
    let key = ApiKeyText::random()?;
    let (new, text) = (body.0, key.clone());
    let create = move |conn: &mut _| {
        let row = ApiKeys::of(me.id).create(conn, &new, &text)?;
        sessions::require_live(conn, me.id, me.session)?;
        Ok(row)
    };
    let row = db.write(create).await?;
    tracing::info!(target: "kennel::security", user_id = me.id.get(), key_id = row.id.get(), "api_key_created");
    Ok(HttpResponse::Created().json(NewApiKeyOut { row: row.into(), key: key.as_str().to_owned() }))
}

/// `DELETE /me/keys/{key_id}`: deletes an API key of the user, so that the next request with it is refused (204).
///
/// # Errors
/// `not-found`, when the user has no such key; `revoked-token`, when the session has ended meanwhile; the database's
/// errors ([`Db::write`]).
pub async fn delete(me: LoggedInUser, id: Path<ApiKeyId>, db: Data<Db>) -> Result<HttpResponse, Problem> {
    let id = *id;
    let delete = move |conn: &mut _| {
        sessions::require_live(conn, me.id, me.session)?;
        ApiKeys::of(me.id).delete(conn, id)
    };
    if !db.write(delete).await? {
        return Err(Kind::NotFound.into());
    }
    tracing::info!(target: "kennel::security", user_id = me.id.get(), key_id = id.get(), "api_key_deleted");
    Ok(HttpResponse::NoContent().finish())
}
