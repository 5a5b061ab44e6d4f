//! Files that hold secrets or data: whether others than the owner may read or write them, and how their names survive a
//! power cut.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// The users of the machine, besides its owner, that can use a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposure {
    /// No other user.
    Private,
    /// Some other users, who may read the file, or a group that may write it. Containers mount secrets and volumes like
    /// that, so it is logged and not refused.
    Shared,
    /// Every user of the machine, who may write the file, and so decide what is signed and who is logged in.
    WritableByAll,
}

/// The exposure of a file or folder; a folder such as `/tmp`, where users cannot replace the files of others, does not
/// count as writable.
///
/// # Errors
/// The file is absent, or cannot be looked at.
pub fn exposure(path: &Path) -> io::Result<Exposure> {
    const STICKY: u32 = 0o1000;
    let mode = fs::metadata(path)?.permissions().mode();
    Ok(if mode & 0o002 != 0 && mode & STICKY == 0 {
        Exposure::WritableByAll
    } else if mode & 0o077 != 0 {
        Exposure::Shared
    } else {
        Exposure::Private
    })
}

/// Checks a file, if it exists, and logs that others can use it.
///
/// # Errors
/// Every user of the machine can write the file.
pub fn check(path: &Path) -> io::Result<()> {
    match exposure(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(Exposure::Private) => Ok(()),
        Ok(Exposure::Shared) => {
            tell(path);
            Ok(())
        }
        Ok(Exposure::WritableByAll) => Err(io::Error::new(io::ErrorKind::PermissionDenied, WRITABLE_BY_ALL)),
    }
}

/// The message about a file that is [`Exposure::WritableByAll`].
pub const WRITABLE_BY_ALL: &str = "every user of this machine can write it; chmod 600 it";

/// Logs that others than its owner can use a file.
pub fn tell(path: &Path) {
    tracing::warn!(path = %path.display(), "others than its owner can use this file; chmod 600 it");
}

/// Logs a folder whose files any user of the machine can replace.
pub fn check_folder(path: &Path) {
    if exposure(path).is_ok_and(|exposure| exposure == Exposure::WritableByAll) {
        tracing::warn!(path = %path.display(), "every user of this machine can replace the files in this folder; chmod 700 it");
    }
}

/// The folder that a file lies in.
#[must_use]
pub fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Makes a file with this content, for its owner only, so that after a power cut all of it is there or nothing. It is
/// written under another name first, so that no reader finds half of it. Returns whether it was made: one that is there
/// already stays as it is.
///
/// # Errors
/// The file cannot be written, or its folder cannot be synced.
pub fn create_durably(path: &Path, content: &[u8]) -> io::Result<bool> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?.to_string_lossy();
    let draft = folder_of(path).join(format!(".{name}.{:016x}", fastrand::u64(..)));
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    let made = match written.and_then(|()| fs::hard_link(&draft, path)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    };
    // Where a draft cannot be deleted, nothing more can be done.
    drop(fs::remove_file(&draft));
    let made = made?;
    sync_folder_of(path)?;
    Ok(made)
}

/// The path with something behind its name, as SQLite names the files beside a database.
#[must_use]
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(ending);
    PathBuf::from(path)
}

/// Lets nobody but its owner use a file.
///
/// # Errors
/// The file is absent, or somebody else's.
pub fn make_private(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
}

/// Makes the names in the folder of a file durable: without it a power cut may lose a new file, however well it was
/// written.
///
/// # Errors
/// The folder cannot be opened or synced.
pub fn sync_folder_of(file: &Path) -> io::Result<()> {
    File::open(folder_of(file))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::PermissionsExt,
        path::{Path, PathBuf},
    };

    use super::{Exposure, check, create_durably, exposure, folder_of};

    #[test]
    fn a_file_is_private_shared_or_writable_by_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        fs::write(&path, "a secret").expect("it is written");
        for (mode, expected) in [
            (0o600, Exposure::Private),
            (0o400, Exposure::Private),
            (0o640, Exposure::Shared),
            (0o604, Exposure::Shared),
            (0o644, Exposure::Shared),
            (0o660, Exposure::Shared),
            (0o666, Exposure::WritableByAll),
            (0o602, Exposure::WritableByAll),
            (0o777, Exposure::WritableByAll),
            (0o1777, Exposure::Shared),
        ] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("it is ours");
            assert_eq!(exposure(&path).expect("it is there"), expected, "{mode:o}");
            assert_eq!(check(&path).is_err(), expected == Exposure::WritableByAll, "{mode:o}");
        }
        assert!(check(&folder.path().join("nothing")).is_ok());
    }

    #[test]
    fn a_file_that_is_made_is_whole_and_private_and_one_that_is_there_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        assert!(create_durably(&path, b"first").expect("it is made"));
        assert!(!create_durably(&path, b"second").expect("it is there"));
        assert_eq!(fs::read(&path).expect("it is there"), b"first");
        assert_eq!(exposure(&path).expect("it is there"), Exposure::Private);
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "no draft is left");
        assert!(create_durably(&folder.path().join("nowhere/key"), b"").is_err());
    }

    #[test]
    fn a_bare_name_lies_in_the_current_folder() {
        assert_eq!(folder_of(Path::new("kennel.db")), PathBuf::from("."));
        assert_eq!(folder_of(Path::new("data/kennel.db")), PathBuf::from("data"));
        assert_eq!(folder_of(Path::new("/kennel.db")), PathBuf::from("/"));
    }
}
