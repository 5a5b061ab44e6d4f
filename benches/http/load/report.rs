//! What the load mode found, as Markdown and as JSON.

use serde_json::{Value, json};

use crate::database::Engine;
use crate::points::{Point, median};

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
