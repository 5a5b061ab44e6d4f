//! Backups as people and the server make them: under names with the time in them, of which the newest are kept, and
//! verified by starting the app on a copy. How the file itself is made and checked is in `db::archive`.

mod pattern;
mod schedule;
mod verify;

use chrono::Utc;

pub use self::{
    pattern::{BackupPattern, TIME},
    schedule::BackupThread,
    verify::Verified,
};
use crate::{
    config::Config,
    db::archive::{self, ArchiveError, Backup, Watch},
};

/// Makes a backup of the configured database under the name that `pattern` has now, after whatever a killed program left
/// of others was removed. Where it is to be verified, it gets its name only once the app has served what is in it.
///
/// # Errors
/// The backup cannot be made ([`archive::backup`]), or is not what it should be, and is not kept then.
pub fn back_up(
    config: &Config,
    pattern: &BackupPattern,
    is_verified: bool,
    watch: Watch<'_>,
) -> Result<(Backup, Option<Verified>), ArchiveError> {
    pattern.remove_drafts();
    let mut verified = None;
    let backup = archive::backup(
        &config.database_url,
        &pattern.path_at(Utc::now()),
        |draft| {
            if is_verified {
                let outcome = verify::verify(draft, config, watch);
                verified =
                    Some(outcome.map_err(|error| error.during("the backup could not be verified, and is not kept"))?);
            }
            Ok(())
        },
        watch,
    )?;
    Ok((backup, verified))
}
