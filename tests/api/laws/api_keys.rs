//! What an API key opens: each scope, at each operation, as the contract says it (`x-keys`).

use kennel::credentials::ApiKeyText;
use serde_json::Value;

use super::every_route::of_a_neighbours_row_nothing_is_told;
use crate::accounts::api_keys::mistyped;
use crate::support::contract::{Operation, contract};
use crate::support::walk::{body, call, is_private, path, row, rows};
use crate::support::{Actor, App, Repository, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        every_operation_that_reads_a_token_says_whether_it_takes_keys,
        a_key_opens_what_its_scope_says_and_nothing_else,
        a_read_key_changes_nothing,
        a_key_that_is_none_is_refused_everywhere_by_its_own_type,
        by_a_key_a_neighbours_row_is_one_that_never_was,
        what_a_key_is_answered_is_what_a_token_is_answered,
    ]
}

const READ_ONLY: &str = r#"Bearer error="insufficient_scope", error_description="the key only reads", scope="write""#;
const LOGIN_ONLY: &str = r#"Bearer error="insufficient_scope", error_description="this needs a login""#;

/// The scope that an operation wants of a key: `read`, `write`, or `none` where no key will do.
fn wanted(operation: &Operation) -> Option<&str> {
    operation.definition["x-keys"].as_str()
}

/// The operations that read a token, in an order in which what goes away goes last.
fn operations() -> Vec<&'static Operation> {
    let mut operations: Vec<_> = contract().operations.iter().filter(|one| wanted(one).is_some()).collect();
    operations.sort_by_key(|operation| operation.method == "DELETE");
    operations
}

fn every_operation_that_reads_a_token_says_whether_it_takes_keys(_: &Repository) {
    for operation in &contract().operations {
        let reads_a_token = is_private(operation) || operation.id == "logout";
        let expected = match (reads_a_token, operation.method.as_str()) {
            (false, _) => &[][..],
            (true, "GET") => &["read", "none"],
            (true, _) => &["write", "none"],
        };
        let said = wanted(operation);
        assert_eq!(said.is_some(), reads_a_token, "{}", operation.id);
        assert!(said.is_none_or(|said| expected.contains(&said)), "{} says {said:?}", operation.id);
        let refuses = operation.statuses().contains(&"403".to_owned());
        assert!(said.is_none_or(|said| refuses == (said != "read")), "{} and 403", operation.id);
    }
}

/// Refused for what the key is, before anything else is looked at, and nothing is done.
#[track_caller]
fn refused(app: &App, actor: &Actor<'_>, operation: &Operation, challenge: &str, id: &dyn Fn(&str) -> Value) {
    let path = path(operation, id);
    for body in [body(operation, id), None] {
        let rows = app.database.rows();
        let answer = call(actor, operation, &path, body.as_ref()).expect(403).problem("insufficient-scope");
        assert_eq!(answer.header("www-authenticate"), challenge, "{answer}");
        assert_eq!(app.database.rows(), rows, "{answer} changed something");
    }
}

fn a_key_opens_what_its_scope_says_and_nothing_else(app: &App) {
    let alice = app.sign_in("alice");
    let keys = ["read", "write"].map(|scope| (scope, alice.with_key(scope)));
    for operation in operations() {
        for (scope, program) in &keys {
            let id = |name: &str| row(&alice, name);
            match (wanted(operation).expect("a scope"), *scope) {
                ("none", _) => refused(app, program, operation, LOGIN_ONLY, &id),
                ("write", "read") => refused(app, program, operation, READ_ONLY, &id),
                _ => {
                    if operation.id == "delete_profile" {
                        alice.go_public();
                    }
                    let (path, body) = (path(operation, id), body(operation, id));
                    let answer = call(program, operation, &path, body.as_ref());
                    // Without a profile there is none to show.
                    let is_absent = operation.id == "show_profile" && answer.status == 404;
                    assert!(answer.status / 100 == 2 || is_absent, "{scope}: {answer}");
                    if operation.method == "GET" {
                        program.send("HEAD", &path, &[], None).expect(answer.status);
                    }
                }
            }
        }
    }
    for (_, program) in &keys {
        program.get("/me").expect(200);
    }
}

fn a_read_key_changes_nothing(app: &App) {
    let alice = app.sign_in("alice");
    let mine = rows(&alice);
    let program = alice.with_key("read");
    alice.go_public();
    for operation in operations() {
        let (path, body) = (path(operation, &mine), body(operation, &mine));
        let rows = app.database.rows();
        let answer = call(&program, operation, &path, body.as_ref());
        assert!([200, 403].contains(&answer.status), "{answer}");
        assert_eq!(app.database.rows(), rows, "{answer} changed something");
    }
}

fn a_key_that_is_none_is_refused_everywhere_by_its_own_type(app: &App) {
    let alice = app.sign_in("alice");
    let mine = rows(&alice);
    let [expired, ended] = [alice.with_key("write"), alice.with_key("write")];
    let last = *alice.get("/me/keys").expect(200).ids().last().expect("a key");
    app.database.execute(&format!("UPDATE api_keys SET expires_at = created_at WHERE id <> {last}")).expect("it can");
    alice.delete(&format!("/me/keys/{last}")).expect(204);
    let text = expired.token().to_owned();
    let mistyped = mistyped(&text);
    let unknown = ApiKeyText::random().expect("random numbers");
    let wrong = [
        (expired.token(), "expired-api-key"),
        (ended.token(), "revoked-api-key"),
        (unknown.as_str(), "revoked-api-key"),
        (&mistyped, "invalid-api-key"),
        (&text[..30], "invalid-api-key"),
        ("kennel_", "invalid-api-key"),
    ];
    for operation in operations().into_iter().filter(|operation| is_private(operation)) {
        let (path, body) = (path(operation, &mine), body(operation, &mine));
        for (key, kind) in &wrong {
            let rows = app.database.rows();
            let answer = call(&app.anon().with_token(key), operation, &path, body.as_ref()).expect(401).problem(kind);
            assert!(answer.header("www-authenticate").starts_with(r#"Bearer error="invalid_token""#), "{answer}");
            assert_eq!(app.database.rows(), rows);
        }
    }
}

fn by_a_key_a_neighbours_row_is_one_that_never_was(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let program = bob.with_key("write");
    for operation in operations().into_iter().filter(|operation| wanted(operation) != Some("none")) {
        of_a_neighbours_row_nothing_is_told(app, operation, &alice, &bob, &program);
    }
}

fn what_a_key_is_answered_is_what_a_token_is_answered(app: &App) {
    let alice = app.sign_in("alice");
    let mine = rows(&alice);
    alice.go_public();
    let program = alice.with_key("read");
    for operation in operations().into_iter().filter(|operation| wanted(operation) == Some("read")) {
        let path = path(operation, &mine);
        let [by_token, by_key] = [&alice, &program].map(|actor| actor.get(&path).expect(200));
        // It says at which moment it was made.
        if operation.id == "show_export" {
            assert_eq!(by_token.json["owners"], by_key.json["owners"]);
        } else {
            by_token.same_as(&by_key);
        }
    }
}
