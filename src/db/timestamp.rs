//! A moment in time: `TIMESTAMPTZ` in PostgreSQL, microseconds since 1970 in SQLite, RFC 3339 in JSON.
//! One Diesel SQL type serves both databases; nothing else in Kennel knows how times are stored.

use std::{
    io::Write,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use chrono::{DateTime, Datelike, NaiveDate, Timelike};
use diesel::{
    deserialize::{self, FromSql, FromSqlRow},
    expression::AsExpression,
    pg::Pg,
    serialize::{self, IsNull, Output, ToSql},
    sql_types::{self, HasSqlType, SqlType},
    sqlite::Sqlite,
};
use serde::{Serialize, Serializer};

use super::{MultiBackend, MultiRawValue};

/// The SQL type of every `*_at` column. By its number, since PostgreSQL would be asked for a name's.
#[derive(Clone, Copy, Debug, SqlType, diesel::query_builder::QueryId)]
#[diesel(postgres_type(oid = 1184, array_oid = 1185))]
#[diesel(sqlite_type(name = "Long"))]
pub struct Timestamptz;

/// `diesel::table!` expects of a type with this name that one can add an interval to it.
impl sql_types::ops::Add for Timestamptz {
    type Rhs = sql_types::Interval;
    type Output = Self;
}

impl sql_types::ops::Sub for Timestamptz {
    type Rhs = sql_types::Interval;
    type Output = Self;
}

/// A moment, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, AsExpression, FromSqlRow)]
#[diesel(sql_type = Timestamptz)]
pub struct Timestamp(i64);

/// PostgreSQL counts from 2000-01-01 instead of 1970-01-01.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

impl Timestamp {
    /// The time now.
    #[must_use]
    pub fn now() -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX))
    }

    /// A moment this much later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// A moment this much earlier.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// How much later it is than another moment; nothing, if it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or_default())
    }

    /// When the next day begins, in UTC.
    #[must_use]
    pub fn end_of_day(self) -> Self {
        const DAY: i64 = 24 * 60 * 60 * 1_000_000;
        Self((self.0.div_euclid(DAY) + 1).saturating_mul(DAY))
    }

    /// The day, in UTC.
    #[must_use]
    pub fn day(self) -> NaiveDate {
        DateTime::from_timestamp_micros(self.0).unwrap_or_default().date_naive()
    }

    /// Whole microseconds since 1970.
    #[must_use]
    pub fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970, as a JWT counts (RFC 7519's `NumericDate`).
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }
}

/// A timestamp in data of our own: whole microseconds since 1970, nothing lost.
pub mod micros {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Timestamp;

    pub fn serialize<S: Serializer>(timestamp: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(timestamp.0)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        i64::deserialize(deserializer).map(Timestamp)
    }
}

/// RFC 3339, UTC, milliseconds: `2026-11-20T02:03:49.000Z`.
impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let time = DateTime::from_timestamp_micros(self.0)
            .filter(|time| (0..=9999).contains(&time.year()))
            .ok_or_else(|| serde::ser::Error::custom("a timestamp outside the years 0 to 9999"))?;
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let parts = [
            (0..4, time.year().unsigned_abs()),
            (5..7, time.month()),
            (8..10, time.day()),
            (11..13, time.hour()),
            (14..16, time.minute()),
            (17..19, time.second()),
            (20..23, time.timestamp_subsec_millis()),
        ];
        for (place, number) in parts {
            put_decimal(text.get_mut(place).unwrap_or_default(), number);
        }
        serializer.serialize_str(std::str::from_utf8(&text).map_err(serde::ser::Error::custom)?)
    }
}

/// Writes the last digits of `number` over `place`. A list writes two times a row, and this takes a tenth
/// of what `write!` takes.
fn put_decimal(place: &mut [u8], mut number: u32) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
}

impl HasSqlType<Timestamptz> for MultiBackend {
    fn metadata(lookup: &mut Self::MetadataLookup) -> Self::TypeMetadata {
        Self::lookup_sql_type::<Timestamptz>(lookup)
    }
}

impl FromSql<Timestamptz, MultiBackend> for Timestamp {
    fn from_sql(value: MultiRawValue<'_>) -> deserialize::Result<Self> {
        value.from_sql::<Self, Timestamptz>()
    }
}

impl FromSql<Timestamptz, Sqlite> for Timestamp {
    fn from_sql(value: <Sqlite as diesel::backend::Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        <i64 as FromSql<sql_types::BigInt, Sqlite>>::from_sql(value).map(Self)
    }
}

impl FromSql<Timestamptz, Pg> for Timestamp {
    fn from_sql(value: <Pg as diesel::backend::Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let since_2000 = <i64 as FromSql<sql_types::BigInt, Pg>>::from_sql(value)?;
        Ok(Self(since_2000.checked_add(POSTGRES_EPOCH).ok_or("a timestamp out of range")?))
    }
}

impl ToSql<Timestamptz, MultiBackend> for Timestamp {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, MultiBackend>) -> serialize::Result {
        out.set_value((Timestamptz, self));
        Ok(IsNull::No)
    }
}

impl ToSql<Timestamptz, Sqlite> for Timestamp {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0);
        Ok(IsNull::No)
    }
}

impl ToSql<Timestamptz, Pg> for Timestamp {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(&(self.0 - POSTGRES_EPOCH).to_be_bytes())?;
        Ok(IsNull::No)
    }
}
