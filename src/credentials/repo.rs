//! Queries about API keys as credentials: a key's hash leads to its user.

use chrono::NaiveDate;
use diesel::prelude::*;

use super::key::KeyHash;
use crate::{
    current_user::{Credential, CurrentUser, Scope},
    db::{
        Conn,
        expression::AnyOf,
        schema::{api_keys, users},
        timestamp::Timestamp,
    },
    ids::{ApiKeyId, UserId},
    problem::{Kind, Problem},
};

/// Checks that an API key of a user is still good, for work that takes long.
///
/// # Errors
/// `revoked-api-key`, when the key was deleted or its account disabled; `expired-api-key`; the database's errors
/// ([`Conn`]).
pub fn require_valid_key(conn: &mut Conn, user: UserId, key: ApiKeyId) -> Result<(), Problem> {
    let mine = api_keys::table.inner_join(users::table).filter(api_keys::id.eq(key));
    let mine = mine.filter(api_keys::user_id.eq(user)).filter(users::disabled_at.is_null());
    let expires_at: Option<Option<Timestamp>> = conn.find(mine.select(api_keys::expires_at))?;
    refuse_expired(expires_at.ok_or(Kind::RevokedApiKey)?)
}

/// Checks that an API key is still there and good, inside the transaction that does what cannot be undone: a
/// transaction that ends the key comes wholly before or after this one.
///
/// # Errors
/// `revoked-api-key`, when the key was deleted; `expired-api-key`; the database's errors ([`Conn`]).
pub fn require_live_key(conn: &mut Conn, user: UserId, key: ApiKeyId) -> Result<(), Problem> {
    let mine = api_keys::table.find(key).filter(api_keys::user_id.eq(user));
    // Changes nothing, and not only reads, for the sake of PostgreSQL.
    let touch = diesel::update(mine).set(api_keys::scope.eq(api_keys::scope)).returning(api_keys::expires_at);
    let expires_at: Option<Option<Timestamp>> = conn.find(touch)?;
    refuse_expired(expires_at.ok_or(Kind::RevokedApiKey)?)
}

fn refuse_expired(expires_at: Option<Timestamp>) -> Result<(), Problem> {
    if expires_at.is_some_and(|end| end <= Timestamp::now()) { Err(Kind::ExpiredApiKey.into()) } else { Ok(()) }
}

/// The user whose API key has this hash, with the key as credential. The one query of the gate
/// ([`gate`](crate::auth::gate::gate)) for a request with a key.
///
/// # Errors
/// `revoked-api-key`, when there is no such key or its account is disabled; `expired-api-key`; the database's errors
/// ([`Conn`]).
pub fn find_by_key(conn: &mut Conn, hash: &KeyHash) -> Result<CurrentUser, Problem> {
    let key = api_keys::table
        .inner_join(users::table)
        .filter(api_keys::hash.eq(hash.as_slice()))
        .filter(users::disabled_at.is_null())
        .select((users::id, api_keys::id, api_keys::scope, api_keys::expires_at));
    let found: Option<(UserId, ApiKeyId, String, Option<Timestamp>)> = conn.find(key)?;
    let (user, id, scope, expires_at) = found.ok_or(Kind::RevokedApiKey)?;
    refuse_expired(expires_at)?;
    let scope = Scope::named(&scope).ok_or_else(|| Problem::internal(format!("no scope is called {scope:?}")))?;
    Ok(CurrentUser { id: user, credential: Credential::ApiKey { id, scope } })
}

/// Stores `day` (UTC) as the day of the last use of these API keys, unless a later day stands there. Keys that were
/// deleted meanwhile are skipped.
///
/// # Errors
/// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
pub fn note_use(conn: &mut Conn, keys: &[ApiKeyId], day: NaiveDate) -> Result<(), Problem> {
    let is_earlier = api_keys::last_used_on.is_null().or(api_keys::last_used_on.lt(day));
    let seen = api_keys::table.filter(AnyOf::new(api_keys::id, keys.iter().copied())).filter(is_earlier);
    let _rows = conn.execute(diesel::update(seen).set(api_keys::last_used_on.eq(day)))?;
    Ok(())
}
