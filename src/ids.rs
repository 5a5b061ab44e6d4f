//! The ids of rows: whole numbers from 1, a type for each table, so that a dog's id never passes for an
//! owner's.

use std::{fmt, marker::PhantomData};

use diesel::{
    backend::Backend,
    deserialize::{self, FromSql, FromSqlRow},
    expression::AsExpression,
    serialize::{self, Output, ToSql},
    sql_types::BigInt,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

use crate::problem::Invalid;

/// Marks an [`Id`] as one of the table `users`. Has no values.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum User {}
/// Marks an [`Id`] as one of the table `sessions`. Has no values.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Session {}
/// Marks an [`Id`] as one of the table `api_keys`. Has no values.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ApiKey {}
/// Marks an [`Id`] as one of the table `owners`. Has no values.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {}
/// Marks an [`Id`] as one of the table `dogs`. Has no values.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dog {}
/// Marks an [`Id`] as one of the table `tasks`. Has no values.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Task {}

/// Marks an [`Id`] as the number of a change in its book. Has no values.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LoggedChange {}

/// The id of a user: a row of `users`.
pub type UserId = Id<User>;
/// The id of a session, which access tokens name as `sid`.
pub type SessionId = Id<Session>;
/// The id of an API key, which is no part of the key's text.
pub type ApiKeyId = Id<ApiKey>;
/// The id of an owner: a person whose dogs a user looks after.
pub type OwnerId = Id<Owner>;
/// The id of a dog: a row of `dogs`.
pub type DogId = Id<Dog>;
/// The id of a task: a row of `tasks`.
pub type TaskId = Id<Task>;
/// The number of a change: 1, 2, 3 … in each book.
pub type ChangeSeq = Id<LoggedChange>;

/// The id of a row: a whole number from 1, with the table as its type `T`, so that a dog's id never passes for an
/// owner's. `BIGINT` in the database, a number in JSON.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = BigInt)]
pub struct Id<T>(i64, PhantomData<fn() -> T>);

impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<T> fmt::Display for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T> Id<T> {
    /// The id with this number; `None` if it is below 1.
    #[must_use]
    pub fn new(number: i64) -> Option<Self> {
        (number >= 1).then_some(Self(number, PhantomData))
    }

    /// Reads an id from a path or a query: decimal digits without sign or leading zero; `None` for any other text, and
    /// for 0.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
        text.parse().ok().filter(|_| plain).and_then(Self::new)
    }

    /// The id as a plain number, from 1.
    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }

    /// Reads an id from a JSON body. Whether there is such a row is not looked up.
    ///
    /// # Errors
    /// An [`Invalid`] with the code `too_small` for a number below 1, `out_of_range` for one from 2^63, and `type` for
    /// any other value.
    pub fn from_json(value: &Value) -> Result<Self, Invalid> {
        // JSON does not tell 1 from 1.0.
        let whole = value.as_f64().filter(|number| number.fract() == 0.0);
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and below 2^53")]
        let exact = whole.filter(|number| number.abs() < 2_f64.powi(53)).map(|number| number as i64);
        match value.as_i64().or(exact) {
            Some(number) => Self::new(number).ok_or(Invalid::new("too_small", "An id is a whole number from 1.")),
            None if whole.is_some() => Err(Invalid::new("out_of_range", "An id is a whole number below 2^63.")),
            None => Err(Invalid::new("type", "An id is a whole number, not in quotes.")),
        }
    }
}

impl<T> From<Id<T>> for i64 {
    fn from(id: Id<T>) -> Self {
        id.0
    }
}

/// A stored number that can be no id is a row that cannot be read.
impl<T, DB: Backend> FromSql<BigInt, DB> for Id<T>
where
    i64: FromSql<BigInt, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
        let number = i64::from_sql(value)?;
        Self::new(number).ok_or_else(|| format!("{number} is no id: they begin with 1").into())
    }
}

impl<T, DB: Backend> ToSql<BigInt, DB> for Id<T>
where
    i64: ToSql<BigInt, DB>,
{
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        self.0.to_sql(out)
    }
}

impl<T> Serialize for Id<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0)
    }
}

/// From a path's segment.
impl<'de, T> Deserialize<'de> for Id<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Segment<T>(PhantomData<fn() -> T>);

        impl<T> de::Visitor<'_> for Segment<T> {
            type Value = Id<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Id<T>, E> {
                Id::parse(text).ok_or_else(|| E::custom("not an id"))
            }
        }

        deserializer.deserialize_str(Segment(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use diesel::{prelude::*, result::Error, sql_types::BigInt};

    use super::Id;

    #[test]
    fn a_stored_number_that_is_no_id_cannot_be_read() {
        let mut conn = SqliteConnection::establish(":memory:").expect("a database");
        let mut stored = |number: i64| diesel::select(number.into_sql::<BigInt>()).get_result::<Id<()>>(&mut conn);
        assert_eq!(stored(7).map(Id::get), Ok(7));
        assert!(matches!(stored(0), Err(Error::DeserializationError(_))));
        assert!(matches!(stored(-1), Err(Error::DeserializationError(_))));
    }

    #[test]
    fn there_is_one_way_to_write_an_id() {
        assert_eq!(Id::<()>::parse("9223372036854775807").map(Id::get), Some(i64::MAX));
        for wrong in ["", "0", "-1", "+1", "01", "1.0", "1e3", " 1", "١", "9223372036854775808"] {
            assert_eq!(Id::<()>::parse(wrong), None, "{wrong}");
        }
    }
}
