//! The days on which API keys were used, in memory until the sweeper stores them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Mutex,
};

use chrono::NaiveDate;

use super::repo;
use crate::{
    db::{Db, timestamp::Timestamp},
    ids::ApiKeyId,
    problem::Problem,
    workers::lock,
};

/// The API keys that this process has seen in use since they were last stored, each with its last day (UTC), so that no
/// request writes. Only keys that are good get in, so that a stranger without an account cannot fill it.
#[derive(Default)]
pub struct KeyUses(Mutex<HashMap<ApiKeyId, NaiveDate>>);

impl KeyUses {
    /// Remembers that a key is used today (UTC); [`KeyUses::write_down`] stores it.
    pub fn note(&self, key: ApiKeyId) {
        let _before = lock(&self.0).insert(key, Timestamp::now().day());
    }

    /// Stores the remembered days in the database; the [`sweeper`](crate::sweeper) calls it once an hour. Days that
    /// could not be stored stay for the next time.
    ///
    /// # Errors
    /// `overloaded`, `too-many-requests` or `unavailable`, as [`Db::write`].
    pub async fn write_down(&self, db: &Db) -> Result<(), Problem> {
        let seen = std::mem::take(&mut *lock(&self.0));
        let mut days: BTreeMap<NaiveDate, Vec<ApiKeyId>> = BTreeMap::new();
        for (key, day) in seen {
            days.entry(day).or_default().push(key);
        }
        // One day, and in the hour of midnight two.
        for (day, keys) in days {
            let written = {
                let keys = keys.clone();
                db.write(move |conn| repo::note_use(conn, &keys, day)).await
            };
            if let Err(problem) = written {
                let mut seen = lock(&self.0);
                for key in keys {
                    let _later = seen.entry(key).or_insert(day);
                }
                return Err(problem);
            }
        }
        Ok(())
    }
}
