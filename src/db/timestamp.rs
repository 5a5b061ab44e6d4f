//! A moment in time: `TIMESTAMPTZ` in PostgreSQL, microseconds since 1970 in SQLite, RFC 3339 in JSON.
//! One Diesel SQL type serves both databases; nothing else in Kennel knows how times are stored.
//!
//! # How one type serves two databases
//!
//! [`Timestamptz`] is a SQL type of our own, with `HasSqlType` for both backends and for the one over both. `schema.rs`
//! names it, so the columns of both schemas have it; [`Timestamp`] is its Rust type, with `ToSql` and `FromSql` for
//! each. The same way any column can differ between databases without its queries knowing: a UUID, a list, money.

use std::{
    io::Write,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use chrono::{DateTime, NaiveDate, Utc};
use diesel::{
    deserialize::{self, FromSql, FromSqlRow},
    expression::AsExpression,
    pg::Pg,
    serialize::{self, IsNull, Output, ToSql},
    sql_types::{self, SqlType},
    sqlite::Sqlite,
};
use serde::{Serialize, Serializer};

/// The SQL type of every `*_at` column, in both databases: `TIMESTAMPTZ` in PostgreSQL, a `BIGINT` of microseconds in
/// SQLite. Its Rust type is [`Timestamp`].
#[derive(Clone, Copy, Debug, SqlType, diesel::query_builder::QueryId)]
#[diesel(postgres_type(oid = 1184, array_oid = 1185))]
#[diesel(sqlite_type(name = "Long"))]
pub struct Timestamptz;

/// The sum with an interval, which `diesel::table!` expects of a type with this name.
impl sql_types::ops::Add for Timestamptz {
    type Rhs = sql_types::Interval;
    type Output = Self;
}

impl sql_types::ops::Sub for Timestamptz {
    type Rhs = sql_types::Interval;
    type Output = Self;
}

/// A moment, in microseconds since 1970-01-01T00:00:00Z. In JSON RFC 3339 with milliseconds, in the database a
/// [`Timestamptz`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, AsExpression, FromSqlRow)]
#[diesel(sql_type = Timestamptz)]
pub struct Timestamp(i64);

/// The moment 2000-01-01, from which PostgreSQL counts, in microseconds since 1970-01-01.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

impl Timestamp {
    /// The time now, by the clock of this machine; 1970, if that shows an earlier one.
    #[must_use]
    pub fn now() -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX))
    }

    /// The moment of a `chrono` time, cut off after the microseconds.
    #[must_use]
    pub fn at(moment: DateTime<Utc>) -> Self {
        Self(moment.timestamp_micros())
    }

    /// The moment `duration` later, or the last one that there is.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// The moment `duration` earlier, or the first one that there is.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)))
    }

    /// The time since an `earlier` moment; zero, if that is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or_default())
    }

    /// The end of the moment's day in UTC: the beginning of the next.
    #[must_use]
    pub fn end_of_day(self) -> Self {
        const DAY: i64 = 24 * 60 * 60 * 1_000_000;
        Self((self.0.div_euclid(DAY) + 1).saturating_mul(DAY))
    }

    /// The moment's day, in UTC.
    #[must_use]
    pub fn day(self) -> NaiveDate {
        DateTime::from_timestamp_micros(self.0).unwrap_or_default().date_naive()
    }

    /// The moment as whole microseconds since 1970.
    #[must_use]
    pub fn micros(self) -> i64 {
        self.0
    }

    /// The moment as whole seconds since 1970, as a JWT counts (RFC 7519's `NumericDate`).
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }
}

/// The serialization of a timestamp in cursors and the like: whole microseconds since 1970, without loss.
pub mod micros {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Timestamp;

    /// Writes a timestamp as a number of microseconds since 1970, for `#[serde(with)]`: unlike RFC 3339 it loses
    /// nothing.
    pub fn serialize<S: Serializer>(timestamp: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(timestamp.0)
    }

    /// Reads a timestamp from a whole number of microseconds since 1970, for `#[serde(with)]`; any other value is an
    /// error.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        i64::deserialize(deserializer).map(Timestamp)
    }
}

/// The moment as RFC 3339, in UTC, with milliseconds: `2026-11-20T02:03:49.000Z`. An error outside of the years 0 to
/// 9999.
impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text =
            self.rfc3339().ok_or_else(|| serde::ser::Error::custom("a timestamp outside the years 0 to 9999"))?;
        serializer.serialize_str(std::str::from_utf8(&text).map_err(serde::ser::Error::custom)?)
    }
}

impl Timestamp {
    /// The text of the moment in JSON; `None` outside of the years 0 to 9999. A list has two timestamps a row, so this
    /// does without a calendar's types and without `write!`.
    fn rfc3339(self) -> Option<[u8; 24]> {
        const DAY: i64 = 24 * 60 * 60 * 1_000;
        let millis = self.0.div_euclid(1_000);
        let (year, month, day) = civil(millis.div_euclid(DAY))?;
        let millis = u32::try_from(millis.rem_euclid(DAY)).ok()?;
        let seconds = millis / 1_000;
        let (cc, yy, mm, dd) = (two(year / 100), two(year % 100), two(month), two(day));
        let (hh, min, ss) = (two(seconds / 3_600), two(seconds / 60 % 60), two(seconds % 60));
        let (cs, ms) = (two(millis % 1_000 / 10), two(millis % 10));
        Some([
            cc[0], cc[1], yy[0], yy[1], b'-', mm[0], mm[1], b'-', dd[0], dd[1], b'T', hh[0], hh[1], b':', min[0],
            min[1], b':', ss[0], ss[1], b'.', cs[0], cs[1], ms[1], b'Z',
        ])
    }
}

/// The year, month and day of a day that is counted from 1970, from March of the year 0 to the end of 9999. The year
/// begins in March here, so that leap days come last (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn civil(day: i64) -> Option<(u32, u32, u32)> {
    const FROM_MARCH_0: i64 = 719_468;
    const ERA: u32 = 146_097;
    let day = u32::try_from(day + FROM_MARCH_0).ok()?;
    let (era, day) = (day / ERA, day % ERA);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = 400 * era + year + u32::from(month <= 2);
    (year <= 9_999).then_some((year, month, day))
}

/// The two digits of a number below 100.
fn two(number: u32) -> [u8; 2] {
    let digit = |number: u32| b'0' + (number % 10) as u8;
    [digit(number / 10), digit(number)]
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

#[cfg(test)]
mod tests {
    use chrono::{DateTime, SecondsFormat};

    use super::Timestamp;

    #[test]
    fn a_moment_is_written_as_a_calendar_has_it() {
        const DAY: i64 = 24 * 60 * 60 * 1_000_000;
        // From the year 1 to the end of 9999, in steps that are no whole days, and around each leap day.
        let some = (-719_162..2_932_897).step_by(13).map(|day| day * DAY + day.rem_euclid(86_399) * 999_983);
        for micros in
            some.chain((-2..3).flat_map(|day| [day, 59 + day, 11_016 + day, -25_508 + day].map(|day| day * DAY - 1)))
        {
            let expected = DateTime::from_timestamp_micros(micros).expect("a moment");
            let expected = expected.to_rfc3339_opts(SecondsFormat::Millis, true);
            let written = Timestamp(micros).rfc3339().expect("a moment of these years");
            assert_eq!(str::from_utf8(&written), Ok(expected.as_str()));
        }
        assert_eq!(Timestamp(2_932_897 * DAY).rfc3339(), None);
    }
}
