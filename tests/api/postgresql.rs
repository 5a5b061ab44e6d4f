//! PostgreSQL as people have it: servers that speak another language (the tests' own speaks German where it can),
//! databases in an old encoding, URLs with parameters of other programs, and several hosts in one URL.

use actix_web::HttpResponse;
use actix_web::web::{self, Data, Path, ServiceConfig};
use diesel::connection::SimpleConnection;
use diesel::{RunQueryDsl, sql_query};
use kennel::db::{Conn, Db};
use kennel::problem::Problem;
use serde_json::json;

use crate::start::refused;
use crate::support::park::{Keeper, Park};
use crate::support::process::Program;
use crate::support::{App, Database, Engine, Sentence, postgres, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_deadlock_is_run_again_whatever_language_tells_of_it,
        a_lock_that_is_waited_for_in_vain_is_503_in_any_language,
        a_database_that_is_not_in_utf_8_is_refused_at_start_in_one_line,
        a_parameter_that_libpq_refuses_is_refused_at_start_by_name,
        the_second_host_of_a_url_serves_while_the_first_is_not_there,
    ]
}

fn routes(config: &mut ServiceConfig) {
    config.route("/test/touch-both/{park}", web::get().to(touch_both));
}

/// Touches the newest user, waits in the park, and touches the oldest.
async fn touch_both(park: Path<String>, db: Data<Db>) -> Result<HttpResponse, Problem> {
    let park = Park::named(&park);
    let touch = move |conn: &mut Conn| {
        sql_query("UPDATE users SET version = version + 1 WHERE id = (SELECT max(id) FROM users)").execute(conn)?;
        park.wait();
        sql_query("UPDATE users SET version = version + 1 WHERE id = (SELECT min(id) FROM users)").execute(conn)?;
        Ok(())
    };
    db.write(touch).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn a_deadlock_is_run_again_whatever_language_tells_of_it(database: &Database) {
    if database.engine == Engine::Sqlite {
        return;
    }
    let app = App::with(Database::fresh(database.engine), &[], routes);
    for name in ["alice", "bob"] {
        app.sign_in(name);
    }
    let name = format!("deadlock-{}", app.address.port());
    let park = Keeper(Park::named(&name));
    let versions = || app.database.texts("SELECT version::text AS value FROM users ORDER BY id");
    let before = versions();
    let mut somebody = postgres::connect(&app.database.url());
    // Who looks for a deadlock first is the one that it ends.
    somebody
        .batch_execute(
            "SET deadlock_timeout = '1h'; BEGIN; \
             UPDATE users SET version = version + 1 WHERE id = (SELECT min(id) FROM users)",
        )
        .expect("the oldest is locked");
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| app.anon().get(&format!("/test/touch-both/{name}")).expect(204));
        park.0.until_came(1);
        park.0.open();
        somebody
            .batch_execute("UPDATE users SET version = version + 1 WHERE id = (SELECT max(id) FROM users); COMMIT")
            .expect("the server gives way");
        drop(asked.join().expect("it is answered"));
    });
    let raised: Vec<_> =
        before.iter().map(|version| (version.parse::<i64>().expect("a number") + 2).to_string()).collect();
    assert_eq!(versions(), raised);
}

fn a_lock_that_is_waited_for_in_vain_is_503_in_any_language(app: &App) {
    if app.engine == Engine::Sqlite {
        return;
    }
    let alice = app.sign_in("alice");
    let mut somebody = postgres::connect(&app.database.url());
    somebody.batch_execute("BEGIN; LOCK TABLE owners IN ACCESS EXCLUSIVE MODE").expect("the lock is taken");
    for answer in [
        alice.post("/dogowner/owners", &json!({"name": "Ann"})),
        alice.ask("POST", "/dogowner/owners", &[("Idempotency-Key", "once")], Some(&json!({"name": "Ann"}))),
        alice.get("/dogowner/owners"),
    ] {
        answer.expect(503).problem("overloaded");
    }
    somebody.batch_execute("COMMIT").expect("the lock is given back");
    alice.owner("Ann");
    assert_eq!(app.database.count("owners"), 1);
}

fn a_database_that_is_not_in_utf_8_is_refused_at_start_in_one_line(database: &Database) {
    if database.engine == Engine::Sqlite {
        return;
    }
    for encoding in ["LATIN1", "SQL_ASCII"] {
        let old = format!("kennel_in_{}_{}", encoding.to_lowercase(), database.own_part_of_the_url());
        let cluster = postgres::cluster();
        let create = format!("CREATE DATABASE {old} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0");
        cluster.administer(&create).expect("a database is made");
        let ended = Program::on(database).set("DATABASE_URL", &cluster.url(&old)).run();
        cluster.drop_database(&old);
        refused(&ended, &[&old, encoding, "ENCODING 'UTF8'"]);
    }
}

fn a_parameter_that_libpq_refuses_is_refused_at_start_by_name(database: &Database) {
    if database.engine == Engine::Sqlite {
        return;
    }
    for (parameter, words) in [
        ("schema=public", ["schema", "search_path"]),
        ("pgbouncer=true", ["pgbouncer", "Leave it out"]),
        ("connection_limit=3", ["connection_limit", "DATABASE_POOL_SIZE"]),
        ("sslmode=maybe", ["sslmode", "Give sslmode a value"]),
        ("keepalives_count=few", ["keepalives_count", "Give keepalives_count a value"]),
    ] {
        let url = format!("{}?{parameter}", database.url());
        refused(&Program::on(database).set("DATABASE_URL", &url).run(), &words);
    }
}

fn the_second_host_of_a_url_serves_while_the_first_is_not_there(database: &Database) {
    if database.engine == Engine::Sqlite {
        return;
    }
    let (nobody, port) = (postgres::free_port().expect("a free port"), postgres::cluster().port());
    let (_, name) =
        database.url().rsplit_once('/').map(|(url, name)| (url.to_owned(), name.to_owned())).expect("a path");
    for url in [
        format!("postgres://kennel@127.0.0.1:{nobody},127.0.0.1:{port}/{name}?target_session_attrs=read-write"),
        format!("postgres://kennel@/{name}?host=127.0.0.1,127.0.0.1&port={nobody},{port}"),
    ] {
        let server = Program::on(database).set("DATABASE_URL", &url).serve();
        server.anon().get("/health/ready").expect(200);
        assert_eq!(server.stop("TERM").code, Some(0));
    }
}
