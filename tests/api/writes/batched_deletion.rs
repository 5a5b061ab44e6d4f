//! However much hangs on a row, no write touches it all at once: others get in between, and what was begun is ended.

use std::collections::BTreeSet;
use std::thread;

use serde_json::json;

use crate::support::contract::contract;
use crate::support::invariants::hold;
use crate::support::process::Program;
use crate::support::touched::Touched;
use crate::support::walk::make_everything;
use crate::support::{Actor, App, Database, Engine, PASSWORD, Sentence, schema, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_profile_that_comes_or_goes_changes_no_dog,
        a_dog_with_very_many_tasks_is_deleted_in_pieces,
        an_owner_with_very_many_dogs_is_deleted_in_pieces,
        an_owner_who_shares_very_many_dogs_is_deleted_in_pieces,
        an_account_with_very_much_of_everything_is_deleted_in_pieces,
        what_may_not_be_deleted_loses_nothing_however_much_it_is,
        a_dog_that_comes_while_an_owner_of_very_many_goes_goes_too,
        an_account_is_gone_for_everybody_before_its_rows_are,
        what_a_deleted_account_left_behind_is_swept_when_the_server_starts,
    ]
}

/// Very many.
const MANY: usize = 1_200;
/// The most rows that one transaction touches: 250 and a few, with as many changes in the log.
const MOST: i64 = 550;

/// Fails unless the rows were touched by several transactions, each touching a few only.
#[track_caller]
fn in_pieces(touched: &Touched, rows: usize) {
    let transactions = touched.transactions();
    let all: i64 = transactions.iter().sum();
    assert!(all >= i64::try_from(rows).expect("few"), "{all} of {rows} rows were touched: {transactions:?}");
    assert!(
        transactions.iter().all(|touched| *touched <= MOST),
        "rows that each transaction touched: {transactions:?}"
    );
}

/// Very many numbers, as `n.i`.
fn numbers() -> String {
    format!("(WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY}) SELECT i FROM n) AS n")
}

/// Writes many rows into a table past the server; `i` counts them.
fn fill(database: &Database, into: &str, select: &str) {
    let statement =
        format!("INSERT INTO {into} SELECT {select} FROM users u, {} WHERE u.username = 'alice'", numbers());
    database.execute(&statement).unwrap_or_else(|error| panic!("{statement}\n{error}"));
}

const TIMES: &str = "u.created_at, u.created_at";

/// Makes very many of the row of alice's that came last into a table.
fn multiply(database: &Database, table: &str) {
    let columns = schema::columns(database).into_iter();
    let columns =
        columns.filter_map(|column| Some(column.strip_prefix(&format!("{table}."))?.split(' ').next()?.to_owned()));
    let columns: Vec<_> = columns.filter(|column| column != "id").collect();
    let row: Vec<_> = columns.iter().map(|column| format!("r.{column}")).collect();
    let hers = "user_id = (SELECT id FROM users WHERE username = 'alice')";
    let last = format!("(SELECT * FROM {table} WHERE {hers} ORDER BY id DESC LIMIT 1)");
    let statement = format!(
        "INSERT INTO {table} ({}) SELECT {} FROM {last} AS r, {}",
        columns.join(", "),
        row.join(", "),
        numbers()
    );
    database.execute(&statement).unwrap_or_else(|error| panic!("{statement}\n{error}"));
}

fn dogs(database: &Database, owner: i64) {
    let columns = "dogs (user_id, owner_id, name, name_key, created_at, updated_at)";
    fill(database, columns, &format!("u.id, {owner}, 'Rex', 'rex', {TIMES}"));
}

fn tasks(database: &Database, dog: &str) {
    let columns = "tasks (user_id, dog_id, name, name_key, completed, created_at, updated_at)";
    fill(database, columns, &format!("u.id, {dog}, 'Walk', 'walk', FALSE, {TIMES}"));
}

/// Makes an owner a co-owner of every dog of the book's other owners.
fn shares(database: &Database, owner: i64) {
    let all = format!(
        "INSERT INTO dog_co_owners (dog_id, owner_id, user_id) \
         SELECT d.id, o.id, o.user_id FROM owners o JOIN dogs d ON d.user_id = o.user_id AND d.owner_id <> o.id \
         WHERE o.id = {owner}"
    );
    database.execute(&all).expect("they are shared");
}

/// Very many rows in each table that has any of a user's.
fn everything(alice: &Actor<'_>, database: &Database) {
    make_everything(alice);
    for create in contract().creations() {
        multiply(database, create.path.rsplit('/').next().expect("a name"));
    }
    tasks(database, "NULL");
    shares(database, alice.owner("Mia"));
    let bytes = |digits: &str| match database.engine {
        Engine::Sqlite => format!("x'{digits}'"),
        Engine::Postgres => format!("'\\x{digits}'::bytea"),
    };
    let answer = format!("u.id, 'key-' || i, {0}, 201, '{{}}', {0}, u.created_at", bytes("00"));
    fill(database, "idempotency_keys (user_id, key, fingerprint, status, headers, body, created_at)", &answer);
    let session = format!("u.id, {}, {TIMES}, u.created_at", bytes(&"00".repeat(16)));
    fill(database, "sessions (user_id, refresh_salt, created_at, last_seen_at, expires_at)", &session);
    let change = "u.id, 1000000 + i, 1000000 + i, u.created_at, 'task', i, 'created', 1";
    fill(database, "changes (user_id, seq, batch, at, resource, row_id, action, version)", change);
    let mail = format!("u.id, 'verify', 'a@b.c', 'a@b.c', {TIMES}, u.created_at");
    let columns = "mails (user_id, kind, address, address_key, next_attempt_at, sent_at, created_at)";
    fill(database, columns, &mail);
}

/// The tables with rows of users, but for those that have few: one profile, one book's number, twenty API keys.
fn of_users(database: &Database) -> BTreeSet<String> {
    let columns = schema::columns(database);
    let tables = columns.iter().filter_map(|column| column.split_once(".user_id ").map(|(table, _)| table.to_owned()));
    tables.filter(|table| !["profiles", "books", "api_keys"].contains(&table.as_str())).collect()
}

fn a_profile_that_comes_or_goes_changes_no_dog(scene: &Database) {
    let touched = Touched::on(scene.engine);
    let app = &touched.app;
    let alice = app.sign_in("alice");
    dogs(&app.database, alice.owner("Ann"));
    let dogs = alice.get("/dogowner/dogs?limit=200").expect(200).ids();
    let versions = app.database.rows_of("dogs");
    for _ in 0..3 {
        touched.forget();
        alice.go_public();
        assert_eq!(app.anon().get("/dogs?limit=200").expect(200).ids(), dogs);
        assert_eq!(app.anon().get("/users/alice/dogs?limit=200").expect(200).ids(), dogs);
        app.anon().get(&format!("/dogs/{}", dogs[0])).expect(200);
        alice.delete("/me/profile").expect(204);
        assert_eq!(app.anon().get("/dogs").expect(200).json, json!([]));
        app.anon().get(&format!("/dogs/{}", dogs[0])).expect(404);
        app.anon().get("/users/alice/dogs").expect(404);
        let transactions = touched.transactions();
        assert!(transactions.iter().all(|rows| *rows <= 2), "the user's row and the profile: {transactions:?}");
        assert_eq!(transactions.len(), 2);
    }
    assert_eq!(app.database.rows_of("dogs"), versions);
}

fn a_dog_with_very_many_tasks_is_deleted_in_pieces(scene: &Database) {
    let touched = Touched::on(scene.engine);
    let app = &touched.app;
    let alice = app.sign_in("alice");
    let owner = alice.owner("Ann");
    let (rex, ivy) = (alice.dog("Rex", owner), alice.dog("Ivy", owner));
    tasks(&app.database, &rex.to_string());
    alice.post("/dogowner/tasks", &json!({"name": "Walk", "dog_id": ivy})).expect(201);
    let path = format!("/dogowner/dogs/{rex}");
    let etag = alice.get(&path).expect(200).etag().to_owned();
    touched.forget();
    alice.send("DELETE", &path, &[("If-Match", &etag)], None).expect(204);
    in_pieces(&touched, MANY + 1);
    alice.get(&path).expect(404);
    assert_eq!((app.database.count("tasks"), alice.get("/dogowner/dogs").ids()), (1, vec![ivy]));
    hold(app);
}

fn an_owner_with_very_many_dogs_is_deleted_in_pieces(scene: &Database) {
    let touched = Touched::on(scene.engine);
    let app = &touched.app;
    let alice = app.sign_in("alice");
    let (ann, mia) = (alice.owner("Ann"), alice.owner("Mia"));
    let dog = alice.dog("Rex", ann);
    dogs(&app.database, ann);
    shares(&app.database, mia);
    tasks(&app.database, &dog.to_string());
    let ivy = alice.dog("Ivy", mia);
    touched.forget();
    alice.delete(&format!("/dogowner/owners/{ann}?force=true")).expect(204);
    in_pieces(&touched, 3 * MANY);
    assert_eq!(alice.get("/dogowner/dogs").ids(), [ivy]);
    assert_eq!(alice.get("/dogowner/owners").ids(), [mia]);
    assert_eq!((app.database.count("tasks"), app.database.count("dog_co_owners")), (0, 0));
    hold(app);
}

fn an_owner_who_shares_very_many_dogs_is_deleted_in_pieces(scene: &Database) {
    let touched = Touched::on(scene.engine);
    let app = &touched.app;
    let alice = app.sign_in("alice");
    let (ann, mia, zoe) = (alice.owner("Ann"), alice.owner("Mia"), alice.owner("Zoe"));
    dogs(&app.database, ann);
    shares(&app.database, mia);
    shares(&app.database, zoe);
    let before = alice.get("/dogowner/dogs").expect(200);
    let first = format!("/dogowner/dogs/{}", before.ids()[0]);
    let etag = alice.get(&first).etag().to_owned();
    touched.forget();
    alice.delete(&format!("/dogowner/owners/{mia}")).expect(204);
    in_pieces(&touched, 2 * MANY);
    assert_eq!(alice.get("/dogowner/owners").ids(), [ann, zoe]);
    assert_eq!(app.database.count("dogs WHERE version = 2"), i64::try_from(MANY).expect("few"));
    let now = alice.get(&first).expect(200);
    assert_eq!(now.json["co_owner_ids"], json!([zoe]));
    assert_ne!(now.etag(), etag, "another version");
    hold(app);
}

fn an_account_with_very_much_of_everything_is_deleted_in_pieces(scene: &Database) {
    let touched = Touched::on(scene.engine);
    let app = &touched.app;
    let bob = app.sign_in("bob");
    let dog = bob.dog("Ivy", bob.owner("Ben"));
    let what_people_wrote = || {
        let rows = app.database.everything().into_iter();
        rows.filter(|row| !row.starts_with("touched")).collect::<Vec<_>>()
    };
    let without_her = what_people_wrote();
    let alice = app.sign_in("alice");
    everything(&alice, &app.database);
    for table in of_users(&app.database) {
        let rows = app.database.count(&format!("{table} WHERE user_id = {}", alice.id()));
        assert!(rows >= i64::try_from(MANY).expect("few"), "there are only {rows} rows in {table} to be deleted");
    }
    touched.forget();
    alice.delete("/me").expect(204);
    in_pieces(&touched, of_users(&app.database).len() * MANY);
    assert_eq!(what_people_wrote(), without_her);
    assert_eq!(bob.get("/dogowner/dogs").ids(), [dog]);
    hold(app);
}

fn what_may_not_be_deleted_loses_nothing_however_much_it_is(app: &App) {
    let alice = app.sign_in("alice");
    let (ann, mia) = (alice.owner("Ann"), alice.owner("Mia"));
    let dog = alice.dog("Rex", ann);
    dogs(&app.database, ann);
    shares(&app.database, mia);
    tasks(&app.database, &dog.to_string());
    alice.dog("Ivy", mia);
    let before = app.database.rows();
    let stale = [("If-Match", "\"99\"")];
    let (rex, ann, mia) =
        (format!("/dogowner/dogs/{dog}"), format!("/dogowner/owners/{ann}"), format!("/dogowner/owners/{mia}"));
    alice.send("DELETE", &rex, &stale, None).expect(412);
    alice.send("DELETE", &ann, &stale, None).expect(412);
    alice.send("DELETE", &format!("{ann}?force=true"), &stale, None).expect(412);
    alice.send("DELETE", "/me", &stale, None).expect(412);
    let refused = alice.delete(&ann).expect(409).problem("owner-has-dogs");
    assert!(refused.text("detail").contains(&format!("{} dogs", MANY + 1)), "{refused}");
    let refused = alice.delete(&mia).expect(409).problem("owner-has-dogs");
    assert!(refused.text("detail").contains("1 dog."), "{refused}");
    assert_eq!(app.database.rows(), before);
}

fn a_dog_that_comes_while_an_owner_of_very_many_goes_goes_too(app: &App) {
    let alice = app.sign_in("alice");
    let (ann, mia) = (alice.owner("Ann"), alice.owner("Mia"));
    dogs(&app.database, ann);
    let (alice, ivy) = (&alice, alice.dog("Ivy", mia));
    thread::scope(|scope| {
        let adding: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(move || {
                    let body = json!({"name": "New", "owner_id": ann});
                    let refused = (0..).find_map(|_| {
                        let answer = alice.post("/dogowner/dogs", &body);
                        (answer.status != 201).then_some(answer)
                    });
                    refused.expect("the owner goes").error("/owner_id", "not_found");
                })
            })
            .collect();
        alice.delete(&format!("/dogowner/owners/{ann}?force=true")).expect(204);
        for one in adding {
            one.join().expect("the last is refused");
        }
    });
    assert_eq!(alice.get("/dogowner/dogs").ids(), [ivy]);
    assert_eq!(alice.get("/dogowner/owners").ids(), [mia]);
    hold(app);
}

/// Lets no row of a table be deleted.
fn nail_down(database: &Database, table: &str) {
    let statements = match database.engine {
        Engine::Sqlite => vec![format!(
            "CREATE TRIGGER nailed BEFORE DELETE ON {table} BEGIN SELECT RAISE(ABORT, 'nailed down'); END"
        )],
        Engine::Postgres => vec![
            "CREATE SCHEMA tests".to_owned(),
            "CREATE FUNCTION tests.nailed() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'nailed down'; END $$ \
             LANGUAGE plpgsql"
                .to_owned(),
            format!("CREATE TRIGGER nailed BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION tests.nailed()"),
        ],
    };
    for statement in statements {
        database.execute(&statement).unwrap_or_else(|error| panic!("{statement}\n{error}"));
    }
}

fn an_account_is_gone_for_everybody_before_its_rows_are(app: &App) {
    let alice = app.sign_in("alice");
    let elsewhere = app.log_in("alice");
    let dog = alice.dog("Rex", alice.owner("Ann"));
    alice.go_public();
    alice.task("Walk");
    nail_down(&app.database, "tasks");
    alice.delete("/me").expect(204);
    assert_eq!((app.database.count("tasks"), app.database.count("dogs")), (1, 1), "the rows are there still");
    for actor in [&alice, &elsewhere] {
        actor.get("/me").expect(401).problem("revoked-token");
        actor.get("/dogowner/dogs").expect(401);
        actor.try_refresh().expect(401);
    }
    app.try_log_in("alice", PASSWORD).expect(401).problem("invalid-credentials");
    for name in ["deleted", "deleted:1", "deleted@example.com"] {
        app.try_log_in(name, PASSWORD).expect(401);
    }
    app.anon().post("/auth/password/forgot", &json!({"email": "alice@example.com"})).expect(202);
    for path in [format!("/dogs/{dog}"), "/users/alice".to_owned(), "/users/deleted".to_owned()] {
        app.anon().get(&path).expect(404);
    }
    assert_eq!(app.anon().get("/dogs").expect(200).json, json!([]));
    let again = app.sign_in("alice");
    assert_eq!(again.get("/dogowner/tasks").json, json!([]));
    let listed = Program::on(&app.database).args(&["user", "list"]).run();
    assert_eq!(listed.stdout.lines().count(), 2, "a heading and the new alice: {listed:?}");
    let names = app.database.texts("SELECT username || ' ' || email || ' ' || password_hash AS value FROM users");
    assert_eq!(
        names.iter().filter(|row| row.contains("alice")).count(),
        1,
        "nothing of the old one is kept: {names:?}"
    );
}

fn what_a_deleted_account_left_behind_is_swept_when_the_server_starts(database: &Database) {
    let server = Program::on(database).serve();
    let bob = server.sign_in("bob");
    bob.dog("Ivy", bob.owner("Ben"));
    let token = bob.token().to_owned();
    let without_her = database.everything();
    let alice = server.sign_in("alice");
    everything(&alice, database);
    server.kill();
    drop(server);
    // As it is when the process ends right after the account did.
    for statement in [
        "UPDATE users SET username_key = 'deleted:' || id, email_key = 'deleted:' || id, is_public = FALSE, \
         disabled_at = created_at, deleted_at = created_at WHERE username = 'alice'",
        "DELETE FROM profiles",
    ] {
        database.execute(statement).expect("it can be said");
    }
    let server = Program::on(database).serve();
    // Each question waits its turn, and the sweeping comes before most of them.
    let swept = (0..10_000).any(|_| {
        server.anon().get("/health/ready").expect(200);
        database.count("users") == 1
    });
    assert!(swept, "{} users", database.count("users"));
    assert_eq!(database.everything(), without_her);
    server.anon().with_token(&token).get("/dogowner/dogs").expect(200);
}
