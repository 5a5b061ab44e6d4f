//! What was measured of a route: in one round, and the medians of all rounds.

use serde_json::{Value, json};

use super::database::Engine;
use super::load_generator::{Outcome, count};

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

/// The middle one, or none of the numbers if there is none.
pub fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<_> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
