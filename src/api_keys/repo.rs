//! Queries about the API keys of a user, which begin at [`ApiKeys::of`]. The queries of the gate, which find a user by
//! a key, are in `credentials`.

use chrono::NaiveDate;
use diesel::{prelude::*, sqlite::Sqlite};

use super::wire::{ApiKeyFilter, ApiKeyIn};
use crate::{
    credentials::ApiKeyText,
    db::{Conn, column::CommonColumns, columns, schema::api_keys, timestamp::Timestamp},
    ids::{ApiKeyId, UserId},
    lists::{ListQuery, Page, Sort},
    problem::{Kind, Problem},
    users::Users,
};

/// How many keys a user has at most, with those that have expired.
const MOST: i64 = 20;

/// A stored API key, as its user may see it. The key's text is not stored, only its hash, which is not part of this
/// row.
#[derive(Queryable, Selectable)]
#[diesel(table_name = api_keys, check_for_backend(Sqlite))]
pub struct ApiKeyRow {
    /// The id, which `DELETE /me/keys/{key_id}` takes.
    pub id: ApiKeyId,
    /// The name that the user gave the key: 1 to 100 characters.
    pub name: String,
    /// The name of the scope: `read` or `write`.
    pub scope: String,
    /// The last four characters of the key's text, by which people tell their keys apart.
    pub hint: String,
    /// The time when the key was made.
    pub created_at: Timestamp,
    /// The time from which on the key is refused; `None`, if it does not expire.
    pub expires_at: Option<Timestamp>,
    /// The last day (UTC) on which a request came with the key; `None`, if none did. Up to an hour late: it is stored
    /// once an hour.
    pub last_used_on: Option<NaiveDate>,
}

/// The keys that `GET /me/keys` can be sorted by: the id alone.
pub const SORTS: &[Sort<ApiKeyRow>] = &[Sort::id(api_keys::id, |row| row.id.get())];

#[derive(Insertable)]
#[diesel(table_name = api_keys)]
struct NewApiKey<'a> {
    user_id: UserId,
    name: &'a str,
    hash: &'a [u8],
    hint: &'a str,
    scope: &'static str,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
}

/// The API keys of one user, expired ones among them, and the only way to queries about them: `ApiKeys::of(user)`. By
/// its text a key is found in [`find_by_key`](crate::credentials::find_by_key).
pub struct ApiKeys(UserId);

impl ApiKeys {
    /// The API keys of this user; no query runs yet.
    #[must_use]
    pub fn of(user: UserId) -> Self {
        Self(user)
    }

    /// A page of the user's API keys that `query` filters, in the order of their ids; expired ones are among them.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn list(&self, conn: &mut Conn, query: &ListQuery<ApiKeyFilter>) -> Result<Page<ApiKeyRow>, Problem> {
        let mine = || {
            let wanted = query.filter.wanted.of(&CommonColumns::API_KEYS);
            api_keys::table.filter(api_keys::user_id.eq(self.0)).filter(wanted)
        };
        query.page(conn, mine)
    }

    /// Stores a new key, by its hash, with the name, scope and lifetime that `new` gives it.
    ///
    /// # Errors
    /// `too-many-api-keys`, when the user has 20, expired ones among them; the database's errors ([`Conn`]).
    pub fn create(&self, conn: &mut Conn, new: &ApiKeyIn, key: &ApiKeyText) -> Result<ApiKeyRow, Problem> {
        // Of several at the same time each counts those before it.
        Users::of(self.0).lock(conn)?;
        let count: i64 = conn.one(api_keys::table.filter(api_keys::user_id.eq(self.0)).count())?;
        if count >= MOST {
            return Err(Kind::TooManyApiKeys.into());
        }
        let now = Timestamp::now();
        let new = NewApiKey {
            user_id: self.0,
            name: &new.name,
            hash: &key.hash(),
            hint: key.hint(),
            scope: new.scope.as_str(),
            created_at: now,
            expires_at: new.lifetime.map(|lifetime| now.plus(lifetime)),
        };
        Ok(conn.one(diesel::insert_into(api_keys::table).values(new).returning(columns::<ApiKeyRow>()))?)
    }

    /// Deletes the user's API key with this id. Tells whether there was one.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn delete(&self, conn: &mut Conn, key: ApiKeyId) -> Result<bool, Problem> {
        Ok(conn.execute(diesel::delete(api_keys::table.find(key).filter(api_keys::user_id.eq(self.0))))? > 0)
    }

    /// Deletes all of the user's API keys; the next request with one is refused.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn end_all(&self, conn: &mut Conn) -> Result<(), Problem> {
        let _rows = conn.execute(diesel::delete(api_keys::table.filter(api_keys::user_id.eq(self.0))))?;
        Ok(())
    }
}
