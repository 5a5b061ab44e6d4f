//! The counted budget: what a request costs in things that can be counted, which are the same on a busy machine as on
//! a quiet one. One connection, one request after the other, under callgrind.

mod budgets;
mod callgrind;

use std::path::{Path, PathBuf};

use budgets::{BUDGETS, Budget};
use callgrind::{Dump, Dumps};

use super::client::{Connection, Result};
use super::database::{Cluster, Database, Engine};
use super::process;
use super::routes::{self, Route};
use super::server::{Plan, Server};

/// Who asks the C library for memory; and other allocators, should there be one.
const ALLOCATIONS: [&str; 10] = [
    "malloc",
    "calloc",
    "realloc",
    "posix_memalign",
    "aligned_alloc",
    "memalign",
    "mi_malloc_aligned",
    "mi_zalloc_aligned",
    "mi_realloc_aligned",
    "mi_malloc",
];
/// Each run of a statement in SQLite ends here once; in PostgreSQL each is a call of libpq and a way there and back.
const STATEMENTS: [&str; 8] = [
    "sqlite3VdbeHalt",
    "PQexec",
    "PQexecParams",
    "PQexecPrepared",
    "PQsendQuery",
    "PQsendQueryParams",
    "PQsendQueryPrepared",
    "PQsendPrepare",
];
/// Text of SQL that was read by SQLite, or sent to PostgreSQL to be prepared.
const PREPARATIONS: [&str; 3] = ["sqlite3RunParser", "PQprepare", "PQsendPrepare"];

/// Requests that are counted; enough for what happens only now and then.
const REQUESTS: u64 = 200;
const WARM_UP: u64 = 60;
/// A login takes half a second under callgrind. With fewer, what the server does by itself now and then would count.
const LOGINS: u64 = 20;

/// How far above its measure a budget is set, and how far below it a measure is worth a lower one, in hundredths.
const HEADROOM: u64 = 105;
const HINT: u64 = 85;

/// The request that is counted once more with what an operator sees of it: its line in the log, and metrics.
const OBSERVED: &str = "me";
/// The instructions that this may add: what was measured, 6,700, and what either count scatters by. Most of them write
/// the line; in time they were 2.5 µs, where the whole request was 48.
const OBSERVING: u64 = 8_000;

/// What one request costs.
struct Cost {
    engine: Engine,
    route: &'static str,
    instructions: u64,
    allocations: u64,
    statements: u64,
    preparations: u64,
    file: PathBuf,
}

impl Cost {
    fn of(engine: Engine, route: &Route, requests: u64, dump: &Dump, file: PathBuf) -> Self {
        let each = |count: u64| (count + requests / 2) / requests;
        // A login does little else than hash, on purpose.
        let hash = if route.key == "login" { dump.instructions_within("argon2") } else { 0 };
        Self {
            engine,
            route: route.key,
            instructions: each(dump.instructions - hash),
            allocations: each(dump.calls(&ALLOCATIONS)),
            statements: each(dump.calls(&STATEMENTS)),
            preparations: each(dump.calls(&PREPARATIONS)),
            file,
        }
    }
}

/// Counts on these databases, so many times, and compares with the budgets. Tells whether all are kept.
pub fn run(program: &Path, engines: &[Engine], keys: &[String], rounds: usize) -> Result<bool> {
    let mut costs = Vec::new();
    for engine in engines {
        for round in 0..rounds {
            eprintln!("counting on {engine}, {} of {rounds}", round + 1);
            costs.push(count(program, *engine, keys)?);
        }
    }
    print_table(&costs);
    let highest = highest(costs);
    let kept = highest.iter().filter(|cost| !is_within_budget(cost)).count() == 0;
    let is_cheap = engines.iter().filter(|engine| !is_observed_cheaply(**engine, &highest)).count() == 0;
    print_budgets(&highest);
    Ok(kept && is_cheap)
}

fn count(program: &Path, engine: Engine, keys: &[String]) -> Result<Vec<Cost>> {
    let cluster = (engine == Engine::Postgres).then(Cluster::start).transpose()?;
    let database = Database::fresh(cluster.as_ref())?;
    let plan = Plan { program, under: &[], home: database.home(), database: &database.url, settings: &[] };
    let filling = Server::start(&plan)?;
    let routes = routes::seed(filling.address)?;
    filling.stop()?;

    // One thread of each kind, so that what it has prepared is there for every request; and the usual limits of a book,
    // since to keep them costs something, too.
    let mut settings = vec![
        ("WORKERS", "1"),
        ("DATABASE_POOL_SIZE", "1"),
        ("MOST_OWNERS", "10000"),
        ("MOST_DOGS", "10000"),
        ("MOST_TASKS", "50000"),
    ];
    let wanted = routes.iter().filter(|route| keys.is_empty() || keys.iter().any(|key| key == route.key));
    let wanted: Vec<_> = wanted.collect();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("count-{engine}"));
    let mut costs = count_each(engine, &wanted, &Plan { settings: &settings, ..plan }, folder.clone())?;
    let observed: Vec<_> = wanted.into_iter().filter(|route| route.key == OBSERVED).collect();
    settings.extend([("METRICS_ADDR", "127.0.0.1:0"), ("LOG", "info"), ("LOG_FILE", "kennel.log")]);
    let plan = Plan { settings: &settings, ..plan };
    let observed = count_each(engine, &observed, &plan, folder.join("observed"))?;
    costs.extend(observed.into_iter().map(|cost| Cost { route: "me_observed", ..cost }));
    Ok(costs)
}

/// Counts these requests to one server.
fn count_each(engine: Engine, routes: &[&Route], plan: &Plan<'_>, folder: PathBuf) -> Result<Vec<Cost>> {
    let mut dumps = Dumps::into(folder)?;
    let server = Server::start(&Plan { under: &dumps.command(), ..*plan })?;
    let mut connection = Connection::open(server.address)?;
    let mut costs = Vec::new();
    for route in routes {
        let (warm_up, requests) = if route.key == "login" { (1, LOGINS) } else { (WARM_UP, REQUESTS) };
        send(&mut connection, &server, route, warm_up)?;
        dumps.zero(server.pid())?;
        send(&mut connection, &server, route, requests)?;
        let (dump, file) = dumps.take(server.pid(), route.key)?;
        costs.push(Cost::of(engine, route, requests, &dump, file));
    }
    drop(connection);
    server.stop()?;
    Ok(costs)
}

/// Each request finds a server that waits for it: one that comes while the last one is being finished costs less or
/// more, as it happens.
fn send(connection: &mut Connection, server: &Server, route: &Route, requests: u64) -> Result<()> {
    for (request, _) in route.requests.iter().cycle().zip(0..requests) {
        let status = connection.send(request)?.status;
        process::wait_until_idle(server.pid())?;
        if status != route.status {
            return Err(format!("{}: {status}", route.title).into());
        }
    }
    Ok(())
}

/// Each figure from the lowest to the highest of the rounds.
fn print_table(rounds: &[Vec<Cost>]) {
    println!("\n| database | request | instructions | scatter | allocations | statements | prepared |");
    println!("|---|---|--:|--:|--:|--:|--:|");
    let mut rest: Vec<&Cost> = rounds.iter().flatten().collect();
    while let Some(first) = rest.first().copied() {
        let (same, others) = rest.into_iter().partition(|cost| is_same(cost, first));
        rest = others;
        let spread = |figure: fn(&Cost) -> u64| {
            let figures = same.iter().copied().map(figure);
            (figures.clone().min().unwrap_or(0), figures.max().unwrap_or(0))
        };
        let text = |figure| {
            let (least, most) = spread(figure);
            if least == most { spaced(least) } else { format!("{} to {}", spaced(least), spaced(most)) }
        };
        let (least, most) = spread(|cost| cost.instructions);
        let tenths = (most - least) * 1000 / least.max(1);
        println!(
            "| {} | {} | {} | {}.{} % | {} | {} | {} |",
            first.engine,
            first.route,
            text(|cost| cost.instructions),
            tenths / 10,
            tenths % 10,
            text(|cost| cost.allocations),
            text(|cost| cost.statements),
            text(|cost| cost.preparations),
        );
    }
    println!();
}

fn is_same(a: &Cost, b: &Cost) -> bool {
    a.engine == b.engine && a.route == b.route
}

/// The highest figures of all rounds.
fn highest(rounds: Vec<Vec<Cost>>) -> Vec<Cost> {
    let mut highest: Vec<Cost> = Vec::new();
    for cost in rounds.into_iter().flatten() {
        let Some(known) = highest.iter_mut().find(|known| is_same(known, &cost)) else {
            highest.push(cost);
            continue;
        };
        known.instructions = known.instructions.max(cost.instructions);
        known.allocations = known.allocations.max(cost.allocations);
        known.statements = known.statements.max(cost.statements);
        known.preparations = known.preparations.max(cost.preparations);
    }
    highest
}

/// Whether the metrics and the line in the log add as little as they may.
fn is_observed_cheaply(engine: Engine, costs: &[Cost]) -> bool {
    let instructions = |route: &str| {
        let cost = costs.iter().find(|cost| cost.engine == engine && cost.route == route);
        cost.map(|cost| cost.instructions)
    };
    let (Some(plain), Some(observed)) = (instructions(OBSERVED), instructions("me_observed")) else { return true };
    let added = observed.saturating_sub(plain);
    println!("metrics and a line in the log add {} instructions to a request on {engine}", spaced(added));
    if added > OBSERVING {
        println!("OVER       these are {} at most", spaced(OBSERVING));
    }
    added <= OBSERVING
}

fn is_within_budget(cost: &Cost) -> bool {
    let is_of = |budget: &&Budget| budget.engine == cost.engine && budget.route == cost.route;
    let name = format!("{} on {}", cost.route, cost.engine);
    let Some(budget) = BUDGETS.iter().find(is_of) else {
        println!("NO BUDGET  {name} has none in benches/http/count/budgets.rs");
        return false;
    };
    let mut kept = true;
    for (what, is, may_be) in [
        ("instructions", cost.instructions, budget.instructions),
        ("allocations", cost.allocations, budget.allocations),
    ] {
        if is > may_be {
            kept = false;
            println!("OVER       {name}: {} {what} a request, budget {}", spaced(is), spaced(may_be));
        } else if is * 100 < may_be * HINT {
            println!("lower it?  {name}: {} {what} a request, budget {}", spaced(is), spaced(may_be));
        }
    }
    for (what, is, must_be) in [
        ("statements", cost.statements, budget.statements),
        ("statements prepared anew", cost.preparations, budget.preparations),
    ] {
        if is != must_be {
            kept = false;
            println!("DIFFERENT  {name}: {is} {what} a request where {must_be} were agreed");
        }
    }
    if !kept {
        println!("           to see why: callgrind_annotate --inclusive=yes {} | less", cost.file.display());
    }
    kept
}

/// The table for `budgets.rs`.
fn print_budgets(costs: &[Cost]) {
    println!("\nThe measured figures as budgets, 5 % above, for benches/http/count/budgets.rs:\n");
    for cost in costs {
        let roomy = |figure: u64| (figure * HEADROOM).div_ceil(100);
        println!(
            "    of({:?}, {:?}, {}, {}, {}, {}),",
            cost.engine,
            cost.route,
            spaced(roomy(cost.instructions).div_ceil(100) * 100),
            spaced(roomy(cost.allocations)),
            cost.statements,
            cost.preparations,
        );
    }
}

/// As Rust writes it: 1_234_567.
fn spaced(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join("_")
}
