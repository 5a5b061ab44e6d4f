//! Queries about profiles, which begin at [`Profiles::of`]. Whether a user has one stands in the user's row, too
//! (`users.is_public`), so that a dog is known to be public by its user's row.

use diesel::{prelude::*, sqlite::Sqlite};

use super::wire::{ImportedProfile, ProfileIn};
use crate::{
    db::{
        Conn, columns,
        schema::{profiles, users},
        timestamp::Timestamp,
    },
    ids::UserId,
    problem::{Kind, Problem},
    wire::{Preconditions, RowTimes},
};

/// A stored profile, the public description of a user.
#[derive(Queryable, Selectable)]
#[diesel(table_name = profiles, check_for_backend(Sqlite))]
pub struct ProfileRow {
    /// The user's own words, 1 to 2,000 characters.
    pub description: String,
    /// The time when the profile was made.
    pub created_at: Timestamp,
    /// The time of the last change.
    pub updated_at: Timestamp,
    /// The version, which the `ETag` shows: the first is a time, so that no two profiles of a user have one in common;
    /// each change adds 1.
    pub version: i64,
}

#[derive(Insertable)]
#[diesel(table_name = profiles)]
struct NewProfile<'a> {
    user_id: UserId,
    description: &'a str,
    created_at: Timestamp,
    updated_at: Timestamp,
    /// Not 1: a second profile must not pass for the first, which had the same place and has been deleted.
    version: i64,
}

/// The profile of one user, if there is one, and the only way to queries about it: `Profiles::of(user)`. While there is
/// one, the user and all of the user's dogs are public.
pub struct Profiles(UserId);

impl Profiles {
    /// The profile of this user; no query runs yet.
    #[must_use]
    pub fn of(user: UserId) -> Self {
        Self(user)
    }

    /// The user's profile; `None` if there is none.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn find(&self, conn: &mut Conn) -> Result<Option<ProfileRow>, Problem> {
        Ok(conn.find(profiles::table.find(self.0).select(columns::<ProfileRow>()))?)
    }

    /// The user's profile.
    ///
    /// # Errors
    /// `not-found`, when there is none; the database's errors ([`Conn`]).
    pub fn show(&self, conn: &mut Conn) -> Result<ProfileRow, Problem> {
        Ok(self.find(conn)?.ok_or(Kind::NotFound)?)
    }

    /// Makes `new` the user's profile, in the place of another one if there is one, and the user public, with all dogs.
    /// Returns the row as it is then, and whether there was none before.
    ///
    /// # Errors
    /// `precondition-failed`, when the profile is not as `only_if` demands; `revoked-token`, when the user was deleted
    /// a moment ago; the database's errors ([`Conn`]).
    pub fn replace(
        &self,
        conn: &mut Conn,
        only_if: &Preconditions,
        new: &ProfileIn,
    ) -> Result<(ProfileRow, bool), Problem> {
        let version = self.publish(conn, true)?.map(|row| row.version);
        only_if.check(version)?;
        let now = Timestamp::now();
        let row = if version.is_some() {
            let changes = (
                profiles::description.eq(&new.description),
                profiles::updated_at.eq(now),
                profiles::version.eq(profiles::version + 1),
            );
            let mine = profiles::table.find(self.0);
            conn.one(diesel::update(mine).set(changes).returning(columns::<ProfileRow>()))?
        } else {
            self.insert(conn, &new.description, RowTimes { created_at: now, updated_at: now })?
        };
        Ok((row, version.is_none()))
    }

    /// Makes the profile of an imported document the user's, with its times, and the user public, with all dogs.
    /// Nothing changes, if the user has one already. Tells whether it was made.
    ///
    /// # Errors
    /// `revoked-token`, when the user was deleted a moment ago; the database's errors ([`Conn`]).
    pub fn import(&self, conn: &mut Conn, profile: &ImportedProfile) -> Result<bool, Problem> {
        if self.publish(conn, true)?.is_some() {
            return Ok(false);
        }
        let _row = self.insert(conn, &profile.new.description, profile.times)?;
        Ok(true)
    }

    fn insert(&self, conn: &mut Conn, description: &str, times: RowTimes) -> Result<ProfileRow, Problem> {
        let row = NewProfile {
            user_id: self.0,
            description,
            created_at: times.created_at,
            updated_at: times.updated_at,
            version: Timestamp::now().micros(),
        };
        Ok(conn.one(diesel::insert_into(profiles::table).values(row).returning(columns::<ProfileRow>()))?)
    }

    /// Deletes the user's profile, and makes the user private again, with all dogs.
    ///
    /// # Errors
    /// `not-found`, when there is none; `precondition-failed`, when the profile is not as `only_if` demands;
    /// `revoked-token`, when the user was deleted a moment ago; the database's errors ([`Conn`]).
    pub fn delete(&self, conn: &mut Conn, only_if: &Preconditions) -> Result<(), Problem> {
        let row = self.publish(conn, false)?.ok_or(Kind::NotFound)?;
        only_if.check(Some(row.version))?;
        self.remove(conn)
    }

    /// Deletes the profile's row, if there is one. The user stays public: the caller changes that, in the user's row.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn remove(&self, conn: &mut Conn) -> Result<(), Problem> {
        let _one = conn.execute(diesel::delete(profiles::table.find(self.0)))?;
        Ok(())
    }

    /// Makes the user public, and the dogs with it, or private again, and gives the profile as it is. Two who do so
    /// take turns: the user's row is locked first.
    fn publish(&self, conn: &mut Conn, is_public: bool) -> Result<Option<ProfileRow>, Problem> {
        let me = users::table.find(self.0).filter(users::deleted_at.is_null());
        if conn.execute(diesel::update(me).set(users::is_public.eq(is_public)))? == 0 {
            return Err(Kind::RevokedToken.into());
        }
        self.find(conn)
    }
}
