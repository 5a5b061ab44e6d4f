//! Another process holds SQLite's lock for writing.

use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;

use super::caller::Reply;
use super::client::Result;
use super::database::Engine;
use super::load::{Load, accounts};
use super::scene::{Round, Scene};

pub fn rounds() -> Vec<Round> {
    vec![Round::on(Engine::Sqlite, "R05 another process holds the write lock, 3 s and 8 s", lock)]
}

fn lock(scene: &Scene) -> Result<String> {
    let plan = scene.plan()?;
    let server = plan.start()?;
    let load = Load::on(&[plan.address], &accounts(plan.address, 8)?);
    let mut other = scene.connect()?;
    let mut hold = |label: &str, time| {
        load.labelled(label).during(|underway| {
            underway.until_written(50)?;
            other.batch_execute("BEGIN IMMEDIATE")?;
            thread::sleep(time);
            other.batch_execute("ROLLBACK")?;
            let freed = Instant::now();
            underway.until_written(50)?;
            Ok(freed)
        })
    };
    let (mut short, _) = hold("short-", Duration::from_secs(3))?;
    // Late, and good.
    short.writes.only(&[])?;
    short.reads.only(&[])?;
    let late = short.writes.percentile(1.0);
    let (long, freed) = hold("long-", Duration::from_secs(8))?;
    long.writes.only(&[Reply::Status(503)])?;
    long.reads.only(&[])?;
    let (refused, normal) = (long.writes.failures(), long.writes.normal_within(Duration::from_secs(5), freed)?);
    let reads = long.reads.percentile(0.99);
    short.add(long);
    let promised = short.history.check(&load.read_back()?)?;
    server.stop()?;
    Ok(format!(
        "3 s: all good, the latest after {late:.1?}; 8 s: {refused} refused, normal after {normal:.1?}, reads p99 {reads:.1?}; \
         {promised}"
    ))
}
