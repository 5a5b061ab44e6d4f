//! More work than there is capacity: who cannot be served soon is told so at once, and when it is over it is over.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::thread;

use actix_web::web::{self, Data, Path, ServiceConfig};
use actix_web::{HttpResponse, rt};
use kennel::auth::passwords::hasher::Hasher;
use kennel::db::Db;
use kennel::workers::Flow;
use serde_json::json;

use crate::support::client::Client;
use crate::support::park::{Keeper, Park};
use crate::support::{Answer, App, Database, PASSWORD, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        with_the_readers_flooded_reads_are_503_and_afterwards_all_is_well,
        with_the_writers_flooded_reads_go_on,
        with_the_hashers_flooded_logins_are_503_and_everything_else_goes_on,
        a_login_with_an_unknown_name_takes_a_hash_like_any_other,
        a_new_password_is_judged_while_every_hash_thread_is_busy,
        a_caller_whose_reads_wait_keeps_room_for_everybody_elses,
        a_caller_whose_writes_wait_keeps_room_for_everybody_elses,
        a_caller_whose_hashes_wait_keeps_room_for_everybody_elses,
    ]
}

/// More jobs than any queue of the server takes.
const FLOOD: usize = 10_000;

type Job = Pin<Box<dyn Future<Output = ()>>>;

fn routes(config: &mut ServiceConfig) {
    config.route("/test/flood/{what}/{by}/{park}", web::get().to(flood));
}

/// Starts so many jobs that the last ones find the queue full, or as much of it as one caller may fill; nobody waits for
/// their ends.
async fn flood(path: Path<(String, String, String)>, db: Data<Db>, hasher: Data<Hasher>) -> HttpResponse {
    let (what, by, park) = path.into_inner();
    let park = Park::named(&park);
    let job = |number: usize| -> Job {
        let job = parked(&what, &db, &hasher, Arc::clone(&park));
        let number = i64::try_from(number).expect("not so many");
        if by == "many" { Box::pin(Flow::User(-1 - number).scope(job)) } else { job }
    };
    let mut jobs: Vec<Job> = (0..FLOOD).map(job).collect();
    poll_fn(|context| {
        jobs.retain_mut(|job| job.as_mut().poll(context).is_pending());
        Poll::Ready(())
    })
    .await;
    drop(rt::spawn(async move {
        for job in jobs {
            job.await;
        }
    }));
    HttpResponse::NoContent().finish()
}

/// A job that waits in the park, on a thread of those that are named.
fn parked(what: &str, db: &Data<Db>, hasher: &Data<Hasher>, park: Arc<Park>) -> Job {
    let (db, hasher) = (Data::clone(db), Data::clone(hasher));
    let wait = move || {
        park.wait();
        Ok(())
    };
    match what {
        "readers" => Box::pin(async move { drop(db.read(move |_| wait()).await) }),
        "writers" => Box::pin(async move { drop(db.write(move |_| wait()).await) }),
        _ => Box::pin(async move { drop(hasher.run(wait).await) }),
    }
}

/// The park comes last, so that it is opened before the server is waited for.
fn flooded(database: &Database, settings: &[(&str, &str)]) -> (App, Keeper) {
    let app = App::with_routes(Database::fresh(database.engine), settings, routes);
    let park = Park::named(&park_of(&app));
    (app, Keeper(park))
}

fn park_of(app: &App) -> String {
    format!("flood-{}", app.address.port())
}

/// A server with these settings whose hashers [`flood_hashers_now`] keeps busy.
pub fn with_floods(database: &Database, settings: &[(&str, &str)]) -> (App, Keeper) {
    flooded(database, settings)
}

pub fn flood_hashers_now(app: &App) {
    flood_now(app, "hashers", "many");
}

/// Keeps these threads busy, and fills their queue: as many callers, or as the one who asks.
pub fn flood_now(app: &App, what: &str, by: &str) {
    app.anon().get(&format!("/test/flood/{what}/{by}/{}", park_of(app))).expect(204);
}

fn with_the_readers_flooded_reads_are_503_and_afterwards_all_is_well(database: &Database) {
    let (app, park) = flooded(database, &[]);
    let alice = app.sign_in("alice");
    flood_now(&app, "readers", "many");
    for path in ["/dogowner/owners", "/me"] {
        let answer = alice.get(path).expect(503).problem("overloaded");
        assert_eq!(answer.header("retry-after"), "1");
    }
    app.anon().get("/health/live").expect(200);
    app.anon().get("/health/ready").expect(503);

    drop(park);
    park_is_empty(&app);
    alice.get("/me").expect(200);
    alice.owner("Ann");
    app.anon().get("/health/ready").expect(200);
}

fn with_the_writers_flooded_reads_go_on(database: &Database) {
    let (app, park) = flooded(database, &[]);
    let alice = app.sign_in("alice");
    flood_now(&app, "writers", "many");
    for _ in 0..20 {
        alice.get("/me").expect(200);
        alice.get("/dogowner/owners").expect(200);
    }
    app.anon().get("/health/ready").expect(200);
    drop(park);
    park_is_empty(&app);
    alice.owner("Ann");
}

fn with_the_hashers_flooded_logins_are_503_and_everything_else_goes_on(database: &Database) {
    let (app, park) = with_floods(database, &[]);
    let alice = app.sign_in("alice");
    flood_hashers_now(&app);
    let login = json!({"username": "alice", "password": PASSWORD});
    app.anon().post("/auth/login", &login).expect(503).problem("overloaded");
    alice.get("/me").expect(200);
    alice.owner("Ann");
    app.anon().get("/health/ready").expect(200);

    drop(park);
    park_is_empty(&app);
    app.log_in("alice");
}

/// That the time is the same is measured by `benches/login_timing.rs`; this is why it is.
fn a_login_with_an_unknown_name_takes_a_hash_like_any_other(database: &Database) {
    let (app, _park) = with_floods(database, &[]);
    app.sign_in("alice");
    flood_hashers_now(&app);
    let log_in = |name: &str| {
        let wrong = json!({"username": name, "password": "not her password"});
        app.anon().post("/auth/login", &wrong).expect(503).problem("overloaded")
    };
    log_in("nobody").same_as(&log_in("alice"));
}

/// Waits until a request that needs every kind of thread gets through: the flood has run off.
fn park_is_empty(app: &App) {
    let login = json!({"username": "alice", "password": PASSWORD});
    let tries = (0..10_000).map(|_| app.anon().post("/auth/login", &login).status);
    assert!(tries.into_iter().any(|status| status == 200), "the server does not recover");
}

fn a_new_password_is_judged_while_every_hash_thread_is_busy(database: &Database) {
    let (app, _park) = with_floods(database, &[]);
    flood_hashers_now(&app);
    let sign_up = |password: &str| {
        app.anon().post("/auth/signup", &json!({"username": "bob", "email": "bob@example.com", "password": password}))
    };
    sign_up("iloveyou123").error("/password", "too_guessable");
    sign_up(PASSWORD).expect(503).problem("overloaded");
}

/// Fills what one caller may fill of a queue. What the same caller asks then is refused, and what somebody else asks waits
/// until the flood is over.
fn keeps_room(database: &Database, what: &str, ask: impl Fn(&Client) -> Answer + Sync) {
    let (app, park) = flooded(database, &[]);
    let elsewhere = app.from(1);
    flood_now(&app, what, "one");
    thread::scope(|scope| {
        let answer = scope.spawn(|| ask(&elsewhere));
        for _ in 0..5 {
            let refused = ask(&app).expect(429).problem("too-many-requests");
            assert_eq!(refused.header("retry-after"), "1");
            assert!(refused.text("detail").contains("waiting already"), "{refused}");
        }
        assert!(!answer.is_finished(), "every thread is busy");
        drop(park);
        let answer = answer.join().expect("an answer");
        assert!(answer.status < 300, "{answer}");
    });
    app.sign_up("alice");
    park_is_empty(&app);
}

fn a_caller_whose_reads_wait_keeps_room_for_everybody_elses(database: &Database) {
    keeps_room(database, "readers", |client| client.anon().get("/dogs"));
}

fn a_caller_whose_writes_wait_keeps_room_for_everybody_elses(database: &Database) {
    let forgotten = json!({"email": "nobody@example.com"});
    keeps_room(database, "writers", |client| client.anon().post("/auth/password/forgot", &forgotten));
}

fn a_caller_whose_hashes_wait_keeps_room_for_everybody_elses(database: &Database) {
    let bob = json!({"username": "bob", "email": "bob@example.com", "password": PASSWORD});
    keeps_room(database, "hashers", |client| client.anon().post("/auth/signup", &bob));
}
