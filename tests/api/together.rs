//! Writes that come at one moment: SQLite commits them together, and each stands or falls by itself all the same.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::thread;

use actix_web::HttpResponse;
use actix_web::web::{self, Data, Json, Path, ServiceConfig};
use diesel::Connection as _;
use diesel::connection::SimpleConnection;
use kennel::db::{Conn, Db};
use kennel::problem::{Kind, Problem};
use serde_json::{Value, json};

use crate::support::park::{Keeper, Park};
use crate::support::recorder::Recorder;
use crate::support::sentence::ON_PURPOSE;
use crate::support::walk::NEVER;
use crate::support::{Actor, Answer, App, Database, Engine, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        of_writes_that_are_committed_together_each_failure_undoes_itself_alone,
        of_many_requests_at_one_moment_each_does_all_of_its_own_once_or_nothing,
    ]
}

fn routes(config: &mut ServiceConfig) {
    config
        .route("/test/park/{park}", web::get().to(park_a_writer))
        .route("/test/plan/{park}/{plan}", web::get().to(carry_out))
        .route("/test/panic", web::get().to(panic_in_a_write));
}

async fn park_a_writer(park: Path<String>, db: Data<Db>) -> Result<HttpResponse, Problem> {
    let park = Park::named(&park);
    let wait = move |_: &mut Conn| {
        park.wait();
        Ok(())
    };
    db.write(wait).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn panic_in_a_write(db: Data<Db>) -> Result<HttpResponse, Problem> {
    db.write(|conn| step(conn, "UPDATE owners SET name = 'half done'", 'p')).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Runs a statement, and then succeeds, or fails in one way or another.
fn step(conn: &mut Conn, statement: &str, how: char) -> Result<(), Problem> {
    conn.batch_execute(statement)?;
    match how {
        'f' => Err(Problem::new(Kind::NotFound)),
        // There is no such user.
        'b' => Ok(conn.batch_execute("UPDATE owners SET user_id = 4711")?),
        'p' => panic!("{ON_PURPOSE}"),
        't' => conn.transaction(|conn| step(conn, statement, 'p')),
        _ => Ok(()),
    }
}

/// For each letter of the plan a write to the owner of its number. All of them are in the queue before the park is
/// opened. Tells which succeeded, and how often each was run.
async fn carry_out(asked: Path<(String, String)>, db: Data<Db>) -> Json<Value> {
    let (park, plan) = asked.into_inner();
    let runs: Vec<_> = plan.chars().map(|_| Arc::new(AtomicUsize::new(0))).collect();
    let mut writes: Vec<Pin<Box<dyn Future<Output = bool>>>> = Vec::new();
    for ((number, how), run) in plan.char_indices().zip(&runs) {
        let (db, run) = (Data::clone(&db), Arc::clone(run));
        let write = move |conn: &mut Conn| {
            run.fetch_add(1, Ordering::Relaxed);
            step(conn, &format!("UPDATE owners SET version = version + 1 WHERE name = '{number}'"), how)
        };
        writes.push(Box::pin(async move { db.write(write).await.is_ok() }));
    }
    let mut done = vec![None; writes.len()];
    poll_fn(|context| {
        for (write, done) in writes.iter_mut().zip(&mut done).filter(|(_, done)| done.is_none()) {
            if let Poll::Ready(outcome) = write.as_mut().poll(context) {
                *done = Some(outcome);
            }
        }
        Park::named(&park).open();
        if done.contains(&None) { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    let runs: Vec<_> = runs.iter().map(|run| run.load(Ordering::Relaxed)).collect();
    Json(json!({"done": done, "runs": runs}))
}

/// Does `work` while a writer is held up by the park of this name. (SQLite has no other.)
fn behind_a_parked_writer<T>(app: &App, park: &str, work: impl FnOnce(&Park) -> T) -> T {
    thread::scope(|scope| {
        let keeper = Keeper(Park::named(park));
        scope.spawn(|| app.anon().get(&format!("/test/park/{park}")).expect(204));
        keeper.0.until_came(1);
        work(&keeper.0)
    })
}

fn of_writes_that_are_committed_together_each_failure_undoes_itself_alone(scene: &Database) {
    let app = App::with(Database::fresh(scene.engine), &[], routes);
    let alice = app.sign_in("alice");
    let together = app.engine == Engine::Sqlite;
    for plan in ["s", "f", "p", "ssss", "fsss", "ssfs", "sssb", "spss", "ssst", "tfsp", "sfsbspsts", "ffff", "pppp"] {
        app.database.execute("DELETE FROM owners").expect("they go");
        for number in 0..plan.len() {
            alice.owner(&number.to_string());
        }
        let park = format!("plan-{plan}-{}", app.address.port());
        let ask = |_: &Park| app.anon().get(&format!("/test/plan/{park}/{plan}")).expect(200);
        let answer = behind_a_parked_writer(&app, &park, ask);

        let succeed: Vec<_> = plan.chars().map(|how| how == 's').collect();
        assert_eq!(answer.json["done"], json!(succeed), "{plan}");
        let versions = app.database.texts("SELECT CAST(version AS TEXT) AS value FROM owners ORDER BY name");
        let once = succeed.iter().map(|succeeds| if *succeeds { "2" } else { "1" });
        assert_eq!(versions, once.collect::<Vec<_>>(), "{plan}");

        let first_failure = succeed.iter().position(|succeeds| !succeeds).filter(|_| together && plan.len() > 1);
        let runs = (0..plan.len()).map(|number| if first_failure.is_some_and(|first| number <= first) { 2 } else { 1 });
        assert_eq!(answer.json["runs"], json!(runs.collect::<Vec<_>>()), "{plan}");
    }
}

/// One of many requests; `own` is an owner that no other request writes to, and `held` one who has a dog.
fn ask(alice: &Actor<'_>, name: &str, kind: usize, own: i64, held: i64) -> Answer {
    let (body, path) = (json!({ "name": name }), format!("/dogowner/owners/{own}"));
    match kind {
        0 => alice.post("/dogowner/owners", &body).expect(201),
        1 => alice.ask("POST", "/dogowner/owners", &[("Idempotency-Key", name)], Some(&body)).expect(201),
        2 => alice.post("/dogowner/dogs", &json!({"name": name, "owner_id": own, "co_owner_ids": [held]})).expect(201),
        3 => alice.patch(&path, &body).expect(200),
        4 => alice.ask("PATCH", &path, &[("If-Match", "\"4711\"")], Some(&body)).expect(412),
        5 => alice.delete(&format!("/dogowner/owners/{held}")).expect(409).problem("owner-has-dogs"),
        6 => alice.patch(&format!("/dogowner/owners/{NEVER}"), &body).expect(404),
        7 => alice.post("/dogowner/dogs", &json!({"name": name, "owner_id": NEVER})).expect(422),
        // The dog is there before it is known that its co-owner is not.
        8 => alice.post("/dogowner/dogs", &json!({"name": name, "owner_id": own, "co_owner_ids": [NEVER]})).expect(422),
        _ => alice.get("/test/panic").expect(500),
    }
}

const KINDS: usize = 10;
/// Those that go through the gate.
const GATED: usize = 9;

fn of_many_requests_at_one_moment_each_does_all_of_its_own_once_or_nothing(scene: &Database) {
    let database = Database::fresh(scene.engine);
    let recorder = Recorder::on(&database);
    let app = App::with(database, &[], routes);
    let alice = &app.sign_in("alice");
    let held = alice.owner("Holly");
    alice.dog("Ivy", held);
    let (mut owners, mut dogs) = (vec!["Holly".to_owned()], vec!["Ivy".to_owned()]);
    for round in 0..4 {
        let own: Vec<_> = (0..3 * KINDS).map(|number| alice.owner(&format!("own-{round}-{number}"))).collect();
        drop(recorder.take());
        behind_a_parked_writer(&app, &format!("many-{round}-{}", app.address.port()), |park| {
            thread::scope(|scope| {
                for (number, own) in own.iter().enumerate() {
                    scope.spawn(move || ask(alice, &format!("new-{round}-{number}"), number % KINDS, *own, held));
                }
                let mut gates = 0;
                let let_in = (0..10_000).any(|_| {
                    app.anon().get("/health/live").expect(200);
                    gates += recorder.take().iter().filter(|query| query.contains("sessions")).count();
                    gates >= 3 * GATED
                });
                assert!(let_in, "{gates} are behind the gate");
                park.open();
            });
        });
        for (number, id) in own.iter().enumerate() {
            let kind = number % KINDS;
            owners.extend((kind < 2).then(|| format!("new-{round}-{number}")));
            dogs.extend((kind == 2).then(|| format!("new-{round}-{number}")));
            let is_renamed = kind == 3;
            owners.push(format!("{}-{round}-{number}", if is_renamed { "new" } else { "own" }));
            let version = app.database.count(&format!("owners WHERE id = {id} AND version = 2"));
            assert_eq!(version, i64::from(is_renamed), "{round}-{number}");
        }
    }
    for (table, mut names) in [("owners", owners), ("dogs", dogs)] {
        names.sort();
        let mut there = app.database.texts(&format!("SELECT name AS value FROM {table}"));
        there.sort();
        assert_eq!(there, names);
    }
    assert_eq!(app.database.count("dog_co_owners"), app.database.count("dogs") - 1);
    crate::crowds::hold(&app);
}
