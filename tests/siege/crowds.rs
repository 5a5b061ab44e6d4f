//! More people than there is room for: a rush of logins, three times the capacity, too many connections, and such as drip.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::availability::{Asked, Asks, count};
use super::caller::{Caller, Reply};
use super::client::{Result, request, request_with};
use super::database::Engine;
use super::load::{Account, Load, accounts};
use super::process;
use super::scene::{Round, Scene};
use super::server::{Plan, Server};

pub fn rounds() -> Vec<Round> {
    let both = [
        Round::on_both("L05 F12 400 logins at once, and readers", rush),
        Round::on_both("L06 three times the capacity", overload),
    ];
    let each = [
        Round::on(Engine::Sqlite, "L07 400 connections with 256 descriptors", few_descriptors),
        Round::on(Engine::Sqlite, "L07 5,000 idle connections", idle),
        Round::on(Engine::Sqlite, "H09 1,000 heads and 1,000 bodies that drip", drips),
    ];
    [both.concat(), each.to_vec()].concat()
}

/// So many people at once.
const CROWD: usize = 400;
const TOO_MUCH: [Reply; 2] = [Reply::Status(503), Reply::Status(429)];

/// A login, or something else, that comes through a proxy from the person of this number.
fn from_afar(number: usize, method: &str, path: &str, token: Option<&str>, body: &Value) -> Vec<u8> {
    let [.., high, low] = number.to_be_bytes();
    let address = format!("10.0.{high}.{low}");
    request_with(method, path, token, &[("X-Forwarded-For", &address)], Some(body))
}

fn login(number: usize, account: &Account) -> Vec<u8> {
    let body = json!({"username": account.name, "password": "three wet dogs on one sofa"});
    from_afar(number, "POST", "/auth/login", None, &body)
}

fn create(number: usize, account: &Account) -> Vec<u8> {
    from_afar(number, "POST", "/dogowner/owners", Some(&account.token), &json!({"name": "Ann"}))
}

/// A server behind a proxy, and people.
fn behind_a_proxy(scene: &Scene) -> Result<(Plan, Server, Vec<Account>)> {
    let plan = scene.plan()?.set("TRUSTED_PROXIES", "127.0.0.1/32").set("IP_CONNECTIONS", "off");
    let server = plan.start()?;
    let accounts = accounts(plan.address, 16)?;
    Ok((plan, server, accounts))
}

fn rush(scene: &Scene) -> Result<String> {
    let (plan, server, accounts) = behind_a_proxy(scene)?;
    // The logins of some end their oldest sessions, so others read.
    let (readers, rushing) = accounts.split_at(2);
    let requests: Vec<_> = (0..CROWD).map(|number| login(number, &rushing[number % rushing.len()])).collect();
    let load = Load::on(&[plan.address], readers).only_reading();
    let (seen, logins) = load.during(|_| {
        let mut logins = Asks::default();
        for _ in 0..scene.long_or(10, 2) {
            logins.0.extend(at_once(plan.address, &requests).0);
            thread::sleep(Duration::from_secs(1));
        }
        Ok(logins)
    })?;
    seen.reads.only(&[])?;
    logins.only(&TOO_MUCH)?;
    let (reads, refusals) = (seen.reads.percentile(0.99), logins.slowest_failure());
    let memory = process::memory(server.pid())?.1;
    scene.strictly(reads <= Duration::from_millis(50), || format!("reads p99 {reads:.1?}"))?;
    scene.strictly(refusals <= Duration::from_millis(100), || format!("a refusal after {refusals:.1?}"))?;
    scene.strictly(memory <= 256.0, || format!("{memory:.0} MiB"))?;
    server.stop()?;
    Ok(format!(
        "logins {}, the latest {:.1?}, refusals within {refusals:.1?}; reads p99 {reads:.1?}; {memory:.0} MiB",
        logins.kinds(),
        logins.percentile(1.0)
    ))
}

/// Everybody asks in the same moment, on a connection that is there already.
fn at_once(address: SocketAddr, requests: &[Vec<u8>]) -> Asks {
    let barrier = Barrier::new(requests.len());
    let asked = thread::scope(|scope| {
        let ask = |rush| {
            let barrier = &barrier;
            move || {
                let mut caller = Caller::new(&[address], Duration::from_secs(30));
                caller.ask(&request("GET", "/health/live", None, None));
                barrier.wait();
                let at = Instant::now();
                let (reply, _) = caller.ask(rush);
                Asked { at, took: at.elapsed(), reply }
            }
        };
        let asking: Vec<_> = requests.iter().map(|rush| scope.spawn(ask(rush))).collect();
        asking.into_iter().filter_map(|asking| asking.join().ok()).collect()
    });
    Asks(asked)
}

/// Each of the requests again and again for so long, each `every` so often; on and on if that is zero. Also the good
/// answers that came in time, in a second.
fn for_a_while(address: SocketAddr, requests: &[Vec<u8>], every: Duration, time: Duration) -> (Asks, f64) {
    let began = Instant::now();
    let asked = thread::scope(|scope| {
        let ask = |(number, request): (usize, &Vec<u8>)| {
            let request = request.clone();
            let share = u32::try_from(number).unwrap_or(0);
            let of = u32::try_from(requests.len()).unwrap_or(1);
            move || {
                let (mut caller, mut asked) = (Caller::new(&[address], Duration::from_secs(30)), Vec::new());
                let mut next = began + every * share / of;
                while next < began + time {
                    thread::sleep(next.saturating_duration_since(Instant::now()));
                    let at = Instant::now();
                    let (reply, _) = caller.ask(&request);
                    asked.push(Asked { at, took: at.elapsed(), reply });
                    next = (next + every).max(Instant::now());
                }
                asked
            }
        };
        let asking: Vec<_> = requests.iter().enumerate().map(|it| scope.spawn(ask(it))).collect();
        asking.into_iter().filter_map(|asking| asking.join().ok()).flatten().collect::<Vec<_>>()
    });
    let in_time = asked.iter().filter(|it| it.reply.is_good() && it.at + it.took <= began + time).count();
    (Asks(asked), count(in_time) / time.as_secs_f64())
}

fn overload(scene: &Scene) -> Result<String> {
    let (plan, server, accounts) = behind_a_proxy(scene)?;
    let (others, rushing) = accounts.split_at(8);
    let time = Duration::from_secs(scene.long_or(20, 4));
    let mut figures = Vec::new();
    let logins: Vec<_> = (0..CROWD).map(|number| login(number, &rushing[number % rushing.len()])).collect();
    let creates: Vec<_> = (0..CROWD).map(|number| create(number, &others[number % others.len()])).collect();
    for (what, requests) in [("logins", logins), ("creates", creates)] {
        let (calm, per_second) = for_a_while(plan.address, &requests[..16], Duration::ZERO, time);
        calm.only(&[])?;
        let every = Duration::from_secs_f64(count(CROWD) / (3.0 * per_second));
        let (flood, goodput) = for_a_while(plan.address, &requests, every, time);
        flood.only(&TOO_MUCH)?;
        let goodput = goodput / per_second;
        scene.strictly(goodput >= 0.8, || format!("{what}: goodput {:.0} %", 100.0 * goodput))?;
        // By the length of the queue, and not by waiting in it.
        let refused = flood.slowest_failure();
        scene.strictly(refused <= Duration::from_secs(1), || format!("{what}: a refusal after {refused:.1?}"))?;
        figures.push(format!(
            "{what}: {per_second:.0}/s, of three times as many {:.0} % ({}), refusals within {:.1?}",
            100.0 * goodput,
            flood.kinds(),
            refused
        ));
    }
    let load = Load::on(&[plan.address], others);
    let began = Instant::now();
    let (after, ()) = load.during(|underway| underway.until_written(100))?;
    let normal = after.writes.normal_within(Duration::from_secs(5), began)?;
    server.stop()?;
    Ok(format!("{}; normal after {normal:.1?}", figures.join("; ")))
}

/// Connections on which nothing is said.
fn connections(address: SocketAddr, count: usize) -> Result<Vec<TcpStream>> {
    rlimit::increase_nofile_limit(20_000)?;
    let open = |_| Ok(TcpStream::connect_timeout(&address, Duration::from_secs(10))?);
    (0..count).map(open).collect()
}

fn few_descriptors(scene: &Scene) -> Result<String> {
    let plan = scene.plan()?.under(&["prlimit", "--nofile=256"]);
    let mut server = plan.start()?;
    let crowd = connections(plan.address, 400)?;
    thread::sleep(Duration::from_secs(1));
    drop(crowd);
    let took = server.wait_until_ready()?;
    scene.strictly(took <= Duration::from_secs(2), || format!("it answers {took:.1?} after they have gone"))?;
    let load = Load::on(&[plan.address], &accounts(plan.address, 8)?);
    let (seen, ()) = load.during(|underway| underway.until_written(100))?;
    seen.writes.only(&[])?;
    server.stop()?;
    Ok(format!("it answers {took:.1?} after they have gone"))
}

fn idle(scene: &Scene) -> Result<String> {
    let plan = scene.plan()?.set("IP_CONNECTIONS", "off");
    let mut server = plan.start()?;
    let (before, _) = process::memory(server.pid())?;
    let crowd = connections(plan.address, 5000)?;
    thread::sleep(Duration::from_secs(1));
    let (after, _) = process::memory(server.pid())?;
    let each = (after - before) * 1024.0 / 4096.0;
    drop(crowd);
    let took = server.wait_until_ready()?;
    scene.strictly(each <= 32.0, || format!("{each:.1} KiB for each"))?;
    scene.strictly(took <= Duration::from_secs(2), || format!("it answers {took:.1?} after they have gone"))?;
    server.stop()?;
    Ok(format!("{each:.1} KiB for each of the 4,096 that are taken; it answers {took:.1?} after they have gone"))
}

fn drips(scene: &Scene) -> Result<String> {
    const COUNT: usize = 1000;
    let plan = scene.plan()?.set("IP_CONNECTIONS", "off");
    let server = plan.start()?;
    let accounts = accounts(plan.address, 8)?;
    let head = "POST /auth/login HTTP/1.1\r\nHost: kennel.example\r\n";
    let whole = format!("{head}Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{");
    let mut dripping = connections(plan.address, 2 * COUNT)?;
    for (number, stream) in dripping.iter_mut().enumerate() {
        stream.write_all(if number < COUNT { head.as_bytes() } else { whole.as_bytes() })?;
        stream.set_nonblocking(true)?;
    }
    let load = Load::on(&[plan.address], &accounts).only_reading();
    let (seen, [heads, bodies]) = load.during(|_| {
        let (mut bodies, began) = (dripping.split_off(COUNT), Instant::now());
        let mut gone = [None, None];
        while gone.contains(&None) && began.elapsed() < Duration::from_secs(30) {
            for (dripping, gone) in [&mut dripping, &mut bodies].into_iter().zip(&mut gone) {
                dripping.retain_mut(|stream| is_open_after(stream, b"a"));
                if dripping.is_empty() {
                    gone.get_or_insert(began.elapsed());
                }
            }
            thread::sleep(Duration::from_millis(250));
        }
        Ok(gone.map(|after| after.unwrap_or(Duration::MAX)))
    })?;
    seen.reads.only(&[])?;
    // 5 s for a head, 10 s for a body.
    if heads > Duration::from_secs(10) || bodies > Duration::from_secs(15) {
        return Err(format!("the last head is gone after {heads:.1?}, the last body after {bodies:.1?}").into());
    }
    let reads = seen.reads.percentile(0.99);
    scene.strictly(reads <= Duration::from_millis(100), || format!("reads p99 {reads:.1?}"))?;
    server.stop()?;
    Ok(format!("the heads are gone after {heads:.1?}, the bodies after {bodies:.1?}; reads p99 {reads:.1?}"))
}

/// Whether the connection is open when another byte was sent.
fn is_open_after(stream: &mut TcpStream, byte: &[u8]) -> bool {
    let _the_server_may_have_hung_up = stream.write(byte);
    loop {
        match stream.read(&mut [0; 1024]) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
    }
}
