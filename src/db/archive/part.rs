//! A file that is being made: it has a name that ends in `.part` until it is whole, and a lock that keeps others from
//! making the same one.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::{ArchiveError, outcome};
use crate::files::{self, beside, sync_folder_of};

/// The ending of a draft's name.
pub const DRAFT: &str = ".part";

/// A draft of a file, which is removed with everything beside it unless it is [published](Self::publish).
pub struct Part {
    path: PathBuf,
    target: PathBuf,
    /// The lock; it ends with the process, too.
    lock: File,
}

impl Part {
    /// Makes the draft of `target`, empty and for its owner only; what a killed program left of one is overwritten.
    ///
    /// # Errors
    /// There is a file `target`, or beside it what is left of one; another program makes it just now, or the folder
    /// cannot be written to.
    pub fn of(target: &Path) -> Result<Self, ArchiveError> {
        if fs::symlink_metadata(target).is_ok() {
            return Err(ArchiveError::new(format_args!(
                "{} is there already, and stays as it is. Choose another name",
                target.display()
            )));
        }
        for ending in SIDE_FILES {
            let left = beside(target, ending);
            if fs::metadata(&left).is_ok_and(|left| left.len() > 0) {
                return Err(ArchiveError::new(format_args!(
                    "{} is left of another database of that name, and SQLite would mix them. Move it away first",
                    left.display()
                )));
            }
        }
        Self::replacing(target)
    }

    /// Makes the draft of a file that may be there already.
    ///
    /// # Errors
    /// The file is being made by another program just now, or the folder cannot be written to.
    pub fn replacing(target: &Path) -> Result<Self, ArchiveError> {
        let path = beside(target, DRAFT);
        let lock = outcome::begin(&path, || lock(&path, target))?;
        let failed = |error| not_written(&path, &error);
        let part = Self { path: path.clone(), target: target.to_owned(), lock };
        part.lock.set_len(0).map_err(failed)?;
        for ending in SIDE_FILES {
            remove(&beside(&path, ending)).map_err(failed)?;
        }
        Ok(part)
    }

    /// The path of the draft.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the draft durable, and gives it its name, which no file may have.
    ///
    /// # Errors
    /// The disk fails, or there is such a file by now.
    pub fn publish(self) -> Result<(), ArchiveError> {
        self.sync()?;
        Ok(outcome::settle(|| {
            fs::hard_link(&self.path, &self.target)?;
            sync_folder_of(&self.target).inspect_err(|_| drop(remove(&self.target)))
        })?)
    }

    /// Makes the draft durable, and puts it in the place of the file that has its name; that one gets the name `aside`
    /// before, `with_side_files` together with what lies beside it. There is a file of that name at every moment.
    ///
    /// # Errors
    /// The disk fails; the file that was there is in its place then.
    pub fn take_the_place(self, aside: &Path, with_side_files: bool) -> Result<(), ArchiveError> {
        self.sync()?;
        Ok(outcome::settle(|| {
            fs::hard_link(&self.target, aside)?;
            let side_files = if with_side_files { SIDE_FILES } else { &[] };
            let placed = move_beside(&self.target, aside, side_files)
                .and_then(|()| fs::rename(&self.path, &self.target))
                .and_then(|()| sync_folder_of(&self.target));
            placed.inspect_err(|_| put_back(aside, &self.target, side_files))
        })?)
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        outcome::discard(&self.path);
    }
}

/// Makes the file at `path`, unless what a killed program left of one is there, and locks it.
fn lock(path: &Path, target: &Path) -> Result<File, ArchiveError> {
    let failed = |error| not_written(path, &error);
    loop {
        let options = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).to_owned();
        let lock = options.open(path).map_err(failed)?;
        if lock.try_lock().is_err() {
            return Err(ArchiveError::new(format_args!("another program is making {} just now", target.display())));
        }
        // Between the two another program may have been done with it, and removed it.
        let number = lock.metadata().map_err(failed)?.ino();
        if fs::metadata(path).is_ok_and(|there| there.ino() == number) {
            return Ok(lock);
        }
    }
}

fn not_written(path: &Path, error: &io::Error) -> ArchiveError {
    ArchiveError::new(format_args!("cannot write {}: {error}", path.display()))
}

/// Removes a draft and what is beside it. Where that fails, nothing more can be done; the next one overwrites it.
pub fn remove_files(path: &Path) {
    for ending in SIDE_FILES.iter().chain(&[""]) {
        drop(remove(&beside(path, ending)));
    }
}

/// A copy of a file, beside it and for its owner only, which is removed with everything beside it in the end.
pub struct PrivateCopy(Part);

impl PrivateCopy {
    /// Copies a file.
    ///
    /// # Errors
    /// The file cannot be read, the copy not be written, or another program makes one just now.
    pub fn of(path: &Path) -> Result<Self, ArchiveError> {
        let part = Part::replacing(path)?;
        let _bytes = fs::copy(path, part.path()).map_err(|error| not_written(part.path(), &error))?;
        files::make_private(part.path())?;
        Ok(Self(part))
    }

    /// The path of the copy.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

/// Removes the draft at this path, with everything beside it, unless a program makes it just now.
pub fn remove_draft(path: &Path) {
    // One that cannot be removed is in nobody's way.
    drop(Part::replacing(&path.with_extension("")));
}

/// The endings of the files that SQLite makes beside a database.
const SIDE_FILES: &[&str] = &["-wal", "-shm", "-journal"];

/// Gives a file its name back, where another was not put in its place. Where that fails, too, it keeps the other name.
fn put_back(aside: &Path, target: &Path, side_files: &[&str]) {
    drop(move_beside(aside, target, side_files));
    // Two names of one file stay as they are when one is renamed to the other.
    if fs::rename(aside, target).is_ok() {
        drop(remove(aside));
    }
}

fn move_beside(from: &Path, to: &Path, side_files: &[&str]) -> io::Result<()> {
    let mut there = side_files.iter().filter(|ending| beside(from, ending).exists());
    there.try_for_each(|ending| fs::rename(beside(from, ending), beside(to, ending)))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
