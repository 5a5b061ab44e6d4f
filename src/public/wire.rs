//! The bodies and queries of public pages.

use chrono::NaiveDate;
use serde::Serialize;

use super::repo::{PublicDogRow, PublicProfileRow, SORTS};
use crate::{
    db::timestamp::Timestamp,
    ids::DogId,
    lists::{List, Sort},
    wire::{FromQuery, Query, Wanted},
};

/// The filters that the queries of `GET /dogs` and `GET /users/{username}/dogs` can have.
pub struct PublicFilter {
    /// The filters by id and by the time of creation, as [`Wanted::made`] reads them.
    pub wanted: Wanted,
}

impl FromQuery for PublicFilter {
    fn from_query(query: &mut Query<'_>) -> Self {
        Self { wanted: Wanted::made(query) }
    }
}

impl List for PublicFilter {
    type Row = PublicDogRow;
    const SORTS: &'static [Sort<PublicDogRow>] = SORTS;
    const COUNTS: bool = false;
}

/// The public page of a user in responses: the username, the profile's description, the number of dogs, and the time
/// when the profile was made.
#[derive(Serialize)]
pub struct PublicProfileOut {
    username: String,
    description: String,
    dogs_count: i64,
    created_at: Timestamp,
}

impl From<PublicProfileRow> for PublicProfileOut {
    fn from(row: PublicProfileRow) -> Self {
        let PublicProfileRow { username, description, dogs_count, created_at } = row;
        Self { username, description, dogs_count, created_at }
    }
}

/// A dog in responses to the public: id, name, age in years, the username of its user (`adopted_by`), and the time of
/// creation. Its owners are private.
#[derive(Serialize)]
pub struct PublicDogOut {
    id: DogId,
    name: String,
    age: Option<u32>,
    adopted_by: String,
    created_at: Timestamp,
}

impl From<PublicDogRow> for PublicDogOut {
    fn from(row: PublicDogRow) -> Self {
        let PublicDogRow { id, name, born_on, adopted_by, created_at } = row;
        Self { id, name, age: born_on.map(|day| age(day, Timestamp::now().day())), adopted_by, created_at }
    }
}

/// The age in whole years, 0 before the birth. A dog born on 29 February is a year older on 1 March.
fn age(born_on: NaiveDate, today: NaiveDate) -> u32 {
    today.years_since(born_on).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::age;

    #[test]
    fn a_dog_is_a_year_older_on_its_birthday() {
        let day = |text: &str| text.parse::<NaiveDate>().expect(text);
        for (born_on, today, years) in [
            ("2024-05-01", "2024-05-01", 0),
            ("2024-05-01", "2025-04-30", 0),
            ("2024-05-01", "2025-05-01", 1),
            ("2024-02-29", "2025-02-28", 0),
            ("2024-02-29", "2025-03-01", 1),
            ("2024-02-29", "2028-02-29", 4),
            ("0001-01-01", "2026-11-20", 2025),
            ("2999-12-31", "2026-11-20", 0),
        ] {
            assert_eq!(age(day(born_on), day(today)), years, "{born_on} on {today}");
        }
    }
}
