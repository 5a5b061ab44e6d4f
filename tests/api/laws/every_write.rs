//! The law of the log: what changes a row of a book is logged in it, and what changes none is not. So a follower of the
//! log has everything, and nobody who asks whether there is something new is sent to look for nothing.

use serde_json::{Value, json};

use super::every_edit::row_for;
use crate::support::contract::{Operation, contract};
use crate::support::walk::{NEVER, body, path};
use crate::support::{Actor, App, Book, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![every_write_to_a_book_raises_its_number_exactly_when_it_changes_a_row]
}

/// The tables of what is in a book.
const TABLES: [&str; 4] = ["owners", "dogs", "dog_co_owners", "tasks"];

fn is_safe(operation: &Operation) -> bool {
    ["GET", "HEAD", "OPTIONS"].contains(&operation.method.as_str())
}

/// Runs a request, and holds whether the number grew against whether there was a change.
fn hold(app: &App, alice: &Actor<'_>, told: &str, request: impl FnOnce()) -> bool {
    let rows = || TABLES.map(|table| app.database.rows_of(table));
    let last = || alice.get("/dogowner/book").expect(200).json["last"].as_i64().expect("a number");
    let (rows_before, last_before) = (rows(), last());
    request();
    let (has_changed, has_grown) = (rows() != rows_before, last() > last_before);
    assert_eq!(has_changed, has_grown, "{told}: whether rows changed, and whether that was logged");
    assert!(last() >= last_before, "{told} takes numbers back");
    has_changed
}

fn every_write_to_a_book_raises_its_number_exactly_when_it_changes_a_row(app: &App) {
    let (mut changing, mut keeping) = (0, 0);
    for (number, operation) in contract().operations.iter().filter(|operation| !is_safe(operation)).enumerate() {
        // Who logs in or out, or leaves, is no reader of a book any more.
        if !operation.path.starts_with("/dogowner") && !operation.path.starts_with("/me/") {
            continue;
        }
        let alice = app.sign_in(&format!("alice{number}"));
        let book = Book::of(&alice);
        let mut ask = |told: &str, path: &str, headers: &[(&str, &str)], body: Option<&Value>| {
            let told = format!("{} {told}", operation.id);
            let has_changed = hold(app, &alice, &told, || {
                let _whatever = alice.ask(&operation.method, path, headers, body);
            });
            *(if has_changed { &mut changing } else { &mut keeping }) += 1;
        };
        let good = body(operation, |name| book.id(name, 0));
        let path = if operation.body_schema().is_some() && operation.path.ends_with('}') {
            row_for(&book, operation)
        } else {
            book.path(operation)
        };
        ask("of a row that never was", &never(operation), &[], good.as_ref());
        ask("under a condition that fails", &path, &[("If-Match", "\"99-never\"")], good.as_ref());
        ask("with a body that is none", &path, &[], Some(&json!({"unheard_of": true})));
        if operation.method == "PATCH" {
            ask("of nothing", &path, &[], Some(&json!({})));
        }
        ask("as the contract shows it", &path, &[("Idempotency-Key", "once")], good.as_ref());
        ask("once more", &path, &[("Idempotency-Key", "once")], good.as_ref());
        ask("once more, anew", &path, &[], good.as_ref());
    }
    assert!(changing > 20 && keeping > 60, "{changing} requests changed something, {keeping} nothing");
}

/// The operation's path about rows that there are not.
fn never(operation: &Operation) -> String {
    path(operation, |_| json!(NEVER))
}
