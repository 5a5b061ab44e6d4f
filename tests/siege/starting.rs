//! Many instances start at once. (That the schema is what one makes, that it goes down and up again, and that a program
//! refuses a newer one, are sentences of `tests/api/operations/migrations.rs`.)

use super::client::Result;
use super::load::{Load, accounts};
use super::scene::{Round, Scene};
use super::server::{Plan, Server};

pub fn rounds() -> Vec<Round> {
    Round::on_both("R10 8 instances start at once on an empty database", eight)
}

fn eight(scene: &Scene) -> Result<String> {
    let first = scene.plan()?.set("DATABASE_POOL_SIZE", "4");
    let plans = (0..8).map(|_| first.another()).collect::<Result<Vec<_>>>()?;
    let mut servers = plans.iter().map(Plan::spawn).collect::<Result<Vec<_>>>()?;
    let ready = servers.iter_mut().map(Server::wait_until_ready).collect::<Result<Vec<_>>>()?;
    let addresses: Vec<_> = plans.iter().map(|plan| plan.address).collect();
    let load = Load::on(&addresses, &accounts(addresses[0], 8)?);
    let (seen, ()) = load.during(|underway| underway.until_written(300))?;
    seen.writes.only(&[])?;
    seen.reads.only(&[])?;
    let promised = seen.history.check(&load.read_back()?)?;
    scene.check_integrity()?;
    for server in servers {
        server.stop()?;
    }
    Ok(format!("8 ready, the last {:.1?} after the first; {promised}", ready.iter().max().copied().unwrap_or_default()))
}
