//! The files that hold secrets or data: who else may read or write them, and that their names survive a power cut.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// The users of the machine, besides its owner, that can use a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposure {
    /// None.
    Private,
    /// Others, who read it, or a group that writes it. Containers mount secrets and volumes like that, so it is told
    /// and not refused.
    Shared,
    /// Every user of the machine may write it, and so decide what is signed and who is logged in.
    WritableByAll,
}

/// How far a file is open to others; a folder of the kind of `/tmp`, where nobody can replace what is another's, is
/// not writable.
///
/// # Errors
/// It is not there, or cannot be looked at.
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

/// Looks at a file of ours, if it is there: tells that others can use it.
///
/// # Errors
/// Everybody may write it; says what to do.
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

/// What is wrong with a file that is [`Exposure::WritableByAll`].
pub const WRITABLE_BY_ALL: &str = "every user of this machine can write it; chmod 600 it";

/// Tells that others than its owner can use a file.
pub fn tell(path: &Path) {
    tracing::warn!(path = %path.display(), "others than its owner can use this file; chmod 600 it");
}

/// Tells of a folder whose files any user of the machine can replace.
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

/// Makes the names in a folder durable: without it a power cut may take a new file with it, whatever was written.
///
/// # Errors
/// Those of the disk.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The same for the folder that a file lies in.
///
/// # Errors
/// Those of the disk.
pub fn sync_folder_of(file: &Path) -> io::Result<()> {
    sync_folder(&folder_of(file))
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::PermissionsExt,
        path::{Path, PathBuf},
    };

    use super::{Exposure, check, exposure, folder_of};

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
    fn a_bare_name_lies_in_the_current_folder() {
        assert_eq!(folder_of(Path::new("kennel.db")), PathBuf::from("."));
        assert_eq!(folder_of(Path::new("data/kennel.db")), PathBuf::from("data"));
        assert_eq!(folder_of(Path::new("/kennel.db")), PathBuf::from("/"));
    }
}
