//! Queries about owners. They all begin at [`Owners::of`], so that none can leave one user's rows: an owner who is not
//! there and another user's are the same `not-found`.

use std::collections::BTreeSet;

use diesel::{dsl::auto_type, prelude::*, sqlite::Sqlite};
use serde::Serialize;

use super::wire::{OwnerFilter, OwnerIn, OwnerPatch};
use crate::{
    co_owners::CoOwners,
    db::{
        Book, BookEntry, BookResource, BookRow, Broken, Conn, OnConstraint, PIECE,
        column::CommonColumns,
        columns,
        expression::{AnyOf, CountUpTo, Narrowed},
        records, rows,
        schema::owners,
        search_key, take_ids,
        timestamp::Timestamp,
    },
    dogs::Dogs,
    ids::{OwnerId, UserId},
    lists::{ListQuery, Page, Sort},
    problem::{Kind, Problem},
    wire::{Imported, Preconditions, RestoredRow},
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

impl BookRow for OwnerRow {
    const RESOURCE: BookResource = BookResource::Owner;

    fn id(&self) -> i64 {
        self.id.get()
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn fields(&self) -> impl Serialize {
        OwnerFields { name: &self.name }
    }

    fn created_at(&self) -> Timestamp {
        self.created_at
    }
}

/// The fields of an owner that a change can be taken back by.
#[derive(Serialize)]
struct OwnerFields<'a> {
    name: &'a str,
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
        Ok(self.find(conn, id)?.ok_or(Kind::NotFound)?)
    }

    fn find(&self, conn: &mut Conn, id: OwnerId) -> QueryResult<Option<OwnerRow>> {
        conn.find(one(self.0, id).select(columns::<OwnerRow>()))
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

    /// The number of the user's owners, counted no further than `most`: with it
    /// [`BookLimits`](crate::book_limits::BookLimits) holds users to `MOST_OWNERS`.
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
    pub fn create(&self, entry: BookEntry<'_>, new: &OwnerIn) -> Result<OwnerRow, Problem> {
        let now = Timestamp::now();
        let row = NewOwner {
            user_id: self.0,
            name: &new.name,
            name_key: search_key(&new.name),
            created_at: now,
            updated_at: now,
        };
        let insert = diesel::insert_into(owners::table).values(row).returning(columns::<OwnerRow>());
        entry.insert(insert, no_user)
    }

    /// Creates the owners of an imported document, with their times. Returns their ids, in the same order.
    ///
    /// # Errors
    /// `revoked-token`, when the user was deleted a moment ago; the database's errors ([`Conn`]).
    pub fn import(
        &self,
        conn: &mut Conn,
        book: &mut Book,
        owners: &[Imported<OwnerIn>],
    ) -> Result<Vec<OwnerId>, Problem> {
        let ids = take_ids(conn, "owners", owners.len())?;
        let rows = ids.iter().zip(owners).map(|(id, owner)| self.record(id.get(), 1, owner));
        records::owners::insert(conn, rows.collect()).on_constraint(no_user)?;
        for id in &ids {
            book.created_as::<OwnerRow>(id.get(), 1);
        }
        Ok(ids)
    }

    /// Puts deleted owners back, under their ids.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn restore(&self, conn: &mut Conn, book: &mut Book, owners: &[RestoredRow<OwnerIn>]) -> Result<(), Problem> {
        let rows = owners.iter().map(|RestoredRow { id, version, row }| self.record(*id, *version, row));
        records::owners::insert(conn, rows.collect())?;
        for owner in owners {
            book.created_as::<OwnerRow>(owner.id, owner.version);
        }
        Ok(())
    }

    fn record(&self, id: i64, version: i64, owner: &Imported<OwnerIn>) -> records::owners::Row {
        let Imported { new: OwnerIn { name }, times, .. } = owner;
        records::owners::Row {
            id,
            user_id: self.0.get(),
            name: name.clone(),
            created_at: times.created_at,
            updated_at: times.updated_at,
            version,
            name_key: search_key(name),
        }
    }

    /// Deletes owners who have no dogs and co-own none, of whom the caller knows that they are there.
    ///
    /// # Errors
    /// `owner-has-dogs`, when one has or co-owns a dog; the database's errors ([`Conn`]).
    pub fn delete_all(&self, conn: &mut Conn, book: &mut Book, ids: &BTreeSet<OwnerId>) -> Result<(), Problem> {
        if Dogs::of(self.0).are_there_of(conn, ids)? {
            return Err(Kind::OwnerHasDogs.into());
        }
        if CoOwners::of(self.0).are_there_of(conn, ids)? {
            let detail = "The owner is a co-owner of dogs by now. Take it off them first.";
            return Err(Problem::new(Kind::OwnerHasDogs).with_detail(detail));
        }
        let owners = self.those(conn, ids)?;
        owners.iter().try_for_each(|owner| book.deleted(owner))?;
        let mine = owners::table.filter(owners::user_id.eq(self.0)).filter(AnyOf::new(owners::id, ids.iter().copied()));
        let _rows = conn.execute(diesel::delete(mine))?;
        Ok(())
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
        book: &mut Book,
        id: OwnerId,
        only_if: &Preconditions,
        patch: &OwnerPatch,
    ) -> Result<OwnerRow, Problem> {
        let before = self.show(conn, id)?;
        only_if.check(Some(before.version))?;
        if *patch == OwnerPatch::default() {
            return Ok(before);
        }
        let OwnerPatch { name } = patch;
        let changes = OwnerChanges {
            name: name.as_deref(),
            name_key: name.as_deref().map(search_key),
            updated_at: Timestamp::now(),
        };
        let update = diesel::update(one(self.0, id)).set((changes, owners::version.eq(owners::version + 1)));
        let after = conn.one(update.returning(columns::<OwnerRow>()))?;
        book.updated(&before, &after)?;
        Ok(after)
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
        book: &mut Book,
        id: OwnerId,
        only_if: &Preconditions,
        with_dogs: bool,
    ) -> Result<bool, Problem> {
        only_if.check(Some(self.show(conn, id)?.version))?;
        self.delete_rest(conn, book, id, with_dogs)
    }

    /// Goes on deleting an owner, in a transaction after that of [`Owners::delete`]: about [`PIECE`] rows, first its
    /// dogs' tasks, then its dogs, its places as co-owner, and at last the owner. Tells whether there is more.
    ///
    /// # Errors
    /// `owner-has-dogs`, when one came meanwhile that is not to be deleted; the database's errors ([`Conn`]).
    pub fn delete_rest(&self, conn: &mut Conn, book: &mut Book, id: OwnerId, with_dogs: bool) -> Result<bool, Problem> {
        let Some(owner) = self.find(conn, id)? else { return Ok(false) };
        let mut left = PIECE;
        if with_dogs {
            left = left.saturating_sub(Dogs::of(self.0).delete_some_of(conn, book, id, left)?);
        } else {
            let count = Dogs::of(self.0).count_of(conn, id)?;
            if count > 0 {
                return Err(has_dogs(count));
            }
        }
        if left > 0 {
            left = left.saturating_sub(CoOwners::of(self.0).leave_some(conn, book, id, left)?);
        }
        if left == 0 {
            return Ok(true);
        }
        let _one = conn.execute(diesel::delete(one(self.0, id)))?;
        book.deleted(&owner)?;
        Ok(false)
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
