//! Queries about profiles. [`Profiles::of`] is the only way to one; whether there is one, `users.is_public` says too,
//! so that a dog is known to be public by its user's row.

use diesel::{prelude::*, sqlite::Sqlite};

use super::wire::ProfileIn;
use crate::{
    db::{
        Conn, columns,
        schema::{profiles, users},
        timestamp::Timestamp,
    },
    ids::UserId,
    problem::{Kind, Problem},
    wire::Preconditions,
};

/// A stored profile.
#[derive(Queryable, Selectable)]
#[diesel(table_name = profiles, check_for_backend(Sqlite))]
pub struct ProfileRow {
    pub description: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
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

/// The profile of one user.
pub struct Profiles(UserId);

impl Profiles {
    #[must_use]
    pub fn of(user: UserId) -> Self {
        Self(user)
    }

    /// The profile, if there is one.
    pub fn find(&self, conn: &mut Conn) -> Result<Option<ProfileRow>, Problem> {
        Ok(conn.find(profiles::table.find(self.0).select(columns::<ProfileRow>()))?)
    }

    /// The profile.
    ///
    /// # Errors
    /// `not-found`.
    pub fn show(&self, conn: &mut Conn) -> Result<ProfileRow, Problem> {
        Ok(self.find(conn)?.ok_or(Kind::NotFound)?)
    }

    /// Puts `new` in its place. Tells whether there was none before.
    ///
    /// # Errors
    /// `precondition-failed`.
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
            let row = NewProfile {
                user_id: self.0,
                description: &new.description,
                created_at: now,
                updated_at: now,
                version: now.micros(),
            };
            conn.one(diesel::insert_into(profiles::table).values(row).returning(columns::<ProfileRow>()))?
        };
        Ok((row, version.is_none()))
    }

    /// Deletes it.
    ///
    /// # Errors
    /// `not-found`, `precondition-failed`.
    pub fn delete(&self, conn: &mut Conn, only_if: &Preconditions) -> Result<(), Problem> {
        let row = self.publish(conn, false)?.ok_or(Kind::NotFound)?;
        only_if.check(Some(row.version))?;
        self.remove(conn)
    }

    /// Deletes the profile's row, if there is one; the user's row is the caller's to change.
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
