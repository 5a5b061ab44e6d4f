//! Queries about which owners co-own which dogs. They all begin at [`CoOwners::of`]; the foreign keys hold dog, owner
//! and user together.

use std::collections::BTreeSet;

use diesel::{
    backend::Backend,
    deserialize::{self, FromSql},
    dsl::auto_type,
    prelude::*,
    query_builder::{AstPass, QueryFragment},
    sql_types::{BigInt, Nullable, Text},
};

use super::{MOST_CO_OWNERS, wire::CoOwnerFilter};
use crate::{
    db::{
        Book, Broken, Conn, OnConstraint,
        column::CommonColumns,
        columns,
        expression::{AnyOf, expression},
        records, rows,
        schema::{dog_co_owners, owners},
    },
    dogs::{DogRow, Dogs},
    ids::{DogId, Id, Owner, OwnerId, UserId},
    lists::{ListQuery, Page},
    owners::{NO_SUCH_OWNER, OwnerRow, Owners},
    problem::{FieldError, Kind, Problem},
};

/// The SQL expression of the ids of a dog's co-owners, one text in ascending order, as a column of a query for `dogs`.
/// A row reads it as an [`IdList`].
#[derive(Default)]
pub struct CoOwnerIds;

expression!(CoOwnerIds, Nullable<Text>);

impl<DB: Backend> QueryFragment<DB> for CoOwnerIds {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql(
            "(SELECT string_agg(CAST(owner_id AS TEXT), ',') FROM dog_co_owners \
             WHERE dog_co_owners.dog_id = dogs.id)",
        );
        Ok(())
    }
}

/// Ids in ascending order, as [`CoOwnerIds`] returns them in one column: a text such as `7,12`, or null for none. Any
/// other text is an error of the query.
#[derive(Clone)]
pub struct IdList<T>(
    /// The ids, in ascending order; empty for none.
    pub Vec<Id<T>>,
);

impl<T: Ord, DB: Backend> Queryable<Nullable<Text>, DB> for IdList<T>
where
    String: FromSql<Text, DB>,
{
    type Row = Option<String>;

    fn build(text: Option<String>) -> deserialize::Result<Self> {
        let Some(text) = text else { return Ok(Self(Vec::new())) };
        let mut ids = text
            .split(',')
            .map(|id| Id::new(id.parse().ok()?))
            .collect::<Option<Vec<_>>>()
            .ok_or("not a list of ids")?;
        ids.sort_unstable();
        Ok(Self(ids))
    }
}

/// The co-owners of one dog of one user.
#[auto_type]
fn of_dog(user: UserId, dog: DogId) -> _ {
    dog_co_owners::table.filter(dog_co_owners::user_id.eq(user)).filter(dog_co_owners::dog_id.eq(dog))
}

/// The pairs of a dog and a co-owner (an owner beside its primary one) among one user's rows, and the only way to
/// queries about them: `CoOwners::of(user)`. A dog or an owner of another user is never found.
pub struct CoOwners(UserId);

impl CoOwners {
    /// The co-owners of this user's dogs; no query runs yet.
    #[must_use]
    pub fn of(user: UserId) -> Self {
        Self(user)
    }

    /// A page of the co-owners of one dog that `query` filters, in the order of their ids. A dog that is not the user's
    /// has none.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn list(
        &self,
        conn: &mut Conn,
        dog: DogId,
        query: &ListQuery<CoOwnerFilter>,
    ) -> Result<Page<OwnerRow>, Problem> {
        let of_dog = of_dog(self.0, dog);
        if !query.filter.wanted.is_everything() {
            return self.list_wanted(conn, dog, query);
        }
        let total = query.count.then(|| conn.one(of_dog.count())).transpose()?;
        let enough = rows(query.limit + 1);
        let page = of_dog
            .filter(dog_co_owners::owner_id.gt(query.after_id()))
            .order(dog_co_owners::owner_id)
            .limit(enough)
            .select(dog_co_owners::owner_id);
        let mine = owners::table.filter(owners::user_id.eq(self.0)).filter(owners::id.eq_any(page));
        let mut rows = conn.load(mine.select(columns::<OwnerRow>()))?;
        rows.sort_unstable_by_key(|row: &OwnerRow| row.id);
        Ok(Page { total, ..query.found(rows) })
    }

    /// The page of those co-owners of a dog that a filter wants; of the few that a dog has each is looked at.
    fn list_wanted(
        &self,
        conn: &mut Conn,
        dog: DogId,
        query: &ListQuery<CoOwnerFilter>,
    ) -> Result<Page<OwnerRow>, Problem> {
        let ids = of_dog(self.0, dog).select(dog_co_owners::owner_id);
        let theirs = owners::table.filter(owners::user_id.eq(self.0)).filter(owners::id.eq_any(ids));
        query.page(conn, || theirs.filter(query.filter.wanted.of(&CommonColumns::OWNERS)))
    }

    /// Makes an owner a co-owner of a dog, and raises the dog's version, which its `ETag` shows. Nothing changes, if
    /// the owner is one already.
    ///
    /// # Errors
    /// `not-found`, when the user has no such dog or owner; `already-primary-owner`, when the dog is this owner's;
    /// `too-many-co-owners`, when it has 20; the database's errors ([`Conn`]).
    pub fn create(&self, conn: &mut Conn, book: &mut Book, dog: DogId, owner: OwnerId) -> Result<(), Problem> {
        let before = Dogs::of(self.0).show(conn, dog)?;
        let _mine = Owners::of(self.0).show(conn, owner)?;
        if before.owner_id == owner {
            return Err(Kind::AlreadyPrimaryOwner.into());
        }
        let mut ids = before.co_owner_ids.0.clone();
        let Err(place) = ids.binary_search(&owner) else { return Ok(()) };
        if ids.len() >= MOST_CO_OWNERS {
            return Err(Kind::TooManyCoOwners.into());
        }
        let new = (dog_co_owners::dog_id.eq(dog), dog_co_owners::owner_id.eq(owner), dog_co_owners::user_id.eq(self.0));
        let _one = conn.execute(diesel::insert_into(dog_co_owners::table).values(new))?;
        ids.insert(place, owner);
        Dogs::of(self.0).touch(conn, book, before, ids)
    }

    /// Takes a co-owner off a dog, and raises the dog's version, which its `ETag` shows. Nothing changes, if the owner
    /// is no co-owner of it.
    ///
    /// # Errors
    /// `not-found`, when the user has no such dog or owner; the database's errors ([`Conn`]).
    pub fn delete(&self, conn: &mut Conn, book: &mut Book, dog: DogId, owner: OwnerId) -> Result<(), Problem> {
        let before = Dogs::of(self.0).show(conn, dog)?;
        let _mine = Owners::of(self.0).show(conn, owner)?;
        if self.remove(conn, dog, Some(owner))? == 0 {
            return Ok(());
        }
        let ids = without(&before, owner);
        Dogs::of(self.0).touch(conn, book, before, ids)
    }

    /// Takes the co-owner `owner` off a dog, or with `None` all its co-owners. Tells how many there were. Unlike
    /// [`CoOwners::delete`] it leaves the dog's version as it is: the caller raises it.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn remove(&self, conn: &mut Conn, dog: DogId, owner: Option<OwnerId>) -> Result<usize, Problem> {
        let all = of_dog(self.0, dog);
        Ok(match owner {
            None => conn.execute(diesel::delete(all))?,
            Some(owner) => conn.execute(diesel::delete(all.filter(dog_co_owners::owner_id.eq(owner))))?,
        })
    }

    /// Makes the second of each pair a co-owner of the first, the id of a dog that has just been made, or has lost its
    /// co-owners, in the same transaction.
    ///
    /// # Errors
    /// `validation-failed`, when an owner is gone; the database's errors ([`Conn`]).
    pub fn insert(&self, conn: &mut Conn, pairs: Vec<(i64, OwnerId)>) -> Result<(), Problem> {
        let row = |(dog_id, owner): (i64, OwnerId)| {
            let (owner_id, user_id) = (owner.get(), self.0.get());
            records::dog_co_owners::Row { dog_id, owner_id, user_id }
        };
        records::dog_co_owners::insert(conn, pairs.into_iter().map(row).collect())
            .on_constraint(|broken| (*broken == Broken::ForeignKey).then(gone_owner))
    }

    /// Whether one of these owners co-owns a dog.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn are_there_of(&self, conn: &mut Conn, owners: &BTreeSet<OwnerId>) -> Result<bool, Problem> {
        let mine = dog_co_owners::table.filter(dog_co_owners::user_id.eq(self.0));
        let theirs = mine.filter(AnyOf::new(dog_co_owners::owner_id, owners.iter().copied()));
        Ok(conn.find::<DogId, _>(theirs.select(dog_co_owners::dog_id).limit(1))?.is_some())
    }

    /// Makes the owners `co_owners`, at most [`MOST_CO_OWNERS`] and each named once (the caller checks both), the
    /// co-owners of a dog that has none yet, and whose primary owner is `primary`. Returns their ids in ascending
    /// order.
    ///
    /// # Errors
    /// `validation-failed`, naming each in `/co_owner_ids` that the user does not have, or that owns the dog already;
    /// the database's errors ([`Conn`]).
    pub fn fill(
        &self,
        conn: &mut Conn,
        dog: DogId,
        primary: OwnerId,
        co_owners: &[OwnerId],
    ) -> Result<IdList<Owner>, Problem> {
        if co_owners.contains(&primary) {
            return Err(self.refusal(conn, co_owners, primary)?);
        }
        let found = owners::table
            .filter(owners::user_id.eq(self.0))
            .filter(AnyOf::new(owners::id, co_owners.iter().copied()))
            .select((dog.into_sql::<BigInt>(), owners::id, owners::user_id));
        let columns = (dog_co_owners::dog_id, dog_co_owners::owner_id, dog_co_owners::user_id);
        let filled = conn
            .execute(diesel::insert_into(dog_co_owners::table).values(found).into_columns(columns))
            .on_constraint(|broken| (*broken == Broken::ForeignKey).then(gone_owner))?;
        if filled < co_owners.len() {
            return Err(self.refusal(conn, co_owners, primary)?);
        }
        let mut ids = co_owners.to_vec();
        ids.sort_unstable();
        Ok(IdList(ids))
    }

    /// Takes one owner off some of the dogs that it co-owns, and raises their versions, by writing about `most` rows:
    /// two for each dog. Tells how many rows were written; call it again until these are fewer than `most`, and none is
    /// left.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn leave_some(&self, conn: &mut Conn, book: &mut Book, owner: OwnerId, most: usize) -> Result<usize, Problem> {
        let shared = || {
            let mine = dog_co_owners::table.filter(dog_co_owners::user_id.eq(self.0));
            mine.filter(dog_co_owners::owner_id.eq(owner))
        };
        // The dog and its link.
        let some = shared().order(dog_co_owners::dog_id).limit(rows(most.div_ceil(2)));
        let ids: Vec<DogId> = conn.load(some.select(dog_co_owners::dog_id))?;
        let dogs = Dogs::of(self.0).those(conn, &ids)?;
        let dogs = dogs.into_iter().map(|dog| (dog.clone(), without(&dog, owner))).collect();
        Dogs::of(self.0).touch_those(conn, book, dogs)?;
        let touched = ids.len();
        Ok(touched + conn.execute(diesel::delete(shared().filter(AnyOf::new(dog_co_owners::dog_id, ids))))?)
    }

    /// Takes about `most` co-owners off any dogs of the user, whose account is being deleted (a few more, as a dog
    /// loses all at once). Tells how many; call it again until these are fewer than `most`, and none is left.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn delete_some(&self, conn: &mut Conn, most: usize) -> Result<usize, Problem> {
        let mine = dog_co_owners::table.filter(dog_co_owners::user_id.eq(self.0));
        let some = mine.order(dog_co_owners::dog_id).limit(rows(most)).select(dog_co_owners::dog_id);
        let mut dogs = conn.load(some)?;
        dogs.dedup();
        self.delete_of(conn, &dogs)
    }

    /// Takes all co-owners off these dogs, which are about to be deleted. Tells how many there were.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn delete_of(&self, conn: &mut Conn, dogs: &[DogId]) -> Result<usize, Problem> {
        let mine = dog_co_owners::table.filter(dog_co_owners::user_id.eq(self.0));
        Ok(conn.execute(diesel::delete(mine.filter(AnyOf::new(dog_co_owners::dog_id, dogs.iter().copied()))))?)
    }

    /// The field errors of the ids that cannot be co-owners, each at its place in the list.
    fn refusal(&self, conn: &mut Conn, ids: &[OwnerId], primary: OwnerId) -> Result<Problem, Problem> {
        let mine = Owners::of(self.0).existing_ids(conn, ids.iter().map(|id| id.get()).collect())?;
        let errors = ids.iter().enumerate().filter_map(|(index, id)| {
            let pointer = format!("/co_owner_ids/{index}");
            if *id == primary {
                Some(FieldError::body(&pointer, "already_primary", "This is the dog's primary owner."))
            } else {
                (!mine.contains(&id.get())).then(|| FieldError::body(&pointer, "not_found", NO_SUCH_OWNER))
            }
        });
        Ok(Problem::validation(errors.collect()))
    }
}

/// The co-owners of a dog but for one.
fn without(dog: &DogRow, owner: OwnerId) -> Vec<OwnerId> {
    dog.co_owner_ids.0.iter().copied().filter(|co_owner| *co_owner != owner).collect()
}

/// The problem of a list of co-owners of whom one is gone.
fn gone_owner() -> Problem {
    Problem::field("/co_owner_ids", "not_found", "One of these owners is gone.")
}
