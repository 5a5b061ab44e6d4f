//! A disk that can lose what was not synced, and fail: `disk.c`, preloaded into the server, and what it does when the
//! power goes.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::client::Result;
use super::server::Plan;

/// What writing to a disk fails with.
pub const FAULTS: [(&str, i32); 5] = [("ENOSPC", 28), ("EIO", 5), ("EROFS", 30), ("EDQUOT", 122), ("EFBIG", 27)];

/// The unit in which a disk loses what was not synced.
const SECTOR: usize = 512;

pub struct Disk {
    home: PathBuf,
    own: TempDir,
}

impl Disk {
    /// Under the files in this folder.
    pub fn under(home: &Path) -> Result<Self> {
        let own = tempfile::Builder::new().prefix("kennel-siege-disk-").tempdir()?;
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/siege/disk.c");
        let mut compile = Command::new("cc");
        compile.args(["-O1", "-shared", "-fPIC", "-o"]).arg(own.path().join("disk.so")).arg(source);
        let made = compile.output().map_err(|error| format!("cc: {error}"))?;
        if !made.status.success() {
            return Err(String::from_utf8_lossy(&made.stderr).into_owned().into());
        }
        fs::create_dir(own.path().join("journal"))?;
        let disk = Self { home: home.to_owned(), own };
        fs::write(disk.path("fault"), [0; 8])?;
        Ok(disk)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.own.path().join(name)
    }

    /// The server, with its files on this disk.
    pub fn carry(&self, plan: &Plan) -> Plan {
        let paths = [
            ("LD_PRELOAD", self.path("disk.so")),
            ("DISK_HOME", self.home.clone()),
            ("DISK_JOURNAL", self.path("journal")),
            ("DISK_FAULT", self.path("fault")),
        ];
        paths.iter().fold(plan.clone(), |plan, (name, path)| plan.set(name, &path.to_string_lossy()))
    }

    /// From now on writing and syncing fail with this errno; with 0 all is well again.
    pub fn fail_with(&self, errno: i32) -> Result<()> {
        Ok(File::options().write(true).open(self.path("fault"))?.write_all_at(&errno.to_ne_bytes(), 0)?)
    }

    /// From now on it only says that it has synced.
    pub fn lie(&self) -> Result<()> {
        Ok(File::options().write(true).open(self.path("fault"))?.write_all_at(&1_i32.to_ne_bytes(), 4)?)
    }

    /// Takes back what a power cut would, after the process was killed: names whose folder was not synced since, and of
    /// the writes that were not synced each sector of which `survives` does not say otherwise. How many writes it was.
    pub fn lose_power(&self, mut survives: impl FnMut() -> bool) -> Result<usize> {
        let journal = self.path("journal");
        let names = fs::read_to_string(journal.join("names")).or_else(empty_if_absent)?;
        for line in names.lines().rev() {
            let (what, name) = line.split_once(' ').ok_or("a line of names")?;
            match what {
                "made" => fs::remove_file(self.home.join(name)).or_else(empty_if_absent)?,
                kept => fs::hard_link(journal.join(kept), self.home.join(name))?,
            }
        }
        let mut lost = 0;
        for entry in fs::read_dir(&self.home)? {
            let path = entry?.path();
            if path.to_string_lossy().ends_with("-shm") {
                fs::remove_file(path)?;
                continue;
            }
            let notes = journal.join(fs::metadata(&path)?.ino().to_string());
            let Ok(notes) = File::open(notes) else { continue };
            let changes = Change::read_all(notes)?;
            lost += changes.len();
            let file = File::options().read(true).write(true).open(path)?;
            changes.iter().rev().try_for_each(|change| change.undo(&file))?;
            changes.iter().try_for_each(|change| change.redo(&file, &mut survives))?;
        }
        fs::remove_dir_all(&journal)?;
        fs::create_dir(journal)?;
        Ok(lost)
    }
}

fn empty_if_absent<T: Default>(error: std::io::Error) -> std::io::Result<T> {
    if error.kind() == ErrorKind::NotFound { Ok(T::default()) } else { Err(error) }
}

/// A write or a truncation, as `disk.c` notes it.
struct Change {
    offset: u64,
    old_size: u64,
    old: Vec<u8>,
    new: Vec<u8>,
}

impl Change {
    /// All that are noted whole: one that is not was not begun.
    fn read_all(mut notes: File) -> Result<Vec<Self>> {
        let mut bytes = Vec::new();
        notes.read_to_end(&mut bytes)?;
        let (mut rest, mut changes) = (bytes.as_slice(), Vec::new());
        while let Some((head, behind)) = rest.split_first_chunk::<32>() {
            let number = |at: usize| -> Result<u64> { Ok(u64::from_ne_bytes(head[at..at + 8].try_into()?)) };
            let (new_length, old_length) = (usize::try_from(number(8)?)?, usize::try_from(number(24)?)?);
            let Some((old, behind)) = behind.split_at_checked(old_length) else { break };
            let Some((new, behind)) = behind.split_at_checked(new_length) else { break };
            changes.push(Self { offset: number(0)?, old_size: number(16)?, old: old.to_vec(), new: new.to_vec() });
            rest = behind;
        }
        Ok(changes)
    }

    fn undo(&self, file: &File) -> Result<()> {
        file.write_all_at(&self.old, self.offset)?;
        Ok(file.set_len(self.old_size)?)
    }

    fn redo(&self, file: &File, survives: &mut impl FnMut() -> bool) -> Result<()> {
        if self.new.is_empty() && survives() {
            file.set_len(self.offset)?;
        }
        for (number, sector) in self.new.chunks(SECTOR).enumerate() {
            if survives() {
                file.write_all_at(sector, self.offset + u64::try_from(number * SECTOR)?)?;
            }
        }
        Ok(())
    }
}
