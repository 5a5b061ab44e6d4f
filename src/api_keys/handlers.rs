//! The routes at `/me/keys`: the keys that the user's programs have. All of them want a login.

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

/// `GET /me/keys`: lists the user's keys, without their texts.
pub async fn list(
    me: LoggedInUser,
    list: ListRequest<ApiKeyFilter>,
    db: Data<Db>,
) -> Result<PageResponse<ApiKeyOut>, Problem> {
    list.read(&db, move |conn, asked| ApiKeys::of(me.id).list(conn, asked)).await
}

/// `POST /me/keys`: makes a key and shows it, this once. A stolen token must not become a key that outlives it, so the
/// password must have been given in the last 5 minutes.
///
/// # Errors
/// `fresh-login-required`, `too-many-api-keys`; `revoked-token`, when the session has ended meanwhile.
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

/// `DELETE /me/keys/{key_id}`: ends a key of the user.
///
/// # Errors
/// `not-found`; `revoked-token`, when the session has ended meanwhile.
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
