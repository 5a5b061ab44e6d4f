//! The write-ahead log beside a SQLite file (`-wal`), which belongs to it by nothing but its name: beside another file,
//! or an earlier copy of the same one, SQLite mixes both, or deletes the log. Where that can be seen for sure it is
//! refused; `docs/operating.md` says how to restore a backup so that it cannot happen.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use super::OpenError;
use crate::files::beside;

/// The offset of the write version in the file's header (SQLite's file format, §1.3.3), and its value in WAL mode.
const WRITE_VERSION: usize = 18;
const WAL: u8 = 2;

/// Checks, before a SQLite file is opened, that the write-ahead log beside it (`-wal`) can be its own: SQLite would mix
/// a foreign one into the database. Refuses a log with something in it beside no database, an empty one, or one that is
/// not in WAL mode, as a backup by `VACUUM INTO` is.
///
/// # Errors
/// There is such a log, or the files cannot be read.
pub fn refuse_foreign(database: &Path) -> Result<(), OpenError> {
    let log = beside(database, "-wal");
    // First: while another instance makes the database, its header is there before the log.
    let is_foreign = holds_something(&log).and_then(|holds| Ok(holds && !is_in_wal_mode(database)?));
    match is_foreign {
        Ok(false) => Ok(()),
        Ok(true) => Err(OpenError::new(
            format_args!(
                "{} belongs to another state of {}, and would be mixed with it",
                log.display(),
                database.display()
            ),
            "If the database was restored from a whole backup, move the -wal and the -shm away; if not, put the file \
             back that they belong to",
        )),
        Err(error) => Err(OpenError::new(
            format_args!("cannot read {} and {}: {error}", database.display(), log.display()),
            "Make them readable and writable for this user",
        )),
    }
}

fn holds_something(path: &Path) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(metadata.len() > 0),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn is_in_wal_mode(database: &Path) -> io::Result<bool> {
    let mut header = Vec::new();
    match File::open(database) {
        Ok(file) => file.take(100).read_to_end(&mut header)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    Ok(header.get(WRITE_VERSION) == Some(&WAL))
}
