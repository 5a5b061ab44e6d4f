//! Queries about users. A user is found by itself ([`Users::of`]); before anybody is known there are only
//! signing up and finding whom a login means.

use diesel::{
    BoolExpressionMethods, Connection as _, ExpressionMethods, Insertable, OptionalExtension, QueryDsl, Queryable,
    RunQueryDsl, Selectable, SelectableHelper,
};

use super::{
    UserId,
    wire::{Email, UserPatch, Username, key},
};
use crate::{
    auth::password::PasswordHash,
    db::{Broken, Connection, OnConstraint, columns, schema::users, timestamp::Timestamp},
    problem::{Kind, Problem},
    wire::Preconditions,
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
    pub version: i64,
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

const USERNAME_TAKEN: &str = "Another account has this username. Choose another one.";
const EMAIL_TAKEN: &str = "Another account has this e-mail address. Log in with it, or use another one.";

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
        // A transaction of its own, so that after a broken constraint there is still one to look in.
        let insert = |conn: &mut Connection| {
            diesel::insert_into(users::table).values(new).returning(columns::<UserRow>()).get_result(conn)
        };
        let inserted = conn.transaction(insert).on_constraint(|broken| match broken {
            Broken::Unique(name) if name == "users_username_key_unique" => Some(Problem::new(Kind::UsernameTaken)),
            Broken::Unique(name) if name == "users_email_key_unique" => Some(Problem::new(Kind::EmailTaken)),
            _ => None,
        });
        match inserted {
            Err(problem) if [Kind::UsernameTaken, Kind::EmailTaken].contains(&problem.kind()) => {
                Err(Self::taken(conn, new, problem.kind())?)
            }
            result => result,
        }
    }

    /// What of a newcomer is taken. A database names one broken constraint and chooses which; the caller is
    /// told of both, on every database alike. `named` is what it chose, should the row be gone by now.
    fn taken(conn: &mut Connection, new: &NewUser, named: Kind) -> Result<Problem, Problem> {
        let rows: Vec<(String, String)> = users::table
            .filter(users::username_key.eq(&new.username_key).or(users::email_key.eq(&new.email_key)))
            .select((users::username_key, users::email_key))
            .load(conn)?;
        let username = rows.iter().any(|(username_key, _)| *username_key == new.username_key);
        let email = rows.iter().any(|(_, email_key)| *email_key == new.email_key);
        Ok(match (username, email) {
            (true, true) => Problem::new(Kind::UsernameTaken).at("/username", "taken", USERNAME_TAKEN).at(
                "/email",
                "taken",
                EMAIL_TAKEN,
            ),
            (true, false) => Problem::new(Kind::UsernameTaken).at("/username", "taken", USERNAME_TAKEN),
            (false, true) => Problem::new(Kind::EmailTaken).at("/email", "taken", EMAIL_TAKEN),
            (false, false) => Problem::new(named),
        })
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

    /// Changes what `patch` names; nothing, if it names nothing.
    ///
    /// # Errors
    /// `username-taken`, `precondition-failed`; `validation-failed` for another e-mail address.
    pub fn update(
        &self,
        conn: &mut Connection,
        only_if: &Preconditions,
        patch: &UserPatch,
    ) -> Result<UserRow, Problem> {
        let present = self.show(conn)?;
        let versions = only_if.versions(|| Ok(present.version))?;
        if patch.email.as_ref().is_some_and(|email| email.key() != key(&present.email)) {
            return Err(Problem::field("/email", "unchangeable", "The e-mail address of an account stays as it is."));
        }
        let Some(username) = &patch.username else { return Ok(present) };
        let me = users::table.find(self.0.get()).filter(users::version.between(versions.least, versions.most));
        let changes = (
            users::username.eq(username.to_string()),
            users::username_key.eq(username.key()),
            users::updated_at.eq(Timestamp::now()),
            users::version.eq(users::version + 1),
        );
        let changed = diesel::update(me).set(changes).returning(columns::<UserRow>()).get_result(conn).optional();
        let changed = changed.on_constraint(|broken| {
            let taken = *broken == Broken::Unique("users_username_key_unique".to_owned());
            taken.then(|| Problem::new(Kind::UsernameTaken).at("/username", "taken", USERNAME_TAKEN))
        })?;
        changed.ok_or_else(|| versions.unmet_or(Kind::RevokedToken))
    }

    /// Deletes the user with all that is theirs.
    ///
    /// # Errors
    /// `precondition-failed`.
    pub fn delete(&self, conn: &mut Connection, only_if: &Preconditions) -> Result<(), Problem> {
        let versions = only_if.versions(|| Ok(self.show(conn)?.version))?;
        let me = users::table.find(self.0.get()).filter(users::version.between(versions.least, versions.most));
        match diesel::delete(me).execute(conn)? {
            0 => Err(versions.unmet_or(Kind::RevokedToken)),
            _ => Ok(()),
        }
    }

    /// Stores the same password under other parameters.
    pub fn rehash(&self, conn: &mut Connection, hash: &PasswordHash) -> Result<(), Problem> {
        let me = users::table.find(self.0.get());
        let _rows = diesel::update(me).set(users::password_hash.eq(hash.as_str())).execute(conn)?;
        Ok(())
    }
}
