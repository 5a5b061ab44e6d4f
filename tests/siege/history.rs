//! What was promised: each write with what it came to, and the check of what is stored against that.
//!
//! A row is written by one writer only, one operation after the other, and never again once it is unknown what became
//! of one (but the same creation under the same key). So the states that a row may be in follow from its operations.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::caller::Reply;
use super::client::Result;

#[derive(Clone, Debug)]
pub enum Act {
    /// A creation.
    Create,
    /// The same under an `Idempotency-Key`.
    CreateOnce,
    /// The row gets this name.
    Rename(String),
    Delete,
}

/// Whether a write was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    NotDone,
    Unknown,
}

#[derive(Clone, Debug)]
pub struct Operation {
    /// The name that the row is made with, which no other row has.
    pub row: String,
    pub act: Act,
    pub reply: Reply,
    pub outcome: Outcome,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}: {} ({:?})", self.act, self.row, self.reply, self.outcome)
    }
}

/// The operations on all rows; those on one are in their order.
#[derive(Default)]
pub struct History(pub Vec<Operation>);

/// A row that is there with a name, or not there.
type State = Option<String>;

impl History {
    /// How many came to this.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.0.iter().filter(|operation| operation.outcome == outcome).count()
    }

    /// What is known of a copy that was begun after so many operations: the later ones may be in it or not.
    pub fn of_copy_after(&self, operations: usize) -> Self {
        let mut copy = Self(self.0.clone());
        copy.0.iter_mut().skip(operations).filter(|it| it.outcome == Outcome::Done).for_each(|operation| {
            operation.outcome = Outcome::Unknown;
        });
        copy
    }

    /// Holds the names of all rows that there are against it. What is wrong names the row and its operations; what is
    /// right is told in figures.
    pub fn check(&self, found: &[String]) -> Result<String> {
        let mut rows: BTreeMap<&str, Vec<&Operation>> = BTreeMap::new();
        for operation in &self.0 {
            rows.entry(&operation.row).or_default().push(operation);
        }
        let mut names: BTreeMap<&str, Vec<&String>> = BTreeMap::new();
        for name in found {
            names.entry(row_of(name)).or_default().push(name);
        }
        let mut wrong = Vec::new();
        for (row, operations) in &rows {
            let there = names.remove(row).unwrap_or_default();
            let state: State = there.first().map(|name| (*name).clone());
            if there.len() > 1 {
                wrong.push(format!("{row} is there {} times: {}", there.len(), told(operations)));
            } else if !states(operations).contains(&state) {
                wrong.push(format!("{row} is {state:?}, which is not what was promised: {}", told(operations)));
            }
        }
        wrong.extend(names.keys().map(|row| format!("{row} is there, and nobody made it")));
        if wrong.is_empty() {
            let [done, unknown] = [Outcome::Done, Outcome::Unknown].map(|outcome| self.count(outcome));
            return Ok(format!("{done} writes acknowledged, {unknown} unknown, 0 lost, 0 doubled"));
        }
        let (count, first) = (wrong.len(), wrong.into_iter().take(3).collect::<Vec<_>>().join("\n  "));
        Err(format!("{count} rows are wrong\n  {first}").into())
    }
}

/// The row that a name belongs to: a new name of `a-1` is `a-1/2`.
fn row_of(name: &str) -> &str {
    name.split('/').next().unwrap_or(name)
}

/// What may have become of a row.
fn states(operations: &[&Operation]) -> BTreeSet<State> {
    let mut states = BTreeSet::from([None]);
    for operation in operations {
        let after = match &operation.act {
            Act::Create | Act::CreateOnce => Some(operation.row.clone()),
            Act::Rename(name) => Some(name.clone()),
            Act::Delete => None,
        };
        match operation.outcome {
            Outcome::Done => states = BTreeSet::from([after]),
            Outcome::Unknown => drop(states.insert(after)),
            Outcome::NotDone => {}
        }
    }
    states
}

/// The operations in words. One that was tried again and again to the same end is told once, with the number of tries.
fn told(operations: &[&Operation]) -> String {
    let words: Vec<_> = operations.iter().map(ToString::to_string).collect();
    let tries = words.chunk_by(|one, next| one == next).map(|tries| match tries {
        [one] => one.clone(),
        tries => format!("{} ({} times)", tries[0], tries.len()),
    });
    tries.collect::<Vec<_>>().join("; ")
}
