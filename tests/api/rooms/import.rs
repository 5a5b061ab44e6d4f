//! What was exported comes in again: all of it or nothing, here or on another server.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::process::Program;
use crate::support::walk::make_everything;
use crate::support::wire::{Wire, exchange};
use crate::support::{Actor, Answer, App, Database, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        an_export_that_was_imported_is_exported_the_same_from_either_database,
        an_import_adds_and_changes_nothing_that_is_there,
        an_id_in_a_document_names_nothing_outside_of_it,
        a_dry_run_tells_what_would_be_added_and_adds_nothing,
        one_row_that_is_not_acceptable_keeps_out_all,
        every_error_points_into_the_document,
        a_row_without_times_is_of_now_and_one_with_times_keeps_them,
        a_profile_is_added_where_there_is_none,
        a_document_has_ten_thousand_rows_at_most,
        a_full_book_takes_no_document_and_one_with_room_for_it_does,
        nonsense_of_any_length_is_told_and_forgotten,
        an_account_sends_one_import_at_a_time_and_others_theirs,
        of_too_many_imports_at_once_one_is_refused,
        an_import_that_comes_again_with_its_key_adds_once,
        an_import_of_a_session_that_has_ended_adds_nothing,
        whatever_was_imported_keeps_the_rules_of_kennel,
    ]
}

const IMPORT: &str = "/me/import";

/// What a row must be in, and what takes how much.
const KINDS: [&str; 3] = ["owners", "dogs", "tasks"];

fn export(actor: &Actor<'_>) -> Answer {
    actor.get("/me/export").expect(200)
}

#[track_caller]
fn import(actor: &Actor<'_>, document: &Value) -> Answer {
    actor.post(IMPORT, document).expect(201)
}

/// A document with these owners, dogs and tasks.
fn document(owners: &Value, dogs: &Value, tasks: &Value) -> Value {
    json!({"kennel": 1, "owners": owners, "dogs": dogs, "tasks": tasks})
}

/// An export without what is another after every import: ids are the places of what they name.
fn without_ids(export: &Value) -> Value {
    let place = |kind: &str, id: &Value| {
        let rows = export[kind].as_array().expect("a list");
        let found = rows.iter().position(|row| row["id"] == *id);
        if id.is_null() { Value::Null } else { json!(found.unwrap_or_else(|| panic!("no {id} in {kind}"))) }
    };
    let mut same = json!({"profile": export["profile"]});
    for kind in KINDS {
        let mut rows = export[kind].as_array().expect("a list").clone();
        for row in &mut rows {
            let fields = row.as_object_mut().expect("a row");
            drop((fields.remove("id"), fields.remove("user_id")));
            for (field, kind) in [("owner_id", "owners"), ("dog_id", "dogs")] {
                if let Some(id) = fields.get_mut(field) {
                    *id = place(kind, id);
                }
            }
            if let Some(ids) = fields.get_mut("co_owner_ids") {
                *ids = ids.as_array().into_iter().flatten().map(|id| place("owners", id)).collect();
            }
        }
        same[kind] = Value::Array(rows);
    }
    same
}

/// A book with what is hard to carry.
fn oddities(app: &App, actor: &Actor<'_>) {
    make_everything(actor);
    let owners = ["O'Neill", "\u{202e}x אבג", "é e\u{301} ß ﬃ 🐕\u{200d}🦺"].map(|name| actor.owner(name));
    for (name, day) in [("\\N", "0001-01-01"), ("null", "9999-12-31"), ("a,\"b\";c", "2024-02-29")] {
        let dog = json!({"name": name, "owner_id": owners[0], "co_owner_ids": [owners[2], owners[1]], "born_on": day});
        let dog = actor.post("/dogowner/dogs", &dog).expect(201).id();
        let task = json!({"name": name, "dog_id": dog, "completed": true, "due_on": day});
        actor.post("/dogowner/tasks", &task).expect(201);
    }
    actor.delete(&format!("/dogowner/owners/{}", actor.owner("Gone"))).expect(204);
    for (table, column) in [("owners", "created_at"), ("dogs", "updated_at"), ("tasks", "completed_at")] {
        app.database.put_back(column, table, 400 * 24 * 60 * 60);
    }
}

fn an_export_that_was_imported_is_exported_the_same_from_either_database(app: &App) {
    let alice = app.sign_in("alice");
    oddities(app, &alice);
    let first = export(&alice);
    for engine in [app.database.engine, app.database.engine.other()] {
        let elsewhere = App::on(Database::fresh(engine));
        let (bob, zoe) = (elsewhere.sign_in("bob"), elsewhere.sign_in("zoe"));
        oddities(&elsewhere, &zoe);
        let text = String::from_utf8(first.body.clone()).expect("UTF-8");
        let imported = bob.send_text("POST", IMPORT, &text).expect(201);
        for kind in KINDS {
            assert_eq!(imported.json[kind], first.json[kind].as_array().map_or(0, Vec::len), "{imported}");
        }
        let second = export(&bob);
        assert_eq!(without_ids(&second.json), without_ids(&first.json));
        assert_eq!(second.json["user"]["username"], "bob");
        // And once more, to where the first came from.
        let again = app.sign_in(&format!("zoe-{}", usize::from(engine == app.database.engine)));
        import(&again, &second.json);
        assert_eq!(without_ids(&export(&again).json), without_ids(&first.json));
    }
}

fn an_import_adds_and_changes_nothing_that_is_there(app: &App) {
    let alice = app.sign_in("alice");
    make_everything(&alice);
    let before = export(&alice).json;
    let rows: BTreeSet<_> = KINDS.into_iter().flat_map(|kind| app.database.rows_of(kind)).collect();
    import(&alice, &before);
    let after = export(&alice).json;
    for kind in KINDS {
        let count = |export: &Value| export[kind].as_array().map_or(0, Vec::len);
        assert_eq!(count(&after), 2 * count(&before), "{kind}");
    }
    let now: BTreeSet<_> = KINDS.into_iter().flat_map(|kind| app.database.rows_of(kind)).collect();
    assert!(rows.is_subset(&now), "a row that was there has changed");
    assert_eq!((&after["user"], &after["profile"]), (&before["user"], &before["profile"]));
}

fn an_id_in_a_document_names_nothing_outside_of_it(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let (hers, his) = (alice.owner("Ann"), bob.owner("Ben"));
    let dog = alice.dog("Rex", hers);
    for outside in [hers, his, 4_000_000_000_000_000_000] {
        let dogs = json!([{"name": "Rex", "owner_id": outside}]);
        alice.post(IMPORT, &document(&json!([]), &dogs, &json!([]))).error("/dogs/0/owner_id", "not_found");
    }
    let tasks = json!([{"name": "Walk", "dog_id": dog}]);
    alice.post(IMPORT, &document(&json!([]), &json!([]), &tasks)).error("/tasks/0/dog_id", "not_found");
    // An owner with the id of his is hers.
    let dogs = json!([{"id": dog, "name": "Ivy", "owner_id": his, "user_id": bob.id()}]);
    import(&alice, &document(&json!([{"id": his, "name": "Mia", "user_id": bob.id()}]), &dogs, &tasks));
    let mine = export(&alice).json;
    assert_eq!(mine["dogs"][1]["owner_id"], mine["owners"][1]["id"]);
    assert_eq!(mine["tasks"][0]["dog_id"], mine["dogs"][1]["id"]);
    assert_eq!(export(&bob).json["owners"].as_array().map(Vec::len), Some(1));
}

fn a_dry_run_tells_what_would_be_added_and_adds_nothing(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    make_everything(&alice);
    let document = export(&alice).json;
    let rows = app.database.rows();
    for _ in 0..2 {
        let headers = [("Idempotency-Key", "one")];
        let told = bob.ask("POST", "/me/import?dry_run=true", &headers, Some(&document)).expect(200);
        assert_eq!((&told.json["dry_run"], &told.json["profile"]), (&json!(true), &json!(true)));
        for kind in KINDS {
            assert_eq!(told.json[kind], document[kind].as_array().map_or(0, Vec::len), "{told}");
        }
    }
    let mut wrong = document.clone();
    wrong["owners"][0]["name"] = json!("");
    bob.post("/me/import?dry_run=true", &wrong).error("/owners/0/name", "too_short");
    assert_eq!(app.database.rows(), rows);
    bob.post("/me/import?dry_run=false", &document).expect(201);
    let told = bob.post("/me/import?dry_run=true", &document).expect(200);
    assert_eq!(told.json["profile"], false, "there is one by now");
    bob.post("/me/import?dry_run=1", &document).parameter_error("dry_run", "unknown_value");
    bob.post("/me/import?dryrun=true", &document).parameter_error("dryrun", "unknown_parameter");
}

fn one_row_that_is_not_acceptable_keeps_out_all(app: &App) {
    let alice = app.sign_in("alice");
    let rows = app.database.rows();
    let owners: Vec<_> = (1..=300).map(|id| json!({"id": id, "name": "Ann"})).collect();
    for (kind, row) in [
        ("owners", json!({"id": 300, "name": "Ann"})),
        ("dogs", json!({"name": "Rex", "owner_id": 301})),
        ("tasks", json!({"name": "x".repeat(121)})),
    ] {
        let mut document = document(&json!(owners), &json!([]), &json!([]));
        document[kind].as_array_mut().expect("a list").push(row);
        let answer = alice.post(IMPORT, &document).expect(422).problem("validation-failed");
        assert_eq!(answer.error_count(), 1, "{answer}");
        assert_eq!(app.database.rows(), rows);
    }
}

fn every_error_points_into_the_document(app: &App) {
    let alice = app.sign_in("alice");
    let wrong = json!({
        "kennel": 2,
        "profile": {"description": "", "id": 1},
        "owners": [{"id": 1, "name": "Ann"}, {"id": 0, "name": 7}, 5, {"name": "Mia", "colour": "red"}],
        "dogs": {},
        "tasks": [{"name": "Walk", "completed_at": "2026-11-20T02:06:30.118Z"}, {"created_at": "2026-11-20"}],
        "friends": []
    });
    let expected = [
        ("/kennel", "unknown_value"),
        ("/profile/description", "too_short"),
        ("/profile/id", "unknown_field"),
        ("/owners/1/id", "too_small"),
        ("/owners/1/name", "type"),
        ("/owners/2", "type"),
        ("/owners/3/colour", "unknown_field"),
        ("/dogs", "type"),
        ("/tasks/0/completed_at", "out_of_range"),
        ("/tasks/1/name", "required"),
        ("/tasks/1/created_at", "format"),
        ("/friends", "unknown_field"),
    ];
    let told = alice.post(IMPORT, &wrong).expect(422).problem("validation-failed");
    assert_eq!(told.errors(), expected.map(|(pointer, code)| (pointer.to_owned(), code.to_owned())).into());
    let references = document(
        &json!([{"id": 1, "name": "Ann"}, {"id": 2, "name": "Mia"}, {"id": 1, "name": "Zoe"}]),
        &json!([
            {"id": 1, "name": "Rex", "owner_id": 3},
            {"id": 1, "name": "Ivy", "owner_id": 1, "co_owner_ids": [2, 1, 4]}
        ]),
        &json!([{"id": 9, "name": "Walk", "dog_id": 2}, {"id": 9, "name": "Walk"}]),
    );
    let expected = [
        ("/owners/2/id", "repeated"),
        ("/dogs/0/owner_id", "not_found"),
        ("/dogs/1/id", "repeated"),
        ("/dogs/1/co_owner_ids/1", "already_primary"),
        ("/dogs/1/co_owner_ids/2", "not_found"),
        ("/tasks/0/dog_id", "not_found"),
        ("/tasks/1/id", "repeated"),
    ];
    let told = alice.post(IMPORT, &references).expect(422).problem("validation-failed");
    assert_eq!(told.errors(), expected.map(|(pointer, code)| (pointer.to_owned(), code.to_owned())).into());
    // A name that somebody made up is not told in full.
    let mut long = json!({"kennel": 1.0});
    long["k".repeat(1_000_000)] = json!(1);
    assert!(alice.post(IMPORT, &long).expect(422).body.len() < 2_000);
    alice.post(IMPORT, &json!({"kennel": 1.0, "owners": [{"id": 1e0, "name": "Ann"}]})).expect(201);
    alice.post(IMPORT, &json!({})).error("/kennel", "required");
    alice.post(IMPORT, &json!({"kennel": 1, "owners": null})).error("/owners", "type");
}

fn a_row_without_times_is_of_now_and_one_with_times_keeps_them(app: &App) {
    let alice = app.sign_in("alice");
    let times = |created: &str, updated: &str| json!({"name": "Ann", "created_at": created, "updated_at": updated});
    let far = "9999-12-31T23:59:59.999Z";
    for (field, moment) in [
        ("created_at", far),
        ("updated_at", far),
        ("created_at", "0001-01-01T00:00:00+23:59"),
        ("updated_at", "2126-11-20T09:30:00Z"),
    ] {
        let mut owner = json!({"name": "Ann"});
        owner[field] = json!(moment);
        let refused = alice.post(IMPORT, &document(&json!([owner]), &json!([]), &json!([])));
        refused.error(&format!("/owners/0/{field}"), "out_of_range");
    }
    for (written, shown) in [
        ("2026-11-20T10:30:00+01:00", "2026-11-20T09:30:00.000Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
        ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999Z"),
    ] {
        import(&alice, &document(&json!([times(written, written)]), &json!([]), &json!([])));
        let kept = export(&alice).json["owners"].as_array().and_then(|rows| rows.last().cloned()).expect("a row");
        assert_eq!((kept["created_at"].as_str(), kept["updated_at"].as_str()), (Some(shown), Some(shown)));
    }
    let before = alice.task("The clock of the server");
    let before = alice.get(&format!("/dogowner/tasks/{before}")).text("created_at").to_owned();
    import(&alice, &document(&json!([]), &json!([]), &json!([{"name": "Walk", "completed": true}, {"name": "Feed"}])));
    let tasks = export(&alice).json["tasks"].clone();
    for field in ["created_at", "updated_at", "completed_at"] {
        assert!(tasks[1][field].as_str().is_some_and(|moment| moment >= before.as_str()), "{field} of {tasks}");
    }
    assert_eq!(tasks[2]["completed_at"], Value::Null);
}

fn a_profile_is_added_where_there_is_none(app: &App) {
    let alice = app.sign_in("alice");
    let profile =
        |text: &str| json!({"kennel": 1, "profile": {"description": text, "created_at": "2020-01-01T00:00:00Z"}});
    assert_eq!(import(&alice, &json!({"kennel": 1, "profile": null})).json["profile"], false);
    app.anon().get("/users/alice").expect(404);
    assert_eq!(import(&alice, &profile("The first")).json["profile"], true);
    app.anon().get("/users/alice").expect(200);
    assert_eq!(import(&alice, &profile("The second")).json["profile"], false);
    let kept = alice.get("/me/profile").expect(200);
    assert_eq!((kept.text("description"), kept.text("created_at")), ("The first", "2020-01-01T00:00:00.000Z"));
}

fn many(kind: &str, count: usize) -> Value {
    let mut document = document(&json!([{"id": 1, "name": "Ann"}]), &json!([]), &json!([]));
    let row = if kind == "dogs" { json!({"name": "Rex", "owner_id": 1}) } else { json!({"name": "Walk"}) };
    document[kind] = json!(vec![row; count]);
    document
}

fn a_document_has_ten_thousand_rows_at_most(app: &App) {
    let alice = app.sign_in("alice");
    alice.post(IMPORT, &many("tasks", 10_001)).error("/tasks", "too_long");
    alice.post(IMPORT, &many("tasks", 10_000)).error("", "too_long");
    let mut shared = many("dogs", 4_999);
    shared["owners"] = json!([{"id": 1, "name": "Ann"}, {"id": 2, "name": "Mia"}]);
    for dog in shared["dogs"].as_array_mut().expect("a list") {
        dog["co_owner_ids"] = json!([2]);
    }
    alice.post("/me/import?dry_run=true", &shared).expect(200);
    shared["owners"].as_array_mut().expect("a list").push(json!({"name": "Zoe"}));
    alice.post(IMPORT, &shared).error("", "too_long");
    let added = import(&alice, &many("dogs", 9_999));
    assert_eq!((&added.json["owners"], &added.json["dogs"]), (&json!(1), &json!(9_999)));
    let all = export(&alice).json;
    let dogs = all["dogs"].as_array().expect("a list");
    assert_eq!(dogs.len(), 9_999);
    assert!(dogs.iter().all(|dog| dog["owner_id"] == all["owners"][0]["id"]));
}

fn a_full_book_takes_no_document_and_one_with_room_for_it_does(scene: &Database) {
    let settings = [("MOST_OWNERS", "3"), ("MOST_DOGS", "20"), ("MOST_TASKS", "5")];
    let app = App::with(Database::fresh(scene.engine), &settings);
    let alice = app.sign_in("alice");
    alice.task("Walk");
    for (kind, count, told) in [
        ("dogs", 21, "A book has 20 dogs at most, and yours has room for 20 more. Delete some first."),
        ("tasks", 5, "A book has 5 tasks at most, and yours has room for 4 more. Delete some first."),
    ] {
        for path in [IMPORT, "/me/import?dry_run=true"] {
            let full = alice.post(path, &many(kind, count)).expect(409).problem(&format!("too-many-{kind}"));
            assert_eq!(full.text("detail"), told);
        }
    }
    assert_eq!(app.database.count("owners"), 0, "nothing of them");
    import(&alice, &many("tasks", 4));
    let full = alice.post(IMPORT, &many("tasks", 1)).expect(409).problem("too-many-tasks");
    assert_eq!(full.text("detail"), "A book has 5 tasks at most, and yours has them. Delete one first.");
    alice.post("/dogowner/tasks", &json!({"name": "One more"})).expect(409).problem("too-many-tasks");
    // What was counted before an import is not taken for true after it.
    let owner = alice.owner("Mia");
    import(&alice, &document(&json!([{"name": "Zoe"}]), &json!([]), &json!([])));
    alice.post("/dogowner/owners", &json!({"name": "Ida"})).expect(409).problem("too-many-owners");
    alice.dog("Rex", owner);
}

fn nonsense_of_any_length_is_told_and_forgotten(app: &App) {
    const LIMIT: usize = 8 << 20;
    let alice = app.sign_in("alice");
    let rows = app.database.rows();
    let padded = |text: &str, length: usize| format!("{text}{}", " ".repeat(length - text.len()));
    let send = |text: &str| alice.send_text("POST", IMPORT, text);
    // Without a body: whoever is refused before it hangs up on some clients while they send it.
    let head = format!(
        "POST {IMPORT} HTTP/1.1\r\nHost: kennel\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        alice.token(),
        LIMIT + 1
    );
    let too_large = exchange(app, head.as_bytes()).expect(413).problem("content-too-large");
    assert!(too_large.text("detail").contains("8,388,608"), "{too_large}");
    for text in [
        "[".repeat(LIMIT),
        "\"".to_owned() + &"x".repeat(LIMIT - 1),
        "{\"a\":".repeat(LIMIT / 5),
        "\u{0}".repeat(LIMIT),
    ] {
        send(&text).expect(400).problem("malformed-json");
    }
    let zeros = format!("[0{}]", ",0".repeat(LIMIT / 2 - 2));
    send(&zeros).expect(413).problem("content-too-large");
    send(&format!("[0{}]", ",0".repeat(400_000))).error("", "type");
    // As many errors as there is room for, and of each list the first.
    let numbers = format!(r#"{{"kennel":1,"owners":[0{}],"dogs":[{{}}]}}"#, ",0".repeat(9_000));
    let told = send(&numbers).error("/owners/0", "type");
    assert_eq!((told.error_count(), told.text("detail")), (50, "More than 50 fields need attention."));
    let mut owner = json!({"name": "Ann"});
    for number in 0..100_000 {
        owner[number.to_string()] = json!(0);
    }
    let told = alice.post(IMPORT, &document(&json!([owner]), &json!([]), &json!([]))).expect(422);
    assert_eq!(told.error_count(), 50);
    assert_eq!(app.database.rows(), rows);
    send(&padded(r#"{"kennel":1}"#, LIMIT)).expect(201);
}

/// Asks again and again.
#[track_caller]
fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
    }
}

/// Begins to send an import of so many bytes.
fn begin<'a>(app: &'a App, actor: &Actor<'_>, length: usize) -> Wire<'a> {
    let mut wire = Wire::open(app);
    let head = format!(
        "POST {IMPORT} HTTP/1.1\r\nHost: kennel\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\nExpect: 100-continue\r\n\r\n",
        actor.token()
    );
    wire.send(head.as_bytes());
    // The server asks for the body once it has begun to read.
    wire.until_there_is_something();
    wire
}

fn an_account_sends_one_import_at_a_time_and_others_theirs(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let text = r#"{"kennel":1,"owners":[{"name":"Ann"}]}"#;
    let mut first = begin(app, &alice, text.len());
    let refused = alice.post(IMPORT, &json!({"kennel": 1})).expect(429).problem("too-many-requests");
    assert_eq!(refused.header("retry-after"), "1");
    import(&bob, &json!({"kennel": 1}));
    first.send(text.as_bytes());
    let answered = first.rest(|received| received.ends_with(b"}"));
    assert!(String::from_utf8_lossy(&answered).contains("HTTP/1.1 201"), "{}", String::from_utf8_lossy(&answered));
    import(&alice, &json!({"kennel": 1}));
    // One that breaks off makes room, too.
    drop(begin(app, &alice, 1_000));
    until("there is room again", || alice.post(IMPORT, &json!({"kennel": 1})).status == 201);
}

fn of_too_many_imports_at_once_one_is_refused(app: &App) {
    let actors: Vec<_> = (0..17).map(|number| app.sign_in(&format!("alice-{number}"))).collect();
    let wires: Vec<_> = actors.iter().take(16).map(|actor| begin(app, actor, 1_000)).collect();
    actors[16].post(IMPORT, &json!({"kennel": 1})).expect(503).problem("overloaded");
    actors[16].get("/me").expect(200);
    drop(wires);
    until("there is room again", || actors[16].post(IMPORT, &json!({"kennel": 1})).status == 201);
}

fn an_import_that_comes_again_with_its_key_adds_once(app: &App) {
    let alice = app.sign_in("alice");
    let key = [("Idempotency-Key", "one")];
    let send = |document: &Value| alice.ask("POST", IMPORT, &key, Some(document));
    let first = send(&many("tasks", 3)).expect(201);
    let again = send(&many("tasks", 3)).expect(201);
    assert_eq!((again.header("idempotency-replayed"), &again.body), ("true", &first.body));
    assert_eq!(app.database.count("tasks"), 3);
    send(&many("tasks", 4)).expect(422).problem("idempotency-key-reused");
    assert_eq!(app.database.count("tasks"), 3);
}

fn an_import_of_a_session_that_has_ended_adds_nothing(app: &App) {
    let alice = app.sign_in("alice");
    let other = alice.once_more();
    let text = r#"{"kennel":1,"owners":[{"name":"Ann"}]}"#;
    let mut wire = begin(app, &other, text.len());
    alice.delete("/me/sessions").expect(204);
    wire.send(text.as_bytes());
    let answered = wire.rest(|received| received.ends_with(b"}"));
    let answered = String::from_utf8_lossy(&answered);
    assert!(answered.contains("HTTP/1.1 401") && answered.contains("revoked-token"), "{answered}");
    assert_eq!(app.database.count("owners"), 0);
}

fn whatever_was_imported_keeps_the_rules_of_kennel(app: &App) {
    let alice = app.sign_in("alice");
    oddities(app, &alice);
    import(&alice, &export(&alice).json);
    import(&app.sign_in("bob"), &export(&alice).json);
    let checked = Program::on(&app.database).args(&["check"]).run();
    assert_eq!(checked.code, Some(0), "{checked:?}");
}
