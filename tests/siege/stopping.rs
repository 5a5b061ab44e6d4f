//! The server is told to stop, or told something else, at a bad moment.

use std::fs;
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::caller::{Caller, Reply};
use super::client::{Connection, Result, request};
use super::database::Engine;
use super::kept::{freeze, thaw, until};
use super::load::{Load, accounts};
use super::scene::{Round, Scene};
use super::server::Server;

pub fn rounds() -> Vec<Round> {
    let both = Round::on_both("R08 50 requests in flight and SIGTERM", in_flight);
    let each = [
        Round::on(Engine::Sqlite, "F1 nobody reads the log", stalled_log),
        Round::on(Engine::Postgres, "F3 SIGTERM while the database hangs", hanging_database),
        Round::on(Engine::Sqlite, "F11 the log is moved, and SIGHUP, under load", hangup),
    ];
    [both, each.to_vec()].concat()
}

const IN_FLIGHT: usize = 50;

fn in_flight(scene: &Scene) -> Result<String> {
    let plan = scene.plan()?.set("ACCESS_TOKEN_TTL", "1h");
    let mut server = plan.start()?;
    // One logs in again and again, which ends the oldest sessions: the other one writes.
    let [writer, visitor] = accounts(plan.address, 2)?.try_into().map_err(|_| "not two accounts")?;
    let (rounds, mut made, mut slowest) = (scene.long_or(200, 20), Vec::new(), Duration::ZERO);
    let login = json!({"username": visitor.name, "password": "three wet dogs on one sofa"});
    for round in 0..rounds {
        let mut flight = Vec::new();
        for number in 0..IN_FLIGHT {
            // A connection that the server knows already.
            let mut connection = Connection::open(plan.address)?;
            connection.ask(&request("GET", "/health/live", None, None), 200)?;
            let name = format!("{round}-{number}");
            flight.push((connection, name));
        }
        for (number, (connection, name)) in flight.iter_mut().enumerate() {
            // A login takes long enough to be in flight for certain.
            connection.write(&match number % 5 {
                0 => request("POST", "/auth/login", None, Some(&login)),
                _ => request("POST", "/dogowner/owners", Some(&writer.token), Some(&json!({ "name": name }))),
            })?;
        }
        server.signal("TERM")?;
        for (number, (mut connection, name)) in flight.into_iter().enumerate() {
            let answer = connection.read().map_err(|error| format!("round {round}, request {number}: {error}"))?;
            match answer.status {
                200 => {}
                201 => made.push(name),
                status => return Err(format!("round {round}, request {number}: {status}").into()),
            }
        }
        let (status, took) = server.end_within(Duration::from_secs(30))?;
        if !status.success() {
            return Err(format!("round {round}: {status}: {}", server.log()).into());
        }
        slowest = slowest.max(took);
        server = plan.start()?;
    }
    let load = Load::on(&[plan.address], &[writer]);
    let mut found = load.read_back()?;
    found.sort();
    made.sort();
    if found != made {
        return Err(format!("{} rows are there, {} were acknowledged", found.len(), made.len()).into());
    }
    Ok(format!("{rounds} stops, {} requests, every one complete, gone {slowest:.1?} later", rounds * IN_FLIGHT))
}

fn stalled_log(scene: &Scene) -> Result<String> {
    let plan = scene.plan()?.set("SHUTDOWN_TIMEOUT", "5s");
    let (reader, writer) = std::io::pipe()?;
    let mut command = plan.command()?;
    command.stderr(writer.try_clone()?).stdout(writer);
    let mut server = plan.spawn_as(command)?;
    // The command holds the other end of the pipe no more.
    server.wait_until_ready()?;
    let mut caller = Caller::new(&[plan.address], Duration::from_secs(5));
    for number in 0..3000 {
        match caller.ask(&request("GET", "/problems", None, None)).0 {
            Reply::Status(200) => {}
            reply => return Err(format!("request {number}: {reply}").into()),
        }
    }
    if server.probe("/health/live") != Reply::Status(200) {
        return Err("it is not alive".into());
    }
    server.signal("TERM")?;
    let (_, took) = server.end_within(Duration::from_secs(10))?;
    drop(reader);
    Ok(format!("3000 requests answered, gone {took:.1?} after SIGTERM"))
}

fn hanging_database(scene: &Scene) -> Result<String> {
    let plan = scene.plan()?.set("SHUTDOWN_TIMEOUT", "5s");
    let cluster = scene.cluster.ok_or("a round on PostgreSQL")?;
    let mut figures = Vec::new();
    for signals in [&["TERM"][..], &["TERM", "TERM"]] {
        let mut server = plan.start()?;
        let limit = if signals.len() > 1 { Duration::from_secs(3) } else { Duration::from_secs(9) };
        let frozen = freeze(&[cluster.pid])?;
        let took = stop_in_vain(&mut server, signals, limit);
        thaw(&frozen);
        figures.push(format!("gone {:.1?} after {}", took?, signals.join(" and ")));
    }
    Ok(figures.join(", "))
}

/// Sends signals to a server that waits for its database on behalf of many; the time until it is gone.
fn stop_in_vain(server: &mut Server, signals: &[&str], limit: Duration) -> Result<Duration> {
    let login = json!({"username": "nobody", "password": "three wet dogs on one sofa"});
    let mut waiting = Vec::new();
    for _ in 0..20 {
        let mut connection = Connection::open(server.address)?;
        connection.write(&request("POST", "/auth/login", None, Some(&login)))?;
        waiting.push(connection);
    }
    thread::sleep(Duration::from_millis(300));
    for signal in signals {
        server.signal(signal)?;
        thread::sleep(Duration::from_millis(100));
    }
    Ok(server.end_within(limit)?.1)
}

fn hangup(scene: &Scene) -> Result<String> {
    let (file, moved) = (scene.database.home().join("kennel.log"), scene.database.home().join("kennel.log.1"));
    let plan = scene.plan()?.set("LOG_FILE", &file.to_string_lossy());
    let server = plan.start()?;
    let load = Load::on(&[plan.address], &accounts(plan.address, 8)?);
    let (seen, ()) = load.during(|underway| {
        for _ in 0..10 {
            underway.until_written(20)?;
            fs::rename(&file, &moved)?;
            server.signal("HUP")?;
            until("the log is a new file", || Ok(file.exists()))?;
        }
        underway.until_written(20)
    })?;
    seen.writes.only(&[])?;
    seen.reads.only(&[])?;
    let promised = seen.history.check(&load.read_back()?)?;
    server.stop()?;
    Ok(format!("10 logs, no request failed, {promised}"))
}
