//! A load that goes on and on: what the server takes of the machine stays the same.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::client::{Connection, Result, request};
use super::load::{Load, accounts};
use super::process;
use super::scene::{Round, Scene};

pub fn rounds() -> Vec<Round> {
    Round::on_both("R12 a soak", soak)
}

/// MiB that the write-ahead log of SQLite may have.
const MOST_WAL: u64 = 64;

/// What the server has of the machine.
struct Taken {
    memory: f64,
    descriptors: usize,
    wal: u64,
}

fn soak(scene: &Scene) -> Result<String> {
    // The longest that there is: a token has to last for the whole soak.
    let plan = scene.plan()?.set("ACCESS_TOKEN_TTL", "1h");
    let server = plan.start()?;
    // One logs in again and again, which ends the oldest sessions: the others write.
    let accounts = accounts(plan.address, 9)?;
    let load = Load { rest: Duration::from_millis(10), ..Load::on(&[plan.address], &accounts[1..]) };
    let time = Duration::from_secs(scene.long_or(20 * 60, 30));
    let login = json!({"username": accounts[0].name, "password": "three wet dogs on one sofa"});
    let login = request("POST", "/auth/login", None, Some(&login));
    let wal = scene.database.home().join("kennel.db-wal");
    let (seen, taken) = load.during(|_| {
        let (mut taken, began) = (Vec::new(), Instant::now());
        while began.elapsed() < time {
            thread::sleep(Duration::from_secs(1));
            Connection::open(plan.address)?.ask(&login, 200)?;
            taken.push(Taken {
                memory: process::memory(server.pid())?.0,
                descriptors: fs::read_dir(format!("/proc/{}/fd", server.pid()))?.count(),
                wal: fs::metadata(&wal).map_or(0, |file| file.len()) / 1024 / 1024,
            });
        }
        Ok(taken)
    })?;
    seen.writes.only(&[])?;
    seen.reads.only(&[])?;
    let promised = seen.history.check(&load.read_back()?)?;
    let quarter = taken.len() / 4;
    let (early, late) = (&taken[quarter..2 * quarter], &taken[3 * quarter..]);
    let memory = |of: &[Taken]| of.iter().map(|it| it.memory).fold(0.0, f64::max);
    let descriptors = |of: &[Taken]| of.iter().map(|it| it.descriptors).max().unwrap_or_default();
    let wal = taken.iter().map(|it| it.wal).max().unwrap_or_default();
    let figures = format!(
        "memory {:.0} MiB early and {:.0} late, descriptors {} and {}, WAL {wal} MiB at most",
        memory(early),
        memory(late),
        descriptors(early),
        descriptors(late)
    );
    if memory(late) > 1.1 * memory(early) + 8.0 || descriptors(late) > descriptors(early) + 20 || wal > MOST_WAL {
        return Err(figures.into());
    }
    server.stop()?;
    let keys = sweep(scene)?;
    Ok(format!("{promised}; {figures}; {keys} old keys swept"))
}

/// A day later what is kept for a day is swept; how many rows that were.
fn sweep(scene: &Scene) -> Result<i64> {
    let earlier = scene.on("created_at - 90000 * 1000000", "created_at - INTERVAL '25 hours'");
    scene.execute(&format!("UPDATE idempotency_keys SET created_at = {earlier}"))?;
    let before = scene.count("idempotency_keys")?;
    let server = scene.plan()?.start()?;
    let began = Instant::now();
    while scene.count("idempotency_keys")? > 0 {
        if began.elapsed() > Duration::from_secs(60) {
            return Err("old keys are not swept".into());
        }
        thread::sleep(Duration::from_millis(50));
    }
    server.stop()?;
    Ok(before)
}
