//! Three instances behind nginx and behind `HAProxy`: killed, restarted, and replaced one after the other.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use super::caller::{Caller, Reply};
use super::client::{Result, request};
use super::kept::{Home, Kept, documented, program, until};
use super::load::{Load, accounts};
use super::node::Node;
use super::postgres::{all_well, go_on};
use super::scene::{Round, Scene};
use super::server::{Plan, Server, free_address};

pub fn rounds() -> Vec<Round> {
    vec![
        Round::on_nodes("R16 one of three behind nginx killed, one restarted", killed),
        Round::on_nodes("F9 a rolling restart behind nginx", |scene| rolling(scene, nginx)),
        Round::on_nodes("F9 a rolling restart behind HAProxy", |scene| rolling(scene, haproxy)),
    ]
}

/// A proxy that listens on an address of its own; what it needs is in its folder.
struct Proxy {
    address: SocketAddr,
    _process: Kept,
    _home: Home,
}

impl Proxy {
    /// Starts a program with the configuration that is documented, but for the addresses.
    fn start(config: &str, instances: &[Plan], name: &str, arguments: &[&str]) -> Result<Self> {
        let (home, address) = (Home::new()?, free_address()?);
        let mut text = config.replace("listen 80;", &format!("listen {address};"));
        text = text.replace("bind :80", &format!("bind {address}"));
        for (number, instance) in instances.iter().enumerate() {
            text = text.replace(&format!("10.0.0.{}:8000", 11 + number), &instance.address.to_string());
        }
        home.write("config", &format!("{text}\n"))?;
        let process = home.keep(&program(name)?, arguments, "TERM")?;
        until("the proxy leads to an instance", || {
            let asked = request("GET", "/health/live", None, None);
            Ok(Caller::new(&[address], Duration::from_secs(5)).ask(&asked).0 == Reply::Status(200))
        })
        .map_err(|why| format!("{why}: {}", home.log()))?;
        Ok(Self { address, _process: process, _home: home })
    }
}

fn nginx(instances: &[Plan]) -> Result<Proxy> {
    let folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|name| format!("{name}_temp_path {name};"));
    let own = format!("worker_processes 1; events {{}} http {{ access_log off; {}", folders.concat());
    let config = format!("{own}\n{}\n}}", documented("nginx")?);
    let alone = "daemon off; pid nginx.pid; error_log stderr;";
    Proxy::start(&config, instances, "nginx", &["-p", ".", "-e", "stderr", "-c", "config", "-g", alone])
}

fn haproxy(instances: &[Plan]) -> Result<Proxy> {
    Proxy::start(documented("haproxy")?, instances, "haproxy", &["-db", "-f", "config"])
}

/// Three instances on one PostgreSQL, which leave the proxy the time to see that they go.
fn three(scene: &Scene, node: &Node) -> Result<(Vec<Plan>, Vec<Server>)> {
    let first = scene.plan_on(&node.url())?.set("DATABASE_POOL_SIZE", "4").set("TRUSTED_PROXIES", "127.0.0.0/8");
    let first = first.set("DRAIN_DELAY", "2s");
    let plans = vec![first.clone(), first.another()?, first.another()?];
    let servers = plans.iter().map(Plan::start).collect::<Result<_>>()?;
    Ok((plans, servers))
}

fn killed(scene: &Scene) -> Result<String> {
    let node = Node::primary()?;
    let (plans, mut servers) = three(scene, &node)?;
    let proxy = nginx(&plans)?;
    let accounts = accounts(plans[0].address, 8)?;
    let load = Load::on(&[proxy.address], &accounts);
    let (seen, ()) = load.during(|underway| {
        for _ in 0..scene.long_or(20, 1) {
            underway.until_written(300)?;
            servers[0].kill()?;
            underway.until_written(300)?;
            servers[0] = plans[0].start()?;
            underway.until_written(300)?;
            servers.pop().ok_or("a third")?.stop()?;
            underway.until_written(300)?;
            servers.push(plans[2].start()?);
            go_on(underway)?;
        }
        Ok(())
    })?;
    // What was in flight to the one that died: nginx asks another one only for what may be asked twice, and of a
    // deletion that was done the other one knows nothing more (RFC 9110 §9.2.2).
    let died = [Reply::Status(502), Reply::Status(404)];
    seen.writes.only(&died)?;
    seen.reads.only(&[])?;
    let (failed, kills) = (seen.writes.failures(), scene.long_or(20, 1));
    if failed > kills * accounts.len() {
        return Err(format!("{failed} writes failed: {}", seen.writes.kinds()).into());
    }
    let promised = seen.history.check(&load.read_back()?)?;
    Ok(format!("{promised}; writes: {}; reads: {}", seen.writes.kinds(), seen.reads.kinds()))
}

fn rolling(scene: &Scene, proxy: fn(&[Plan]) -> Result<Proxy>) -> Result<String> {
    let node = Node::primary()?;
    let (plans, mut servers) = three(scene, &node)?;
    let proxy = proxy(&plans)?;
    let accounts = accounts(plans[0].address, 8)?;
    let load = Load::on(&[proxy.address], &accounts);
    let began = Instant::now();
    let (seen, rounds) = load.during(|underway| {
        let rounds = scene.long_or(10, 1);
        for _ in 0..rounds {
            for plan in &plans {
                underway.until_written(200)?;
                servers.remove(0).stop()?;
                servers.push(plan.start()?);
                // The proxy has to see that it is back, before the next goes.
                thread::sleep(Duration::from_secs(1));
            }
        }
        go_on(underway)?;
        Ok(rounds)
    })?;
    all_well(&seen)?;
    let (promised, took) = (seen.history.check(&load.read_back()?)?, began.elapsed());
    let asked = seen.writes.0.len() + seen.reads.0.len();
    Ok(format!("{} replaced in {took:.1?}, {asked} requests and none failed, {promised}", 3 * rounds))
}
