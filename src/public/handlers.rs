//! The handlers of `/users/{username}` and `/dogs`, which need no login.

use actix_web::web::{Data, Json, Path};

use super::{
    repo,
    wire::{PublicDogOut, PublicFilter, PublicProfileOut},
};
use crate::{
    db::Db,
    ids::DogId,
    lists::{ListRequest, PageResponse},
    problem::{Kind, Problem},
    users::UsernameKey,
};

/// `GET /users/{username}`: shows the public page of a user who has a profile.
///
/// # Errors
/// `not-found`, when there is no such user or the user has no profile; the database's errors ([`Db::read`]).
pub async fn show_user(username: Path<String>, db: Data<Db>) -> Result<Json<PublicProfileOut>, Problem> {
    let username = key(&username)?;
    let page = db.read(move |conn| repo::show_user(conn, &username)).await?;
    Ok(Json(page.into()))
}

/// `GET /users/{username}/dogs`: lists a page of the dogs of a user who has a profile.
///
/// # Errors
/// `not-found`, when there is no such user or the user has no profile; `validation-failed`, when the query is not
/// acceptable; the database's errors ([`Db::read`]).
pub async fn list_dogs_of_user(
    username: Path<String>,
    list: ListRequest<PublicFilter>,
    db: Data<Db>,
) -> Result<PageResponse<PublicDogOut>, Problem> {
    let username = key(&username)?;
    list.read(&db, move |conn, query| repo::list_dogs_of_user(conn, &username, query)).await
}

/// `GET /dogs`: lists a page of the dogs of all users who have a profile.
///
/// # Errors
/// `validation-failed`, when the query is not acceptable; the database's errors ([`Db::read`]).
pub async fn list_dogs(list: ListRequest<PublicFilter>, db: Data<Db>) -> Result<PageResponse<PublicDogOut>, Problem> {
    list.read(&db, repo::list_dogs).await
}

/// `GET /dogs/{dog_id}`: shows a dog whose user has a profile.
///
/// # Errors
/// `not-found`, when there is no such dog, or its user has no profile; the database's errors ([`Db::read`]).
pub async fn show_dog(id: Path<DogId>, db: Data<Db>) -> Result<Json<PublicDogOut>, Problem> {
    let dog = db.read(move |conn| repo::show_dog(conn, *id)).await?;
    Ok(Json(dog.into()))
}

/// The key of a username; `not-found`, if the text cannot be one.
fn key(username: &str) -> Result<UsernameKey, Problem> {
    UsernameKey::of(username).ok_or_else(|| Problem::new(Kind::NotFound))
}
