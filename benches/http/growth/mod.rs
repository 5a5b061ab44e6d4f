//! How requests fare as the tables grow: for each size a fresh database with that many dogs, and each route by one
//! user and by many.

mod cases;
mod chart;
mod seed;

use std::fs;
use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

use super::client::{Connection, Result};
use super::database::{Cluster, Database, Engine};
use super::load_generator::Part;
use super::options::Options;
use super::points::{self, Point};
use super::rig::Rig;
use super::server::{Plan, Server};
use super::{process, routes};
use cases::Case;
use chart::{Chart, Line};
use seed::Seed;

/// A database of one size.
struct Size {
    engine: Engine,
    dogs: u64,
    seconds: f64,
    mib: f64,
    /// Milliseconds from the server's start to its being ready.
    ready: f64,
    /// MiB of the server's memory at most.
    peak: f64,
    samples: Vec<Sample>,
}

/// A route there: the median of the rounds.
struct Sample {
    key: &'static str,
    users: usize,
    is_crowd: bool,
    point: Point,
}

impl Sample {
    /// Microseconds of all processes for each request.
    fn cpu(&self) -> f64 {
        self.point.cpu.map_or(0.0, |(server, database)| server + database)
    }
}

/// Measures all, and tells whether there was no error.
pub fn run(options: &Options) -> Result<bool> {
    let mut sizes = Vec::new();
    for engine in &options.engines {
        for dogs in &options.rows {
            sizes.push(measure(options, *engine, *dogs)?);
        }
    }
    print(&sizes);
    if let Some(file) = &options.json {
        fs::write(file, to_json(&sizes).to_string())?;
    }
    if let Some(folder) = &options.pictures {
        draw(folder, &sizes)?;
    }
    Ok(sizes.iter().flat_map(|size| &size.samples).all(|sample| sample.point.errors == 0))
}

/// The database is gone at the end, before the next one is made.
fn measure(options: &Options, engine: Engine, dogs: u64) -> Result<Size> {
    let cluster = (engine == Engine::Postgres).then(Cluster::start).transpose()?;
    let database = Database::fresh(cluster.as_ref())?;
    let (home, url) = (database.home(), database.url.as_str());
    let plan = Plan { program: &options.program, under: &[], home, database: url, settings: &[] };
    let migrating = Server::start(&plan)?;
    let _token = routes::sign_up(&mut Connection::open(migrating.address)?, "founder")?;
    migrating.stop()?;

    let (seed, began) = (Seed::of(engine, dogs), Instant::now());
    let bytes = seed.write(url)?;
    let seconds = began.elapsed().as_secs_f64();
    let mib = mebibytes(bytes);
    eprintln!("{engine}, {dogs} dogs: seeded in {seconds:.1} s, {mib:.0} MiB");

    let server = Server::start(&plan)?;
    let ready = server.ready_after.as_secs_f64() * 1e3;
    let rig = Rig { options, engine, server: &server, cluster: cluster.as_ref() };
    let samples = load(&rig, cases::cases(seed, url)?)?;
    let (_, peak) = process::memory(server.pid())?;
    server.stop()?;
    Ok(Size { engine, dogs, seconds, mib, ready, peak, samples })
}

#[expect(clippy::cast_precision_loss, reason = "it is told without its fraction")]
fn mebibytes(bytes: i64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// All reads of all rounds come before the writes, which make the tables bigger than they should be.
fn load(rig: &Rig<'_>, mut cases: Vec<Case>) -> Result<Vec<Sample>> {
    let (clients, mut points) = (rig.options.most_clients(), Vec::new());
    cases.retain(|case| rig.options.wants(case.route.key));
    let mut server = Connection::open(rig.server.address)?;
    cases.iter().try_for_each(|case| case.check(&mut server))?;
    drop(server);
    for is_read in [true, false] {
        for _ in 0..rig.options.rounds {
            for case in cases.iter().filter(|case| case.is_read == is_read) {
                let part = || [Part { route: &case.route, clients }];
                rig.load(&part(), rig.options.warm_up())?;
                let (outcomes, cpu) = rig.load(&part(), rig.options.time)?;
                points.push(Point::of(rig.engine, name(case), clients, &outcomes[0], Some(cpu)));
            }
        }
    }
    // Points and cases have one order: that of the first round.
    let points = points::medians(&points);
    let samples = cases.iter().zip(points).map(|(case, point)| {
        let (key, users) = (case.route.key, case.users);
        Sample { key, users, is_crowd: case.is_crowd(), point }
    });
    Ok(samples.collect())
}

fn name(case: &Case) -> String {
    let crowd = if case.is_crowd() { ", many users" } else { "" };
    format!("{}{crowd}", case.route.title)
}

fn print(sizes: &[Size]) {
    println!(
        "\n| database | dogs | request | users | requests/s | p50 ms | p99 ms | errors | server µs | PostgreSQL µs |"
    );
    println!("|---|--:|---|--:|--:|--:|--:|--:|--:|--:|");
    for size in sizes {
        for Sample { users, point, .. } in &size.samples {
            let Point { engine, request, per_second, p50, p99, errors, .. } = point;
            let (server, database) = point.cpu_as_text();
            println!(
                "| {engine} | {} | {request} | {users} | {per_second:.0} | {p50:.2} | {p99:.2} | {errors} | {server} | {database} |",
                size.dogs
            );
        }
    }
    println!("\n| database | dogs | MiB | seeded in s | ready: ms | server's MiB at most |");
    println!("|---|--:|--:|--:|--:|--:|");
    for Size { engine, dogs, seconds, mib, ready, peak, .. } in sizes {
        println!("| {engine} | {dogs} | {mib:.0} | {seconds:.1} | {ready:.0} | {peak:.1} |");
    }
}

fn to_json(sizes: &[Size]) -> Value {
    let of = |size: &Size| {
        let samples = size.samples.iter().map(|sample| {
            let mut point = sample.point.to_json();
            point["route"] = json!(sample.key);
            point["users"] = json!(sample.users);
            point
        });
        json!({
            "database": size.engine.to_string(),
            "dogs": size.dogs,
            "mib": size.mib,
            "seeded_in_s": size.seconds,
            "ready_ms": size.ready,
            "peak_mib": size.peak,
            "points": samples.collect::<Vec<_>>(),
        })
    };
    json!({"growth": sizes.iter().map(of).collect::<Vec<_>>()})
}

/// One picture for each database.
fn draw(folder: &Path, sizes: &[Size]) -> Result<()> {
    fs::create_dir_all(folder)?;
    for (engine, file) in [(Engine::Sqlite, "growth-sqlite.svg"), (Engine::Postgres, "growth-postgres.svg")] {
        let sizes: Vec<_> = sizes.iter().filter(|size| size.engine == engine).collect();
        if let Some(first) = sizes.first() {
            fs::write(folder.join(file), chart(engine, first, &sizes).to_svg())?;
        }
    }
    Ok(())
}

fn chart(engine: Engine, first: &Size, sizes: &[&Size]) -> Chart {
    let mut keys: Vec<_> = first.samples.iter().map(|sample| sample.key).collect();
    keys.dedup();
    let lines = first.samples.iter().enumerate().map(|(place, sample)| {
        let points = sizes.iter().filter_map(|size| Some((rows(size.dogs), size.samples.get(place)?.cpu())));
        Line {
            name: sample.point.request.clone(),
            hue: keys.iter().position(|key| *key == sample.key).unwrap_or(0),
            is_dashed: sample.is_crowd,
            points: points.collect(),
        }
    });
    let whose = if engine == Engine::Postgres { "server and PostgreSQL" } else { "server" };
    Chart {
        title: format!("{engine}: computing per request as the tables grow ({whose})"),
        x: "dogs in the database (owners: two fifths of them; users: a fiftieth)",
        y: "µs of computing per request",
        lines: lines.collect(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a place on an axis")]
fn rows(dogs: u64) -> f64 {
    dogs as f64
}
