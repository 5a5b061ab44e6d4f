//! Owners and dogs: lists, and rows that are written down.

use axum::{Json, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{App, Fail, accounts::User, now};

#[derive(Serialize, sqlx::FromRow)]
pub struct Owner {
    id: i64,
    name: String,
    user_id: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}
#[derive(Serialize, sqlx::FromRow)]
pub struct Dog {
    id: i64,
    name: String,
    user_id: i64,
    owner_id: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

pub async fn owners(State(app): State<App>, user: User) -> Result<Json<Vec<Owner>>, Fail> {
    Ok(Json(
        sqlx::query_as("SELECT id, name, user_id, created_at, updated_at FROM owners WHERE user_id = $1 ORDER BY id")
            .bind(user.id)
            .fetch_all(&app.pool)
            .await?,
    ))
}

pub async fn dogs(State(app): State<App>, user: User) -> Result<Json<Vec<Dog>>, Fail> {
    Ok(Json(
        sqlx::query_as(
            "SELECT id, name, user_id, owner_id, created_at, updated_at FROM dogs WHERE user_id = $1 ORDER BY id",
        )
        .bind(user.id)
        .fetch_all(&app.pool)
        .await?,
    ))
}

#[derive(Deserialize)]
pub struct OwnerIn {
    name: String,
}
pub async fn create_owner(
    State(app): State<App>,
    user: User,
    Json(body): Json<OwnerIn>,
) -> Result<(StatusCode, Json<Owner>), Fail> {
    if body.name.is_empty() || body.name.len() > 255 {
        return Err(Fail::Status(StatusCode::UNPROCESSABLE_ENTITY, "invalid name"));
    }
    let now = now();
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO owners (name, user_id, created_at, updated_at) VALUES ($1, $2, $3, $3) RETURNING id",
    )
    .bind(&body.name)
    .bind(user.id)
    .bind(now)
    .fetch_one(&app.pool)
    .await?;
    let owner = Owner { id, name: body.name, user_id: user.id, created_at: now, updated_at: now };
    Ok((StatusCode::CREATED, Json(owner)))
}

#[derive(Deserialize)]
pub struct DogIn {
    name: String,
    owner_id: i64,
}
pub async fn create_dog(
    State(app): State<App>,
    user: User,
    Json(body): Json<DogIn>,
) -> Result<(StatusCode, Json<Dog>), Fail> {
    if body.name.is_empty() || body.name.len() > 255 {
        return Err(Fail::Status(StatusCode::UNPROCESSABLE_ENTITY, "invalid name"));
    }
    let now = now();
    let id: Option<i64> = sqlx::query_scalar(
        "INSERT INTO dogs (name, user_id, owner_id, created_at, updated_at)
         SELECT $1, $2, id, $4, $4 FROM owners WHERE id = $3 AND user_id = $2 RETURNING id",
    )
    .bind(&body.name)
    .bind(user.id)
    .bind(body.owner_id)
    .bind(now)
    .fetch_optional(&app.pool)
    .await?;
    let id = id.ok_or(Fail::Status(StatusCode::NOT_FOUND, "no such owner"))?;
    let dog = Dog { id, name: body.name, user_id: user.id, owner_id: body.owner_id, created_at: now, updated_at: now };
    Ok((StatusCode::CREATED, Json(dog)))
}
