//! A panic is our fault, and it is answered: 500, and the next request is as good as any, whatever thread it was
//! on. So is a disk that is full: 503, until there is room again.

use std::thread;

use actix_web::HttpResponse;
use actix_web::web::{self, Data, ServiceConfig};
use diesel::Connection as _;
use diesel::connection::SimpleConnection;
use kennel::auth::passwords::hasher::Hasher;
use kennel::db::Db;
use kennel::problem::Problem;
use serde_json::json;

use crate::support::sentence::ON_PURPOSE;
use crate::support::{App, Database, Engine, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_panic_anywhere_is_a_500_and_the_next_request_is_fine,
        a_write_that_panics_leaves_nothing_behind,
        a_write_that_panics_takes_no_other_write_with_it,
        a_full_disk_is_503_and_passes_by_itself,
    ]
}

fn routes(config: &mut ServiceConfig) {
    config
        .route("/test/handler", web::get().to(in_a_handler))
        .route("/test/read", web::get().to(in_a_read))
        .route("/test/write", web::get().to(in_a_write))
        .route("/test/transaction", web::get().to(in_a_transaction))
        .route("/test/fill", web::get().to(fill_the_disk))
        .route("/test/hash", web::get().to(in_a_hash));
}

async fn in_a_handler() -> HttpResponse {
    panic!("{ON_PURPOSE}")
}

async fn in_a_read(db: Data<Db>) -> Result<HttpResponse, Problem> {
    db.read::<(), _>(|_| panic!("{ON_PURPOSE}")).await?;
    Ok(HttpResponse::Ok().finish())
}

async fn in_a_write(db: Data<Db>) -> Result<HttpResponse, Problem> {
    let write = |conn: &mut kennel::db::Conn| {
        conn.batch_execute("UPDATE owners SET name = 'half done'")?;
        panic!("{ON_PURPOSE}")
    };
    db.write::<(), _>(write).await?;
    Ok(HttpResponse::Ok().finish())
}

async fn in_a_transaction(db: Data<Db>) -> Result<HttpResponse, Problem> {
    let write = |conn: &mut kennel::db::Conn| {
        conn.transaction(|conn| {
            conn.batch_execute("UPDATE owners SET name = 'half done'")?;
            panic!("{ON_PURPOSE}")
        })
    };
    db.write::<(), _>(write).await?;
    Ok(HttpResponse::Ok().finish())
}

async fn in_a_hash(hasher: Data<Hasher>) -> Result<HttpResponse, Problem> {
    hasher.run::<()>(|| panic!("{ON_PURPOSE}")).await?;
    Ok(HttpResponse::Ok().finish())
}

/// From now on the writer's connection has no room for a page more. (SQLite alone can be told so.)
async fn fill_the_disk(db: Data<Db>) -> Result<HttpResponse, Problem> {
    db.write(|conn| Ok(conn.batch_execute("PRAGMA max_page_count = 1")?)).await?;
    Ok(HttpResponse::NoContent().finish())
}

const PLACES: [&str; 5] = ["/test/handler", "/test/read", "/test/write", "/test/transaction", "/test/hash"];

fn a_panic_anywhere_is_a_500_and_the_next_request_is_fine(database: &Database) {
    let app = App::with(Database::fresh(database.engine), &[], routes);
    let alice = app.sign_in("alice");
    let mut owners = Vec::new();
    for place in PLACES {
        // Often enough that every thread of each kind has had its turn.
        for _ in 0..12 {
            let answer = app.anon().get(place).expect(500).problem("internal-error");
            assert!(!String::from_utf8_lossy(&answer.body).contains(ON_PURPOSE), "{answer}");
        }
        owners.push(alice.owner("Ann"));
        assert_eq!(alice.get("/dogowner/owners").expect(200).ids(), owners);
        app.log_in("alice");
    }
}

fn a_write_that_panics_leaves_nothing_behind(database: &Database) {
    let app = App::with(Database::fresh(database.engine), &[], routes);
    let alice = app.sign_in("alice");
    alice.owner("Ann");
    let before = app.database.rows();
    for place in ["/test/write", "/test/transaction"] {
        app.anon().get(place).expect(500);
        assert_eq!(app.database.rows(), before);
    }
}

fn a_write_that_panics_takes_no_other_write_with_it(database: &Database) {
    let app = App::with(Database::fresh(database.engine), &[], routes);
    let alice = app.sign_in("alice");
    let written: usize = thread::scope(|scope| {
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                let (app, alice) = (&app, &alice);
                scope.spawn(move || {
                    let mut written = 0;
                    for round in 0..20 {
                        if writer % 4 == 0 {
                            let place = if round % 2 == 0 { "/test/write" } else { "/test/transaction" };
                            app.anon().get(place).expect(500);
                        } else {
                            let name = json!({"name": format!("{writer} in round {round}")});
                            alice.post("/dogowner/owners", &name).expect(201);
                            written += 1;
                        }
                    }
                    written
                })
            })
            .collect();
        writers.into_iter().map(|writer| writer.join().expect("a writer ends")).sum()
    });
    assert_eq!(app.database.count("owners"), i64::try_from(written).expect("a small number"));
    assert_eq!(app.database.count("owners WHERE name = 'half done'"), 0);
}

fn a_full_disk_is_503_and_passes_by_itself(database: &Database) {
    if database.engine == Engine::Postgres {
        return;
    }
    let app = App::with(Database::fresh(database.engine), &[], routes);
    let alice = app.sign_in("alice");
    let first = alice.owner("Ann");
    app.anon().get("/test/fill").expect(204);
    // What is in the file already has room for a few rows more, but not for a thousand.
    let long = json!({"name": "n".repeat(255)});
    let refused = (0..1000).map(|_| alice.post("/dogowner/owners", &long)).find(|answer| answer.status != 201);
    refused.expect("there is no more room").expect(503).problem("unavailable");
    // The connection was given up with its limit; reading was possible all the while.
    assert_eq!(alice.get("/dogowner/owners?limit=1").expect(200).ids(), [first]);
    alice.owner("Bea");
}
