//! One PostgreSQL that is restarted, turned read-only, short of connections, locked, or lax about what is durable.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use serde_json::json;

use super::caller::{Caller, Reply};
use super::client::{Result, request};
use super::kept::{Home, Kept, freeze, program, thaw, until};
use super::load::{Account, Load, Seen, Underway, accounts};
use super::node::{Node, connect, url};
use super::scene::{Round, Scene};
use super::server::free_address;

pub fn rounds() -> Vec<Round> {
    vec![
        Round::on_nodes("R06 PostgreSQL restarted", restart),
        Round::on_nodes("F4 fewer connections than workers", too_few_connections),
        Round::on_nodes("F5 default_transaction_read_only", read_only),
        Round::on_nodes("F5 a primary demoted and promoted", demotion),
        Round::on_nodes("F5 a primary demoted and promoted behind PgBouncer", demotion_behind_a_pooler),
        Round::on_nodes("F6 a lock that is held", held_lock),
        Round::on_nodes("F7 synchronous_commit=off and a crash", lax_commits),
    ]
}

/// What people may see of a service whose database is gone.
pub const UNAVAILABLE: [Reply; 1] = [Reply::Status(503)];
/// How soon all is well after a fault has ended.
pub const NORMAL: Duration = Duration::from_secs(5);
/// The time that reads take which wait for nobody, on a slow machine.
const QUICK: Duration = Duration::from_millis(500);

/// The load goes on for some time after a fault, so that what still fails is seen.
pub fn go_on(underway: &Underway) -> Result<()> {
    underway.until_written(100)?;
    thread::sleep(Duration::from_secs(1));
    underway.until_written(100)
}

/// It is an error if people saw anything but 503, or if all was not well in time; the time that it took.
pub fn only_unavailable(seen: &Seen, fault_ended: Instant) -> Result<Duration> {
    seen.writes.only(&UNAVAILABLE)?;
    seen.reads.only(&UNAVAILABLE)?;
    let writes = seen.writes.normal_within(NORMAL, fault_ended)?;
    Ok(seen.reads.normal_within(NORMAL, fault_ended)?.max(writes))
}

fn restart(scene: &Scene) -> Result<String> {
    let mut node = Node::primary()?;
    let plan = scene.plan_on(&node.url())?;
    let server = plan.start()?;
    let accounts = accounts(plan.address, 8)?;
    let load = Load::on(&[plan.address], &accounts);
    let (restarts, mut all, mut slowest) = (scene.long_or(50, 3), Seen::default(), Duration::ZERO);
    for restart in 0..restarts {
        let (seen, up) = load.labelled(&format!("{restart}-")).during(|underway| {
            underway.until_written(100)?;
            node.stop(["INT", "QUIT"][restart % 2])?;
            thread::sleep(Duration::from_millis(200));
            node.start()?;
            let up = Instant::now();
            go_on(underway)?;
            Ok(up)
        })?;
        slowest = slowest.max(only_unavailable(&seen, up)?);
        all.add(seen);
    }
    let promised = all.history.check(&load.read_back()?)?;
    server.stop()?;
    Ok(format!("{restarts} restarts, fast and immediate by turns, {promised}; normal {slowest:.1?} after"))
}

fn too_few_connections(scene: &Scene) -> Result<String> {
    let node = Node::primary()?;
    let plan = scene.plan_on(&node.url())?.set("DATABASE_POOL_SIZE", "8");
    let first = plan.start()?;
    let accounts = accounts(plan.address, 8)?;
    node.administer("ALTER ROLE app CONNECTION LIMIT 4")?;
    node.administer("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app' LIMIT 4")?;
    thread::sleep(Duration::from_millis(500));
    let load = Load::on(&[plan.address], &accounts).labelled("four-");
    let (seen, ()) = load.during(|underway| underway.until_written(500))?;
    all_well(&seen).map_err(|why| format!("with 4 of 8 connections: {why}"))?;
    let mut history = seen.history;

    // The first has its four, and there is one for another instance, which the first must not take, quick as it is.
    let frozen = freeze(&[first.pid()])?;
    node.administer("ALTER ROLE app CONNECTION LIMIT 5")?;
    let crowd = plan.another()?;
    let second = crowd.start();
    thaw(&frozen);
    let second = second?;
    let one = Load::on(&[crowd.address], &accounts).labelled("one-");
    let (seen, ()) = one.during(|underway| underway.until_written(500))?;
    all_well(&seen).map_err(|why| format!("an instance with one connection: {why}"))?;
    history.0.extend(seen.history.0);
    let promised = history.check(&load.read_back()?)?;
    drop((first, second));
    Ok(format!("4 of 8 connections, then 1 of 8: no request failed, {promised}"))
}

/// It is an error if a request came to nothing good.
pub fn all_well(seen: &Seen) -> Result<()> {
    seen.writes.only(&[])?;
    seen.reads.only(&[])
}

fn read_only(scene: &Scene) -> Result<String> {
    let node = Node::primary()?;
    let url = node.url();
    turned_read_only(
        scene,
        (node, url),
        |node| node.set("default_transaction_read_only = on"),
        |node| node.set("default_transaction_read_only = off"),
    )
}

fn demotion(scene: &Scene) -> Result<String> {
    let demote = |node: &mut Node| {
        node.stop("INT")?;
        node.demote()?;
        node.start()
    };
    let node = Node::primary()?;
    let url = node.url();
    turned_read_only(scene, (node, url), demote, |node| node.promote())
}

/// A PgBouncer that has known its server only as a standby goes on saying so.
fn demotion_behind_a_pooler(scene: &Scene) -> Result<String> {
    let (node, mut pooler) = (Node::primary()?, Pooler::new()?);
    pooler.start(&node)?;
    let url = url(&[pooler.address]);
    let demote = |node: &mut Node| {
        node.stop("INT")?;
        node.demote()?;
        node.start()?;
        pooler.start(node)
    };
    turned_read_only(scene, (node, url), demote, |node| node.promote())
}

/// A PgBouncer, which lends its connections for a transaction at a time.
struct Pooler {
    address: SocketAddr,
    home: Home,
    process: Option<Kept>,
}

impl Pooler {
    fn new() -> Result<Self> {
        Ok(Self { address: free_address()?, home: Home::new()?, process: None })
    }

    /// Starts it before this server, anew if it runs, and waits until it lends a connection.
    fn start(&mut self, node: &Node) -> Result<()> {
        drop(self.process.take());
        let (ip, port) = (self.address.ip(), self.address.port());
        let server = format!("host={} port={}", node.address.ip(), node.address.port());
        let own = format!("listen_addr = {ip}\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n");
        let text = format!("[databases]\nkennel = {server} user=app\n[pgbouncer]\n{own}pool_mode = transaction\n");
        self.home.write("pgbouncer.ini", &text)?;
        self.process = Some(self.home.keep(&program("pgbouncer")?, &["pgbouncer.ini"], "KILL")?);
        until("PgBouncer lends a connection", || Ok(connect(self.address, "kennel").is_ok()))
    }
}

/// A database that takes no writes for some seconds, and the way to it.
fn turned_read_only(
    scene: &Scene,
    (mut node, url): (Node, String),
    turn: impl FnOnce(&mut Node) -> Result<()>,
    turn_back: impl FnOnce(&mut Node) -> Result<()>,
) -> Result<String> {
    let plan = scene.plan_on(&url)?;
    let server = plan.start()?;
    let accounts = accounts(plan.address, 9)?;
    let load = Load::on(&[plan.address], &accounts[1..]);
    let (seen, back) = load.during(|underway| {
        underway.until_written(100)?;
        turn(&mut node)?;
        thread::sleep(Duration::from_secs(2));
        let ready = server.probe("/health/ready");
        let wait = retry_after(plan.address, &accounts[0]);
        turn_back(&mut node)?;
        let back = Instant::now();
        if ready != UNAVAILABLE[0] {
            return Err(format!("/health/ready is {ready} while nothing can be written").into());
        }
        wait?;
        go_on(underway)?;
        Ok(back)
    })?;
    let normal = only_unavailable(&seen, back)?;
    let promised = seen.history.check(&load.read_back()?)?;
    server.stop()?;
    let (writes, reads) = (seen.writes.kinds(), seen.reads.kinds());
    Ok(format!("{promised}; normal {normal:?} after; writes: {writes}; reads: {reads}"))
}

/// It is an error if a write is refused without `Retry-After`, or not refused.
fn retry_after(address: SocketAddr, account: &Account) -> Result<()> {
    let request = request("POST", "/dogowner/owners", Some(&account.token), Some(&json!({ "name": "nobody" })));
    let (reply, answer) = Caller::new(&[address], Duration::from_secs(10)).ask(&request);
    match answer {
        Some(answer) if reply == UNAVAILABLE[0] && answer.header("Retry-After").is_some() => Ok(()),
        _ => Err(format!("a write came to {reply}, not to 503 with Retry-After").into()),
    }
}

fn held_lock(scene: &Scene) -> Result<String> {
    let node = Node::primary()?;
    let plan = scene.plan_on(&node.url())?;
    let server = plan.start()?;
    let accounts = accounts(plan.address, 16)?;
    let load = Load::on(&[plan.address], &accounts);
    let (seen, (locked, freed)) = load.during(|underway| {
        underway.until_written(100)?;
        let mut holder = node.connect_to_kennel()?;
        holder.batch_execute("BEGIN; LOCK TABLE owners IN EXCLUSIVE MODE")?;
        let locked = Instant::now();
        thread::sleep(Duration::from_secs(4));
        holder.batch_execute("ROLLBACK")?;
        let freed = Instant::now();
        go_on(underway)?;
        Ok((locked, freed))
    })?;
    let normal = only_unavailable(&seen, freed)?;
    let promised = seen.history.check(&load.read_back()?)?;
    let reads = quick_reads(&seen, locked, freed)?;
    server.stop()?;
    Ok(format!("{promised}; {reads}; normal {normal:?} after"))
}

/// What the reads of this time were like. It is an error if one failed, or if they were slow.
pub fn quick_reads(seen: &Seen, from: Instant, to: Instant) -> Result<String> {
    let reads = seen.reads.between(from, to);
    let (count, p99) = (reads.0.len(), reads.percentile(0.99));
    if count < 100 || reads.failures() > 0 || p99 > QUICK {
        return Err(format!("{count} reads meanwhile, p99 {p99:?}: {}", reads.kinds()).into());
    }
    Ok(format!("{count} reads meanwhile, p99 {p99:?}"))
}

fn lax_commits(scene: &Scene) -> Result<String> {
    let mut node = Node::primary()?;
    // Nothing is written in time that nobody asks for.
    node.set("wal_writer_delay = '10s'")?;
    node.set("wal_writer_flush_after = '1GB'")?;
    node.administer("ALTER ROLE app SET synchronous_commit = off")?;
    node.administer("ALTER DATABASE kennel SET synchronous_commit = off")?;
    let plan = scene.plan_on(&node.url())?;
    let server = plan.start()?;
    let accounts = accounts(plan.address, 8)?;
    let load = Load::on(&[plan.address], &accounts);
    let (crashes, mut all) = (scene.long_or(20, 2), Seen::default());
    for crash in 0..crashes {
        let (seen, ()) = load.labelled(&format!("{crash}-")).during(|underway| {
            underway.until_written(100)?;
            node.stop("QUIT")?;
            node.start()?;
            underway.until_written(100)
        })?;
        all.add(seen);
    }
    let promised = all.history.check(&load.read_back()?)?;
    server.stop()?;
    Ok(format!("{crashes} crashes, {promised}"))
}
