//! Queries that change the account of the user who asks, with the mails and sessions that belong to the change.

use diesel::prelude::*;

use super::wire::UserPatch;
use crate::{
    api_keys::ApiKeys,
    crypto::signer::Signer,
    current_user::LoggedInUser,
    db::{Broken, Conn, OnConstraint, columns, expression::when, schema::users, timestamp::Timestamp},
    mail::{MailKind, Mails},
    problem::{Kind, Problem},
    profiles::Profiles,
    sessions::{self, Sessions},
    users::{Email, USERNAME_TAKEN, UserRow, Username, Users, one, taken_by_others},
    wire::{Preconditions, no_row},
};

/// The effect that a change of an account had on its e-mail address, as [`Users::update`] returns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmailChange {
    /// The address stays, and no mail was queued.
    None,
    /// A mail to a new address was queued that asks whether it is the user's, and another one that tells the present
    /// address.
    Asked,
    /// A mail to the present address was queued that asks again whether it is the user's.
    AskedAgain,
}

/// The session in which a user asks for a change of the account, and the key for the counts of its mails.
pub struct Asking<'a> {
    /// The user who asks for the change, and the session in which.
    pub me: LoggedInUser,
    /// The signer that makes the keys under which mails are counted
    /// ([`Keys::sources`](crate::crypto::keys::Keys::sources)).
    pub signer: &'a Signer,
}

impl Users {
    /// Changes the fields that `patch` names; nothing, if it names none. Another e-mail address is only asked for, by
    /// mail: it takes effect when it is confirmed. The present address calls off one that was asked for before, and is
    /// asked about again if it is not verified yet. Returns the row as it is then, and what became of the address.
    /// `asking` is the session that asks, which must still stand, and the signer for the counts of mails.
    ///
    /// # Errors
    /// `fresh-login-required`, for another address; `username-taken`; `email-taken`; `precondition-failed`, when the
    /// row is not as `only_if` demands; `too-many-requests`, after five mails in an hour; `revoked-token`, when the
    /// session has just ended; the database's errors ([`Conn`]).
    pub fn update(
        &self,
        conn: &mut Conn,
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
        let version = only_if.version(|| Ok(present.version))?;
        if *patch == UserPatch::default() {
            return Ok((present, EmailChange::None));
        }
        let change = match (email, new_email) {
            (None, _) => EmailChange::None,
            (Some(_), Some(email)) => self.ask_for_email(conn, version, email, username.as_ref(), asking)?,
            (Some(_), None) => {
                Sessions::of(self.0).call_off_email(conn)?;
                // Whoever sends everything back with another name wants no mail.
                let is_meant = username.is_none() && present.verified_at.is_none();
                if is_meant { self.ask_again(conn, &present, asking)? } else { EmailChange::None }
            }
        };
        let user = match username {
            Some(username) => self.rename(conn, version, username)?,
            None => present,
        };
        sessions::require_live(conn, asking.me.id, asking.me.session)?;
        Ok((user, change))
    }

    /// Asks for another address; what is seen of the user stays as it is. Who has the address in the end is decided
    /// when it is confirmed; that somebody has it already, or the username, is said as a courtesy.
    fn ask_for_email(
        &self,
        conn: &mut Conn,
        version: Option<i64>,
        email: &Email,
        username: Option<&Username>,
        asking: &Asking<'_>,
    ) -> Result<EmailChange, Problem> {
        let username_key = username.map(Username::key).unwrap_or_default();
        if let Some(taken) = taken_by_others(conn, &username_key, &email.key(), Some(self.0))? {
            return Err(taken);
        }
        let me = one(self.0).filter(when(version, |version| users::version.eq(version)));
        // Changes nothing, but makes whoever asks at the same time wait, so that of two one comes first.
        let touch = diesel::update(me).set(users::version.eq(users::version)).returning(users::email);
        let present: Option<String> = conn.find(touch)?;
        let present = present.ok_or(no_row(version, Kind::RevokedToken))?;
        if !Sessions::of(self.0).ask_for_email(conn, asking.me.session, email)? {
            return Err(Kind::RevokedToken.into());
        }
        // Neither without the other: the old address can call off what the new one confirms.
        Mails::of(self.0).require(conn, asking.signer, MailKind::Confirm, email)?;
        Mails::of(self.0).require(conn, asking.signer, MailKind::EmailChanging, &Email::stored(present))?;
        Ok(EmailChange::Asked)
    }

    /// Asks whether the present address is theirs, as after the sign-up.
    fn ask_again(&self, conn: &mut Conn, present: &UserRow, asking: &Asking<'_>) -> Result<EmailChange, Problem> {
        Mails::of(self.0).require(conn, asking.signer, MailKind::Verify, &Email::stored(present.email.clone()))?;
        Ok(EmailChange::AskedAgain)
    }

    fn rename(&self, conn: &mut Conn, version: Option<i64>, username: &Username) -> Result<UserRow, Problem> {
        let me = one(self.0).filter(when(version, |version| users::version.eq(version)));
        let changes = (
            users::username.eq(username.to_string()),
            users::username_key.eq(username.key()),
            users::updated_at.eq(Timestamp::now()),
            users::version.eq(users::version + 1),
        );
        let update = diesel::update(me).set(changes).returning(columns::<UserRow>());
        let changed = conn.find(update).on_constraint(|broken| {
            let taken = *broken == Broken::Unique("users_username_key_unique".to_owned());
            taken.then(|| Problem::new(Kind::UsernameTaken).at("/username", "taken", USERNAME_TAKEN))
        })?;
        Ok(changed.ok_or(no_row(version, Kind::RevokedToken))?)
    }

    /// Makes the account a deleted one: it cannot be used or seen any more, and its username and address are free
    /// again. Its other rows are left, to be deleted in further transactions. `me` is the session that asks, which must
    /// still stand.
    ///
    /// # Errors
    /// `precondition-failed`, when the row is not as `only_if` demands; `revoked-token`, when the session has just
    /// ended; the database's errors ([`Conn`]).
    pub fn delete(&self, conn: &mut Conn, me: LoggedInUser, only_if: &Preconditions) -> Result<(), Problem> {
        let present = self.show(conn)?;
        let version = only_if.version(|| Ok(present.version))?;
        let account = one(self.0).filter(when(version, |version| users::version.eq(version)));
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
        if conn.execute(diesel::update(account).set((names, state)))? == 0 {
            return Err(no_row(version, Kind::RevokedToken).into());
        }
        sessions::require_live(conn, me.id, me.session)?;
        Profiles::of(self.0).remove(conn)?;
        ApiKeys::of(self.0).end_all(conn)?;
        Mails::forget_resets(conn, &Email::stored(present.email))
    }
}
