//! Everything that is mine, in one document.

use serde_json::{Value, json};

use crate::support::contract::contract;
use crate::support::walk::make_everything;
use crate::support::{Actor, App, Repository, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        an_export_has_every_collection_that_a_row_can_be_added_to,
        an_export_of_nothing_is_an_account_and_its_session,
        an_export_holds_every_row_of_mine_as_it_is_shown_and_nothing_else,
        an_export_is_a_file_to_keep,
        an_export_holds_no_secret,
        a_large_export_is_whole,
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
    let creations = contract().operations.iter().filter(|operation| operation.method == "POST");
    creations
        .filter(|operation| !operation.id.ends_with("_singular"))
        .filter_map(|operation| operation.path.strip_prefix("/dogowner/")?.rsplit('/').next())
        .collect()
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
    let key = [("Idempotency-Key", "a-key-of-mine")];
    alice.ask("POST", "/dogowner/owners", &key, Some(&json!({"name": "Ann"}))).expect(201);
    let text = String::from_utf8(alice.get(EXPORT).expect(200).body).expect("UTF-8");
    for secret in ["password", "hash", "salt", "refresh", "_key", "a-key-of-mine", "version", "is_public"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

/// More than fits a page, a buffer or a query.
fn a_large_export_is_whole(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    for actor in [&alice, &bob] {
        let dog = actor.dog(&"Rex ".repeat(60), actor.owner("Ann"));
        actor.share(dog, actor.owner("Mia"));
        actor.task("Walk");
    }
    for _ in 0..10 {
        for (table, columns) in [
            ("owners", "user_id, name, name_key, created_at, updated_at"),
            ("dogs", "user_id, owner_id, name, name_key, created_at, updated_at"),
            ("tasks", "user_id, name, name_key, completed, created_at, updated_at"),
        ] {
            let double = format!("INSERT INTO {table} ({columns}) SELECT {columns} FROM {table} ORDER BY id");
            app.database.execute(&double).expect("they are doubled");
        }
    }
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
