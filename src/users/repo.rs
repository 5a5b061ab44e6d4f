//! Queries about users. Those about one user begin at [`Users::of`]; signing up, and in `accounts` logging in, begin
//! without one.

use diesel::{dsl::auto_type, prelude::*, sqlite::Sqlite};

use super::wire::{Email, Username};
use crate::{
    crypto::PasswordHash,
    db::{Broken, Conn, OnConstraint, columns, expression::when, schema::users, timestamp::Timestamp},
    ids::UserId,
    problem::{Kind, Problem},
};

/// A stored user, as the user itself may see it: without the password hash.
#[derive(Queryable, Selectable)]
#[diesel(table_name = users, check_for_backend(Sqlite))]
pub struct UserRow {
    /// The user's id.
    pub id: UserId,
    /// The username, as it was typed.
    pub username: String,
    /// The present e-mail address.
    pub email: String,
    /// The time when the address was verified; `None`, if it was not.
    pub verified_at: Option<Timestamp>,
    /// The time of the sign-up.
    pub created_at: Timestamp,
    /// The time of the last change.
    pub updated_at: Timestamp,
    /// The version, which the `ETag` shows; each change adds 1.
    pub version: i64,
}

/// A row to be inserted for a new user, whose address is not verified yet.
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
    /// The row of a user who signs up now.
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

/// The detail of the error about a username that another account has.
pub(crate) const USERNAME_TAKEN: &str = "Another account has this username. Choose another one.";
const EMAIL_TAKEN: &str = "Another account has this e-mail address. Log in with it, or use another one.";

/// The account of one user, and the queries about it: `Users::of(user)`. The functions without `self` make or find an
/// account. A deleted account is not found, except by those whose names say so.
pub struct Users(pub(crate) UserId);

/// The query for the row of a user whose account is not deleted; every query about a single user begins here.
#[auto_type]
pub(crate) fn one(user: UserId) -> _ {
    users::table.filter(users::id.eq(user)).filter(users::deleted_at.is_null())
}

impl Users {
    /// The account of this user; no query runs yet.
    #[must_use]
    pub fn of(user: UserId) -> Self {
        Self(user)
    }

    /// Makes an account. Queues no mail: the caller queues the one that asks whether the address is the user's.
    ///
    /// # Errors
    /// `username-taken`, `email-taken`; if both are, the first, which names both fields; the database's errors
    /// ([`Conn`]).
    pub fn create(conn: &mut Conn, new: &NewUser) -> Result<UserRow, Problem> {
        // A transaction of its own, so that after a broken constraint there is still one to look in.
        let insert =
            |conn: &mut Conn| conn.one(diesel::insert_into(users::table).values(new).returning(columns::<UserRow>()));
        let inserted = conn.transaction(insert).on_constraint(|broken| match broken {
            Broken::Unique(name) if name == "users_username_key_unique" => Some(Problem::new(Kind::UsernameTaken)),
            Broken::Unique(name) if name == "users_email_key_unique" => Some(Problem::new(Kind::EmailTaken)),
            _ => None,
        });
        match inserted {
            Err(problem) if [Kind::UsernameTaken, Kind::EmailTaken].contains(&problem.kind()) => {
                // A database names one broken constraint and chooses which; the row may be gone by now.
                let taken = taken_by_others(conn, &new.username_key, &new.email_key, None)?;
                Err(taken.unwrap_or_else(|| Problem::new(problem.kind())))
            }
            result => result,
        }
    }

    /// The user's own row, even of a disabled account.
    ///
    /// # Errors
    /// `revoked-token`, when the user was deleted a moment ago; the database's errors ([`Conn`]).
    pub fn show(&self, conn: &mut Conn) -> Result<UserRow, Problem> {
        let found = conn.find(one(self.0).select(columns::<UserRow>()))?;
        Ok(found.ok_or(Kind::RevokedToken)?)
    }

    /// The user of a deleted account that has rows left; `None`, if there is no such account.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn find_deleted(conn: &mut Conn) -> Result<Option<UserId>, Problem> {
        let deleted = users::table.filter(users::deleted_at.is_not_null()).order(users::id);
        Ok(conn.find(deleted.select(users::id).limit(1))?)
    }

    /// Locks the account's row until this transaction ends, so that transactions that lock it come one after the other.
    /// On SQLite nothing happens: there is one writer at a time anyway.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn lock(&self, conn: &mut Conn) -> Result<(), Problem> {
        if let Conn::Postgres(conn) = conn {
            let _id: Option<UserId> = one(self.0).select(users::id).for_no_key_update().first(conn).optional()?;
        }
        Ok(())
    }

    /// Locks the row of a deleted account until this transaction ends, so that no row is added that points at it. On
    /// SQLite nothing happens: there is one writer at a time anyway.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn lock_deleted(&self, conn: &mut Conn) -> Result<(), Problem> {
        let me = users::table.find(self.0).filter(users::deleted_at.is_not_null()).select(users::id);
        if let Conn::Postgres(conn) = conn {
            let _id: Option<UserId> = me.for_update().first(conn).optional()?;
        }
        Ok(())
    }

    /// Deletes the row of a deleted account, once it has no other rows left.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn remove_deleted(&self, conn: &mut Conn) -> Result<(), Problem> {
        let me = users::table.find(self.0).filter(users::deleted_at.is_not_null());
        let _one = conn.execute(diesel::delete(me))?;
        Ok(())
    }
}

/// Whether others than `me` have a username or an e-mail address; the caller is told of both, on every database alike.
pub(crate) fn taken_by_others(
    conn: &mut Conn,
    username_key: &str,
    email_key: &str,
    me: Option<UserId>,
) -> Result<Option<Problem>, Problem> {
    let others = users::table
        .filter(users::username_key.eq(username_key).or(users::email_key.eq(email_key)))
        .filter(when(me, |me| users::id.ne(me)))
        .select((users::username_key, users::email_key));
    let rows: Vec<(String, String)> = conn.load(others)?;
    let username = rows.iter().any(|(username, _)| *username == username_key);
    let email = rows.iter().any(|(_, email)| *email == email_key);
    let username_taken = || Problem::new(Kind::UsernameTaken).at("/username", "taken", USERNAME_TAKEN);
    Ok(match (username, email) {
        (true, true) => Some(username_taken().at("/email", "taken", EMAIL_TAKEN)),
        (true, false) => Some(username_taken()),
        (false, true) => Some(Problem::new(Kind::EmailTaken).at("/email", "taken", EMAIL_TAKEN)),
        (false, false) => None,
    })
}
