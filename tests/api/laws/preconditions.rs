//! Nobody's edit is lost: every single row has a version (`ETag`), and an edit can ask for the version that it
//! was made from (RFC 9110 §13). The laws walk the contract.

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::thread;

use serde_json::{Value, json};

use super::every_edit::row_for;
use crate::support::contract::{Operation, contract};
use crate::support::walk::{NEVER, body, path, row};
use crate::support::{Actor, App, Book, Repository, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        whatever_shows_a_row_that_i_can_edit_shows_its_version,
        every_edit_of_a_row_takes_preconditions,
        a_read_of_the_version_that_i_have_is_304,
        a_condition_of_a_read_that_cannot_be_read_is_ignored,
        an_edit_of_the_version_that_i_saw_is_made,
        an_edit_of_any_other_version_is_412_and_changes_nothing,
        a_version_that_a_proxy_weakened_is_told_for_what_it_is,
        a_precondition_that_cannot_be_read_is_400_and_changes_nothing,
        a_row_that_is_not_there_is_404_whatever_the_preconditions,
        a_new_row_comes_with_its_first_version,
        of_those_who_edit_what_they_saw_at_once_one_succeeds,
        no_edit_is_lost_however_many_there_are,
        a_list_has_no_version,
    ]
}

/// The operations of the contract on single rows: reads, and edits.
fn reads() -> impl Iterator<Item = &'static Operation> {
    let private = contract().operations.iter().filter(|operation| crate::support::walk::is_private(operation));
    private.filter(|operation| operation.method == "GET" && operation.knows_header("If-None-Match"))
}

/// A path to a new row of alice's, and a good body. The account that is deleted is nobody's else.
fn set<'a>(
    app: &'a App,
    alice: &Actor<'a>,
    number: &mut u32,
    operation: &Operation,
) -> (Actor<'a>, String, Option<Value>) {
    *number += 1;
    let actor = if operation.id == "delete_me" { app.sign_in(&format!("zoe-{number}")) } else { alice.clone() };
    actor.go_public();
    let path = path(operation, |name| row(&actor, name));
    let body = match operation.id.as_str() {
        "update_me" => Some(json!({"username": format!("alicia-{number}")})),
        _ => body(operation, |name| row(&actor, name)),
    };
    (actor, path, body)
}

fn whatever_shows_a_row_that_i_can_edit_shows_its_version(app: &App) {
    let alice = app.sign_in("alice");
    alice.go_public();
    for operation in reads() {
        let path = path(operation, |name| row(&alice, name));
        let seen = alice.get(&path).expect(200);
        assert_eq!(alice.get(&path).etag(), seen.etag(), "{path}");
        assert_eq!(alice.send("HEAD", &path, &[], None).etag(), seen.etag(), "{path}");
        for edit in contract().edits().filter(|edit| edit.path == operation.path && edit.method != "DELETE") {
            let body = body(edit, |name| row(&alice, name));
            let edited = alice.ask(&edit.method, &path, &[], body.as_ref()).expect(200);
            assert_eq!(edited.etag(), alice.get(&path).expect(200).etag(), "{}", edit.id);
        }
    }
}

fn every_edit_of_a_row_takes_preconditions(_: &Repository) {
    let paths_with = |method: &str| -> BTreeSet<_> {
        let private = contract().operations.iter().filter(|operation| crate::support::walk::is_private(operation));
        private.filter(|operation| operation.method == method).map(|operation| operation.path.as_str()).collect()
    };
    let edited = &paths_with("PUT") | &paths_with("PATCH");
    let mut rows: BTreeSet<_> = reads().map(|operation| operation.path.as_str()).collect();
    assert!(rows.remove("/dogowner/book"), "whether the book as a whole has changed is told by a number, too");
    assert_eq!(rows, &edited & &paths_with("GET"), "what can be seen and edited has a version");
    assert!(rows.contains("/me") && rows.len() > 4, "{rows:?}");
    for operation in &contract().operations {
        let is_edit =
            ["PUT", "PATCH", "DELETE"].contains(&operation.method.as_str()) && rows.contains(operation.path.as_str());
        for header in ["If-Match", "If-None-Match"] {
            let known = operation.knows_header(header);
            assert_eq!(is_edit, known && operation.method != "GET", "{} and {header}", operation.id);
        }
        assert_eq!(is_edit, operation.statuses().iter().any(|status| status == "412"), "{}", operation.id);
    }
}

fn a_read_of_the_version_that_i_have_is_304(app: &App) {
    let alice = app.sign_in("alice");
    alice.go_public();
    // An empty book has the version 0.
    alice.owner("Ann");
    for operation in reads() {
        let path = path(operation, |name| row(&alice, name));
        let etag = alice.get(&path).expect(200).etag().to_owned();
        for same in
            [etag.clone(), format!("W/{etag}"), format!("\"x\",{etag}"), format!(" {etag} , W/\"y\""), "*".to_owned()]
        {
            for method in ["GET", "HEAD"] {
                let answer = alice.send(method, &path, &[("If-None-Match", &same)], None).expect(304);
                assert_eq!(answer.etag(), etag, "{same}");
            }
        }
        for other in ["\"0\"", "W/\"999\"", "\"x\", \"y\"", "\"\""] {
            alice.send("GET", &path, &[("If-None-Match", other)], None).expect(200);
        }
    }
}

fn a_condition_of_a_read_that_cannot_be_read_is_ignored(app: &App) {
    let alice = app.sign_in("alice");
    alice.go_public();
    for operation in reads() {
        let path = path(operation, |name| row(&alice, name));
        let version = alice.get(&path).expect(200).etag().trim_matches('"').to_owned();
        let (open, lower, two) =
            (format!("\"{version}"), format!("w/\"{version}\""), format!("\"{version}\" \"{version}\""));
        for malformed in [version.as_str(), &open, &lower, &two, "", "x"] {
            alice.send("GET", &path, &[("If-None-Match", malformed)], None).expect(200);
        }
    }
}

fn an_edit_of_the_version_that_i_saw_is_made(app: &App) {
    let (alice, mut number) = (app.sign_in("alice"), 0);
    for operation in contract().edits() {
        for (name, value) in [
            ("If-Match", "…"),
            ("If-Match", "\"x\", …"),
            ("If-Match", "\"a,b\" ,…"),
            ("If-Match", "*"),
            ("If-None-Match", "\"999\""),
        ] {
            let (actor, path, body) = set(app, &alice, &mut number, operation);
            let value = value.replace('…', actor.get(&path).expect(200).etag());
            let answer = actor.ask(&operation.method, &path, &[(name, &value)], body.as_ref());
            assert_eq!(answer.status / 100, 2, "{name}: {value}: {answer}");
        }
    }
}

fn an_edit_of_any_other_version_is_412_and_changes_nothing(app: &App) {
    let (alice, mut number) = (app.sign_in("alice"), 0);
    for operation in contract().edits() {
        let (actor, path, body) = set(app, &alice, &mut number, operation);
        let etag = actor.get(&path).expect(200).etag().to_owned();
        let (weak, list) = (format!("W/{etag}"), format!("\"x\", {etag}"));
        let rows = app.database.rows();
        for (name, value) in [
            ("If-Match", "\"999\""),
            ("If-Match", "\"x\", \"y\""),
            ("If-Match", "\"a,b\", W/\"*\""),
            ("If-Match", "\"\""),
            ("If-Match", &weak),
            ("If-None-Match", &etag),
            ("If-None-Match", &weak),
            ("If-None-Match", &list),
            ("If-None-Match", "*"),
        ] {
            let answer = actor.ask(&operation.method, &path, &[(name, value)], body.as_ref());
            answer.expect(412).problem("precondition-failed");
        }
        let both = [("If-Match", etag.as_str()), ("If-None-Match", "*")];
        actor.ask(&operation.method, &path, &both, body.as_ref()).expect(412);
        assert_eq!(app.database.rows(), rows, "{}", operation.id);
    }
}

fn a_version_that_a_proxy_weakened_is_told_for_what_it_is(app: &App) {
    let alice = app.sign_in("alice");
    let path = format!("/dogowner/owners/{}", alice.owner("Ann"));
    let etag = alice.get(&path).etag().to_owned();
    let rename = |tag: &str| alice.ask("PATCH", &path, &[("If-Match", tag)], Some(&json!({"name": "Bea"})));
    let version = etag.trim_matches('"');
    for weakened in [
        format!("W/{etag}"),
        format!("W/\"7\", W/{etag}"),
        format!("\"{version}-gzip\""),
        format!("W/\"{version}-br\""),
        format!("\"{version};gzip\""),
        format!("\"{version}--zstd\""),
    ] {
        let refused = rename(&weakened).expect(412).problem("precondition-failed");
        assert!(
            refused.text("detail").contains("proxy") && refused.text("detail").contains("no-transform"),
            "{refused}"
        );
    }
    for another in ["W/\"7\"", "\"7\"", "\"7-gzip\"", "\"17\""] {
        assert!(!rename(another).expect(412).text("detail").contains("proxy"));
    }
    rename(&etag).expect(200);
}

fn a_precondition_that_cannot_be_read_is_400_and_changes_nothing(app: &App) {
    let (alice, mut number) = (app.sign_in("alice"), 0);
    for operation in contract().edits() {
        let (actor, path, body) = set(app, &alice, &mut number, operation);
        let rows = app.database.rows();
        for name in ["If-Match", "If-None-Match"] {
            for malformed in
                ["3", "\"3", "3\"", "'3'", "w/\"3\"", "W/3", "\"1\" \"2\"", "*, \"1\"", "\"1\", *", "**", "\"1\",2"]
            {
                let answer = actor.ask(&operation.method, &path, &[(name, malformed)], body.as_ref());
                answer.expect(400).problem("malformed-request");
            }
        }
        assert_eq!(app.database.rows(), rows, "{}", operation.id);
    }
}

fn a_row_that_is_not_there_is_404_whatever_the_preconditions(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    for operation in contract().edits().filter(|operation| operation.path.contains('{')) {
        let hers = path(operation, |name| row(&alice, name));
        let etag = alice.get(&hers).expect(200).etag().to_owned();
        let never = path(operation, |_| json!(NEVER));
        let body = body(operation, |name| row(&bob, name));
        let rows = app.database.rows();
        for path in [&hers, &never] {
            for condition in [("If-Match", "*"), ("If-Match", &etag), ("If-Match", "\"999\""), ("If-None-Match", "*")] {
                let answer = bob.ask(&operation.method, path, &[condition], body.as_ref());
                answer.expect(404).problem("not-found");
            }
        }
        assert_eq!(app.database.rows(), rows, "{}", operation.id);
    }
}

fn a_new_row_comes_with_its_first_version(app: &App) {
    let alice = app.sign_in("alice");
    let creations = contract().operations.iter().filter(|operation| operation.creates());
    for operation in creations {
        let body = body(operation, |name| row(&alice, name));
        let created = alice.ask("POST", &operation.path, &[], body.as_ref()).expect(201);
        assert_eq!(created.etag(), alice.get(created.header("location")).expect(200).etag(), "{created}");
    }
    let made = alice.go_public().expect(201);
    assert_eq!(made.etag(), alice.get("/me/profile").expect(200).etag());
}

fn of_those_who_edit_what_they_saw_at_once_one_succeeds(app: &App) {
    let alice = app.sign_in("alice");
    let book = Book::of(&alice);
    for (edit, round) in contract().edits().flat_map(|edit| (0..6).map(move |round| (edit, round))) {
        // An account goes once.
        let zoe = (edit.id == "delete_me").then(|| app.sign_in(&format!("zoe-{round}")));
        let of_zoe = zoe.as_ref().map(Book::of);
        let book = of_zoe.as_ref().unwrap_or(&book);
        let path = row_for(book, edit);
        let etag = book.actor.get(&path).expect(200).etag().to_owned();
        // Of those who delete one row all but one find none; so half of them change it.
        let change = contract().edits().find(|one| one.path == edit.path && one.method != "DELETE").expect("a change");
        let bodies = (0..4).map(|number| match edit.method.as_str() {
            "DELETE" if number % 2 == 0 => (edit, None),
            "DELETE" => (change, Some(another(book, change, round, number))),
            _ => (edit, Some(another(book, edit, round, number))),
        });
        let bodies: Vec<_> = bodies.collect();
        let (all_there, actor) = (&Barrier::new(bodies.len()), book.actor);
        let answers: Vec<_> = thread::scope(|scope| {
            let all = bodies.iter().map(|(edit, body)| {
                let (path, etag) = (&path, &etag);
                scope.spawn(move || {
                    all_there.wait();
                    actor.ask(&edit.method, path, &[("If-Match", etag)], body.as_ref())
                })
            });
            let all: Vec<_> = all.collect();
            all.into_iter().map(|one| one.join().expect("an answer")).collect()
        });
        let (made, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status / 100 == 2);
        let told: Vec<_> = answers.iter().map(|answer| format!("{} {}", answer.method, answer.status)).collect();
        assert_eq!(made.len(), 1, "{}: of four at once with one If-Match one succeeds, and not {told:?}", edit.id);
        let is_gone = made[0].status == 204;
        let expected: &[u16] = if is_gone { &[401, 404, 412] } else { &[412] };
        assert!(refused.iter().all(|answer| expected.contains(&answer.status)), "{}: {told:?}", edit.id);
        assert!(is_gone || actor.get(&path).expect(200).json == made[0].json, "{}: whose is it?", edit.id);
    }
}

/// A body for a change that differs from others' in its texts.
fn another(book: &Book<'_>, change: &Operation, round: usize, number: usize) -> Value {
    let mut body = book.body(change, number);
    if change.path == "/me" {
        // Another address takes effect only later.
        body = json!({"username": format!("user-{}-{round}-{number}", book.actor.id())});
    }
    body
}

/// Each adds one to a number, over and over, as often as it takes.
fn no_edit_is_lost_however_many_there_are(app: &App) {
    let alice = app.sign_in("alice");
    let created = alice.post("/dogowner/owners", &json!({"name": "0"})).expect(201);
    let (alice, path) = (&alice, created.header("location"));
    thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(move || {
                for _ in 0..8 {
                    loop {
                        let seen = alice.get(path).expect(200);
                        let number: u32 = seen.text("name").parse().expect("a number");
                        let body = json!({"name": (number + 1).to_string()});
                        let answer = alice.ask("PATCH", path, &[("If-Match", seen.etag())], Some(&body));
                        if answer.status == 200 {
                            break;
                        }
                        answer.expect(412);
                    }
                }
            });
        }
    });
    assert_eq!(alice.get(path).text("name"), "40");
}

fn a_list_has_no_version(app: &App) {
    let alice = app.sign_in("alice");
    let private = contract().lists().filter(|operation| crate::support::walk::is_private(operation));
    for list in private.chain([contract().operation("show_export")]) {
        let path = path(list, |name| row(&alice, name));
        for tag in ["*", "\"1\"", "nonsense"] {
            let answer = alice.send("GET", &path, &[("If-None-Match", tag)], None).expect(200);
            assert!(answer.header_if_any("etag").is_none(), "{answer}");
        }
    }
}
