//! Sign-up, login, and who sent a request: the user is looked up for each, as its token may outlive it.

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use axum::{
    Json,
    extract::{FromRequestParts, State},
    http::{StatusCode, header, request::Parts},
};
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, Header};
use serde::{Deserialize, Serialize};

use crate::{App, Fail, TOKEN_LIFETIME, now};

#[derive(Serialize, Deserialize)]
pub struct Claims {
    sub: i64,
    exp: i64,
}

#[allow(dead_code)]
#[derive(sqlx::FromRow)]
pub struct User {
    pub id: i64,
    username: String,
    email: String,
}

impl FromRequestParts<App> for User {
    type Rejection = Fail;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Fail> {
        const NO: Fail = Fail::Status(StatusCode::UNAUTHORIZED, "authentication required");
        let token = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|v| v.to_str().ok())
            .and_then(|v| v.strip_prefix("Bearer "))
            .ok_or(NO)?;
        let claims = jsonwebtoken::decode::<Claims>(token, &app.dec, &app.validation).map_err(|_| NO)?.claims;
        sqlx::query_as::<_, User>("SELECT id, username, email FROM users WHERE id = $1")
            .bind(claims.sub)
            .fetch_optional(&app.pool)
            .await?
            .ok_or(NO)
    }
}

#[derive(Deserialize)]
pub struct SignupIn {
    username: String,
    email: String,
    password: String,
}
#[derive(Serialize)]
pub struct SignupOut {
    id: i64,
    username: String,
    email: String,
    created_at: DateTime<Utc>,
}
pub async fn signup(State(app): State<App>, Json(body): Json<SignupIn>) -> Result<(StatusCode, Json<SignupOut>), Fail> {
    if body.username.is_empty() || !body.email.contains('@') || body.password.len() < 8 {
        return Err(Fail::Status(StatusCode::UNPROCESSABLE_ENTITY, "invalid input"));
    }
    let _slot = app.hash_slots.acquire().await.expect("never closed");
    let worker = app.clone();
    let password = body.password;
    let hash =
        tokio::task::spawn_blocking(move || worker.argon.hash_password(password.as_bytes()).map(|h| h.to_string()))
            .await
            .expect("hash task")
            .map_err(|_| Fail::Status(StatusCode::INTERNAL_SERVER_ERROR, "internal error"))?;
    let now = now();
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO users (username, email, password, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $4) RETURNING id",
    )
    .bind(&body.username)
    .bind(&body.email)
    .bind(hash)
    .bind(now)
    .fetch_one(&app.pool)
    .await?;
    Ok((StatusCode::CREATED, Json(SignupOut { id, username: body.username, email: body.email, created_at: now })))
}

#[derive(Deserialize)]
pub struct LoginIn {
    username: String,
    password: String,
}
#[derive(Serialize)]
pub struct LoginOut {
    token: String,
}
pub async fn login(State(app): State<App>, Json(body): Json<LoginIn>) -> Result<Json<LoginOut>, Fail> {
    const NO: Fail = Fail::Status(StatusCode::UNAUTHORIZED, "invalid credentials");
    let (id, stored): (i64, String) = sqlx::query_as("SELECT id, password FROM users WHERE username = $1")
        .bind(&body.username)
        .fetch_optional(&app.pool)
        .await?
        .ok_or(NO)?;
    let _slot = app.hash_slots.acquire().await.expect("never closed");
    let worker = app.clone();
    let ok = tokio::task::spawn_blocking(move || {
        PasswordHash::new(&stored)
            .map(|h| worker.argon.verify_password(body.password.as_bytes(), &h).is_ok())
            .unwrap_or(false)
    })
    .await
    .expect("hash task");
    if !ok {
        return Err(NO);
    }
    let exp = (Utc::now() + TOKEN_LIFETIME).timestamp();
    let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &Claims { sub: id, exp }, &app.enc)
        .map_err(|_| Fail::Status(StatusCode::INTERNAL_SERVER_ERROR, "internal error"))?;
    Ok(Json(LoginOut { token }))
}
