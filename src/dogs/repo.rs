//! Queries about dogs. [`Dogs::of`] is the only way to any of them, as with owners.

use chrono::NaiveDate;
use diesel::{
    AsChangeset, ExpressionMethods, Insertable, OptionalExtension, QueryDsl, Queryable, RunQueryDsl, Selectable,
    SelectableHelper, dsl::auto_type,
};

use super::{
    DogId,
    wire::{DogIn, DogPatch},
};
use crate::{
    db::{Broken, Connection, OnConstraint, columns, schema::dogs, timestamp::Timestamp},
    owners::OwnerId,
    problem::{Kind, Problem},
    users::UserId,
    wire::Window,
};

/// A stored dog.
#[derive(Queryable, Selectable)]
#[diesel(table_name = dogs)]
pub struct DogRow {
    pub id: i64,
    pub user_id: i64,
    pub owner_id: i64,
    pub name: String,
    pub born_on: Option<NaiveDate>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Insertable)]
#[diesel(table_name = dogs)]
struct NewDog<'a> {
    user_id: i64,
    owner_id: i64,
    name: &'a str,
    born_on: Option<NaiveDate>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(AsChangeset)]
#[diesel(table_name = dogs)]
struct DogChanges<'a> {
    owner_id: Option<i64>,
    name: Option<&'a str>,
    /// None keeps it, some of none clears it.
    born_on: Option<Option<NaiveDate>>,
    updated_at: Timestamp,
}

/// The dogs in one user's book.
pub struct Dogs(UserId);

/// One dog of one user; every query about a single row begins here.
#[auto_type]
fn one(user: i64, id: i64) -> _ {
    dogs::table.filter(dogs::user_id.eq(user)).filter(dogs::id.eq(id))
}

/// A page of one user's dogs.
#[auto_type]
fn page(user: i64, after: i64, most: i64) -> _ {
    dogs::table.filter(dogs::user_id.eq(user)).filter(dogs::id.gt(after)).order(dogs::id).limit(most)
}

impl Dogs {
    #[must_use]
    pub fn of(user: UserId) -> Self {
        Self(user)
    }

    /// A page of them, by id.
    pub fn list(&self, conn: &mut Connection, window: Window) -> Result<Vec<DogRow>, Problem> {
        let page = page(self.0.get(), window.after, window.fetch());
        Ok(page.select(DogRow::as_select()).load(conn)?)
    }

    /// A page of those of one owner, by id. An owner that is not the user's has none.
    pub fn list_of_owner(&self, conn: &mut Connection, owner: OwnerId, window: Window) -> Result<Vec<DogRow>, Problem> {
        let page = page(self.0.get(), window.after, window.fetch()).filter(dogs::owner_id.eq(owner.get()));
        Ok(page.select(DogRow::as_select()).load(conn)?)
    }

    /// One of them.
    ///
    /// # Errors
    /// `not-found`.
    pub fn show(&self, conn: &mut Connection, id: DogId) -> Result<DogRow, Problem> {
        let found = one(self.0.get(), id.get()).select(DogRow::as_select()).first(conn).optional()?;
        found.ok_or_else(|| Problem::new(Kind::NotFound))
    }

    /// A new one.
    ///
    /// # Errors
    /// `validation-failed` at `/owner_id` when the user has no such owner.
    pub fn create(&self, conn: &mut Connection, new: &DogIn) -> Result<DogRow, Problem> {
        let now = Timestamp::now();
        let row = NewDog {
            user_id: self.0.get(),
            owner_id: new.owner_id.get(),
            name: &new.name,
            born_on: new.born_on,
            created_at: now,
            updated_at: now,
        };
        diesel::insert_into(dogs::table)
            .values(row)
            .returning(columns::<DogRow>())
            .get_result(conn)
            .on_constraint(no_such_owner)
    }

    /// Changes what `patch` names; nothing, if it names nothing.
    ///
    /// # Errors
    /// `not-found`; `validation-failed` at `/owner_id` when the user has no such owner.
    pub fn update(&self, conn: &mut Connection, id: DogId, patch: &DogPatch) -> Result<DogRow, Problem> {
        if patch.is_empty() {
            return self.show(conn, id);
        }
        let changes = DogChanges {
            owner_id: patch.owner_id.map(OwnerId::get),
            name: patch.name.as_deref(),
            born_on: patch.born_on.clone().into_change(),
            updated_at: Timestamp::now(),
        };
        let mine = one(self.0.get(), id.get());
        let changed = diesel::update(mine)
            .set((changes, dogs::version.eq(dogs::version + 1)))
            .returning(columns::<DogRow>())
            .get_result(conn)
            .optional()
            .on_constraint(no_such_owner)?;
        changed.ok_or_else(|| Problem::new(Kind::NotFound))
    }

    /// Deletes one.
    ///
    /// # Errors
    /// `not-found`.
    pub fn delete(&self, conn: &mut Connection, id: DogId) -> Result<(), Problem> {
        let mine = one(self.0.get(), id.get());
        match diesel::delete(mine).execute(conn)? {
            0 => Err(Problem::new(Kind::NotFound)),
            _ => Ok(()),
        }
    }
}

/// The foreign key holds the owner and the user together, so somebody else's owner is simply not there.
fn no_such_owner(broken: &Broken) -> Option<Problem> {
    (*broken == Broken::ForeignKey).then(|| Problem::field("/owner_id", "not_found", "You have no owner with this id."))
}
