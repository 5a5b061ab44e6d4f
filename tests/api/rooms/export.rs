//! Everything that is mine, in one document.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::contract::contract;
use crate::support::walk::make_everything;
use crate::support::wire::Wire;
use crate::support::{Actor, App, Database, Repository, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        an_export_has_every_collection_that_a_row_can_be_added_to,
        an_export_of_nothing_is_an_account_and_its_session,
        an_export_holds_every_row_of_mine_as_it_is_shown_and_nothing_else,
        an_export_is_a_file_to_keep,
        an_export_holds_no_secret,
        a_large_export_is_whole,
        an_export_breaks_off_when_its_session_ends,
        an_export_by_an_api_key_breaks_off_when_the_key_ends,
        an_export_breaks_off_when_its_account_goes_or_is_disabled,
        an_export_breaks_off_when_its_time_is_over,
        an_export_knows_no_parameters,
    ]
}

const EXPORT: &str = "/me/export";

/// The fields of an export, in their order.
fn fields() -> Vec<&'static str> {
    let required = &contract().at("/components/schemas/Export").1["required"];
    required.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The names of the collections that a row can be added to.
fn collections() -> Vec<&'static str> {
    let creations = contract().creations();
    creations.filter_map(|operation| operation.path.strip_prefix("/dogowner/")?.rsplit('/').next()).collect()
}

/// The rows of a list, whatever its pages.
fn all(actor: &Actor<'_>, list: &str) -> Vec<Value> {
    let (mut rows, mut next) = (Vec::new(), Some(format!("{list}?limit=200")));
    while let Some(path) = next {
        let page = actor.get(&path).expect(200);
        rows.extend(page.rows().to_vec());
        next = page.next_page();
    }
    rows
}

fn an_export_has_every_collection_that_a_row_can_be_added_to(_: &Repository) {
    for collection in collections() {
        assert!(fields().contains(&collection), "an Export requires {collection}");
        let (_, field) = contract().at(&format!("/components/schemas/Export/properties/{collection}"));
        assert_eq!(field["type"], "array", "{collection} in an Export");
    }
}

fn an_export_of_nothing_is_an_account_and_its_session(app: &App) {
    let alice = app.sign_in("alice");
    let export = alice.get(EXPORT).expect(200);
    assert_eq!(export.json["user"], alice.get("/me").json);
    assert_eq!(export.json["profile"], Value::Null);
    for nothing in collections() {
        assert_eq!(export.json[nothing], json!([]), "{nothing}");
    }
    let sessions = export.json["sessions"].as_array().expect("a list");
    assert_eq!(sessions.len(), 1);
    let mut fields: Vec<_> = sessions[0].as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["created_at", "expires_at", "id", "last_seen_at", "revoked_at", "user_agent"]);
}

fn an_export_holds_every_row_of_mine_as_it_is_shown_and_nothing_else(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    for actor in [&alice, &bob] {
        let owners = ["Ann", "Mia", "Élan"].map(|name| actor.owner(name));
        let dog = actor.dog("Rex", owners[0]);
        actor.share(dog, owners[1]);
        actor.share(dog, owners[2]);
        actor.dog("Ivy \"the\" <b> \\", owners[1]);
        actor.post("/dogowner/tasks", &json!({"name": "Walk", "dog_id": dog, "completed": true})).expect(201);
        actor.task("Buy food");
        make_everything(actor);
    }
    app.log_in("alice").send("POST", "/auth/logout", &[], None).expect(200);
    for actor in [&alice, &bob] {
        let export = actor.get(EXPORT).expect(200);
        assert_eq!(export.json["user"], actor.get("/me").json);
        assert_eq!(export.json["profile"], actor.get("/me/profile").json);
        for list in collections() {
            let rows = all(actor, &format!("/dogowner/{list}"));
            assert!(!rows.is_empty(), "{list}");
            assert_eq!(export.json[list], json!(rows), "{list}");
        }
    }
    let sessions = alice.get(EXPORT).json["sessions"].clone();
    let revoked: Vec<_> =
        sessions.as_array().expect("a list").iter().map(|one| one["revoked_at"].is_string()).collect();
    assert_eq!(revoked, [false, true]);
    alice.delete("/me/profile").expect(204);
    assert_eq!(alice.get(EXPORT).json["profile"], Value::Null);
}

fn an_export_is_a_file_to_keep(app: &App) {
    let alice = app.sign_in("alice");
    alice.owner("Ann");
    let export = alice.get(EXPORT).expect(200);
    assert_eq!(export.header("content-type"), "application/json");
    assert_eq!(export.header("content-disposition"), r#"attachment; filename="kennel.json""#);
    assert!(export.header_if_any("etag").is_none(), "{export}");
    let text = String::from_utf8(export.body.clone()).expect("UTF-8");
    let places = fields().into_iter().map(|field| text.find(&format!("\"{field}\":")));
    assert!(places.is_sorted_by(|one, next| one.is_some() && one < next), "{text}");
    assert_eq!(export.json.as_object().expect("an object").len(), fields().len());
}

fn an_export_holds_no_secret(app: &App) {
    let alice = app.sign_in("alice");
    alice.go_public();
    let program = alice.with_key("read");
    let key = [("Idempotency-Key", "a-key-of-mine")];
    alice.ask("POST", "/dogowner/owners", &key, Some(&json!({"name": "Ann"}))).expect(201);
    let mut export = alice.get(EXPORT).expect(200);
    let text = String::from_utf8(export.body.clone()).expect("UTF-8");
    for secret in
        ["password", "hash", "salt", "refresh", "_key\"", "a-key-of-mine", "is_public", &program.token()[7..40]]
    {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    // The history of rows has their versions; the rows themselves have none.
    export.json.as_object_mut().expect("an object").remove("changes");
    assert!(!export.json.to_string().contains("version"), "{}", export.json);
}

/// Doubles all owners, dogs and tasks so many times.
fn double(app: &App, times: usize) {
    for _ in 0..times {
        for (table, columns) in [
            ("owners", "user_id, name, name_key, created_at, updated_at"),
            ("dogs", "user_id, owner_id, name, name_key, created_at, updated_at"),
            ("tasks", "user_id, name, name_key, completed, created_at, updated_at"),
        ] {
            let double = format!("INSERT INTO {table} ({columns}) SELECT {columns} FROM {table} ORDER BY id");
            app.database.execute(&double).expect("they are doubled");
        }
    }
}

/// Asks for an export of more than all buffers on the way hold, and does not read it.
fn begin<'a>(app: &'a App, actor: &Actor<'_>) -> Wire<'a> {
    let mut wire = Wire::open(app);
    let head = format!("GET {EXPORT} HTTP/1.1\r\nHost: kennel\r\nAuthorization: Bearer {}\r\n\r\n", actor.token());
    wire.send(head.as_bytes());
    wire
}

/// A new account with a large book.
fn with_a_large_book<'a>(app: &'a App, name: &str) -> Actor<'a> {
    let actor = app.sign_in(name);
    for number in 0..4 {
        actor.dog(&"Rex ".repeat(60), actor.owner(&format!("{}{number}", "Ann ".repeat(60))));
        actor.task(&"Walk".repeat(30));
    }
    double(app, 12);
    actor
}

/// What ends a body in chunks.
const LAST_CHUNK: &[u8] = b"\r\n0\r\n\r\n";

/// The rest of it, which is no whole document.
#[track_caller]
fn breaks_off(wire: Wire<'_>) {
    let received = wire.rest(|_| false);
    let text = String::from_utf8_lossy(&received);
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.contains(r#""exported_at":"#), "it has begun: {text:.300}");
    assert!(!received.ends_with(LAST_CHUNK), "the chunks have no end");
    assert!(!text.contains(r#""sessions":["#), "nor has the document");
}

fn an_export_breaks_off_when_its_session_ends(app: &App) {
    let alice = with_a_large_book(app, "alice");
    let thieves = [app.log_in("alice"), app.log_in("alice")];
    let mine = begin(app, &alice);
    let [logged_out, ended] = thieves.each_ref().map(|thief| begin(app, thief));
    mine.until_there_is_something();
    for wire in [&logged_out, &ended] {
        wire.until_there_is_something();
    }
    thieves[0].send("POST", "/auth/logout", &[], None).expect(200);
    alice.delete("/me/sessions").expect(204);
    breaks_off(logged_out);
    breaks_off(ended);
    // Mine goes on.
    let received = mine.rest(|received| received.ends_with(LAST_CHUNK));
    assert!(received.ends_with(LAST_CHUNK), "it is whole");
}

fn an_export_by_an_api_key_breaks_off_when_the_key_ends(app: &App) {
    let alice = with_a_large_book(app, "alice");
    let program = alice.with_key("read");
    let wire = begin(app, &program);
    wire.until_there_is_something();
    let key = alice.get("/me/keys").expect(200).ids()[0];
    alice.delete(&format!("/me/keys/{key}")).expect(204);
    breaks_off(wire);
}

fn an_export_breaks_off_when_its_account_goes_or_is_disabled(app: &App) {
    let alice = with_a_large_book(app, "alice");
    let wire = begin(app, &alice);
    wire.until_there_is_something();
    app.database.execute("DELETE FROM users WHERE username = 'alice'").expect("it can be said");
    breaks_off(wire);

    let bob = with_a_large_book(app, "bob");
    let wire = begin(app, &bob);
    wire.until_there_is_something();
    app.database.execute("UPDATE users SET disabled_at = created_at").expect("it can be said");
    breaks_off(wire);
}

/// However slowly it is read.
fn an_export_breaks_off_when_its_time_is_over(scene: &Database) {
    let app = App::with(Database::fresh(scene.engine), &[("EXPORT_TIMEOUT", "1s")]);
    let alice = with_a_large_book(&app, "alice");
    let wire = begin(&app, &alice);
    wire.until_there_is_something();
    // Others are served meanwhile, longer than it may take.
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(1500) {
        app.anon().get("/health/live").expect(200);
    }
    breaks_off(wire);
    alice.get("/me").expect(200);
}

/// More than fits a page, a buffer or a query.
fn a_large_export_is_whole(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    for actor in [&alice, &bob] {
        let dog = actor.dog(&"Rex ".repeat(60), actor.owner("Ann"));
        actor.share(dog, actor.owner("Mia"));
        actor.task("Walk");
    }
    double(app, 10);
    let export = alice.get(EXPORT).expect(200);
    let me = alice.id();
    for (list, count) in [("owners", 2048), ("dogs", 1024), ("tasks", 1024)] {
        let rows = export.json[list].as_array().expect("a list");
        assert_eq!(rows.len(), count, "{list}");
        assert!(rows.iter().all(|row| row["user_id"] == me), "{list}");
        let ids: Vec<_> = rows.iter().filter_map(|row| row["id"].as_i64()).collect();
        assert!(ids.is_sorted_by(|one, next| one < next), "{list}");
    }
    assert_eq!(export.json["dogs"][0]["co_owner_ids"].as_array().expect("a list").len(), 1);
    assert_eq!(export.json["dogs"], json!(all(&alice, "/dogowner/dogs")));
}

fn an_export_knows_no_parameters(app: &App) {
    let alice = app.sign_in("alice");
    for unknown in ["limit", "cursor", "format", "user_id"] {
        alice.get(&format!("{EXPORT}?{unknown}=1")).parameter_error(unknown, "unknown_parameter");
    }
}
