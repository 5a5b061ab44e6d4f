//! The server is killed while people write.

use std::time::Instant;

use super::caller::Reply;
use super::client::Result;
use super::load::{Load, Seen, accounts};
use super::scene::{Round, Scene};

pub fn rounds() -> Vec<Round> {
    Round::on_both("R01 kill -9 under 8 writers", kill)
}

/// What people may see of a server that dies: a connection that ends, and none.
pub const DEATH: [Reply; 2] = [Reply::HungUp, Reply::Refused];

fn kill(scene: &Scene) -> Result<String> {
    let plan = scene.plan()?;
    let mut server = plan.start()?;
    let accounts = accounts(plan.address, 8)?;
    let load = Load::on(&[plan.address], &accounts);
    let (kills, mut seen) = (scene.long_or(50, 5), Seen::default());
    let mut slowest = std::time::Duration::ZERO;
    for kill in 0..kills {
        let (more, began) = load.labelled(&format!("{kill}-")).during(|underway| {
            underway.until_written(100 + 37 * (kill % 10))?;
            server.kill()?;
            let began = Instant::now();
            server = plan.start()?;
            underway.until_written(50)?;
            Ok(began)
        })?;
        slowest = slowest.max(more.reads.normal_after(began)?);
        seen.add(more);
    }
    seen.writes.only(&DEATH)?;
    seen.reads.only(&DEATH)?;
    let promised = seen.history.check(&load.read_back()?)?;
    scene.check_integrity()?;
    Ok(format!("{kills} kills, {promised}; well {slowest:.1?} after a start"))
}
