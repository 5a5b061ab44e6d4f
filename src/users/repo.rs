//! Queries about users. A user is found by itself ([`Users::of`]); before anybody is known there are only
//! signing up and, in `account`, finding whom a login means.

use diesel::{
    BoolExpressionMethods, Connection as _, ExpressionMethods, Insertable, OptionalExtension, QueryDsl, Queryable,
    RunQueryDsl, Selectable, dsl::auto_type,
};

use super::{
    UserId,
    wire::{Email, UserPatch, Username},
};
use crate::{
    auth::{CurrentUser, password::PasswordHash, signer::Signer},
    db::{Broken, Connection, OnConstraint, columns, natively, schema::users, timestamp::Timestamp},
    mail::{MailKind, Mails},
    problem::{Kind, Problem},
    profiles::Profiles,
    sessions::{self, Sessions},
    wire::{Changes, Preconditions, Versions},
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

impl UserRow {
    /// The user's id.
    ///
    /// # Errors
    /// `internal-error` when what is stored cannot be.
    pub fn user(&self) -> Result<UserId, Problem> {
        UserId::new(self.id).ok_or_else(|| Problem::internal("a user's id is not positive"))
    }
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

const USERNAME_TAKEN: &str = "Another account has this username. Choose another one.";
const EMAIL_TAKEN: &str = "Another account has this e-mail address. Log in with it, or use another one.";

/// What became of an e-mail address in a change of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmailChange {
    /// Nothing was mailed.
    None,
    /// Another one is asked for.
    Asked,
    /// The present one is asked about again.
    AskedAgain,
}

/// The user and session that change an account, and the key that mails are counted with.
pub struct Asking<'a> {
    pub me: CurrentUser,
    pub signer: &'a Signer,
}

/// One user's own row.
pub struct Users(pub(super) UserId);

/// One user's own row, unless the account is deleted; every query about it begins here.
#[auto_type]
pub(super) fn one(user: i64) -> _ {
    users::table.filter(users::id.eq(user)).filter(users::deleted_at.is_null())
}

impl Users {
    #[must_use]
    pub fn of(user: UserId) -> Self {
        Self(user)
    }

    /// Makes an account. The caller queues the mail that asks whether the address is theirs.
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
                // A database names one broken constraint and chooses which; the row may be gone by now.
                let taken = taken_by_others(conn, &new.username_key, &new.email_key, 0)?;
                Err(taken.unwrap_or_else(|| Problem::new(problem.kind())))
            }
            result => result,
        }
    }

    /// The user itself.
    ///
    /// # Errors
    /// `revoked-token` when the user was deleted a moment ago.
    pub fn show(&self, conn: &mut Connection) -> Result<UserRow, Problem> {
        let me = one(self.0.get()).select(columns::<UserRow>());
        let found = natively!(conn => me.first(conn)).optional()?;
        found.ok_or_else(|| Problem::new(Kind::RevokedToken))
    }

    /// Changes what `patch` names; nothing, if it names nothing. Another e-mail address is only asked for: it takes
    /// effect when it is confirmed. The address that the user has calls off one that was asked for, and is asked about
    /// again if it is not verified yet. Tells what became of the address.
    ///
    /// # Errors
    /// `fresh-login-required`, `username-taken`, `email-taken`, `precondition-failed`; `too-many-requests` after some
    /// mails in an hour; `revoked-token` when the session that asks for an address has just ended.
    pub fn update(
        &self,
        conn: &mut Connection,
        only_if: &Preconditions,
        patch: &UserPatch,
        asking: &Asking<'_>,
    ) -> Result<(UserRow, EmailChange), Problem> {
        let present = self.show(conn)?;
        let UserPatch { username, email } = patch;
        let new_email = patch.other_email(&present);
        if new_email.is_some() {
            asking.me.require_fresh_login()?;
        }
        let versions = only_if.versions(|| Ok(present.version))?;
        if patch.is_empty() {
            return Ok((present, EmailChange::None));
        }
        let change = match (email, new_email) {
            (None, _) => EmailChange::None,
            (Some(_), Some(email)) => self.ask_for_email(conn, versions, email, username.as_ref(), asking)?,
            (Some(_), None) => {
                Sessions::of(self.0).call_off_email(conn)?;
                // Whoever sends everything back with another name wants no mail.
                let is_meant = username.is_none() && present.verified_at.is_none();
                if is_meant { self.ask_again(conn, &present, asking)? } else { EmailChange::None }
            }
        };
        let user = match username {
            Some(username) => self.rename(conn, versions, username)?,
            None => present,
        };
        sessions::require_live(conn, asking.me)?;
        Ok((user, change))
    }

    /// Asks for another address; what is seen of the user stays as it is. Who has the address in the end is decided
    /// when it is confirmed; that somebody has it already, or the username, is said as a courtesy.
    fn ask_for_email(
        &self,
        conn: &mut Connection,
        versions: Versions,
        email: &Email,
        username: Option<&Username>,
        asking: &Asking<'_>,
    ) -> Result<EmailChange, Problem> {
        let username_key = username.map(Username::key).unwrap_or_default();
        if let Some(taken) = taken_by_others(conn, &username_key, &email.key(), self.0.get())? {
            return Err(taken);
        }
        let me = one(self.0.get()).filter(users::version.between(versions.least, versions.most));
        // Changes nothing, but makes whoever asks at the same time wait, so that of two one comes first.
        let present: Option<String> = diesel::update(me)
            .set(users::version.eq(users::version))
            .returning(users::email)
            .get_result(conn)
            .optional()?;
        let present = present.ok_or_else(|| versions.unmet_or(Kind::RevokedToken))?;
        if !Sessions::of(self.0).ask_for_email(conn, asking.me.session, email)? {
            return Err(Kind::RevokedToken.into());
        }
        // Neither without the other: the old address can call off what the new one confirms.
        Mails::of(self.0).require(conn, asking.signer, MailKind::Confirm, email)?;
        Mails::of(self.0).require(conn, asking.signer, MailKind::EmailChanging, &Email::stored(present))?;
        Ok(EmailChange::Asked)
    }

    /// Asks whether the present address is theirs, as after the sign-up.
    fn ask_again(&self, conn: &mut Connection, present: &UserRow, asking: &Asking<'_>) -> Result<EmailChange, Problem> {
        Mails::of(self.0).require(conn, asking.signer, MailKind::Verify, &Email::stored(present.email.clone()))?;
        Ok(EmailChange::AskedAgain)
    }

    fn rename(&self, conn: &mut Connection, versions: Versions, username: &Username) -> Result<UserRow, Problem> {
        let me = one(self.0.get()).filter(users::version.between(versions.least, versions.most));
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

    /// Makes the account a deleted one: it cannot be used or seen any more, and its names are free again. The rows that
    /// are left go piece by piece (`deletion`).
    ///
    /// # Errors
    /// `precondition-failed`.
    pub fn delete(&self, conn: &mut Connection, me: CurrentUser, only_if: &Preconditions) -> Result<(), Problem> {
        let present = self.show(conn)?;
        let versions = only_if.versions(|| Ok(present.version))?;
        let account = one(self.0.get()).filter(users::version.between(versions.least, versions.most));
        // No name has a colon, and no address is without an `@`.
        let (nobody, key, now) = ("deleted", format!("deleted:{}", self.0), Timestamp::now());
        let names = (
            users::username.eq(nobody),
            users::username_key.eq(&key),
            users::email.eq(nobody),
            users::email_key.eq(&key),
            users::password_hash.eq("$argon2id$"),
        );
        let state = (users::is_public.eq(false), users::disabled_at.eq(now), users::deleted_at.eq(now));
        if diesel::update(account).set((names, state)).execute(conn)? == 0 {
            return Err(versions.unmet_or(Kind::RevokedToken));
        }
        sessions::require_live(conn, me)?;
        Profiles::of(self.0).remove(conn)?;
        Mails::forget_resets(conn, &Email::stored(present.email))
    }

    /// A deleted account that has rows left.
    pub fn find_deleted(conn: &mut Connection) -> Result<Option<UserId>, Problem> {
        let deleted = users::table.filter(users::deleted_at.is_not_null()).order(users::id);
        let found: Option<i64> = deleted.select(users::id).first(conn).optional()?;
        Ok(found.and_then(UserId::new))
    }

    /// Locks the row of a deleted account until this transaction ends, so that no row is added that points at it. In
    /// SQLite there is one writer at a time anyway.
    pub fn lock_deleted(&self, conn: &mut Connection) -> Result<(), Problem> {
        let me = users::table.find(self.0.get()).filter(users::deleted_at.is_not_null()).select(users::id);
        if let Connection::Postgres(conn) = conn {
            let _id: Option<i64> = me.for_update().first(conn).optional()?;
        }
        Ok(())
    }

    /// Deletes the account's own row, the last of a deleted account.
    pub fn remove_deleted(&self, conn: &mut Connection) -> Result<(), Problem> {
        let me = users::table.find(self.0.get()).filter(users::deleted_at.is_not_null());
        let _one = diesel::delete(me).execute(conn)?;
        Ok(())
    }
}

/// Whether others than `me` have a username or an e-mail address; the caller is told of both, on every database alike.
fn taken_by_others(
    conn: &mut Connection,
    username_key: &str,
    email_key: &str,
    me: i64,
) -> Result<Option<Problem>, Problem> {
    let rows: Vec<(String, String)> = users::table
        .filter(users::username_key.eq(username_key).or(users::email_key.eq(email_key)))
        .filter(users::id.ne(me))
        .select((users::username_key, users::email_key))
        .load(conn)?;
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
