//! Queries about owners. They all begin at [`Owners::of`], so that none can leave one user's rows: an owner who is not
//! there and another user's are the same `not-found`.

use std::collections::BTreeSet;

use diesel::{dsl::auto_type, prelude::*, sqlite::Sqlite};

use super::wire::{OwnerFilter, OwnerIn, OwnerPatch};
use crate::{
    co_owners::CoOwners,
    db::{
        Atomic, Broken, Conn, OnConstraint, PIECE,
        column::CommonColumns,
        columns,
        expression::{AnyOf, CountUpTo, Narrowed, when},
        records, rows,
        schema::owners,
        search_key, take_ids,
        timestamp::Timestamp,
    },
    dogs::Dogs,
    ids::{OwnerId, UserId},
    lists::{ListQuery, Page, Sort},
    problem::{Kind, Problem},
    users::Users,
    wire::{Imported, Preconditions, no_row},
};

/// A stored owner: a person whose dogs a user looks after, no account.
#[derive(Clone, Queryable, Selectable)]
#[diesel(table_name = owners, check_for_backend(Sqlite))]
pub struct OwnerRow {
    /// The owner's id.
    pub id: OwnerId,
    /// The user who looks after the owner's dogs.
    pub user_id: UserId,
    /// The name, 1 to 255 characters.
    pub name: String,
    /// The time when the row was made.
    pub created_at: Timestamp,
    /// The time of the last change.
    pub updated_at: Timestamp,
    /// The version, which the `ETag` shows; each change adds 1.
    pub version: i64,
}

#[derive(Insertable)]
#[diesel(table_name = owners)]
struct NewOwner<'a> {
    user_id: UserId,
    name: &'a str,
    name_key: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(AsChangeset)]
#[diesel(table_name = owners)]
struct OwnerChanges<'a> {
    name: Option<&'a str>,
    name_key: Option<String>,
    updated_at: Timestamp,
}

/// The keys that owners can be sorted by: `id`, `name` and `created_at`.
pub const SORTS: &[Sort<OwnerRow>] = &[
    Sort::id(owners::id, |row| row.id.get()),
    Sort::name(owners::name_key, |row| &row.name),
    Sort::moment(owners::created_at, |row| row.created_at),
];

/// The owners (people whose dogs are looked after) of one user, and the only way to queries about them:
/// `Owners::of(user)`. An owner of another user is never found.
pub struct Owners(UserId);

/// The query for one owner of one user; every query about a single row begins here.
#[auto_type]
fn one(user: UserId, id: OwnerId) -> _ {
    owners::table.filter(owners::user_id.eq(user)).filter(owners::id.eq(id))
}

/// The owners of one user that are wanted.
#[auto_type]
fn some(user: UserId, filter: &OwnerFilter) -> _ {
    let wanted: Narrowed = filter.wanted.of(&CommonColumns::OWNERS);
    owners::table.filter(owners::user_id.eq(user)).filter(wanted)
}

impl Owners {
    /// The owners of this user; no query runs yet.
    #[must_use]
    pub fn of(user: UserId) -> Self {
        Self(user)
    }

    /// A page of the user's owners that `query` filters and sorts.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn list(&self, conn: &mut Conn, query: &ListQuery<OwnerFilter>) -> Result<Page<OwnerRow>, Problem> {
        query.page(conn, || some(self.0, &query.filter))
    }

    /// The owner with this id.
    ///
    /// # Errors
    /// `not-found`, when the user has no such owner; the database's errors ([`Conn`]).
    pub fn show(&self, conn: &mut Conn, id: OwnerId) -> Result<OwnerRow, Problem> {
        let found = conn.find(one(self.0, id).select(columns::<OwnerRow>()))?;
        Ok(found.ok_or(Kind::NotFound)?)
    }

    /// The owners with these ids, as far as the user has them, in any order.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn those(&self, conn: &mut Conn, ids: &BTreeSet<OwnerId>) -> Result<Vec<OwnerRow>, Problem> {
        let mine = owners::table.filter(owners::user_id.eq(self.0)).filter(AnyOf::new(owners::id, ids.iter().copied()));
        Ok(conn.load(mine.select(columns::<OwnerRow>()))?)
    }

    /// The ids among `ids` that the user has owners with, in any order.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn existing_ids(&self, conn: &mut Conn, ids: Vec<i64>) -> Result<Vec<i64>, Problem> {
        let mine = owners::table.filter(owners::user_id.eq(self.0)).filter(AnyOf::new(owners::id, ids));
        Ok(conn.load(mine.select(owners::id))?)
    }

    /// The number of the user's owners, counted no further than `most`: with it [`Book`](crate::book::Book) holds users
    /// to `MOST_OWNERS`.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn count_up_to(&self, conn: &mut Conn, most: i64) -> Result<i64, Problem> {
        Ok(conn.one(diesel::select(CountUpTo::new(owners::user_id, self.0, most)))?)
    }

    /// Creates an owner, in one statement.
    ///
    /// # Errors
    /// `revoked-token`, when the user was deleted a moment ago; the database's errors ([`Conn`]).
    pub fn create(&self, atomic: Atomic<'_>, new: &OwnerIn) -> Result<OwnerRow, Problem> {
        let now = Timestamp::now();
        let row = NewOwner {
            user_id: self.0,
            name: &new.name,
            name_key: search_key(&new.name),
            created_at: now,
            updated_at: now,
        };
        let insert = diesel::insert_into(owners::table).values(row).returning(columns::<OwnerRow>());
        atomic.statement(insert).on_constraint(no_user)
    }

    /// Creates the owners of an imported document, with their times. Returns their ids, in the same order.
    ///
    /// # Errors
    /// `revoked-token`, when the user was deleted a moment ago; the database's errors ([`Conn`]).
    pub fn import(&self, conn: &mut Conn, owners: &[Imported<OwnerIn>]) -> Result<Vec<OwnerId>, Problem> {
        let ids = take_ids(conn, "owners", owners.len())?;
        let rows = ids.iter().zip(owners).map(|(id, Imported { new, times, .. })| records::owners::Row {
            id: id.get(),
            user_id: self.0.get(),
            name: new.name.clone(),
            created_at: times.created_at,
            updated_at: times.updated_at,
            version: 1,
            name_key: search_key(&new.name),
        });
        records::owners::insert(conn, rows.collect()).on_constraint(no_user)?;
        Ok(ids)
    }

    /// Changes the fields that `patch` names, and raises the version, which the `ETag` shows; nothing, if it names
    /// none. Returns the row as it is then.
    ///
    /// # Errors
    /// `not-found`, when the user has no such owner; `precondition-failed`, when the row is not as `only_if` demands;
    /// the database's errors ([`Conn`]).
    pub fn update(
        &self,
        conn: &mut Conn,
        id: OwnerId,
        only_if: &Preconditions,
        patch: &OwnerPatch,
    ) -> Result<OwnerRow, Problem> {
        let version = only_if.version(|| Ok(self.show(conn, id)?.version))?;
        if *patch == OwnerPatch::default() {
            return self.show(conn, id);
        }
        let OwnerPatch { name } = patch;
        let changes = OwnerChanges {
            name: name.as_deref(),
            name_key: name.as_deref().map(search_key),
            updated_at: Timestamp::now(),
        };
        let mine = one(self.0, id).filter(when(version, |version| owners::version.eq(version)));
        let update = diesel::update(mine)
            .set((changes, owners::version.eq(owners::version + 1)))
            .returning(columns::<OwnerRow>());
        let changed = conn.find(update)?;
        Ok(changed.ok_or(no_row(version, Kind::NotFound))?)
    }

    /// Begins to delete an owner without dogs or, with `with_dogs`, one with its dogs and their tasks: about [`PIECE`]
    /// rows. Tells whether there is more, for [`Owners::delete_rest`] in further transactions.
    ///
    /// # Errors
    /// `not-found`, when the user has no such owner; `precondition-failed`, when it is not as `only_if` demands;
    /// `owner-has-dogs`, saying how many, without `with_dogs`; the database's errors ([`Conn`]). Nothing is deleted
    /// then.
    pub fn delete(
        &self,
        conn: &mut Conn,
        id: OwnerId,
        only_if: &Preconditions,
        with_dogs: bool,
    ) -> Result<bool, Problem> {
        let version = self.lock(conn, id)?.ok_or(Kind::NotFound)?;
        only_if.check(Some(version))?;
        if !with_dogs {
            let count = Dogs::of(self.0).count_of(conn, id)?;
            if count > 0 {
                return Err(has_dogs(count));
            }
        }
        self.delete_rest(conn, id, with_dogs)
    }

    /// Goes on deleting an owner, in a transaction after that of [`Owners::delete`]: about [`PIECE`] rows, first its
    /// dogs' tasks, then its dogs, its places as co-owner, and at last the owner. Tells whether there is more.
    ///
    /// # Errors
    /// `owner-has-dogs`, when one came meanwhile that is not to be deleted; the database's errors ([`Conn`]).
    pub fn delete_rest(&self, conn: &mut Conn, id: OwnerId, with_dogs: bool) -> Result<bool, Problem> {
        if self.lock(conn, id)?.is_none() {
            return Ok(false);
        }
        let mut left = PIECE;
        if with_dogs {
            left = left.saturating_sub(Dogs::of(self.0).delete_some_of(conn, id, left)?);
        }
        if left > 0 {
            left = left.saturating_sub(CoOwners::of(self.0).leave_some(conn, id, left)?);
        }
        if left == 0 {
            return Ok(true);
        }
        // A transaction of its own, so that after a broken constraint there is still one to count in.
        let deleted = conn
            .transaction(|conn| conn.execute(diesel::delete(one(self.0, id))))
            .on_constraint(|broken| (*broken == Broken::ForeignKey).then(|| Problem::new(Kind::OwnerHasDogs)));
        match deleted {
            Ok(_) => Ok(false),
            Err(problem) if problem.kind() == Kind::OwnerHasDogs => Err(has_dogs(Dogs::of(self.0).count_of(conn, id)?)),
            Err(problem) => Err(problem),
        }
    }

    /// Deletes owners of a deleted account, who have no dogs any more, at most `most`. Tells how many; call it again
    /// until these are fewer than `most`, and none is left.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn delete_some(&self, conn: &mut Conn, most: usize) -> Result<usize, Problem> {
        let some = owners::table.filter(owners::user_id.eq(self.0)).order(owners::id).limit(rows(most));
        let ids: Vec<OwnerId> = conn.load(some.select(owners::id))?;
        let mine = owners::table.filter(owners::user_id.eq(self.0)).filter(AnyOf::new(owners::id, ids));
        Ok(conn.execute(diesel::delete(mine))?)
    }

    /// The version of an owner, locked until this transaction ends, so that it gets no dog and no share in one
    /// meanwhile; none, if it is gone. The user's row is locked first, as for a dog ([`Dogs::lock`]).
    fn lock(&self, conn: &mut Conn, id: OwnerId) -> Result<Option<i64>, Problem> {
        Users::of(self.0).lock(conn)?;
        let mine = one(self.0, id).select(owners::version);
        let version = match conn {
            Conn::Sqlite(conn) => mine.first(conn),
            Conn::Postgres(conn) => mine.for_update().first(conn),
        };
        Ok(version.optional()?)
    }
}

fn has_dogs(count: i64) -> Problem {
    let dogs = if count == 1 { "1 dog".to_owned() } else { format!("{count} dogs") };
    let detail = format!(
        "This owner still has {dogs}. Delete its dogs, or give them another owner, first; or delete them together \
         with ?force=true."
    );
    Problem::new(Kind::OwnerHasDogs).with_detail(detail)
}

/// The only row that an owner's refers to is the user's.
fn no_user(broken: &Broken) -> Option<Problem> {
    (*broken == Broken::ForeignKey).then(|| Problem::new(Kind::RevokedToken))
}
