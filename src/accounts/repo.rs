//! Queries about accounts for logins, for mails and for the command line; those of the user's own view are in `me`. To
//! mails a disabled account is as absent as a deleted one.

use std::collections::HashMap;

use diesel::{dsl::count_star, prelude::*};

use crate::{
    crypto::PasswordHash,
    db::{
        Broken, Conn, OnConstraint,
        schema::{api_keys, sessions, users},
        timestamp::Timestamp,
    },
    ids::{SessionId, UserId},
    problem::{Kind, Problem},
    sessions::{PendingEmail, Sessions, is_live},
    users::{Email, Users, key, one, with_ascii_domain},
};

/// An account that is neither disabled nor deleted, with all that a mail to it needs: the names in its text, and the
/// state that the token in it is bound to, so that the token ends when that changes.
#[derive(Clone)]
pub struct AccountRow {
    /// The user whose account it is.
    pub id: UserId,
    /// The username, as it was typed.
    pub username: String,
    /// The present e-mail address.
    pub email: String,
    /// The new e-mail address that waits to be confirmed; `None`, once the session that asked for it has ended.
    pub pending: Option<PendingEmail>,
    /// The time when the present address was verified; `None`, if it was not.
    pub verified_at: Option<Timestamp>,
    /// The stored argon2id hash of the password, as a PHC string.
    pub password_hash: String,
    /// The time of the sign-up.
    pub created_at: Timestamp,
}

/// An account as it is read, and after it what a session of it asked for.
type StoredAccount = (
    (UserId, String, String, Option<Timestamp>, String, Timestamp),
    (Option<SessionId>, Option<String>, Option<Timestamp>),
);

/// The accounts that may be used, each with the address that a session of it asked for which still stands: at most
/// one does.
macro_rules! accounts {
    () => {
        users::table
            .left_join(sessions::table.on(
                sessions::user_id.eq(users::id).and(sessions::new_email.is_not_null()).and(is_live!(Timestamp::now())),
            ))
            .filter(users::disabled_at.is_null())
            .select((
                (users::id, users::username, users::email, users::verified_at, users::password_hash, users::created_at),
                (sessions::id.nullable(), sessions::new_email.nullable(), sessions::new_email_asked_at.nullable()),
            ))
    };
}

impl From<StoredAccount> for AccountRow {
    fn from((account, (session, address, asked_at)): StoredAccount) -> Self {
        let (id, username, email, verified_at, password_hash, created_at) = account;
        let pending = session.zip(address).zip(asked_at);
        let pending = pending.map(|((session, address), asked_at)| PendingEmail { session, address, asked_at });
        Self { id, username, email, pending, verified_at, password_hash, created_at }
    }
}

/// An account as `kennel user list` prints it, even a disabled one.
pub struct ListedRow {
    /// The user whose account it is.
    pub id: UserId,
    /// The username, as it was typed.
    pub username: String,
    /// The present e-mail address, verified or not.
    pub email: String,
    /// The time of the sign-up.
    pub created_at: Timestamp,
    /// The time when the address was verified; `None`, if it was not.
    pub verified_at: Option<Timestamp>,
    /// The time since when the account is disabled; `None`, if it may be used.
    pub disabled_at: Option<Timestamp>,
    /// The number of sessions that have neither ended nor expired.
    pub sessions: i64,
    /// The number of API keys, expired ones among them.
    pub api_keys: i64,
}

/// The name in a login, in the spelling by which accounts are found: trimmed, NFKC, lower case.
pub enum LoginKey {
    /// A username: it has no `@`.
    Username(String),
    /// An e-mail address: it has an `@`, and its domain is in ASCII.
    Email(String),
}

impl LoginKey {
    /// The key of a name as it was typed: with an `@` it is an e-mail address, without one a username. The account need
    /// not exist.
    #[must_use]
    pub fn of(login: &str) -> Self {
        if login.contains('@') { Self::Email(with_ascii_domain(key(login))) } else { Self::Username(key(login)) }
    }

    /// The normalized spelling, whether a username or an address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let (Self::Username(key) | Self::Email(key)) = self;
        key
    }
}

/// The user that a login names, with the hash that the presented password is to be compared with.
pub struct Credentials {
    /// The user whom the login names.
    pub id: UserId,
    /// The stored hash of the user's password.
    pub password_hash: PasswordHash,
}

impl Users {
    /// The user that a login names, with the stored password hash; `None`, if there is no such account or it is
    /// disabled.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn find_for_login(conn: &mut Conn, login: &LoginKey) -> Result<Option<Credentials>, Problem> {
        let columns = (users::id, users::password_hash);
        let enabled = users::table.filter(users::disabled_at.is_null());
        let found = match login {
            LoginKey::Username(key) => conn.find(enabled.filter(users::username_key.eq(key)).select(columns)),
            LoginKey::Email(key) => conn.find(enabled.filter(users::email_key.eq(key)).select(columns)),
        }?;
        Ok(found.map(|(id, hash)| Credentials { id, password_hash: PasswordHash::stored(hash) }))
    }

    /// The stored hash of the user's present password, to compare a presented one with.
    ///
    /// # Errors
    /// `revoked-token`, when the user was deleted a moment ago; the database's errors ([`Conn`]).
    pub fn password_hash(&self, conn: &mut Conn) -> Result<PasswordHash, Problem> {
        let hash = conn.find(one(self.0).select(users::password_hash))?;
        Ok(hash.map(PasswordHash::stored).ok_or(Kind::RevokedToken)?)
    }

    /// Stores `new`, a hash of the same password under today's parameters, in the place of `checked`, the one that the
    /// password was compared with just now. Tells whether `checked` was still stored and the account may be used;
    /// otherwise nothing changes. A change of the password at the same time comes wholly before or after this one.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn replace_hash(&self, conn: &mut Conn, checked: &PasswordHash, new: &PasswordHash) -> Result<bool, Problem> {
        let me = users::table
            .find(self.0)
            .filter(users::password_hash.eq(checked.as_str()))
            .filter(users::disabled_at.is_null());
        Ok(conn.execute(diesel::update(me).set(users::password_hash.eq(new.as_str())))? > 0)
    }

    /// The user's account; `None`, if it is disabled or deleted.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn account(&self, conn: &mut Conn) -> Result<Option<AccountRow>, Problem> {
        let found = accounts!().filter(users::id.eq(self.0));
        Ok(conn.find::<StoredAccount, _>(found)?.map(AccountRow::from))
    }

    /// The account whose present address is `email`, in whichever letter case; `None`, if there is none, or it is
    /// disabled.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn account_at(conn: &mut Conn, email: &Email) -> Result<Option<AccountRow>, Problem> {
        let found = accounts!().filter(users::email_key.eq(email.key()));
        Ok(conn.find::<StoredAccount, _>(found)?.map(AccountRow::from))
    }

    /// The id of the user with this username or e-mail address, even of a disabled account; `None`, if there is none.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn find(conn: &mut Conn, name: &LoginKey) -> Result<Option<UserId>, Problem> {
        Ok(match name {
            LoginKey::Username(key) => conn.find(users::table.filter(users::username_key.eq(key)).select(users::id)),
            LoginKey::Email(key) => conn.find(users::table.filter(users::email_key.eq(key)).select(users::id)),
        }?)
    }

    /// Marks the account's address as verified, if it is still `email` and the account may be used. Returns `false`,
    /// and changes nothing, if the address was verified before, is another one by now, or the account is disabled.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn verify(&self, conn: &mut Conn, email: &str) -> Result<bool, Problem> {
        let now = Timestamp::now();
        let unverified = users::table
            .find(self.0)
            .filter(users::email.eq(email))
            .filter(users::verified_at.is_null())
            .filter(users::disabled_at.is_null());
        let changes = (users::verified_at.eq(now), users::updated_at.eq(now), users::version.eq(users::version + 1));
        Ok(conn.execute(diesel::update(unverified).set(changes))? > 0)
    }

    /// Makes the new address in `pending` the account's, and verified, if the account still has the address in
    /// `account` and may be used; otherwise returns `false`, and changes nothing. Whether the session in `pending`
    /// still stands is not checked: the caller does, in the same transaction.
    ///
    /// # Errors
    /// `email-taken`, when another account has the address by now; the database's errors ([`Conn`]).
    pub fn confirm_email(
        &self,
        conn: &mut Conn,
        account: &AccountRow,
        pending: &PendingEmail,
    ) -> Result<bool, Problem> {
        let now = Timestamp::now();
        let unchanged =
            users::table.find(self.0).filter(users::email.eq(&account.email)).filter(users::disabled_at.is_null());
        let changes = (
            users::email.eq(&pending.address),
            users::email_key.eq(Email::stored(pending.address.clone()).key()),
            users::verified_at.eq(now),
            users::updated_at.eq(now),
            users::version.eq(users::version + 1),
        );
        let changed = conn.execute(diesel::update(unchanged).set(changes)).on_constraint(|broken| {
            let taken = *broken == Broken::Unique("users_email_key_unique".to_owned());
            taken.then(|| Problem::new(Kind::EmailTaken))
        })?;
        Ok(changed > 0)
    }

    /// Replaces the stored password hash `old` by `new`, and calls off a change of the e-mail address that waits to be
    /// confirmed: a thief may have asked for it. Returns `false`, and changes nothing, if `old` is no longer stored
    /// (another change came first) or the account is disabled. Does not end sessions or API keys: the caller does, in
    /// the same transaction.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn set_password(&self, conn: &mut Conn, old: &PasswordHash, new: &PasswordHash) -> Result<bool, Problem> {
        let me = users::table
            .find(self.0)
            .filter(users::password_hash.eq(old.as_str()))
            .filter(users::disabled_at.is_null());
        if conn.execute(diesel::update(me).set(users::password_hash.eq(new.as_str())))? == 0 {
            return Ok(false);
        }
        Sessions::of(self.0).call_off_email(conn)?;
        Ok(true)
    }

    /// Disables the account (`is_disabled`), or with `false` enables it again, and tells whether that changed anything.
    /// A disabled account cannot log in, and its tokens and API keys are refused. Does not end its sessions or API
    /// keys: the caller does, in the same transaction.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn set_disabled(&self, conn: &mut Conn, is_disabled: bool) -> Result<bool, Problem> {
        let me = || one(self.0);
        let changed = if is_disabled {
            let enabled = me().filter(users::disabled_at.is_null());
            conn.execute(diesel::update(enabled).set(users::disabled_at.eq(Timestamp::now())))?
        } else {
            let disabled = me().filter(users::disabled_at.is_not_null());
            conn.execute(diesel::update(disabled).set(users::disabled_at.eq(None::<Timestamp>)))?
        };
        Ok(changed > 0)
    }

    /// Whether the database has any account that is not deleted.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn are_there(conn: &mut Conn) -> Result<bool, Problem> {
        let first = users::table.filter(users::deleted_at.is_null()).select(users::id).limit(1);
        Ok(conn.find::<UserId, _>(first)?.is_some())
    }

    /// All accounts that are not deleted, disabled ones among them, by id, each with the number of its sessions and API
    /// keys.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn list(conn: &mut Conn) -> Result<Vec<ListedRow>, Problem> {
        type Row = (UserId, String, String, Timestamp, Option<Timestamp>, Option<Timestamp>);
        let counted = sessions::table
            .filter(is_live!(Timestamp::now()))
            .group_by(sessions::user_id)
            .select((sessions::user_id, count_star()));
        let sessions: HashMap<UserId, i64> = conn.load(counted)?.into_iter().collect();
        let counted = api_keys::table.group_by(api_keys::user_id).select((api_keys::user_id, count_star()));
        let keys: HashMap<UserId, i64> = conn.load(counted)?.into_iter().collect();
        let columns =
            (users::id, users::username, users::email, users::created_at, users::verified_at, users::disabled_at);
        let there = users::table.filter(users::deleted_at.is_null());
        let rows: Vec<Row> = conn.load(there.order(users::id).select(columns))?;
        let list = rows.into_iter().map(|(id, username, email, created_at, verified_at, disabled_at)| {
            let sessions = sessions.get(&id).copied().unwrap_or_default();
            let api_keys = keys.get(&id).copied().unwrap_or_default();
            ListedRow { id, username, email, created_at, verified_at, disabled_at, sessions, api_keys }
        });
        Ok(list.collect())
    }
}

#[cfg(test)]
impl AccountRow {
    /// An account that signed up and did nothing since.
    #[must_use]
    pub(crate) fn sample() -> Self {
        Self {
            id: UserId::new(1).expect("an id"),
            username: "ann".to_owned(),
            email: "ann@example.com".to_owned(),
            pending: None,
            verified_at: None,
            password_hash: "$argon2id$".to_owned(),
            created_at: Timestamp::now(),
        }
    }
}
