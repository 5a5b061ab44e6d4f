//! Queries about users. A user is found by itself ([`Users::of`]); before anybody is known there are only
//! signing up and finding whom a login means.

use diesel::{
    ExpressionMethods, Insertable, OptionalExtension, QueryDsl, Queryable, RunQueryDsl, Selectable, SelectableHelper,
};

use super::{
    UserId,
    wire::{Email, Username, key},
};
use crate::{
    auth::password::PasswordHash,
    db::{Broken, Connection, OnConstraint, columns, schema::users, timestamp::Timestamp},
    problem::{Kind, Problem},
};

/// A user, as far as the user may see it.
#[derive(Queryable, Selectable)]
#[diesel(table_name = users)]
pub struct UserRow {
    pub id: i64,
    pub username: String,
    pub email: String,
    pub verified_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A user to be inserted.
#[derive(Insertable)]
#[diesel(table_name = users)]
pub struct NewUser {
    username: String,
    username_key: String,
    email: String,
    email_key: String,
    password_hash: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl NewUser {
    /// Somebody who signs up now.
    #[must_use]
    pub fn new(username: &Username, email: &Email, password_hash: &PasswordHash) -> Self {
        let now = Timestamp::now();
        Self {
            username: username.to_string(),
            username_key: username.key(),
            email: email.to_string(),
            email_key: email.key(),
            password_hash: password_hash.as_str().to_owned(),
            created_at: now,
            updated_at: now,
        }
    }
}

/// What a login names: an e-mail address has an `@`, a username never.
pub enum LoginKey {
    Username(String),
    Email(String),
}

impl LoginKey {
    #[must_use]
    pub fn of(login: &str) -> Self {
        if login.contains('@') { Self::Email(key(login)) } else { Self::Username(key(login)) }
    }
}

/// What a login is checked against.
pub struct Credentials {
    pub id: UserId,
    pub password_hash: PasswordHash,
}

/// One user's own row.
pub struct Users(UserId);

impl Users {
    #[must_use]
    pub fn of(user: UserId) -> Self {
        Self(user)
    }

    /// Signs somebody up.
    ///
    /// # Errors
    /// `username-taken`, `email-taken`.
    pub fn create(conn: &mut Connection, new: &NewUser) -> Result<UserRow, Problem> {
        diesel::insert_into(users::table).values(new).returning(columns::<UserRow>()).get_result(conn).on_constraint(
            |broken| match broken {
                Broken::Unique(name) if name == "users_username_key_unique" => {
                    Some(Problem::new(Kind::UsernameTaken).at("/username", "taken"))
                }
                Broken::Unique(name) if name == "users_email_key_unique" => {
                    Some(Problem::new(Kind::EmailTaken).at("/email", "taken"))
                }
                _ => None,
            },
        )
    }

    /// Whom a login means, if there is such a user.
    pub fn find_for_login(conn: &mut Connection, login: &LoginKey) -> Result<Option<Credentials>, Problem> {
        let columns = (users::id, users::password_hash);
        let found: Option<(i64, String)> = match login {
            LoginKey::Username(key) => users::table.filter(users::username_key.eq(key)).select(columns).first(conn),
            LoginKey::Email(key) => users::table.filter(users::email_key.eq(key)).select(columns).first(conn),
        }
        .optional()?;
        let credentials = |(id, hash)| {
            let id = UserId::new(id).ok_or_else(|| Problem::internal("a user's id is not positive"))?;
            Ok(Credentials { id, password_hash: PasswordHash::stored(hash) })
        };
        found.map(credentials).transpose()
    }

    /// The user itself.
    ///
    /// # Errors
    /// `revoked-token` when the user was deleted a moment ago.
    pub fn show(&self, conn: &mut Connection) -> Result<UserRow, Problem> {
        let found = users::table.find(self.0.get()).select(UserRow::as_select()).first(conn).optional()?;
        found.ok_or_else(|| Problem::new(Kind::RevokedToken))
    }

    /// Stores the same password under other parameters.
    pub fn rehash(&self, conn: &mut Connection, hash: &PasswordHash) -> Result<(), Problem> {
        let me = users::table.find(self.0.get());
        let _rows = diesel::update(me).set(users::password_hash.eq(hash.as_str())).execute(conn)?;
        Ok(())
    }
}
