//! A file that is being made: it has a name that ends in `.part` until it is whole, and a lock that keeps others from
//! making the same one.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::ArchiveError;
use crate::files::{self, beside, sync_folder_of};

/// The ending of a draft's name.
pub const DRAFT: &str = ".part";

/// A draft of a file, which is removed with everything beside it unless it is [published](Self::publish).
pub struct Part {
    path: PathBuf,
    target: PathBuf,
    /// The lock; it ends with the process, too.
    _lock: File,
}

impl Part {
    /// Makes the draft of `target`, empty and for its owner only; what a killed program left of one is overwritten.
    ///
    /// # Errors
    /// There is a file `target`, another program makes it just now, or the folder cannot be written to.
    pub fn of(target: &Path) -> Result<Self, ArchiveError> {
        if fs::symlink_metadata(target).is_ok() {
            return Err(ArchiveError::new(format_args!(
                "{} is there already, and stays as it is. Choose another name",
                target.display()
            )));
        }
        Self::replacing(target)
    }

    /// Makes the draft of a file that may be there already.
    ///
    /// # Errors
    /// The file is being made by another program just now, or the folder cannot be written to.
    pub fn replacing(target: &Path) -> Result<Self, ArchiveError> {
        let path = beside(target, DRAFT);
        let failed = |error: io::Error| {
            ArchiveError::new(format_args!("cannot write {}: {error}. Nothing was changed", path.display()))
        };
        let lock = loop {
            let options = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).to_owned();
            let lock = options.open(&path).map_err(failed)?;
            if lock.try_lock().is_err() {
                return Err(ArchiveError::new(format_args!("another program is making {} just now", target.display())));
            }
            // Between the two another program may have been done with it, and removed it.
            let number = lock.metadata().map_err(failed)?.ino();
            if fs::metadata(&path).is_ok_and(|there| there.ino() == number) {
                break lock;
            }
        };
        lock.set_len(0).map_err(failed)?;
        for ending in SIDE_FILES {
            remove(&beside(&path, ending)).map_err(failed)?;
        }
        Ok(Self { path, target: target.to_owned(), _lock: lock })
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
        fs::hard_link(&self.path, &self.target)?;
        sync_folder_of(&self.target)?;
        Ok(())
    }

    /// Makes the draft durable, and puts it in the place of the file that has its name; that one gets the name `aside`
    /// before. There is a file of that name at every moment.
    ///
    /// # Errors
    /// The disk fails.
    pub fn take_the_place(self, aside: &Path) -> Result<(), ArchiveError> {
        self.sync()?;
        fs::hard_link(&self.target, aside)?;
        fs::rename(&self.path, &self.target)?;
        sync_folder_of(&self.target)?;
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // Where a draft cannot be deleted, nothing more can be done; the next one overwrites it.
        for ending in SIDE_FILES.iter().chain(&[""]) {
            drop(remove(&beside(&self.path, ending)));
        }
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
        let _bytes = fs::copy(path, part.path())
            .map_err(|error| ArchiveError::new(format_args!("cannot write {}: {error}", part.path().display())))?;
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
pub const SIDE_FILES: &[&str] = &["-wal", "-shm", "-journal"];

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
