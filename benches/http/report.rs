//! What was measured, as Markdown and as JSON: medians of the rounds.

use serde_json::{Value, json};

use super::database::Engine;
use super::load::{Outcome, count};

/// One route under one load, in one round.
pub struct Point {
    pub engine: Engine,
    pub request: String,
    pub clients: usize,
    pub per_second: f64,
    /// Milliseconds.
    pub p50: f64,
    pub p99: f64,
    pub errors: usize,
    /// Microseconds of computing for each request: of the server, and of PostgreSQL. None where requests of several
    /// kinds were under way.
    pub cpu: Option<(f64, f64)>,
}

impl Point {
    pub fn of(engine: Engine, request: String, clients: usize, outcome: &Outcome, cpu: Option<(f64, f64)>) -> Self {
        let requests = count(outcome.in_time);
        let (p50, p99) = (outcome.percentile(0.5), outcome.percentile(0.99));
        let cpu = cpu.map(|(server, database)| (server * 1e6 / requests, database * 1e6 / requests));
        Self { engine, request, clients, per_second: outcome.per_second(), p50, p99, errors: outcome.errors, cpu }
    }

    /// The computing of the server and of PostgreSQL, as far as there is any.
    pub fn cpu_as_text(&self) -> (String, String) {
        match (self.cpu, self.engine) {
            (None, _) => (String::new(), String::new()),
            (Some((server, _)), Engine::Sqlite) => (format!("{server:.1}"), String::new()),
            (Some((server, database)), Engine::Postgres) => (format!("{server:.1}"), format!("{database:.1}")),
        }
    }

    pub fn to_json(&self) -> Value {
        json!({
            "database": self.engine.to_string(),
            "request": self.request,
            "clients": self.clients,
            "requests_per_second": self.per_second,
            "p50_ms": self.p50,
            "p99_ms": self.p99,
            "errors": self.errors,
            "server_us": self.cpu.map(|(server, _)| server),
            "postgres_us": self.cpu.map(|(_, database)| database),
        })
    }

    fn is_like(&self, other: &Self) -> bool {
        self.engine == other.engine && self.request == other.request && self.clients == other.clients
    }
}

/// One server's life, in one round.
pub struct Life {
    pub engine: Engine,
    /// Milliseconds from its start to its being ready, on a fresh database and on one that has been used.
    pub fresh: f64,
    pub existing: f64,
    /// MiB in memory: after the load, and at most.
    pub memory: f64,
    pub peak: f64,
}

/// The medians of points that are alike, in the order of their first round.
pub fn medians(points: &[Point]) -> Vec<Point> {
    let mut merged: Vec<Point> = Vec::new();
    for point in points {
        if merged.iter().any(|known| known.is_like(point)) {
            continue;
        }
        let alike: Vec<_> = points.iter().filter(|other| other.is_like(point)).collect();
        let of = |figure: fn(&Point) -> f64| median(alike.iter().map(|point| figure(point)));
        let cpu = |side: fn((f64, f64)) -> f64| median(alike.iter().filter_map(|point| point.cpu).map(side));
        merged.push(Point {
            engine: point.engine,
            request: point.request.clone(),
            clients: point.clients,
            per_second: of(|point| point.per_second),
            p50: of(|point| point.p50),
            p99: of(|point| point.p99),
            errors: alike.iter().map(|point| point.errors).sum(),
            cpu: point.cpu.map(|_| (cpu(|(server, _)| server), cpu(|(_, database)| database))),
        });
    }
    merged
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<_> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

pub fn print(points: &[Point], lives: &[Life]) {
    println!("\n| database | request | clients | requests/s | p50 ms | p99 ms | errors | server µs | PostgreSQL µs |");
    println!("|---|---|--:|--:|--:|--:|--:|--:|--:|");
    for point in points {
        let Point { engine, request, clients, per_second, p50, p99, errors, .. } = point;
        let (server, database) = point.cpu_as_text();
        println!(
            "| {engine} | {request} | {clients} | {per_second:.0} | {p50:.2} | {p99:.2} | {errors} | {server} | {database} |"
        );
    }
    println!("\n| database | ready, fresh: ms | ready, existing: ms | MiB after | MiB at most |");
    println!("|---|--:|--:|--:|--:|");
    for life in medians_of_lives(lives) {
        let Life { engine, fresh, existing, memory, peak } = life;
        println!("| {engine} | {fresh:.0} | {existing:.0} | {memory:.1} | {peak:.1} |");
    }
}

fn medians_of_lives(lives: &[Life]) -> Vec<Life> {
    let engines = [Engine::Sqlite, Engine::Postgres].into_iter();
    let engines = engines.filter(|engine| lives.iter().any(|life| life.engine == *engine));
    let of = |engine, figure: fn(&Life) -> f64| median(lives.iter().filter(|life| life.engine == engine).map(figure));
    let lives = engines.map(|engine| Life {
        engine,
        fresh: of(engine, |life| life.fresh),
        existing: of(engine, |life| life.existing),
        memory: of(engine, |life| life.memory),
        peak: of(engine, |life| life.peak),
    });
    lives.collect()
}

pub fn to_json(points: &[Point], lives: &[Life]) -> Value {
    let points = points.iter().map(Point::to_json);
    let lives = medians_of_lives(lives).into_iter().map(|life| {
        json!({
            "database": life.engine.to_string(),
            "ready_fresh_ms": life.fresh,
            "ready_existing_ms": life.existing,
            "memory_mib": life.memory,
            "peak_mib": life.peak,
        })
    });
    json!({"points": points.collect::<Vec<_>>(), "servers": lives.collect::<Vec<_>>()})
}
