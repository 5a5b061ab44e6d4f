//! The disk fails while people write and read, and is well again.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::caller::Reply;
use super::client::Result;
use super::database::Engine;
use super::disk::{Disk, FAULTS};
use super::load::{Load, Seen, accounts};
use super::scene::{Round, Scene};
use super::server::Server;

pub fn rounds() -> Vec<Round> {
    vec![
        Round::on(Engine::Sqlite, "R04 F10 the disk is full, or fails, under 8 writers", |scene| faults(scene, 8)),
        Round::on(Engine::Sqlite, "R04 F10 the disk is full, or fails, under a lone one", |scene| faults(scene, 1)),
        Round::on(Engine::Sqlite, "F10 a file may not grow (RLIMIT_FSIZE, SIGXFSZ)", size_limit),
    ]
}

/// What people may see of a disk that fails.
const UNAVAILABLE: [Reply; 2] = [Reply::Status(503), Reply::Status(507)];
/// How soon the server notices that its disk fails, or that it is well again.
const NOTICED: Duration = Duration::from_secs(5);

fn faults(scene: &Scene, writers: usize) -> Result<String> {
    let disk = Disk::under(scene.database.home())?;
    let plan = disk.carry(&scene.plan()?);
    let server = plan.start()?;
    let load = Load::on(&[plan.address], &accounts(plan.address, writers)?);
    let (mut all, mut figures) = (Seen::default(), Vec::new());
    for (name, errno) in FAULTS {
        let fail = |is_on| disk.fail_with(if is_on { errno } else { 0 });
        // On a full disk what makes no file longer can be written, now and then.
        let is_steady = name != "ENOSPC";
        let outcome = fail_under(&load.labelled(name), &server, is_steady, fail);
        let (seen, normal) = outcome.map_err(|why| format!("{name}: {why}"))?;
        all.add(seen);
        figures.push(format!("{name} {normal:.1?}"));
    }
    let promised = all.history.check(&load.read_back()?)?;
    scene.check_integrity()?;
    Ok(format!("normal after {}; {promised}", figures.join(", ")))
}

/// What the system itself does to a process whose files may not grow: a signal that kills, and EFBIG where it does not.
fn size_limit(scene: &Scene) -> Result<String> {
    let plan = scene.plan()?;
    let server = plan.start()?;
    let load = Load::on(&[plan.address], &accounts(plan.address, 8)?);
    let database = scene.database.home().join("kennel.db");
    let limit = |is_on| {
        let size = if is_on { std::fs::metadata(&database)?.len().to_string() } else { "unlimited".to_owned() };
        let pid = server.pid().to_string();
        let set = Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={size}:")]).status()?;
        if set.success() { Ok(()) } else { Err("prlimit fails".into()) }
    };
    let (seen, normal) = fail_under(&load, &server, false, limit)?;
    let promised = seen.history.check(&load.read_back()?)?;
    scene.check_integrity()?;
    Ok(format!("normal after {normal:.1?}; {promised}"))
}

/// Lets the disk fail under a load: only writes suffer, the server says that it is not ready, and when it is over it is
/// over. How long it took until all was well.
fn fail_under(
    load: &Load,
    server: &Server,
    is_steady: bool,
    fail: impl Fn(bool) -> Result<()>,
) -> Result<(Seen, Duration)> {
    let (seen, ended) = load.during(|underway| {
        underway.until_written(50)?;
        fail(true)?;
        underway.until_refused(1)?;
        wait_until_ready_is(server, 503)?;
        // Reading goes on all the while.
        for _ in 0..20 {
            thread::sleep(Duration::from_millis(50));
            match server.probe("/health/ready") {
                Reply::Status(200) if is_steady => return Err("/health/ready: 200 while no write is done".into()),
                _ => {}
            }
        }
        fail(false)?;
        let ended = Instant::now();
        wait_until_ready_is(server, 200)?;
        underway.until_written(50)?;
        Ok(ended)
    })?;
    seen.reads.only(&[])?;
    seen.writes.only(&UNAVAILABLE)?;
    let normal = seen.writes.normal_within(NOTICED, ended)?;
    Ok((seen, normal))
}

fn wait_until_ready_is(server: &Server, status: u16) -> Result<()> {
    let began = Instant::now();
    loop {
        match server.probe("/health/ready") {
            reply if reply == Reply::Status(status) => return Ok(()),
            reply if began.elapsed() > NOTICED => {
                return Err(format!("/health/ready: {reply} after {NOTICED:?}, and not {status}").into());
            }
            _ => thread::sleep(Duration::from_millis(20)),
        }
    }
}
