//! The moment from which everything is there and before which nothing is, and what stops an operation before it: drafts
//! are removed then, and nothing is settled any more.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::part::remove_files;

/// The operation of this process: a command does one, and only commands are stopped so.
static OPERATION: Mutex<Operation> = Mutex::new(Operation { drafts: Vec::new(), is_settled: false });

struct Operation {
    drafts: Vec<PathBuf>,
    is_settled: bool,
}

fn operation() -> MutexGuard<'static, Operation> {
    OPERATION.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs the step that makes a draft, which [`stop`] removes from then on: something is being done again that is not
/// settled yet. A [`stop`] comes before the step or after.
pub fn begin<T, E>(draft: &Path, make: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let mut operation = operation();
    let made = make()?;
    operation.drafts.push(draft.to_owned());
    operation.is_settled = false;
    Ok(made)
}

/// Removes a draft.
pub fn discard(draft: &Path) {
    let mut operation = operation();
    remove_files(draft);
    operation.drafts.retain(|path| path != draft);
}

/// Runs the step that makes everything stand: a commit, or a new name for a file. A [`stop`] comes before it or after.
pub fn settle<T, E>(step: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let mut operation = operation();
    let settled = step();
    operation.is_settled = settled.is_ok();
    settled
}

/// Stops the operation of this process for good, unless everything that it is for is there by now: calls `tell`, removes
/// its drafts, and calls `end`, which is to end the process and do nothing else: the operation still runs, and may put
/// another file beside a draft that is gone. Until that has returned, nothing is settled.
pub fn stop(tell: impl FnOnce(), end: impl FnOnce()) {
    let operation = operation();
    if !operation.is_settled {
        tell();
        operation.drafts.iter().for_each(|draft| remove_files(draft));
        end();
    }
}
