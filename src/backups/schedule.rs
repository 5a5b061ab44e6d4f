//! The backups that a server on SQLite makes by itself, on a thread of its own: one whenever the newest is too old,
//! verified, of which the newest are kept. The folder says which there are, so a server that starts anew goes on where
//! the one before was.

use std::{
    convert::Infallible,
    fs::DirBuilder,
    io,
    os::unix::fs::DirBuilderExt,
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Duration,
};

use chrono::{DateTime, Utc};

use super::{BackupPattern, TIME, back_up};
use crate::{
    config::{BackupSchedule, Config},
    db::archive::{ArchiveError, BackupCounts},
    files,
};

/// The longest pause until the clock is looked at again: it may have been set, or the machine have slept.
const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);
/// The part of the interval after which a backup that failed is tried again.
const TRIES: u32 = 24;

/// The thread that makes backups, until this is dropped. It is not waited for: one that is being made when the process
/// ends leaves a draft, which the next removes.
pub struct BackupThread {
    counts: Arc<BackupCounts>,
    _stop: Sender<Infallible>,
}

impl BackupThread {
    /// Starts the thread, for the database and the schedule of a configuration.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn start(config: &Config, schedule: &BackupSchedule) -> io::Result<Self> {
        let counts = Arc::new(BackupCounts::new(schedule.every));
        let (stop, stopped) = channel();
        let keeper = Keeper {
            pattern: BackupPattern::new(&schedule.folder.join(format!("kennel-{TIME}.db"))),
            config: config.clone(),
            schedule: schedule.clone(),
            counts: Arc::clone(&counts),
        };
        let _it_ends_with_the_process =
            thread::Builder::new().name("backups".to_owned()).spawn(move || keeper.run(&stopped))?;
        Ok(Self { counts, _stop: stop })
    }

    /// The counts of these backups.
    #[must_use]
    pub fn counts(&self) -> Arc<BackupCounts> {
        Arc::clone(&self.counts)
    }
}

/// The keeper of a folder of backups.
struct Keeper {
    pattern: BackupPattern,
    config: Config,
    schedule: BackupSchedule,
    counts: Arc<BackupCounts>,
}

impl Keeper {
    /// Makes backups until the server stops.
    fn run(&self, stopped: &Receiver<Infallible>) {
        files::check_folder(&self.schedule.folder);
        let mut pause = Duration::ZERO;
        while stopped.recv_timeout(pause.min(LONGEST_PAUSE)) == Err(RecvTimeoutError::Timeout) {
            pause = self.make_one_if_due().unwrap_or_else(|error| {
                self.counts.failures.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(%error, folder = %self.schedule.folder.display(), "no backup was made; it is tried again");
                self.schedule.every / TRIES
            });
        }
    }

    /// Makes a backup if there is none that is young enough. Returns the time until the next is due.
    fn make_one_if_due(&self) -> Result<Duration, ArchiveError> {
        if let Some(pause) = self.newest()?.map(|newest| self.until_the_next(newest)).filter(|pause| !pause.is_zero()) {
            return Ok(pause);
        }
        let began = Utc::now();
        let (made, _verified) = back_up(&self.config, &self.pattern, true, &|_| {})?;
        self.counts.note(began);
        tracing::info!(path = %made.path.display(), bytes = made.bytes, rows = made.digest.rows(), "made a backup");
        if let Err(error) = self.pattern.delete_older(self.schedule.keep) {
            tracing::warn!(%error, folder = %self.schedule.folder.display(), "older backups cannot be deleted");
        }
        Ok(self.until_the_next(began))
    }

    /// The time of the newest backup in the folder, which is made if it is not there. One from the future says nothing.
    fn newest(&self) -> Result<Option<DateTime<Utc>>, ArchiveError> {
        let failed = |error| ArchiveError::new(format_args!("the folder cannot be used: {error}"));
        DirBuilder::new().recursive(true).mode(0o700).create(&self.schedule.folder).map_err(failed)?;
        let (all, now) = (self.pattern.all().map_err(failed)?, Utc::now());
        let newest = all.into_iter().map(|(time, _)| time).find(|time| *time <= now);
        newest.inspect(|time| self.counts.note(*time));
        Ok(newest)
    }

    fn until_the_next(&self, newest: DateTime<Utc>) -> Duration {
        self.schedule.every.saturating_sub((Utc::now() - newest).to_std().unwrap_or_default())
    }
}
