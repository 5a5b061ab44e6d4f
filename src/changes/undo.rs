//! Taking changes back: all changes of an operation, the last first, in one transaction, each by the verbs of its
//! room. What that does is logged as any other change, so that it can be taken back in its turn.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::repo::{ChangeRow, Changes};
use crate::{
    book_limits::{BookLimits, Rows},
    db::{Action, Book, BookResource, Conn},
    dogs::{DogIn, DogPatch, Dogs},
    ids::{DogId, Id, OwnerId, TaskId, UserId},
    owners::{OwnerIn, OwnerPatch, Owners},
    problem::{Kind, MOST_ERRORS, Problem},
    tasks::{EarlierTask, ImportedTask, Tasks},
    wire::{Fields, FromBody, Imported, Preconditions, RestoredRow},
};

/// The most rows of each kind that the book may have; `None` for no limit.
#[derive(Clone, Copy)]
pub struct MostOfEach {
    owners: Option<i64>,
    dogs: Option<i64>,
    tasks: Option<i64>,
}

impl MostOfEach {
    /// The limits that are configured.
    pub fn of(limits: &BookLimits) -> Self {
        Self { owners: limits.most(Rows::Owners), dogs: limits.most(Rows::Dogs), tasks: limits.most(Rows::Tasks) }
    }
}

/// Takes back the change `seq`, with all other changes of its operation.
///
/// # Errors
/// `not-found`, `changes-expired`, as [`Changes::since_batch_of`]; `changed-since`, when rows are not as the operation left
/// them; `cannot-undo`, when what was changed cannot stand any more: what a row belonged to is gone, or the book is full;
/// the database's errors ([`Conn`]).
pub fn undo(conn: &mut Conn, book: &mut Book, seq: i64, most: MostOfEach) -> Result<(), Problem> {
    let (batch, since) = Changes::of(book.owner()).since_batch_of(conn, seq, book.batch() - 1)?;
    require_unchanged(&since, batch)?;
    book.undo(batch);
    let changes: Vec<_> = since.iter().rev().filter(|change| change.batch == batch).collect();
    for run in changes.chunk_by(|one, next| one.resource == next.resource && one.action == next.action) {
        take_back(conn, book, run).map_err(|problem| cannot_undo(run, problem))?;
    }
    require_room(conn, book.owner(), most, &changes)
}

/// The operations since then that have changed a row, and were not taken back.
#[derive(Default)]
struct Later {
    batches: Vec<i64>,
    /// The operation that was looked at last, of which a row may have several changes.
    seen: Option<i64>,
}

/// Checks that each row is as its last change of the operation left it: whatever was done to it since, was taken back.
/// `since` are all changes from the first of the operation on.
fn require_unchanged(since: &[ChangeRow], batch: i64) -> Result<(), Problem> {
    let mut rows: BTreeMap<_, Later> = BTreeMap::new();
    for change in since {
        if change.batch == batch {
            let _earlier = rows.insert(change.row(), Later::default());
        } else if let Some(later) = rows.get_mut(&change.row()) {
            let is_new = later.seen.replace(change.batch) != Some(change.batch);
            let takes_back_the_last = change.undoes.is_some() && change.undoes == later.batches.last().copied();
            if is_new && takes_back_the_last {
                let _taken_back = later.batches.pop();
            } else if is_new && change.was.as_deref() != Some("{}") {
                later.batches.push(change.batch);
            }
        }
    }
    let moved: Vec<_> = rows.into_iter().filter(|(_, later)| !later.batches.is_empty()).map(|(row, _)| row).collect();
    if moved.is_empty() {
        return Ok(());
    }
    let told = moved.iter().take(MOST_ERRORS);
    let names: Vec<_> = told.clone().map(|(resource, id)| format!("{resource} {id}")).collect();
    let detail = format!("Changed since then: {}. Take those changes back first.", names.join(", "));
    let rows = told.map(|(resource, id)| json!({"resource": resource, "id": id}));
    Err(Problem::new(Kind::ChangedSince).with_detail(detail).with_member("rows", rows.collect::<Value>()))
}

fn ids<T>(changes: &[&ChangeRow]) -> Vec<Id<T>> {
    changes.iter().filter_map(|change| Id::new(change.row_id)).collect()
}

/// Takes back changes of one kind, with as few statements as there can be: an operation may have thousands.
fn take_back(conn: &mut Conn, book: &mut Book, run: &[&ChangeRow]) -> Result<(), Problem> {
    let me = book.owner();
    let Some(first) = run.first() else { return Ok(()) };
    let (Some(resource), Some(action)) = (BookResource::named(&first.resource), Action::named(&first.action)) else {
        return Err(Problem::internal("a logged change of an unknown kind"));
    };
    match (resource, action) {
        (BookResource::Owner, Action::Created) => {
            let owners: BTreeSet<OwnerId> = ids(run).into_iter().collect();
            Owners::of(me).delete_all(conn, book, &owners)
        }
        (BookResource::Dog, Action::Created) => Dogs::of(me).delete_all(conn, book, &ids(run)),
        (BookResource::Task, Action::Created) => Tasks::of(me).delete_all(conn, book, &ids(run)),
        (BookResource::Owner, Action::Deleted) => Owners::of(me).restore(conn, book, &restored::<OwnerIn>(run)?),
        (BookResource::Dog, Action::Deleted) => Dogs::of(me).restore(conn, book, &restored::<DogIn>(run)?),
        (BookResource::Task, Action::Deleted) => Tasks::of(me).restore(conn, book, &restored::<ImportedTask>(run)?),
        (BookResource::Owner, Action::Updated) => run.iter().try_for_each(|change| {
            let (id, patch) = earlier::<OwnerPatch, _>(change)?;
            let _after = Owners::of(me).update(conn, book, id, &Preconditions::default(), &patch)?;
            Ok(())
        }),
        (BookResource::Dog, Action::Updated) => update_dogs(conn, book, run),
        (BookResource::Task, Action::Updated) => run.iter().try_for_each(|change| {
            let (id, earlier): (TaskId, EarlierTask) = earlier(change)?;
            Tasks::of(me).revert(conn, book, id, &earlier)
        }),
    }
}

/// Takes back updates of dogs: those that an owner left who was deleted get their co-owners back all at once.
fn update_dogs(conn: &mut Conn, book: &mut Book, run: &[&ChangeRow]) -> Result<(), Problem> {
    let me = book.owner();
    let mut co_owners: BTreeMap<DogId, Vec<OwnerId>> = BTreeMap::new();
    for change in run {
        let (id, patch) = earlier::<DogPatch, _>(change)?;
        match patch {
            DogPatch { co_owner_ids: Some(ids), owner_id: None, name: None, ref born_on } if born_on.is_keep() => {
                // Of two changes of a dog the earlier comes later, and has what was there before both.
                let _later = co_owners.insert(id, ids);
            }
            patch => {
                let _after = Dogs::of(me).update(conn, book, id, &Preconditions::default(), &patch)?;
            }
        }
    }
    if co_owners.is_empty() { Ok(()) } else { Dogs::of(me).replace_co_owners(conn, book, &co_owners) }
}

/// The fields that a row had before an update, read as a caller's would be, and its id.
fn earlier<T: FromBody, I>(change: &ChangeRow) -> Result<(Id<I>, T), Problem> {
    let id = Id::new(change.row_id).ok_or_else(|| Problem::internal("a logged change of no row"))?;
    Ok((id, read(change)?))
}

fn restored<T: FromBody>(run: &[&ChangeRow]) -> Result<Vec<RestoredRow<T>>, Problem> {
    let restored = |change: &&ChangeRow| {
        let row: Imported<T> = read(change)?;
        Ok(RestoredRow { id: change.row_id, version: change.version + 1, row })
    };
    run.iter().map(restored).collect()
}

fn read<T: FromBody>(change: &ChangeRow) -> Result<T, Problem> {
    let was = serde_json::from_str(change.was.as_deref().unwrap_or("{}")).map_err(Problem::internal)?;
    Fields::read(was).map_err(Problem::validation)
}

/// The problem `cannot-undo`, for one that a caller of the room's own route would be told.
fn cannot_undo(run: &[&ChangeRow], problem: Problem) -> Problem {
    if !problem.kind().status().is_client_error() {
        return problem;
    }
    let reason = problem.errors().first().map_or_else(|| problem.detail().to_owned(), |error| error.detail.to_string());
    let rows: Vec<_> = run.iter().take(3).map(|change| format!("{} {}", change.resource, change.row_id)).collect();
    let of_many = if run.len() > 1 { format!("one of {} rows, ", run.len()) } else { String::new() };
    let more = if run.len() > rows.len() { " …" } else { "" };
    let is_missing = problem.errors().iter().any(|error| error.code == "not_found");
    let remedy = if is_missing { " If it was deleted, take that back first." } else { "" };
    let detail = format!("Nothing was taken back, because of {of_many}{}{more}: {reason}{remedy}", rows.join(", "));
    Problem::new(Kind::CannotUndo).with_detail(detail)
}

/// Checks that the book has no more rows than it may have, of the kinds of which it has more now that the changes are
/// taken back.
fn require_room(conn: &mut Conn, me: UserId, most: MostOfEach, changes: &[&ChangeRow]) -> Result<(), Problem> {
    type Count = fn(&mut Conn, UserId, i64) -> Result<i64, Problem>;
    let counts: [(BookResource, Option<i64>, Count); 3] = [
        (BookResource::Owner, most.owners, |conn, me, most| Owners::of(me).count_up_to(conn, most)),
        (BookResource::Dog, most.dogs, |conn, me, most| Dogs::of(me).count_up_to(conn, most)),
        (BookResource::Task, most.tasks, |conn, me, most| Tasks::of(me).count_up_to(conn, most)),
    ];
    let came_back = |resource: BookResource| {
        let of_kind = changes.iter().filter(|change| change.resource == resource.name());
        let actions: Vec<_> = of_kind.map(|change| Action::named(&change.action)).collect();
        let count = |wanted| actions.iter().filter(|action| **action == Some(wanted)).count();
        count(Action::Deleted) > count(Action::Created)
    };
    let mut full = false;
    for (resource, most, count) in counts {
        if let Some(most) = most
            && came_back(resource)
        {
            full |= count(conn, me, most.saturating_add(1))? > most;
        }
    }
    if full {
        let detail = "Nothing was taken back: the book would have more rows than it may have. Delete some first.";
        return Err(Problem::new(Kind::CannotUndo).with_detail(detail));
    }
    Ok(())
}
