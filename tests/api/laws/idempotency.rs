//! `Idempotency-Key`: whoever got no answer asks again under the same key, and what was asked for happens once.
//! The laws walk the contract.

use std::thread;

use serde_json::{Value, json};

use crate::support::contract::{Operation, contract};
use crate::support::walk::{body, row};
use crate::support::{Actor, Answer, App, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        every_creation_takes_a_key,
        a_retry_gets_the_very_answer_of_the_first_try,
        the_first_answer_is_given_again_whatever_became_of_the_row,
        ten_at_once_make_one_row_and_get_one_answer,
        the_same_body_in_another_spelling_is_the_same,
        another_body_under_the_same_key_is_refused,
        another_path_under_the_same_key_is_refused,
        of_two_bodies_at_once_under_one_key_one_is_refused,
        keys_are_each_users_own,
        a_key_outlives_the_session_but_opens_no_door,
        a_failure_is_not_remembered,
        a_key_is_1_to_255_visible_characters,
        other_operations_do_not_look_at_the_key,
        without_a_key_each_request_makes_a_row,
        after_a_day_a_key_is_new,
        of_ten_at_once_under_an_old_key_one_makes_a_row,
    ]
}

fn creations() -> impl Iterator<Item = &'static Operation> {
    contract().operations.iter().filter(|operation| operation.creates())
}

/// For each creation: alice and a good body.
fn each_creation(app: &App, mut told: impl FnMut(&Actor<'_>, &Operation, Value)) {
    let alice = app.sign_in("alice");
    for operation in creations() {
        let body = body(operation, |name| row(&alice, name)).expect("a body");
        told(&alice, operation, body);
    }
}

fn post(actor: &Actor<'_>, path: &str, key: &str, body: &Value) -> Answer {
    actor.ask("POST", path, &[("Idempotency-Key", key)], Some(body))
}

/// Fails unless one is the first answer and the other the same, given again.
#[track_caller]
fn given_again(first: &Answer, again: &Answer) {
    assert!(first.header_if_any("idempotency-replayed").is_none(), "{first}");
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(first.status, again.status);
    assert_eq!(first.body, again.body);
    let mut headers = again.headers_but_for_the_request_id();
    headers.retain(|(name, _)| name != "idempotency-replayed");
    assert_eq!(first.headers_but_for_the_request_id(), headers);
}

fn every_creation_takes_a_key(app: &App) {
    for operation in &contract().operations {
        // An import makes many rows, and what takes changes back makes some again: they have sentences of their own.
        let creates = operation.creates() || ["import_book", "undo_change"].contains(&operation.id.as_str());
        assert_eq!(operation.knows_header("Idempotency-Key"), creates, "{}", operation.id);
    }
    each_creation(app, |alice, operation, body| {
        drop(post(alice, &operation.path, &operation.id, &body).expect(201));
    });
}

fn a_retry_gets_the_very_answer_of_the_first_try(app: &App) {
    each_creation(app, |alice, operation, body| {
        let first = post(alice, &operation.path, &operation.id, &body).expect(201);
        let rows = app.database.rows();
        for _ in 0..3 {
            given_again(&first, &post(alice, &operation.path, &operation.id, &body));
        }
        assert_eq!(app.database.rows(), rows, "{}", operation.id);
    });
}

fn the_first_answer_is_given_again_whatever_became_of_the_row(app: &App) {
    each_creation(app, |alice, operation, body| {
        let first = post(alice, &operation.path, &operation.id, &body).expect(201);
        let row = first.header("location");
        alice.patch(row, &json!({"name": "Changed"})).expect(200);
        given_again(&first, &post(alice, &operation.path, &operation.id, &body));
        alice.delete(row).expect(204);
        given_again(&first, &post(alice, &operation.path, &operation.id, &body));
        alice.get(row).expect(404);
    });
}

/// Sends all of these at once.
fn at_once(actor: &Actor<'_>, path: &str, key: &str, bodies: &[Value]) -> Vec<Answer> {
    thread::scope(|scope| {
        let all: Vec<_> = bodies.iter().map(|body| scope.spawn(move || post(actor, path, key, body))).collect();
        all.into_iter().map(|one| one.join().expect("an answer")).collect()
    })
}

fn ten_at_once_make_one_row_and_get_one_answer(app: &App) {
    each_creation(app, |alice, operation, body| {
        for round in 0..3 {
            let before = alice.get(&operation.path).expect(200).ids().len();
            let answers = at_once(alice, &operation.path, &format!("{}{round}", operation.id), &vec![body.clone(); 10]);
            let (again, first): (Vec<_>, Vec<_>) =
                answers.iter().partition(|answer| answer.headers.contains_key("idempotency-replayed"));
            assert_eq!(first.len(), 1, "{}: which is the first?", operation.id);
            for again in again {
                given_again(first[0], again);
            }
            assert_eq!(alice.get(&operation.path).ids().len(), before + 1, "{}", operation.id);
        }
    });
}

fn the_same_body_in_another_spelling_is_the_same(app: &App) {
    let alice = app.sign_in("alice");
    let owner = alice.owner("Ann");
    let texts = [
        format!(r#"{{"name":"Réx","owner_id":{owner},"born_on":"2024-05-01"}}"#),
        format!(r#"{{"born_on":"2024-05-01","owner_id":{owner},"name":"Réx"}}"#),
        format!(" {{\n\t\"owner_id\" : {owner} ,\r\n \"name\":\"R\\u00e9\\u0078\", \"born_on\":\"2024-05-01\"}} "),
        format!("\u{feff}{{\"name\":\"Réx\",\"owner_id\":{owner},\"born_on\":\"2024-05-01\"}}"),
    ];
    let headers = [("Idempotency-Key", "one"), ("Content-Type", "application/json")];
    let send = |path: &str, text: &str| alice.send("POST", path, &headers, Some(text.as_bytes()));
    let first = send("/dogowner/dogs", &texts[0]).expect(201);
    for text in &texts {
        for path in ["/dogowner/dogs", "/dogowner/dog"] {
            given_again(&first, &send(path, text));
        }
    }
    assert_eq!(app.database.count("dogs"), 1);
}

fn another_body_under_the_same_key_is_refused(app: &App) {
    each_creation(app, |alice, operation, body| {
        let first = post(alice, &operation.path, &operation.id, &body).expect(201);
        let rows = app.database.rows();
        let mut other = body.clone();
        other["name"] = json!("Somebody else");
        post(alice, &operation.path, &operation.id, &other).expect(422).problem("idempotency-key-reused");
        other["name"] = json!(format!("{} ", body["name"].as_str().unwrap_or_default()));
        post(alice, &operation.path, &operation.id, &other).expect(422).problem("idempotency-key-reused");
        assert_eq!(app.database.rows(), rows, "{}", operation.id);
        given_again(&first, &post(alice, &operation.path, &operation.id, &body));
    });
}

fn another_path_under_the_same_key_is_refused(app: &App) {
    let alice = app.sign_in("alice");
    let body = json!({"name": "Ann"});
    post(&alice, "/dogowner/owners", "one", &body).expect(201);
    post(&alice, "/dogowner/tasks", "one", &body).expect(422).problem("idempotency-key-reused");
    post(&alice, "/dogowner/owner", "one", &body).expect(201);
    assert_eq!((app.database.count("owners"), app.database.count("tasks")), (1, 0));
}

fn of_two_bodies_at_once_under_one_key_one_is_refused(app: &App) {
    let alice = app.sign_in("alice");
    for round in 0..10 {
        let bodies = [json!({"name": "Ann"}), json!({"name": "Mia"})];
        let answers = at_once(&alice, "/dogowner/owners", &round.to_string(), &bodies);
        let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 422]);
    }
    assert_eq!(app.database.count("owners"), 10);
}

fn keys_are_each_users_own(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let hers = post(&alice, "/dogowner/owners", "one", &json!({"name": "Ann"})).expect(201);
    let his = post(&bob, "/dogowner/owners", "one", &json!({"name": "Ben"})).expect(201);
    assert!(his.header_if_any("idempotency-replayed").is_none(), "{his}");
    assert_eq!((hers.text("name"), his.text("name")), ("Ann", "Ben"));
    given_again(&his, &post(&bob, "/dogowner/owners", "one", &json!({"name": "Ben"})));
    post(&bob, "/dogowner/owners", "one", &json!({"name": "Ann"})).expect(422).problem("idempotency-key-reused");
}

fn a_key_outlives_the_session_but_opens_no_door(app: &App) {
    let alice = app.sign_in("alice");
    let body = json!({"name": "Ann"});
    let first = post(&alice, "/dogowner/owners", "one", &body).expect(201);
    alice.send("POST", "/auth/logout", &[], None).expect(200);
    post(&alice, "/dogowner/owners", "one", &body).expect(401).problem("revoked-token");
    post(&app.anon(), "/dogowner/owners", "one", &body).expect(401).problem("missing-token");
    given_again(&first, &post(&app.log_in("alice"), "/dogowner/owners", "one", &body));
}

fn a_failure_is_not_remembered(app: &App) {
    each_creation(app, |alice, operation, body| {
        let (path, key) = (&operation.path, [("Idempotency-Key", operation.id.as_str())]);
        let mut bad = body.clone();
        bad["name"] = json!("");
        post(alice, path, &operation.id, &bad).error("/name", "too_short");
        post(alice, path, &operation.id, &json!([])).expect(422);
        post(alice, &format!("{path}?colour=red"), &operation.id, &body).expect(422);
        alice.send("POST", path, &key, Some(b"{")).expect(415);
        let json = [key[0], ("Content-Type", "application/json")];
        alice.send("POST", path, &json, Some(b"{")).expect(400);
        alice.send("POST", path, &json, Some(&vec![b' '; 70_000])).expect(413);
        let first = post(alice, path, &operation.id, &body).expect(201);
        given_again(&first, &post(alice, path, &operation.id, &body));
    });
    let alice = app.log_in("alice");
    let owner = alice.owner("Ann");
    let body = json!({"name": "Rex", "owner_id": owner + 1});
    post(&alice, "/dogowner/dogs", "later", &body).error("/owner_id", "not_found");
    assert_eq!(alice.owner("Mia"), owner + 1);
    post(&alice, "/dogowner/dogs", "later", &body).expect(201);
}

fn a_key_is_1_to_255_visible_characters(app: &App) {
    let alice = app.sign_in("alice");
    let visible: String = ('!'..='~').collect();
    for key in ["1", "!", "~", "a,b", "\"8e03978e-40d5-43dd-bc93-6894a57f9324\"", &visible, &"k".repeat(255)] {
        let first = post(&alice, "/dogowner/owners", key, &json!({"name": "Ann"})).expect(201);
        given_again(&first, &post(&alice, "/dogowner/owners", key, &json!({"name": "Ann"})));
    }
    let rows = app.database.rows();
    for key in ["", "a b", "a\tb", &"k".repeat(256), &"k".repeat(5000)] {
        post(&alice, "/dogowner/owners", key, &json!({"name": "Ann"})).expect(400).problem("malformed-request");
    }
    let raw = |keys: &str| {
        app.wire(format!(
            "POST /dogowner/owners HTTP/1.1\r\nHost: kennel\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: 14\r\n{keys}\r\n{{\"name\":\"Ann\"}}",
            alice.token()
        ))
    };
    let twice = ["Idempotency-Key: a\r\nIdempotency-Key: a\r\n", "Idempotency-Key: a\r\nIdempotency-Key: b\r\n"];
    for keys in twice.into_iter().chain(["Idempotency-Key: é\r\n", "Idempotency-Key:\r\n"]) {
        raw(keys).expect(400).problem("malformed-request");
    }
    assert_eq!(app.database.rows(), rows);
    raw("idempotency-key:   a-new-one  \r\n").expect(201);
}

fn other_operations_do_not_look_at_the_key(app: &App) {
    let alice = app.sign_in("alice");
    let path = format!("/dogowner/owners/{}", alice.owner("Ann"));
    for key in ["one", "", "a b", &"k".repeat(300)] {
        let key = [("Idempotency-Key", key)];
        alice.send("GET", &path, &key, None).expect(200);
        alice.send("GET", "/dogowner/owners", &key, None).expect(200);
        for name in ["Anna", "Anne"] {
            let patched = alice.ask("PATCH", &path, &key, Some(&json!({ "name": name }))).expect(200);
            assert_eq!(patched.text("name"), name);
            assert_eq!(alice.ask("PUT", &path, &key, Some(&json!({"name": "Ann"}))).expect(200).text("name"), "Ann");
        }
    }
    assert_eq!(app.database.count("idempotency_keys"), 0);
}

fn without_a_key_each_request_makes_a_row(app: &App) {
    let alice = app.sign_in("alice");
    assert_ne!(alice.owner("Ann"), alice.owner("Ann"));
    assert_eq!(app.database.count("idempotency_keys"), 0);
}

fn after_a_day_a_key_is_new(app: &App) {
    let alice = app.sign_in("alice");
    let body = json!({"name": "Ann"});
    let first = post(&alice, "/dogowner/owners", "one", &body).expect(201);
    app.database.put_back("created_at", "idempotency_keys", 24 * 60 * 60 - 120);
    given_again(&first, &post(&alice, "/dogowner/owners", "one", &body));
    app.database.put_back("created_at", "idempotency_keys", 121);
    let second = post(&alice, "/dogowner/owners", "one", &body).expect(201);
    assert_ne!(second.id(), first.id());
    given_again(&second, &post(&alice, "/dogowner/owners", "one", &body));
    app.database.put_back("created_at", "idempotency_keys", 24 * 60 * 60);
    let third = post(&alice, "/dogowner/tasks", "one", &json!({"name": "Walk"})).expect(201);
    given_again(&third, &post(&alice, "/dogowner/tasks", "one", &json!({"name": "Walk"})));
}

fn of_ten_at_once_under_an_old_key_one_makes_a_row(app: &App) {
    let alice = app.sign_in("alice");
    let body = json!({"name": "Ann"});
    post(&alice, "/dogowner/owners", "one", &body).expect(201);
    app.database.put_back("created_at", "idempotency_keys", 24 * 60 * 60);
    let answers = at_once(&alice, "/dogowner/owners", "one", &vec![body; 10]);
    assert!(answers.iter().all(|answer| answer.status == 201 && answer.body == answers[0].body));
    assert_eq!(app.database.count("owners"), 2);
}
