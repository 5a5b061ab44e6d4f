//! Mails as files, for machines without a mail server: one file each, for people to read. Mails hold tokens, so only
//! the files' owner may read them.

use std::{fs::DirBuilder, io, os::unix::fs::DirBuilderExt, path::Path, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};

use super::repo::MailRow;
use crate::{
    db::timestamp::Timestamp,
    files::{check_folder, create_durably},
    problem::Problem,
    workers::{WorkerLimits, Workers, one_by_one},
};

/// A folder that gets a file for each mail, for machines without a mail server, and the thread that writes them. Only
/// the files' owner can read them.
pub struct Outbox {
    folder: Arc<Path>,
    writer: Workers<()>,
}

impl Outbox {
    /// Starts the thread that writes mails into `folder`, which is made with the first of them. [`Outbox::put`] waits
    /// for it no longer than `patience`.
    ///
    /// # Errors
    /// The system has no more threads to give.
    pub fn open(folder: &Path, patience: Duration) -> io::Result<Self> {
        check_folder(folder);
        let limits = WorkerLimits::new(1, 64, patience);
        Ok(Self { folder: folder.into(), writer: Workers::start("outbox", limits, || Ok(()), one_by_one)? })
    }

    /// Writes a mail's `content` as a file `<time>-<id>-<kind>.eml`; it survives a power cut.
    ///
    /// # Errors
    /// `internal-error`, when the folder cannot be made or the file cannot be written; `overloaded`, when it has to
    /// wait too long.
    pub async fn put(&self, mail: &MailRow, content: Vec<u8>) -> Result<(), Problem> {
        let now = DateTime::<Utc>::from_timestamp_micros(Timestamp::now().micros()).unwrap_or_default();
        let name = format!("{}-{}-{}.eml", now.format("%Y%m%dT%H%M%S%.3fZ"), mail.id, mail.kind);
        let folder = Arc::clone(&self.folder);
        let write = move |(): &mut ()| {
            let unwritten = |error| Problem::internal(format!("cannot write into {}: {error}", folder.display()));
            write(&folder, &name, &content).map_err(unwritten)
        };
        self.writer.run(write).await
    }
}

fn write(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    create_durably(&folder.join(name), content).map(drop)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::write;

    #[test]
    fn a_mail_is_a_file_that_only_its_owner_can_read() {
        let directory = tempfile::tempdir().expect("a directory");
        let folder = directory.path().join("outbox");
        write(&folder, "1.eml", b"Hello").expect("it is written");
        let mode = |path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
        assert_eq!(mode(folder.clone()), 0o700);
        assert_eq!(mode(folder.join("1.eml")), 0o600);
        assert_eq!(fs::read(folder.join("1.eml")).expect("it is there"), b"Hello");
        assert_eq!(fs::read_dir(&folder).expect("a directory").count(), 1);
    }
}
