//! More work than there is capacity: who cannot be served soon is told so at once, and when it is over it is over.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use actix_web::web::{self, Data, Path, ServiceConfig};
use actix_web::{HttpResponse, rt};
use kennel::auth::hasher::Hasher;
use kennel::db::Db;
use serde_json::json;

use crate::support::park::{Keeper, Park};
use crate::support::{App, Database, PASSWORD, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        with_the_readers_flooded_reads_are_503_and_afterwards_all_is_well,
        with_the_hashers_flooded_logins_are_503_and_everything_else_goes_on,
        a_login_with_an_unknown_name_takes_a_hash_like_any_other,
    ]
}

/// More jobs than any queue of the server takes.
const FLOOD: usize = 10_000;

type Job = Pin<Box<dyn Future<Output = ()>>>;

fn routes(config: &mut ServiceConfig) {
    config
        .route("/test/flood-readers/{park}", web::get().to(flood_readers))
        .route("/test/flood-hashers/{park}", web::get().to(flood_hashers));
}

async fn flood_readers(park: Path<String>, db: Data<Db>) -> HttpResponse {
    flood(&park, |park| Box::pin(park_a_reader(Data::clone(&db), park))).await
}

async fn park_a_reader(db: Data<Db>, park: Arc<Park>) {
    let parked = db.read(move |_| {
        park.wait();
        Ok(())
    });
    drop(parked.await);
}

async fn flood_hashers(park: Path<String>, hasher: Data<Hasher>) -> HttpResponse {
    flood(&park, |park| Box::pin(park_a_hasher(Data::clone(&hasher), park))).await
}

async fn park_a_hasher(hasher: Data<Hasher>, park: Arc<Park>) {
    let parked = hasher.run(move || {
        park.wait();
        Ok(())
    });
    drop(parked.await);
}

/// Starts so many jobs that the last ones find the queue full; nobody waits for their ends.
async fn flood(park: &str, job: impl Fn(Arc<Park>) -> Job) -> HttpResponse {
    let park = Park::named(park);
    let mut jobs: Vec<Job> = (0..FLOOD).map(|_| job(Arc::clone(&park))).collect();
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

/// The park comes last, so that it is opened before the server is waited for.
fn flooded(database: &Database, what: &str, settings: &[(&str, &str)]) -> (App, Keeper) {
    let app = App::with(Database::fresh(database.engine), settings, routes);
    let name = format!("{what}-{}", app.address.port());
    (app, Keeper(Park::named(&name)))
}

/// A server with these settings whose hashers [`flood_hashers_now`] keeps busy.
pub fn with_floods(database: &Database, settings: &[(&str, &str)]) -> (App, Keeper) {
    flooded(database, "flood-hashers", settings)
}

pub fn flood_hashers_now(app: &App) {
    flood_now(app, "flood-hashers");
}

fn flood_now(app: &App, what: &str) {
    app.anon().get(&format!("/test/{what}/{what}-{}", app.address.port())).expect(204);
}

fn with_the_readers_flooded_reads_are_503_and_afterwards_all_is_well(database: &Database) {
    let (app, park) = flooded(database, "flood-readers", &[]);
    let alice = app.sign_in("alice");
    flood_now(&app, "flood-readers");
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

fn with_the_hashers_flooded_logins_are_503_and_everything_else_goes_on(database: &Database) {
    let (app, park) = with_floods(database, &[]);
    let alice = app.sign_in("alice");
    flood_now(&app, "flood-hashers");
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
    flood_now(&app, "flood-hashers");
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
