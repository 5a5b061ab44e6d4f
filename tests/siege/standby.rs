//! A PostgreSQL with a streaming standby, which is lost, or takes over from a primary that crashed, froze, or was stopped
//! for it.

use std::thread;
use std::time::{Duration, Instant};

use super::client::Result;
use super::load::{Load, Seen, accounts};
use super::node::{Node, url};
use super::postgres::{go_on, only_unavailable, quick_reads};
use super::scene::{Round, Scene};

pub fn rounds() -> Vec<Round> {
    vec![
        Round::on_nodes("F2 a frozen primary, a standby promoted", frozen),
        Round::on_nodes("F6 a synchronous standby lost", lost_standby),
        Round::on_nodes("R14 a crashed primary, a synchronous standby promoted", crashed),
        Round::on_nodes("R14 a stopped primary, a standby promoted", stopped),
    ]
}

/// How soon nobody waits any more for a database that is silent.
const GIVEN_UP: Duration = Duration::from_secs(3);
/// What a slow machine may take beyond a limit that the program sets itself.
const SLACK: Duration = Duration::from_secs(1);

/// A primary and a standby that has each commit before it is acknowledged.
fn synchronous() -> Result<(Node, Node)> {
    let primary = Node::primary()?;
    let standby = Node::standby_of(&primary)?;
    primary.set("synchronous_standby_names = 'standby'")?;
    Ok((primary, standby))
}

fn frozen(scene: &Scene) -> Result<String> {
    failover(scene, synchronous()?, Node::freeze, |seen, frozen, promoted| {
        for (what, asks) in [("write", &seen.writes), ("read", &seen.reads)] {
            let longest = asks.between(frozen.checked_sub(GIVEN_UP).unwrap_or(frozen), promoted).slowest();
            if longest > GIVEN_UP + SLACK {
                return Err(format!("a {what} was answered after {longest:?}").into());
            }
        }
        Ok(())
    })
}

fn crashed(scene: &Scene) -> Result<String> {
    failover(scene, synchronous()?, |primary| primary.stop("QUIT"), |_, _, _| Ok(()))
}

/// A primary that is stopped well sends all that it has to its standby before it ends, whether commits wait for that or
/// not.
fn stopped(scene: &Scene) -> Result<String> {
    let primary = Node::primary()?;
    let standby = Node::standby_of(&primary)?;
    failover(scene, (primary, standby), |primary| primary.stop("INT"), |_, _, _| Ok(()))
}

/// Takes a primary away and lets its standby take over, as often as the round is long, each time with a new standby.
fn failover(
    scene: &Scene,
    (mut primary, mut standby): (Node, Node),
    take_away: fn(&mut Node) -> Result<()>,
    check: fn(&Seen, Instant, Instant) -> Result<()>,
) -> Result<String> {
    let is_synchronous = !primary.told("SELECT current_setting('synchronous_standby_names') AS value")?.is_empty();
    let plan = scene.plan_on(&url(&[primary.address, standby.address]))?;
    let mut server = plan.start()?;
    let accounts = accounts(plan.address, 8)?;
    let load = Load::on(&[plan.address], &accounts);
    let (failovers, mut all, mut slowest) = (scene.long_or(10, 1), Seen::default(), Duration::ZERO);
    for failover in 1.. {
        let (seen, (gone, promoted)) = load.labelled(&format!("{failover}-")).during(|underway| {
            underway.until_written(300)?;
            let gone = Instant::now();
            take_away(&mut primary)?;
            thread::sleep(Duration::from_secs(4));
            // There is no other yet that a commit could wait for.
            standby.set("synchronous_standby_names = ''")?;
            standby.promote()?;
            let promoted = Instant::now();
            go_on(underway)?;
            Ok((gone, promoted))
        })?;
        check(&seen, gone, promoted)?;
        slowest = slowest.max(only_unavailable(&seen, promoted)?);
        all.add(seen);
        if failover == failovers {
            break;
        }
        server.stop()?;
        let next = Node::standby_of(&standby)?;
        if is_synchronous {
            standby.set("synchronous_standby_names = 'standby'")?;
        }
        (primary, standby) = (standby, next);
        server = plan.clone().set("DATABASE_URL", &url(&[primary.address, standby.address])).start()?;
    }
    let promised = all.history.check(&load.read_back()?)?;
    server.stop()?;
    Ok(format!("{failovers} promoted, {promised}; normal {slowest:?} after; writes: {}", all.writes.kinds()))
}

fn lost_standby(scene: &Scene) -> Result<String> {
    let (primary, mut standby) = synchronous()?;
    let plan = scene.plan_on(&primary.url())?;
    let server = plan.start()?;
    let accounts = accounts(plan.address, 16)?;
    let load = Load::on(&[plan.address], &accounts);
    let (seen, (lost, back)) = load.during(|underway| {
        underway.until_written(100)?;
        standby.stop("QUIT")?;
        // What was on its way to the standby may have been acknowledged yet.
        let lost = Instant::now();
        thread::sleep(Duration::from_secs(6));
        standby.start()?;
        primary.until_followed()?;
        let back = Instant::now();
        go_on(underway)?;
        Ok((lost, back))
    })?;
    let normal = only_unavailable(&seen, back)?;
    let promised = seen.history.check(&load.read_back()?)?;
    let reads = quick_reads(&seen, lost, back)?;
    let slowest = seen.writes.slowest();
    server.stop()?;
    Ok(format!("{promised}; {reads}; writes given up after {slowest:?}; normal {normal:?} after"))
}
