//! The name of a backup, in which the time may be: so the newest ones are known by their names.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use chrono::{DateTime, NaiveDateTime, Utc};

use crate::{
    db::archive::{self, TIME_FORMAT},
    files,
};

/// The part of a backup's name that its time is put in the place of.
pub const TIME: &str = "{time}";

/// The path of backups whose names differ in [`TIME`] only; or of a single one, without it.
pub struct BackupPattern {
    path: PathBuf,
    name: String,
}

impl BackupPattern {
    /// The pattern that a path is.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), name: path.file_name().unwrap_or_default().to_string_lossy().into_owned() }
    }

    /// Whether the name has the time in it.
    #[must_use]
    pub fn has_time(&self) -> bool {
        self.name.contains(TIME)
    }

    /// The path of a backup that is made at this time.
    #[must_use]
    pub fn path_at(&self, time: DateTime<Utc>) -> PathBuf {
        self.path.with_file_name(self.name.replace(TIME, &time.format(TIME_FORMAT).to_string()))
    }

    /// The time in a name of this pattern.
    fn time_in(&self, name: &str) -> Option<DateTime<Utc>> {
        let (before, after) = self.name.split_once(TIME)?;
        let time = name.strip_prefix(before)?.strip_suffix(after)?;
        NaiveDateTime::parse_from_str(time, TIME_FORMAT).ok().map(|time| time.and_utc())
    }

    /// The backups of this pattern that there are, the newest first, with their times. Empty files, links and folders
    /// are none.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn all(&self) -> io::Result<Vec<(DateTime<Utc>, PathBuf)>> {
        let mut found = Vec::new();
        for path in self.neighbours()? {
            if fs::symlink_metadata(&path).is_ok_and(|file| !file.is_file() || file.len() == 0) {
                continue;
            }
            found.extend(name_of(&path).and_then(|name| self.time_in(name)).map(|time| (time, path.clone())));
        }
        found.sort_unstable_by(|a, b| b.cmp(a));
        Ok(found)
    }

    /// Deletes the backups of this pattern but for the newest, so many of which are kept. Those from the future do not
    /// count, and stay: a clock was wrong once, and the newest good one must not go for them. Returns those that are
    /// gone.
    ///
    /// # Errors
    /// The folder cannot be read, or a file not be deleted.
    pub fn delete_older(&self, kept: usize) -> io::Result<Vec<PathBuf>> {
        let now = Utc::now();
        let so_far = self.all()?.into_iter().filter(|(time, _)| *time <= now);
        let older: Vec<_> = so_far.skip(kept).map(|(_, path)| path).collect();
        for path in &older {
            let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
            fs::remove_file(path).map_err(named)?;
        }
        Ok(older)
    }

    /// Removes what killed programs left of backups of this pattern. What is being made just now stays, and what cannot
    /// be removed.
    pub fn remove_drafts(&self) {
        for path in self.neighbours().unwrap_or_default() {
            let name = name_of(&path).unwrap_or_default();
            let target = name.split_once(archive::DRAFT).map_or(name, |(target, _)| target);
            let is_ours = target == self.name || self.time_in(target).is_some();
            if is_ours && name.ends_with(archive::DRAFT) {
                archive::remove_draft(&path);
            }
        }
    }

    fn neighbours(&self) -> io::Result<Vec<PathBuf>> {
        fs::read_dir(files::folder_of(&self.path))?.map(|entry| Ok(entry?.path())).collect()
    }
}

fn name_of(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}
