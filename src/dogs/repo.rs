//! Queries about dogs. They all begin at [`Dogs::of`], so that none can leave one user's rows: a dog that is not there
//! and another user's are the same `not-found`.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use diesel::{
    dsl::{Eq, auto_type},
    prelude::*,
    sqlite::Sqlite,
};
use serde::Serialize;

use super::{
    expand::{ExpandedDog, expand},
    wire::{DogFilter, DogIn, DogPatch, Expand, Role, RoleFilter},
};
use crate::{
    co_owners::{CoOwnerIds, CoOwners, IdList},
    db::{
        Book, BookEntry, BookResource, BookRow, Broken, Conn, OnConstraint, PIECE,
        column::CommonColumns,
        columns,
        expression::{AnyOf, CountUpTo, Narrowed, When, when},
        records, rows,
        schema::{dog_co_owners, dogs},
        search_key, take_ids,
        timestamp::Timestamp,
    },
    ids::{DogId, Owner, OwnerId, UserId},
    lists::{ListQuery, Page, Sort},
    owners::NO_SUCH_OWNER,
    problem::{Kind, Problem},
    tasks::Tasks,
    wire::{Imported, Preconditions, RestoredRow, day},
};

/// A stored dog of one user, with the ids of its co-owners, which are rows of another table.
#[derive(Clone, Queryable, Selectable)]
#[diesel(table_name = dogs, check_for_backend(Sqlite))]
pub struct DogRow {
    /// The dog's id.
    pub id: DogId,
    /// The user who keeps the dog.
    pub user_id: UserId,
    /// The primary owner, among the same user's owners.
    pub owner_id: OwnerId,
    /// The ids of the owners beside the primary one, at most 20.
    #[diesel(select_expression = CoOwnerIds, select_expression_type = CoOwnerIds)]
    pub co_owner_ids: IdList<Owner>,
    /// The name, 1 to 255 characters.
    pub name: String,
    /// The birthday; `None` if it is not known.
    pub born_on: Option<NaiveDate>,
    /// The time when the row was made.
    pub created_at: Timestamp,
    /// The time of the last change, of its co-owners too.
    pub updated_at: Timestamp,
    /// The version, which the `ETag` shows; each change adds 1.
    pub version: i64,
}

impl BookRow for DogRow {
    const RESOURCE: BookResource = BookResource::Dog;

    fn id(&self) -> i64 {
        self.id.get()
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn fields(&self) -> impl Serialize {
        let Self { owner_id, co_owner_ids, name, born_on, .. } = self;
        DogFields { owner_id: *owner_id, co_owner_ids: &co_owner_ids.0, name, born_on: *born_on }
    }

    fn created_at(&self) -> Timestamp {
        self.created_at
    }
}

/// The fields of a dog that a change can be taken back by.
#[derive(Serialize)]
struct DogFields<'a> {
    owner_id: OwnerId,
    co_owner_ids: &'a [OwnerId],
    name: &'a str,
    #[serde(serialize_with = "day")]
    born_on: Option<NaiveDate>,
}

#[derive(Insertable)]
#[diesel(table_name = dogs)]
struct NewDog<'a> {
    user_id: UserId,
    owner_id: OwnerId,
    name: &'a str,
    name_key: String,
    born_on: Option<NaiveDate>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(AsChangeset)]
#[diesel(table_name = dogs)]
struct DogChanges<'a> {
    owner_id: Option<OwnerId>,
    name: Option<&'a str>,
    name_key: Option<String>,
    /// `None` keeps the birthday, `Some(None)` clears it.
    born_on: Option<Option<NaiveDate>>,
    updated_at: Timestamp,
}

/// The keys that dogs can be sorted by: `id`, `name`, `born_on` and `created_at`.
pub const SORTS: &[Sort<DogRow>] = &[
    Sort::id(dogs::id, |row| row.id.get()),
    Sort::name(dogs::name_key, |row| &row.name),
    Sort::day(dogs::born_on, |row: &DogRow| row.born_on).tie_breaker("name"),
    Sort::moment(dogs::created_at, |row| row.created_at),
];

/// The dogs of one user, and the only way to queries about them: `Dogs::of(user)`. A dog of another user is never
/// found.
pub struct Dogs(UserId);

/// The query for one dog of one user; every query about a single row begins here.
#[auto_type]
fn one(user: UserId, id: DogId) -> _ {
    dogs::table.filter(dogs::user_id.eq(user)).filter(dogs::id.eq(id))
}

/// The dogs of one user that have one of these ids.
#[auto_type]
fn those(user: UserId, ids: &[DogId]) -> _ {
    let these: AnyOf = AnyOf::new(dogs::id, ids.iter().copied());
    dogs::table.filter(dogs::user_id.eq(user)).filter(these)
}

/// The dogs of one owner of one user.
#[auto_type]
fn of_owner(user: UserId, owner: OwnerId) -> _ {
    dogs::table.filter(dogs::user_id.eq(user)).filter(dogs::owner_id.eq(owner))
}

/// The dogs of one user that are filtered and wanted.
#[auto_type]
fn some(user: UserId, filter: &DogFilter) -> _ {
    let owned: When<Eq<dogs::owner_id, OwnerId>> = when(filter.owner_id, |owner| dogs::owner_id.eq(owner));
    let wanted: Narrowed = filter.wanted.of(&CommonColumns::DOGS);
    dogs::table.filter(dogs::user_id.eq(user)).filter(owned).filter(wanted)
}

impl Dogs {
    /// The dogs of this user; no query runs yet.
    #[must_use]
    pub fn of(user: UserId) -> Self {
        Self(user)
    }

    /// A page of the user's dogs that `query` filters and sorts, with the owners that it expands. May take several
    /// queries, so run it in [`Db::snapshot`](crate::db::Db::snapshot).
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn list(&self, conn: &mut Conn, query: &ListQuery<DogFilter>) -> Result<Page<ExpandedDog>, Problem> {
        let found = query.page(conn, || some(self.0, &query.filter))?;
        found.try_map(|rows| expand(conn, self.0, rows, query.filter.expand))
    }

    /// A page of the dogs that an owner has, as primary owner, as co-owner or in both roles, as `query` says, in the
    /// order of the dogs' ids. An owner that is not the user's has none.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn list_of_owner(
        &self,
        conn: &mut Conn,
        owner: OwnerId,
        query: &ListQuery<RoleFilter>,
    ) -> Result<Page<ExpandedDog>, Problem> {
        let (user, after) = (self.0, query.after_id());
        let has_role = |role| query.filter.role.is_none_or(|wanted| wanted == role);
        let enough = rows(query.limit + 1);
        let owned = of_owner(user, owner);
        let shared =
            dog_co_owners::table.filter(dog_co_owners::user_id.eq(user)).filter(dog_co_owners::owner_id.eq(owner));
        let wanted = || query.filter.wanted.of(&CommonColumns::DOGS);
        let (mut rows, mut total) = (Vec::new(), 0);
        if has_role(Role::Primary) {
            let page = owned.filter(wanted()).filter(dogs::id.gt(after)).order(dogs::id).limit(enough);
            rows.append(&mut conn.load(page.select(columns::<DogRow>()))?);
            total += if query.count { conn.one(owned.filter(wanted()).count())? } else { 0 };
        }
        if has_role(Role::Co) && !query.filter.wanted.is_everything() {
            let theirs = dogs::table.filter(dogs::user_id.eq(user));
            let theirs = theirs.filter(dogs::id.eq_any(shared.select(dog_co_owners::dog_id)));
            let page = theirs.filter(wanted()).filter(dogs::id.gt(after)).order(dogs::id).limit(enough);
            rows.append(&mut conn.load(page.select(columns::<DogRow>()))?);
            total += if query.count { conn.one(theirs.filter(wanted()).count())? } else { 0 };
        } else if has_role(Role::Co) {
            // Its dogs are counted off where they are linked, and only those of the page are looked at.
            let page = shared.filter(dog_co_owners::dog_id.gt(after)).order(dog_co_owners::dog_id).limit(enough);
            let page =
                dogs::table.filter(dogs::user_id.eq(user)).filter(dogs::id.eq_any(page.select(dog_co_owners::dog_id)));
            rows.append(&mut conn.load(page.select(columns::<DogRow>()))?);
            total += if query.count { conn.one(shared.count())? } else { 0 };
        }
        rows.sort_unstable_by_key(|row: &DogRow| row.id);
        // One whose owners changed places between the two queries.
        rows.dedup_by_key(|row| row.id);
        let found = Page { total: query.count.then_some(total), ..query.found(rows) };
        found.try_map(|rows| expand(conn, self.0, rows, query.filter.expand))
    }

    /// The dog with this id.
    ///
    /// # Errors
    /// `not-found`, when the user has no such dog; the database's errors ([`Conn`]).
    pub fn show(&self, conn: &mut Conn, id: DogId) -> Result<DogRow, Problem> {
        let found = conn.find(one(self.0, id).select(columns::<DogRow>()))?;
        Ok(found.ok_or(Kind::NotFound)?)
    }

    /// The ids among `ids` that the user has dogs with, in any order.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn existing_ids(&self, conn: &mut Conn, ids: Vec<i64>) -> Result<Vec<i64>, Problem> {
        Ok(conn.load(dogs::table.filter(dogs::user_id.eq(self.0)).filter(AnyOf::new(dogs::id, ids)).select(dogs::id))?)
    }

    /// The number of the user's dogs, counted no further than `most`: with it
    /// [`BookLimits`](crate::book_limits::BookLimits) holds users to `MOST_DOGS`.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn count_up_to(&self, conn: &mut Conn, most: i64) -> Result<i64, Problem> {
        Ok(conn.one(diesel::select(CountUpTo::new(dogs::user_id, self.0, most)))?)
    }

    /// The dog with this id, and those of its owners that `parts` names: several queries, so run it in a snapshot
    /// ([`Db::snapshot`](crate::db::Db::snapshot)).
    ///
    /// # Errors
    /// `not-found`, when the user has no such dog; the database's errors ([`Conn`]).
    pub fn show_expanded(&self, conn: &mut Conn, id: DogId, parts: Expand) -> Result<ExpandedDog, Problem> {
        let row = self.show(conn, id)?;
        expand(conn, self.0, vec![row], parts)?.pop().ok_or_else(|| Problem::new(Kind::NotFound))
    }

    /// Creates a dog, in one statement if it has no co-owners, and otherwise in a transaction.
    ///
    /// # Errors
    /// `validation-failed` at `/owner_id` or in `/co_owner_ids`, when the user has no such owner; the database's errors
    /// ([`Conn`]).
    pub fn create(&self, entry: BookEntry<'_>, new: &DogIn) -> Result<DogRow, Problem> {
        let now = Timestamp::now();
        let row = NewDog {
            user_id: self.0,
            owner_id: new.owner_id,
            name: &new.name,
            name_key: search_key(&new.name),
            born_on: new.born_on,
            created_at: now,
            updated_at: now,
        };
        let insert = diesel::insert_into(dogs::table).values(row).returning(columns::<DogRow>());
        if new.co_owner_ids.is_empty() {
            return entry.insert(insert, no_such_owner);
        }
        entry.transaction(|conn, book| {
            let mut dog: DogRow = conn.one(insert).on_constraint(no_such_owner)?;
            dog.co_owner_ids = CoOwners::of(self.0).fill(conn, dog.id, new.owner_id, &new.co_owner_ids)?;
            book.created(&dog);
            Ok(dog)
        })
    }

    /// Creates the dogs of an imported document, with their times and co-owners. `owner` is the owner here for one in
    /// the document. Returns their ids, in the same order.
    ///
    /// # Errors
    /// The errors of `owner`; `revoked-token`, when the user was deleted a moment ago; the database's errors ([`Conn`]).
    pub fn import(
        &self,
        conn: &mut Conn,
        book: &mut Book,
        dogs: &[Imported<DogIn>],
        owner: impl Fn(OwnerId) -> Result<OwnerId, Problem>,
    ) -> Result<Vec<DogId>, Problem> {
        let ids = take_ids(conn, "dogs", dogs.len())?;
        let (mut rows, mut pairs) = (Vec::new(), Vec::new());
        for (id, dog) in ids.iter().zip(dogs) {
            let primary = owner(dog.new.owner_id)?;
            rows.push(self.record(id.get(), 1, dog, primary));
            for co_owner in &dog.new.co_owner_ids {
                pairs.push((id.get(), owner(*co_owner)?));
            }
        }
        records::dogs::insert(conn, rows)?;
        CoOwners::of(self.0).insert(conn, pairs)?;
        for id in &ids {
            book.created_as::<DogRow>(id.get(), 1);
        }
        Ok(ids)
    }

    /// Puts deleted dogs back, under their ids and with their co-owners.
    ///
    /// # Errors
    /// `validation-failed`, when an owner of one is gone; the database's errors ([`Conn`]).
    pub fn restore(&self, conn: &mut Conn, book: &mut Book, dogs: &[RestoredRow<DogIn>]) -> Result<(), Problem> {
        let rows =
            dogs.iter().map(|RestoredRow { id, version, row }| self.record(*id, *version, row, row.new.owner_id));
        records::dogs::insert(conn, rows.collect()).on_constraint(no_such_owner)?;
        let pairs = dogs.iter().flat_map(|dog| dog.row.new.co_owner_ids.iter().map(|owner| (dog.id, *owner)));
        CoOwners::of(self.0).insert(conn, pairs.collect())?;
        for dog in dogs {
            book.created_as::<DogRow>(dog.id, dog.version);
        }
        Ok(())
    }

    fn record(&self, id: i64, version: i64, dog: &Imported<DogIn>, owner: OwnerId) -> records::dogs::Row {
        let Imported { new: DogIn { name, born_on, .. }, times, .. } = dog;
        records::dogs::Row {
            id,
            user_id: self.0.get(),
            owner_id: owner.get(),
            name: name.clone(),
            born_on: *born_on,
            created_at: times.created_at,
            updated_at: times.updated_at,
            version,
            name_key: search_key(name),
        }
    }

    /// Deletes dogs without tasks, of which the caller knows that they are there.
    ///
    /// # Errors
    /// `validation-failed`, when one has tasks; the database's errors ([`Conn`]).
    pub fn delete_all(&self, conn: &mut Conn, book: &mut Book, ids: &[DogId]) -> Result<(), Problem> {
        if Tasks::of(self.0).are_there_of(conn, ids)? {
            return Err(Problem::new(Kind::ValidationFailed).with_detail("The dog has tasks. Delete them first."));
        }
        let dogs = self.those(conn, ids)?;
        let _rows = self.delete_noted(conn, book, &dogs)?;
        Ok(())
    }

    /// Whether one of these owners is the primary owner of a dog.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn are_there_of(&self, conn: &mut Conn, owners: &BTreeSet<OwnerId>) -> Result<bool, Problem> {
        let mine = dogs::table.filter(dogs::user_id.eq(self.0));
        let theirs = mine.filter(AnyOf::new(dogs::owner_id, owners.iter().copied())).select(dogs::id).limit(1);
        Ok(conn.find::<DogId, _>(theirs)?.is_some())
    }

    /// Gives each of these dogs other co-owners.
    ///
    /// # Errors
    /// `validation-failed`, when one of the owners is gone, or is the dog's primary owner; the database's errors
    /// ([`Conn`]).
    pub fn replace_co_owners(
        &self,
        conn: &mut Conn,
        book: &mut Book,
        co_owners: &BTreeMap<DogId, Vec<OwnerId>>,
    ) -> Result<(), Problem> {
        let ids: Vec<_> = co_owners.keys().copied().collect();
        let (mut dogs, mut pairs) = (Vec::new(), Vec::new());
        for dog in self.those(conn, &ids)? {
            let owners = co_owners.get(&dog.id).cloned().unwrap_or_default();
            if owners.contains(&dog.owner_id) {
                return Err(Problem::field("/co_owner_ids", "already_primary", "This is the dog's primary owner."));
            }
            pairs.extend(owners.iter().map(|owner| (dog.id.get(), *owner)));
            dogs.push((dog, owners));
        }
        let _rows = CoOwners::of(self.0).delete_of(conn, &ids)?;
        CoOwners::of(self.0).insert(conn, pairs)?;
        self.touch_those(conn, book, dogs)
    }

    /// Changes the fields that `patch` names, and raises the version, which the `ETag` shows; nothing, if it names
    /// none. Returns the row as it is then. A co-owner that becomes the primary owner is no co-owner any more.
    ///
    /// # Errors
    /// `not-found`, when the user has no such dog; `precondition-failed`, when the row is not as `only_if` demands;
    /// `validation-failed` at `/owner_id` or in `/co_owner_ids`, when the user has no such owner; the database's errors
    /// ([`Conn`]).
    pub fn update(
        &self,
        conn: &mut Conn,
        book: &mut Book,
        id: DogId,
        only_if: &Preconditions,
        patch: &DogPatch,
    ) -> Result<DogRow, Problem> {
        let before = self.show(conn, id)?;
        only_if.check(Some(before.version))?;
        if *patch == DogPatch::default() {
            return Ok(before);
        }
        let DogPatch { owner_id, name, born_on, co_owner_ids } = patch;
        let changes = DogChanges {
            owner_id: *owner_id,
            name: name.as_deref(),
            name_key: name.as_deref().map(search_key),
            born_on: born_on.clone().into_change(),
            updated_at: Timestamp::now(),
        };
        let update = diesel::update(one(self.0, id)).set((changes, dogs::version.eq(dogs::version + 1)));
        let mut after: DogRow = conn.one(update.returning(columns::<DogRow>())).on_constraint(no_such_owner)?;
        let co_owners = CoOwners::of(self.0);
        if let Some(ids) = co_owner_ids {
            let _rows = co_owners.remove(conn, id, None)?;
            after.co_owner_ids = co_owners.fill(conn, id, after.owner_id, ids)?;
        } else if after.co_owner_ids.0.contains(&after.owner_id) {
            let _rows = co_owners.remove(conn, id, Some(after.owner_id))?;
            after.co_owner_ids.0.retain(|co_owner| *co_owner != after.owner_id);
        }
        book.updated(&before, &after)?;
        Ok(after)
    }

    /// Gives a dog another list of co-owners, which the caller writes down: raises its version, sets its time of change
    /// and notes the change. Several dogs at once: [`Dogs::touch_those`].
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn touch(
        &self,
        conn: &mut Conn,
        book: &mut Book,
        before: DogRow,
        co_owner_ids: Vec<OwnerId>,
    ) -> Result<(), Problem> {
        self.touch_those(conn, book, vec![(before, co_owner_ids)])
    }

    /// Gives each of these dogs another list of co-owners, as [`Dogs::touch`] does.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn touch_those(
        &self,
        conn: &mut Conn,
        book: &mut Book,
        dogs: Vec<(DogRow, Vec<OwnerId>)>,
    ) -> Result<(), Problem> {
        let ids: Vec<DogId> = dogs.iter().map(|(dog, _)| dog.id).collect();
        let changes = (dogs::updated_at.eq(Timestamp::now()), dogs::version.eq(dogs::version + 1));
        let _rows = conn.execute(diesel::update(those(self.0, &ids)).set(changes))?;
        for (before, co_owner_ids) in dogs {
            let after = DogRow { version: before.version + 1, co_owner_ids: IdList(co_owner_ids), ..before.clone() };
            book.updated(&before, &after)?;
        }
        Ok(())
    }

    /// The dogs with these ids, as far as the user has them, in the order of their ids.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn those(&self, conn: &mut Conn, ids: &[DogId]) -> Result<Vec<DogRow>, Problem> {
        Ok(conn.load(those(self.0, ids).order(dogs::id).select(columns::<DogRow>()))?)
    }

    /// Begins to delete a dog: at most [`PIECE`] of its tasks, and the dog with the last of them. Tells whether there
    /// is more, for [`Dogs::delete_rest`] in further transactions.
    ///
    /// # Errors
    /// `not-found`, when the user has no such dog; `precondition-failed`, when it is not as `only_if` demands; the
    /// database's errors ([`Conn`]). Nothing is deleted then.
    pub fn delete(
        &self,
        conn: &mut Conn,
        book: &mut Book,
        id: DogId,
        only_if: &Preconditions,
    ) -> Result<bool, Problem> {
        only_if.check(Some(self.show(conn, id)?.version))?;
        self.delete_rest(conn, book, id)
    }

    /// Goes on deleting a dog, in a transaction after that of [`Dogs::delete`]: at most [`PIECE`] tasks, and the dog
    /// with the last of them. Tells whether there is more.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn delete_rest(&self, conn: &mut Conn, book: &mut Book, id: DogId) -> Result<bool, Problem> {
        if Tasks::of(self.0).delete_some_of(conn, book, &[id], PIECE)? >= PIECE {
            return Ok(true);
        }
        let dogs = self.those(conn, &[id])?;
        let _rows = self.delete_noted(conn, book, &dogs)?;
        Ok(false)
    }

    /// Deletes dogs of one primary owner, with their tasks and co-owners: about `most` rows of all three kinds. Tells
    /// how many rows; call it again until these are fewer than `most`, and none is left.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn delete_some_of(
        &self,
        conn: &mut Conn,
        book: &mut Book,
        owner: OwnerId,
        most: usize,
    ) -> Result<usize, Problem> {
        let some = of_owner(self.0, owner).order(dogs::id).limit(rows(most));
        let mut dogs: Vec<DogRow> = conn.load(some.select(columns::<DogRow>()))?;
        let ids: Vec<_> = dogs.iter().map(|dog| dog.id).collect();
        let mut deleted = Tasks::of(self.0).delete_some_of(conn, book, &ids, most)?;
        // A dog goes with all its co-owners, so that its change can be taken back as a whole.
        let mut left = most.saturating_sub(deleted);
        let fit = dogs.iter().take_while(|dog| {
            let fits = left > 0;
            left = left.saturating_sub(1 + dog.co_owner_ids.0.len());
            fits
        });
        dogs.truncate(fit.count());
        deleted += self.delete_noted(conn, book, &dogs)?;
        Ok(deleted)
    }

    /// Deletes these dogs, which have no tasks any more, with their co-owners. Tells how many rows that were.
    fn delete_noted(&self, conn: &mut Conn, book: &mut Book, dogs: &[DogRow]) -> Result<usize, Problem> {
        let ids: Vec<_> = dogs.iter().map(|dog| dog.id).collect();
        dogs.iter().try_for_each(|dog| book.deleted(dog))?;
        let shared = CoOwners::of(self.0).delete_of(conn, &ids)?;
        Ok(shared + conn.execute(diesel::delete(those(self.0, &ids)))?)
    }

    /// Deletes dogs of a deleted account, which have neither tasks nor co-owners any more, at most `most`. Tells how
    /// many; call it again until these are fewer than `most`, and none is left.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn delete_some(&self, conn: &mut Conn, most: usize) -> Result<usize, Problem> {
        let some = dogs::table.filter(dogs::user_id.eq(self.0)).order(dogs::id).limit(rows(most));
        let ids: Vec<DogId> = conn.load(some.select(dogs::id))?;
        Ok(conn.execute(diesel::delete(those(self.0, &ids)))?)
    }

    /// The number of dogs that have this primary owner, for the error `owner-has-dogs`.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn count_of(&self, conn: &mut Conn, owner: OwnerId) -> Result<i64, Problem> {
        Ok(conn.one(of_owner(self.0, owner).count())?)
    }
}

/// The foreign key holds the owner and the user together, so another user's owner is simply not there.
fn no_such_owner(broken: &Broken) -> Option<Problem> {
    (*broken == Broken::ForeignKey).then(|| Problem::field("/owner_id", "not_found", NO_SUCH_OWNER))
}
