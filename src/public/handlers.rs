//! `/users/{username}` and `/dogs`

use actix_web::web::{Data, Json, Path};

use super::{
    repo,
    wire::{PageOut, PublicDogOut, PublicFilter},
};
use crate::{
    db::Db,
    dogs::DogId,
    problem::{Kind, Problem},
    users::UsernameKey,
    wire::{Listed, Page},
};

/// `GET /users/{username}`
pub async fn show_user(username: Path<String>, db: Data<Db>) -> Result<Json<PageOut>, Problem> {
    let username = key(&username)?;
    let page = db.read(move |conn| repo::show_user(conn, &username)).await?;
    Ok(Json(page.into()))
}

/// `GET /users/{username}/dogs`
pub async fn list_dogs_of_user(
    username: Path<String>,
    page: Page<PublicFilter>,
    db: Data<Db>,
) -> Result<Listed<PublicDogOut>, Problem> {
    let username = key(&username)?;
    page.read(&db, move |conn, asked| repo::list_dogs_of_user(conn, &username, asked)).await
}

/// `GET /dogs`
pub async fn list_dogs(page: Page<PublicFilter>, db: Data<Db>) -> Result<Listed<PublicDogOut>, Problem> {
    page.read(&db, repo::list_dogs).await
}

/// `GET /dogs/{dog_id}`
pub async fn show_dog(id: Path<DogId>, db: Data<Db>) -> Result<Json<PublicDogOut>, Problem> {
    let dog = db.read(move |conn| repo::show_dog(conn, *id)).await?;
    Ok(Json(dog.into()))
}

/// What cannot be a username is nobody's.
fn key(username: &str) -> Result<UsernameKey, Problem> {
    UsernameKey::of(username).ok_or_else(|| Problem::new(Kind::NotFound))
}
