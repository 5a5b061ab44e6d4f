//! The law of edits: a PATCH changes what it names and nothing else, a PUT writes everything anew, either gives the row
//! another version, and a DELETE leaves nothing behind that names what is gone. (What edits do about each other is in
//! `preconditions.rs`.)

use serde_json::{Map, Value, json};

use crate::support::contract::{Operation, contract};
use crate::support::walk::{call, creation_of};
use crate::support::{Answer, App, Book, Sentence, schema, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        every_field_of_a_patch_becomes_what_it_says_and_every_other_stays,
        every_field_of_a_put_becomes_what_it_says,
        what_a_put_leaves_out_is_as_in_a_new_row,
        every_change_of_a_row_gives_it_another_version,
        a_row_on_which_others_hang_is_deleted_with_what_named_it_or_stays_as_it_is,
    ]
}

/// What is shown only later: an address, once it is confirmed.
const SHOWN_LATER: [(&str, &str); 1] = [("update_me", "email")];

/// The edits with this method.
fn edits(method: &str) -> Vec<&'static Operation> {
    let edits: Vec<_> = contract().edits().filter(|edit| edit.method == method).collect();
    assert!(edits.len() > 2, "only {} with {method}", edits.len());
    edits
}

/// The fields that an edit changes in what is shown at once.
fn shown_fields(edit: &Operation) -> Vec<String> {
    let is_shown = |field: &String| !SHOWN_LATER.contains(&(edit.id.as_str(), field.as_str()));
    edit.writable().into_iter().filter(is_shown).collect()
}

/// Whether a field is as it was sent; a list that is cleared has nothing in it.
fn is_as_sent(shown: &Value, sent: &Value) -> bool {
    shown == sent || sent.is_null() && *shown == json!([])
}

/// The path to a new row for an edit, with something in each of its fields; where there is one only, to that.
pub fn row_for(book: &Book<'_>, edit: &Operation) -> String {
    if let Some((_, last)) = edit.path.rsplit_once("/{") {
        let name = last.trim_end_matches('}');
        let create = creation_of(name).unwrap_or_else(|| panic!("openapi.yaml has no POST for {name}"));
        return format!("{}/{}", book.path(create), book.create(create, 0));
    }
    if let Some(put) = contract().find("PUT", &edit.path) {
        call(book.actor, put, &put.path, Some(&book.body(put, 0)));
    }
    edit.path.clone()
}

/// Changes a row, and looks whether that is what is read afterwards.
fn change(book: &Book<'_>, edit: &Operation, path: &str, body: &Value) -> Answer {
    let changed = call(book.actor, edit, path, Some(body)).expect(200);
    assert_eq!(book.actor.get(path).expect(200).json, changed.json, "{} of {body}, and what is read then", edit.id);
    changed
}

fn every_field_of_a_patch_becomes_what_it_says_and_every_other_stays(app: &App) {
    let alice = app.sign_in("alice");
    let book = Book::of(&alice);
    for edit in edits("PATCH") {
        for field in shown_fields(edit) {
            let path = row_for(&book, edit);
            let mut changes = 0;
            for value in book.values(edit, &field) {
                let before = alice.get(&path).expect(200).json;
                if is_as_sent(&before[&field], &value) {
                    continue;
                }
                changes += 1;
                let after = change(&book, edit, &path, &json!({ field.as_str(): value })).json;
                let told = format!("{} of {field} to {value}", edit.id);
                assert!(is_as_sent(&after[&field], &value), "{told} makes it {}", after[&field]);
                let others = ["id", "user_id", "created_at"].map(str::to_owned).into_iter().chain(shown_fields(edit));
                for other in others.filter(|other| *other != field) {
                    assert_eq!(after[&other], before[&other], "{told} changes {other}, too");
                }
            }
            assert!(changes > 0, "{} was never tried with another {field}", edit.id);
        }
    }
}

fn every_field_of_a_put_becomes_what_it_says(app: &App) {
    let alice = app.sign_in("alice");
    let book = Book::of(&alice);
    for edit in edits("PUT") {
        let path = row_for(&book, edit);
        for number in [1, 2, 3, 0] {
            let body = book.body(edit, number);
            let after = change(&book, edit, &path, &body).json;
            for field in edit.writable() {
                let told = format!("{} with {field} {}", edit.id, body[&field]);
                assert!(is_as_sent(&after[&field], &body[&field]), "{told} makes it {}", after[&field]);
            }
        }
    }
}

fn what_a_put_leaves_out_is_as_in_a_new_row(app: &App) {
    let alice = app.sign_in("alice");
    let book = Book::of(&alice);
    let mut checked = 0;
    for edit in edits("PUT") {
        let path = row_for(&book, edit);
        let least: Map<String, Value> = match book.body(edit, 0) {
            Value::Object(all) => all.into_iter().filter(|(field, _)| edit.requires(field)).collect(),
            other => panic!("{other} is no object"),
        };
        let least = Value::Object(least);
        let new = if let Some((collection, _)) = path.rsplit_once('/').filter(|_| edit.path.ends_with('}')) {
            alice.post(collection, &least).expect(201)
        } else {
            alice.delete(&path).expect(204);
            alice.put(&path, &least).expect(201)
        };
        let path = row_for(&book, edit);
        let after = change(&book, edit, &path, &least).json;
        for field in edit.writable().into_iter().filter(|field| !edit.requires(field)) {
            let told = format!("{} without {field} leaves another than a new row has", edit.id);
            assert_eq!(after[&field], new.json[&field], "{told}");
            checked += 1;
        }
    }
    assert!(checked > 4, "only {checked} fields can be left out");
}

fn every_change_of_a_row_gives_it_another_version(app: &App) {
    let alice = app.sign_in("alice");
    let book = Book::of(&alice);
    for edit in contract().edits().filter(|edit| edit.method != "DELETE") {
        let path = row_for(&book, edit);
        for field in shown_fields(edit) {
            let before = alice.get(&path).expect(200);
            let mut body = if edit.method == "PUT" { book.body(edit, 0) } else { json!({}) };
            let values = book.values(edit, &field);
            let other = values.into_iter().find(|value| !is_as_sent(&before.json[&field], value));
            body[&field] = other.unwrap_or_else(|| panic!("{} has another {field}", edit.id));
            let after = change(&book, edit, &path, &body);
            assert_ne!(after.etag(), before.etag(), "{} of {field} leaves the row its version", edit.id);
            assert_eq!(alice.get(&path).etag(), after.etag(), "{} of {field}, and what is read then", edit.id);
        }
    }
}

fn a_row_on_which_others_hang_is_deleted_with_what_named_it_or_stays_as_it_is(app: &App) {
    let alice = app.sign_in("alice");
    let book = Book::of(&alice);
    let keys = schema::shape(&app.database);
    let mut hung = 0;
    for delete in edits("DELETE").into_iter().filter(|edit| edit.path.ends_with("_id}")) {
        let (collection, name) = delete.path.rsplit_once("/{").expect("a row's path");
        let table = collection.rsplit('/').next().expect("a name");
        let to_it: Vec<_> = keys.iter().filter(|key| key.contains(&format!(" to {table} ("))).collect();
        for query in [String::new()].into_iter().chain(delete.switches()) {
            let path = row_for(&book, delete);
            let id: i64 = path.rsplit('/').next().and_then(|id| id.parse().ok()).expect("an id");
            let others = book.hang_on(name.trim_end_matches('}'), id);
            hung += others.len();
            let told = format!("{} with {query:?}, where {others:?} name the row", delete.id);
            let answer = alice.delete(&format!("{path}{query}"));
            assert!([204, 409].contains(&answer.status), "{told}: the keys are {to_it:#?}, and here is {answer}");
            let is_gone = answer.status == 204;
            assert_eq!(alice.get(&path).status == 404, is_gone, "{told}: {answer}");
            for (other, field) in &others {
                let left = alice.get(other);
                let names_it = left.status == 200 && (left.json[field] == id || left.json[field] == json!([id]));
                assert_eq!(names_it, !is_gone, "{told}: after {} there is {left}", answer.status);
            }
        }
    }
    assert!(hung > 3, "only {hung} rows hung on others");
}
