//! A database that is unwell while its connections stay open: frozen, full, or no longer the primary. Whoever asks is
//! told so soon, reads go on where they can, and when it is over it is over.

use std::thread;
use std::time::Instant;

use actix_web::HttpResponse;
use actix_web::web::{self, Data, ServiceConfig};
use diesel::sql_types::Text;
use diesel::{RunQueryDsl, sql_query};
use kennel::db::{Conn, Db};
use kennel::problem::Problem;
use serde_json::json;

use super::lost_connections::cut_all;
use crate::support::client::PATIENCE;
use crate::support::passage::Passage;
use crate::support::process::Program;
use crate::support::{Answer, App, Database, Engine, Sentence, postgres, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_server_that_says_nothing_is_given_up_for_the_next_host,
        a_server_that_says_nothing_is_503_until_it_speaks,
        whoever_has_a_connection_serves_while_others_get_none,
        a_write_on_a_connection_that_turned_read_only_is_done_on_another,
        a_database_that_may_only_be_read_from_is_503_and_not_ready_until_it_may_be_written_to,
        a_commit_waits_for_the_disk_whatever_the_database_is_set_to,
        a_file_that_may_not_grow_is_503_and_not_ready_until_it_may,
    ]
}

fn routes(config: &mut ServiceConfig) {
    config.route("/test/turn-read-only", web::get().to(turn_read_only));
    config.route("/test/synchronous-commit", web::get().to(synchronous_commit));
}

/// Makes a connection of the server one that can only read, as a primary does that is taken down a peg.
async fn turn_read_only(db: Data<Db>) -> Result<HttpResponse, Problem> {
    db.read(|conn: &mut Conn| Ok(sql_query("SET default_transaction_read_only = on").execute(conn)?)).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn synchronous_commit(db: Data<Db>) -> Result<HttpResponse, Problem> {
    let ask = |conn: &mut Conn| {
        Ok(conn.one(diesel::select(diesel::dsl::sql::<Text>("current_setting('synchronous_commit')")))?)
    };
    let now: String = db.read(ask).await?;
    Ok(HttpResponse::Ok().json(now))
}

/// Asks until the answer has this status; until then it says that the database cannot serve just now, and when to ask
/// again.
fn until(status: u16, ask: impl Fn() -> Answer) -> Answer {
    let began = Instant::now();
    loop {
        let answer = ask();
        if answer.status == status {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "{answer}");
        assert_eq!(answer.expect(503).header("retry-after"), "1");
    }
}

/// Changes a setting that the database's next connections have.
fn alter(database: &Database, how: &str) {
    let alter = format!("ALTER DATABASE {} {how}", database.own_part_of_the_url());
    postgres::cluster().administer(&alter).expect("the database is altered");
}

/// A server that reaches its database by way of these ports.
fn by_way_of(ports: &[u16], settings: &[(&str, &str)]) -> App {
    let database = Database::fresh(Engine::Postgres);
    let hosts: Vec<_> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    let url = format!("postgres://kennel@{}/{}", hosts.join(","), database.own_part_of_the_url());
    let settings: Vec<_> = settings.iter().copied().chain([("DATABASE_URL", url.as_str())]).collect();
    App::with_routes(database, &settings, routes)
}

fn a_server_that_says_nothing_is_given_up_for_the_next_host(database: &Database) {
    if database.engine == Engine::Sqlite {
        return;
    }
    let there = postgres::cluster().port();
    let passage = Passage::to(there);
    let app = by_way_of(&[passage.port, there], &[]);
    let alice = app.sign_in("alice");
    passage.go_silent();
    until(200, || alice.get("/me"));
    until(201, || alice.post("/dogowner/owners", &json!({"name": "Ann"})));
    until(200, || app.anon().get("/health/ready"));
    assert_eq!(app.stopped(), Ok(()));
}

fn a_server_that_says_nothing_is_503_until_it_speaks(database: &Database) {
    if database.engine == Engine::Sqlite {
        return;
    }
    let passage = Passage::to(postgres::cluster().port());
    let app = by_way_of(&[passage.port], &[]);
    let alice = app.sign_in("alice");
    passage.go_silent();
    for _ in 0..3 {
        alice.get("/me").expect(503);
        alice.post("/dogowner/owners", &json!({"name": "Ann"})).expect(503);
    }
    app.anon().get("/health/ready").expect(503);
    app.anon().get("/health/live").expect(200);
    passage.speak();
    until(200, || alice.get("/me"));
    until(201, || alice.post("/dogowner/owners", &json!({"name": "Mia"})));
    app.anon().get("/health/ready").expect(200);
}

fn whoever_has_a_connection_serves_while_others_get_none(database: &Database) {
    if database.engine == Engine::Sqlite {
        return;
    }
    let passage = Passage::to(postgres::cluster().port());
    for (room, pool) in [(4, "8"), (1, "8"), (1, "1")] {
        passage.narrow_to(usize::MAX);
        let app = by_way_of(&[passage.port], &[("DATABASE_POOL_SIZE", pool)]);
        let alice = app.sign_in("alice");
        passage.narrow_to(room);
        until(200, || alice.get("/me"));
        for number in 0..40 {
            alice.get("/me").expect(200);
            alice.owner(&number.to_string());
        }
    }
}

fn a_write_on_a_connection_that_turned_read_only_is_done_on_another(database: &Database) {
    if database.engine == Engine::Sqlite {
        return;
    }
    let app = App::with_routes(Database::fresh(database.engine), &[("DATABASE_POOL_SIZE", "1")], routes);
    let alice = app.sign_in("alice");
    let owner = format!("/dogowner/owners/{}", alice.owner("Ann"));
    let turn = || app.anon().get("/test/turn-read-only").expect(204);
    drop(turn());
    alice.owner("Mia");
    drop(turn());
    alice.patch(&owner, &json!({"name": "Zoe"})).expect(200);
    drop(turn());
    app.anon().get("/health/ready").expect(200);
    drop(turn());
    alice.get(&owner).expect(200);
    alice.delete(&owner).expect(204);
    assert_eq!(app.database.texts("SELECT name AS value FROM owners"), ["Mia"]);
}

fn a_database_that_may_only_be_read_from_is_503_and_not_ready_until_it_may_be_written_to(app: &App) {
    if app.engine == Engine::Sqlite {
        return;
    }
    let alice = app.sign_in("alice");
    alter(&app.database, "SET default_transaction_read_only = on");
    cut_all(&app.database);
    until(503, || alice.post("/dogowner/owners", &json!({"name": "Ann"})));
    until(503, || app.anon().get("/health/ready"));
    alter(&app.database, "RESET default_transaction_read_only");
    until(201, || alice.post("/dogowner/owners", &json!({"name": "Mia"})));
    until(200, || app.anon().get("/health/ready"));
    assert_eq!(app.database.texts("SELECT name AS value FROM owners"), ["Mia"]);
}

fn a_commit_waits_for_the_disk_whatever_the_database_is_set_to(database: &Database) {
    if database.engine == Engine::Sqlite {
        return;
    }
    for (set, used) in [("off", "on"), ("remote_apply", "remote_apply"), ("local", "local")] {
        let database = Database::fresh(database.engine);
        alter(&database, &format!("SET synchronous_commit = {set}"));
        let app = App::with_routes(database, &[], routes);
        assert_eq!(app.anon().get("/test/synchronous-commit").expect(200).json, used);
    }
}

fn a_file_that_may_not_grow_is_503_and_not_ready_until_it_may(database: &Database) {
    if database.engine == Engine::Postgres {
        return;
    }
    let server = Program::on(database).serve();
    let alice = server.sign_in("alice");
    for writers in [1, 8] {
        server.limit_files("1");
        thread::scope(|scope| {
            for _ in 0..writers {
                scope.spawn(|| alice.post("/dogowner/owners", &json!({"name": "Ann"})).expect(503));
            }
        });
        for _ in 0..3 {
            server.anon().get("/health/ready").expect(503);
            alice.get("/dogowner/owners").expect(200);
            // Nothing is written here, so that nothing fails; this says nothing of the disk.
            alice.delete("/dogowner/owners/999999").expect(404);
        }
        server.limit_files("unlimited");
        until(200, || server.anon().get("/health/ready"));
        alice.owner("Mia");
    }
    assert_eq!(database.texts("SELECT name AS value FROM owners"), ["Mia", "Mia"]);
}
