//! The bodies and queries of API keys. Only the response to a create holds the key itself.

use std::time::Duration;

use chrono::NaiveDate;
use serde::Serialize;
use serde_json::Value;

use super::repo::{ApiKeyRow, SORTS};
use crate::{
    current_user::Scope,
    db::timestamp::Timestamp,
    ids::ApiKeyId,
    lists::{List, Sort},
    problem::Invalid,
    wire::{Fields, FromBody, FromQuery, Query, Wanted, day, text::Rule},
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The lifetime of a key whose maker names none.
const USUAL_LIFETIME: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// The longest lifetime, in days.
const MOST_DAYS: f64 = 3650.0;

fn name(value: &Value) -> Result<String, Invalid> {
    Rule { least: 1, most: 100 }.read(value)
}

fn scope(value: &Value) -> Result<Scope, Invalid> {
    let scope = value.as_str().and_then(Scope::named);
    scope.ok_or(Invalid::new("unknown_value", "This is \"read\" or \"write\"."))
}

/// Reads a lifetime in days.
fn lifetime(value: &Value) -> Result<Option<Duration>, Invalid> {
    if value.is_null() {
        return Ok(None);
    }
    let invalid = |code| {
        let detail =
            format!("This is a whole number of days from 1 to {MOST_DAYS}, or null for a key that stays good.");
        Invalid::new(code, detail)
    };
    // JSON does not tell 7 from 7.0.
    let days = value.as_f64().filter(|days| days.fract() == 0.0).ok_or_else(|| invalid("type"))?;
    let is_in_range = (1.0..=MOST_DAYS).contains(&days);
    is_in_range.then(|| Some(DAY.mul_f64(days))).ok_or_else(|| invalid("out_of_range"))
}

/// The body of `POST /me/keys`.
pub struct ApiKeyIn {
    /// The user's name for the key: 1 to 100 characters.
    pub name: String,
    /// The scope of the new key: whether it may write.
    pub scope: Scope,
    /// The time for which the key is good, in whole days up to 3,650; `None` for a key that does not expire.
    pub lifetime: Option<Duration>,
}

impl FromBody for ApiKeyIn {
    // No field is read-only: there is no sending back, and an `expires_at` that is ignored would be a key that lives
    // longer than meant.
    fn from_body(fields: &mut Fields) -> Option<Self> {
        let name = fields.required("name", name);
        let scope = fields.required("scope", scope);
        let lifetime = fields.usual("expires_in_days", Some(USUAL_LIFETIME), lifetime);
        Some(Self { name: name?, scope: scope?, lifetime: lifetime? })
    }
}

/// The filters that the query of `GET /me/keys` can have.
#[derive(Default)]
pub struct ApiKeyFilter {
    /// The filters by id and by the time of creation, as [`Wanted::made`] reads them.
    pub wanted: Wanted,
}

impl FromQuery for ApiKeyFilter {
    fn from_query(query: &mut Query<'_>) -> Self {
        Self { wanted: Wanted::made(query) }
    }
}

impl List for ApiKeyFilter {
    type Row = ApiKeyRow;
    const SORTS: &'static [Sort<ApiKeyRow>] = SORTS;
}

/// An API key in responses to its user: id, name, scope, the last characters of its text (`hint`), the times of
/// creation and expiry, and the day of its last use.
#[derive(Serialize)]
pub struct ApiKeyOut {
    id: ApiKeyId,
    name: String,
    scope: String,
    hint: String,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    #[serde(serialize_with = "day")]
    last_used_on: Option<NaiveDate>,
}

impl From<ApiKeyRow> for ApiKeyOut {
    fn from(row: ApiKeyRow) -> Self {
        let ApiKeyRow { id, name, scope, hint, created_at, expires_at, last_used_on } = row;
        Self { id, name, scope, hint, created_at, expires_at, last_used_on }
    }
}

/// The response to `POST /me/keys`: the new API key with its text, which is shown this once.
#[derive(Serialize)]
pub struct NewApiKeyOut {
    /// The key as lists show it.
    #[serde(flatten)]
    pub row: ApiKeyOut,
    /// The key's whole text, `kennel_` and 49 characters: a secret.
    pub key: String,
}
