//! The power goes while people write: what was not synced is lost, all of it or here and there a sector.

use std::fs;

use super::client::Result;
use super::database::Engine;
use super::disk::Disk;
use super::kills::DEATH;
use super::load::{Load, Seen, accounts};
use super::scene::{Round, Scene};
use super::server::Plan;

pub fn rounds() -> Vec<Round> {
    vec![
        Round::on(Engine::Sqlite, "R02 power cut under 8 writers", cut),
        Round::on(Engine::Sqlite, "R02 power cut on a disk that lies, which is found out", cut_on_a_disk_that_lies),
        Round::on(Engine::Sqlite, "F13 power cut after a key was made", cut_after_a_key_was_made),
    ]
}

fn cut(scene: &Scene) -> Result<String> {
    let disk = Disk::under(scene.database.home())?;
    let plan = disk.carry(&scene.plan()?);
    // The first writes of all are the schema's, and the key's.
    plan.start()?.kill()?;
    disk.lose_power(|| false)?;
    drop(plan.start()?);
    let (lost, verdict) = storm(&plan, &disk, scene.long_or(50, 5), || Ok(()))?;
    scene.check_integrity()?;
    Ok(format!("{lost} unsynced writes lost, {}", verdict?))
}

/// A check that finds nothing on a disk that loses what it acknowledged would find nothing anywhere.
fn cut_on_a_disk_that_lies(scene: &Scene) -> Result<String> {
    let disk = Disk::under(scene.database.home())?;
    let plan = disk.carry(&scene.plan()?);
    let (lost, verdict) = storm(&plan, &disk, 1, || disk.lie())?;
    match verdict {
        Ok(figures) => Err(format!("{lost} writes lost, and nobody noticed: {figures}").into()),
        Err(noticed) => Ok(format!("noticed: {}", noticed.to_string().lines().next().unwrap_or_default())),
    }
}

/// Whoever has a token keeps it: the key that it is signed with has a name that survives.
fn cut_after_a_key_was_made(scene: &Scene) -> Result<String> {
    let disk = Disk::under(scene.database.home())?;
    let plan = disk.carry(&scene.plan()?);
    // A log that is there already lets SQLite have no reason to sync the folder, which would hide that nobody else does.
    plan.start()?.kill()?;
    fs::remove_file(scene.database.home().join("kennel.db.key"))?;
    let mut server = plan.start()?;
    let load = Load::on(&[plan.address], &accounts(plan.address, 1)?);
    server.kill()?;
    let lost = disk.lose_power(|| false)?;
    let _server = plan.start()?;
    load.read_back()?;
    Ok(format!("{lost} unsynced writes lost, and no login"))
}

/// Cuts the power under a load, again and again: how many unsynced writes were lost, and what the check of the history
/// says. `before` comes when there are accounts, and no load yet.
fn storm(
    plan: &Plan,
    disk: &Disk,
    cuts: usize,
    before: impl FnOnce() -> Result<()>,
) -> Result<(usize, Result<String>)> {
    let mut server = plan.start()?;
    let load = Load::on(&[plan.address], &accounts(plan.address, 8)?);
    before()?;
    let (mut seen, mut lost) = (Seen::default(), 0);
    for cut in 0..cuts {
        let mut dice = fastrand::Rng::with_seed(u64::try_from(cut)?);
        let (more, ()) = load.labelled(&format!("{cut}-")).during(|underway| {
            underway.until_written(100 + 37 * (cut % 10))?;
            server.kill()?;
            lost += disk.lose_power(|| cut % 2 == 1 && dice.bool())?;
            server = plan.start()?;
            underway.until_written(50)
        })?;
        seen.add(more);
    }
    seen.reads.only(&DEATH)?;
    seen.writes.only(&DEATH)?;
    let found = load.read_back()?;
    Ok((lost, seen.history.check(&found)))
}
