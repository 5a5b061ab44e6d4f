//! A Patroni cluster of three PostgreSQL servers, with etcd: its leader is killed, frozen, and asked to hand over.

use std::fs;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use serde_json::Value;

use super::caller::Reply;
use super::client::Result;
use super::kept::{Home, Kept, documented, freeze, program, thaw, until};
use super::load::{Load, accounts};
use super::node::{bin, connect, told, url};
use super::postgres::{go_on, only_unavailable};
use super::scene::{Round, Scene};
use super::server::{free_address, signal};

pub fn rounds() -> Vec<Round> {
    vec![Round::on_nodes("R15 Patroni: leader killed, frozen, switched", failovers)]
}

/// What only a throw-away server needs.
const OF_OUR_OWN: &str = r#"
  parameters:
    unix_socket_directories: ""
    shared_buffers: 64MB
"#;

/// One of the three, with the configuration that is documented: Patroni, and the PostgreSQL that it runs.
struct Member {
    name: String,
    postgres: SocketAddr,
    home: Home,
    patroni: Option<Kept>,
}

impl Member {
    fn new(name: &str, etcd: SocketAddr) -> Result<Self> {
        let (home, postgres, api) = (Home::new()?, free_address()?, free_address()?);
        let bin = bin("")?.display().to_string();
        let text = documented("yaml\nscope:")?
            .replace("name: db1", &format!("name: {name}"))
            .replace("10.0.0.21:8008", &api.to_string())
            .replace("10.0.0.31:2379", &etcd.to_string())
            .replace("10.0.0.21:5432", &postgres.to_string())
            .replace("10.0.0.0/24 scram-sha-256", "127.0.0.0/8 trust")
            .replace("/var/lib/postgresql/patroni", "data")
            .replace("/usr/lib/postgresql/15/bin", &bin);
        home.write("patroni.yml", &(text + OF_OUR_OWN))?;
        Ok(Self { name: name.to_owned(), postgres, home, patroni: None })
    }

    fn start(&mut self) -> Result<()> {
        self.patroni = Some(self.home.keep(&program("patroni")?, &["patroni.yml"], "TERM")?);
        Ok(())
    }

    /// Patroni and the PostgreSQL server, which is no child of it.
    fn pids(&self) -> Result<[u32; 2]> {
        let told = fs::read_to_string(self.home.path().join("data/postmaster.pid"))?;
        let postgres = told.lines().next().unwrap_or_default().trim().parse()?;
        Ok([self.patroni.as_ref().ok_or("it runs")?.pid, postgres])
    }

    /// Ends both at once.
    fn kill(&mut self) -> Result<()> {
        let [_, postgres] = self.pids()?;
        self.patroni.take().ok_or("it runs")?.end("KILL")?;
        freeze(&[postgres])?.into_iter().rev().try_for_each(|pid| signal(pid, "KILL"))
    }
}

struct Patroni {
    members: Vec<Member>,
    _etcd: Kept,
    _home: Home,
}

impl Patroni {
    /// Three members of which one leads and one is the synchronous standby, and an empty database for the service.
    fn start() -> Result<Self> {
        let (home, client, peer) = (Home::new()?, free_address()?, free_address()?);
        let (client_url, peer_url) = (format!("http://{client}"), format!("http://{peer}"));
        let arguments = [
            ["--data-dir", "etcd"],
            ["--listen-client-urls", &client_url],
            ["--advertise-client-urls", &client_url],
            ["--listen-peer-urls", &peer_url],
            ["--initial-advertise-peer-urls", &peer_url],
            ["--initial-cluster", &format!("default={peer_url}")],
        ];
        let etcd = home.keep(&program("etcd")?, &arguments.concat(), "TERM")?;
        let mut members =
            ["db1", "db2", "db3"].map(|name| Member::new(name, client)).into_iter().collect::<Result<Vec<_>>>()?;
        for member in &mut members {
            member.start()?;
        }
        let patroni = Self { members, _etcd: etcd, _home: home };
        patroni.until_whole()?;
        let mut leader = connect(patroni.leader()?.postgres, "postgres")?;
        leader.batch_execute("CREATE ROLE app LOGIN")?;
        leader.batch_execute("CREATE DATABASE kennel OWNER app")?;
        // libpq asks no other server once one has refused, so the standbys must have it, too.
        let has_it = |address: SocketAddr| connect(address, "kennel").is_ok();
        until("all have the database", || Ok(patroni.addresses().into_iter().all(has_it)))?;
        Ok(patroni)
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        self.members.iter().map(|member| member.postgres).collect()
    }

    fn control(&self, words: &[&str]) -> Result<String> {
        self.members[0].home.run(&program("patronictl")?, &[&["-c", "patroni.yml"], words].concat())
    }

    /// The name, the role and the state of each member.
    fn list(&self) -> Result<Vec<[String; 3]>> {
        let list: Value = serde_json::from_str(&self.control(&["list", "-f", "json"])?)?;
        let members = list.as_array().ok_or("a list is a list")?;
        let text = |member: &Value, field: &str| member[field].as_str().unwrap_or_default().to_owned();
        Ok(members.iter().map(|member| ["Member", "Role", "State"].map(|field| text(member, field))).collect())
    }

    /// Waits until all three run, and one is the synchronous standby of another.
    fn until_whole(&self) -> Result<()> {
        self.until_all_run("the cluster is whole", |list| list.iter().any(|[_, role, _]| role == "Sync Standby"))
    }

    /// Waits until all three run, and one of them leads, by their own word: to Patroni a leader that thaws runs, too.
    fn until_one_leads(&self) -> Result<()> {
        let follows =
            |server: &SocketAddr| told(&mut connect(*server, "postgres")?, "SELECT pg_is_in_recovery()::text AS value");
        self.until_all_run("one leads and two follow", |_| {
            let mut told: Vec<_> = self.addresses().iter().filter_map(|server| follows(server).ok()).collect();
            told.sort_unstable();
            told == ["false", "true", "true"]
        })
    }

    fn until_all_run(&self, what: &str, is_so: impl Fn(&[[String; 3]]) -> bool) -> Result<()> {
        until(what, || {
            // To ask is work, which the cluster needs time for, too.
            thread::sleep(Duration::from_millis(500));
            let list = self.list().unwrap_or_default();
            let running =
                list.iter().filter(|[_, _, state]| ["running", "streaming"].contains(&state.as_str())).count();
            let leaders = list.iter().filter(|[_, role, _]| role == "Leader").count();
            Ok(running == 3 && leaders == 1 && is_so(&list))
        })
        .map_err(|why| {
            let logs: Vec<_> = self.members.iter().map(|member| member.home.log()).collect();
            format!("{why}: {:?}\n{}", self.list(), logs.join("\n\n")).into()
        })
    }

    fn leader(&self) -> Result<&Member> {
        let list = self.list()?;
        let name = list.iter().find(|[_, role, _]| role == "Leader").ok_or("nobody leads")?;
        Ok(self.members.iter().find(|member| member.name == name[0]).ok_or("it is one of ours")?)
    }
}

/// A fault that takes the leader away.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Killed,
    Frozen,
    Switched,
}

/// Each fault in a cluster of its own: after one, Patroni may name no synchronous standby any more ("Synchronous
/// replication key updated by someone else", again and again), which is its own affair.
fn failovers(scene: &Scene) -> Result<String> {
    let faults = [Fault::Killed, Fault::Frozen, Fault::Switched];
    let faults = faults.into_iter().cycle().take(scene.long_or(10, faults.len()));
    let told = faults.map(|fault| failover(scene, fault).map_err(|why| format!("leader {fault:?}: {why}").into()));
    Ok(told.collect::<Result<Vec<_>>>()?.join("; "))
}

fn failover(scene: &Scene, fault: Fault) -> Result<String> {
    let mut patroni = Patroni::start()?;
    let plan = scene.plan_on(&url(&patroni.addresses()))?;
    let server = plan.start()?;
    let accounts = accounts(plan.address, 8)?;
    let load = Load { rest: Duration::from_millis(20), ..Load::on(&[plan.address], &accounts) };
    let (mut seen, (gone, leads, back, alone)) = load.during(|underway| {
        underway.until_written(200)?;
        let gone = Instant::now();
        let (leads, back) = patroni.suffer(fault, |others| {
            let leads = until_writable(others)?;
            go_on(underway)?;
            Ok((leads, Instant::now()))
        })?;
        // The one that comes back has to see that it leads no more.
        patroni.until_one_leads()?;
        let alone = Instant::now();
        go_on(underway)?;
        Ok((gone, leads, back, alone))
    })?;
    if matches!(fault, Fault::Frozen) {
        // A leader that thaws knows of nothing since, and serves until its Patroni looks, unless a watchdog is quicker:
        // a row that was made on the new leader is not there. The history tells whether one was lost.
        seen.writes.0.retain(|asked| asked.at < back || asked.reply != Reply::Status(404));
    }
    // That it comes back is a fault of its own: who was sent to it is refused until there is one leader again.
    let normal_again = only_unavailable(&seen.since(back), alone)?;
    seen.forget_failures_since(back);
    let normal = only_unavailable(&seen, leads)?;
    let promised = seen.history.check(&load.read_back()?)?;
    server.stop()?;
    let led = format!("another leads after {:.1?}, normal {normal:.2?} after that", leads - gone);
    Ok(format!("{fault:?}: {led}, and {normal_again:.2?} after the old one follows, {promised}"))
}

impl Patroni {
    /// Takes the leader away, goes on with what is to be seen of the `others`, and brings it back.
    fn suffer<T>(&mut self, fault: Fault, meanwhile: impl FnOnce(&[SocketAddr]) -> Result<T>) -> Result<T> {
        let name = self.leader()?.name.clone();
        let place = self.members.iter().position(|member| member.name == name).ok_or("it is one of ours")?;
        let others: Vec<_> = self.members.iter().filter(|it| it.name != name).map(|it| it.postgres).collect();
        match fault {
            Fault::Killed => {
                self.members[place].kill()?;
                let seen = meanwhile(&others);
                self.members[place].start()?;
                seen
            }
            Fault::Frozen => {
                let frozen = freeze(&self.members[place].pids()?)?;
                let seen = meanwhile(&others);
                thaw(&frozen);
                seen
            }
            Fault::Switched => thread::scope(|scope| {
                let switch = scope.spawn(|| self.control(&["switchover", "--force"]));
                let seen = meanwhile(&others);
                switch.join().map_err(|_| "patronictl is not waited for")??;
                seen
            }),
        }
    }
}

/// When one of these servers has first taken a write, and its synchronous standby has it, too.
fn until_writable(servers: &[SocketAddr]) -> Result<Instant> {
    // A new leader waits with each commit until it has a standby, but for a transaction that has logged nothing.
    let logged = "SELECT pg_logical_emit_message(true, 'siege', 'a write')::text AS value";
    let write = |server: &SocketAddr| told(&mut connect(*server, "postgres")?, logged);
    until("another leads", || Ok(servers.iter().any(|server| write(server).is_ok())))?;
    Ok(Instant::now())
}

impl Drop for Member {
    /// Patroni would hand over first.
    fn drop(&mut self) {
        for pid in self.pids().into_iter().flatten() {
            let _it_may_have_ended = signal(pid, "KILL");
        }
    }
}
