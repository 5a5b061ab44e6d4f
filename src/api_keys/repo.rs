//! Queries about the API keys of a user, to which [`ApiKeys::of`] leads. The gate's are in `credentials`.

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

/// A stored key, as its user sees it.
#[derive(Queryable, Selectable)]
#[diesel(table_name = api_keys, check_for_backend(Sqlite))]
pub struct ApiKeyRow {
    pub id: ApiKeyId,
    pub name: String,
    pub scope: String,
    pub hint: String,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub last_used_on: Option<NaiveDate>,
}

/// By id only.
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

/// The API keys of one user.
pub struct ApiKeys(UserId);

impl ApiKeys {
    #[must_use]
    pub fn of(user: UserId) -> Self {
        Self(user)
    }

    /// A page of them, by id, those that have expired among them.
    pub fn list(&self, conn: &mut Conn, asked: &ListQuery<ApiKeyFilter>) -> Result<Page<ApiKeyRow>, Problem> {
        let mine = || {
            let wanted = asked.filter.wanted.of(&CommonColumns::API_KEYS);
            api_keys::table.filter(api_keys::user_id.eq(self.0)).filter(wanted)
        };
        asked.page(conn, mine)
    }

    /// Stores a new key.
    ///
    /// # Errors
    /// `too-many-api-keys`.
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

    /// Deletes a key; tells whether there was one to delete.
    pub fn delete(&self, conn: &mut Conn, key: ApiKeyId) -> Result<bool, Problem> {
        Ok(conn.execute(diesel::delete(api_keys::table.find(key).filter(api_keys::user_id.eq(self.0))))? > 0)
    }

    /// Ends all.
    pub fn end_all(&self, conn: &mut Conn) -> Result<(), Problem> {
        let _rows = conn.execute(diesel::delete(api_keys::table.filter(api_keys::user_id.eq(self.0))))?;
        Ok(())
    }
}
