//! Queries about what is public, whoever asks. A user's page is there as long as the profile is, a dog as long as
//! it is public, which a foreign key keeps the same.

use chrono::NaiveDate;
use diesel::{
    ExpressionMethods, JoinOnDsl, OptionalExtension, QueryDsl, Queryable, RunQueryDsl, Selectable,
    dsl::{Eq, auto_type},
};

use super::wire::PublicFilter;
use crate::{
    db::{
        Connection, columns,
        keyset::{Found, Key, Sort},
        natively,
        schema::{dogs, profiles, users},
        timestamp::Timestamp,
    },
    dogs::DogId,
    problem::{Kind, Problem},
    users::UsernameKey,
    wire::Asked,
};

/// What a user's page is made of.
pub struct PageRow {
    pub username: String,
    pub description: String,
    pub dogs_count: i64,
    pub created_at: Timestamp,
}

/// A dog, as far as the public may see it.
#[derive(Queryable, Selectable)]
#[diesel(table_name = dogs)]
pub struct PublicDogRow {
    pub id: i64,
    pub name: String,
    pub born_on: Option<NaiveDate>,
    #[diesel(select_expression = users::username)]
    pub adopted_by: String,
    pub created_at: Timestamp,
}

/// By id only.
pub const SORTS: &[Sort<PublicDogRow>] = &[Sort { name: "id", sql: "dogs.id", key: |row| Key::Id(row.id), then: None }];

/// Every dog that is public, with its user.
#[auto_type]
fn public_dogs() -> _ {
    let of_user: Eq<users::id, dogs::user_id> = users::id.eq(dogs::user_id);
    dogs::table.inner_join(users::table.on(of_user)).filter(dogs::is_public)
}

/// A user's page.
///
/// # Errors
/// `not-found`, when there is no such user or no profile.
pub fn show_user(conn: &mut Connection, username: &UsernameKey) -> Result<PageRow, Problem> {
    let count = dogs::table.filter(dogs::user_id.eq(users::id)).count().single_value();
    let found: Option<(String, String, Timestamp, Option<i64>)> = users::table
        .inner_join(profiles::table)
        .filter(users::username_key.eq(username.as_str()))
        .select((users::username, profiles::description, profiles::created_at, count))
        .first(conn)
        .optional()?;
    let (username, description, created_at, dogs_count) = found.ok_or_else(not_found)?;
    Ok(PageRow { username, description, dogs_count: dogs_count.unwrap_or(0), created_at })
}

/// A page of one user's dogs.
///
/// # Errors
/// As [`show_user`].
pub fn list_dogs_of_user(
    conn: &mut Connection,
    username: &UsernameKey,
    asked: &Asked<PublicFilter>,
) -> Result<Found<PublicDogRow>, Problem> {
    let user: Option<i64> = users::table
        .inner_join(profiles::table)
        .filter(users::username_key.eq(username.as_str()))
        .select(users::id)
        .first(conn)
        .optional()?;
    let user = user.ok_or_else(not_found)?;
    asked.window.page(|step| {
        let theirs = public_dogs().filter(dogs::user_id.eq(user)).filter(step.rows).order(step.order);
        let page = theirs.limit(step.limit).select(columns::<PublicDogRow>());
        natively!(conn => page.load(conn))
    })
}

/// A page of everybody's dogs.
pub fn list_dogs(conn: &mut Connection, asked: &Asked<PublicFilter>) -> Result<Found<PublicDogRow>, Problem> {
    asked.window.page(|step| {
        let page = public_dogs().filter(step.rows).order(step.order).limit(step.limit);
        let page = page.select(columns::<PublicDogRow>());
        natively!(conn => page.load(conn))
    })
}

/// One dog.
///
/// # Errors
/// `not-found`.
pub fn show_dog(conn: &mut Connection, id: DogId) -> Result<PublicDogRow, Problem> {
    let dog = public_dogs().filter(dogs::id.eq(id.get())).select(columns::<PublicDogRow>());
    let found = natively!(conn => dog.first(conn)).optional()?;
    found.ok_or_else(not_found)
}

fn not_found() -> Problem {
    Problem::new(Kind::NotFound)
}
