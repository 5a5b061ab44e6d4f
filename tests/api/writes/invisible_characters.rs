//! Every text that people name or describe something by can be seen.

use serde_json::{Value, json};

use crate::laws::every_edit::row_for;
use crate::support::contract::{Operation, contract};
use crate::support::walk::{call, is_private};
use crate::support::{App, Book, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![what_nobody_can_see_is_no_name, what_writes_a_language_is_a_name]
}

/// Each operation with a field of such a text, with its path and a body around it. Accounts have rules of their own.
fn texts<'a>(book: &Book<'_>) -> Vec<(&'a Operation, String, String, Value)> {
    let is_of_rows = |operation: &&Operation| is_private(operation) && operation.id != "replace_password";
    let with_bodies = contract().operations.iter().filter(is_of_rows).filter(|one| one.body_schema().is_some());
    let all = with_bodies.flat_map(|operation| {
        let path = if operation.knows_header("If-Match") { row_for(book, operation) } else { book.path(operation) };
        let named = operation.writable().into_iter().filter(|field| ["name", "description"].contains(&field.as_str()));
        let named = named.map(|field| (operation, path.clone(), field, book.body(operation, 0)));
        named.collect::<Vec<_>>()
    });
    all.collect()
}

#[track_caller]
fn refused(app: &App, texts_refused: &[&str], code: &str) {
    let alice = app.sign_in("alice");
    let texts = texts(&Book::of(&alice));
    assert!(texts.len() > 9, "only {} texts", texts.len());
    let rows = app.database.rows();
    for (operation, path, field, body) in texts {
        for text in texts_refused {
            let mut body = body.clone();
            body[&field] = json!(text);
            call(&alice, operation, &path, Some(&body)).error(&format!("/{field}"), code);
        }
    }
    assert_eq!(app.database.rows(), rows);
}

fn what_nobody_can_see_is_no_name(app: &App) {
    let unseen = [
        "\u{200b}",
        "\u{200d}\u{200c}",
        "\u{feff} \u{feff}",
        "\u{2060}\u{2063}",
        "\u{ad}",
        "\u{3164}",
        "\u{115f}\u{1160}",
        "\u{ffa0}",
        "\u{2800}",
        "\u{200e}\u{200f}\u{61c}",
        "\u{202e}\u{202c}",
        "\u{2066} \u{2069}",
        "\u{180e}",
        "\u{fe0f}",
        "\u{e0061}\u{e007f}",
    ];
    refused(app, &unseen, "invisible");
    refused_blank(app);
}

fn refused_blank(app: &App) {
    let alice = app.log_in("alice");
    for blank in ["", " ", "\u{3000}\u{a0}", "\u{2003}"] {
        alice.post("/dogowner/owners", &json!({ "name": blank })).error("/name", "too_short");
    }
}

fn what_writes_a_language_is_a_name(app: &App) {
    let alice = app.sign_in("alice");
    for name in [
        "👩\u{200d}🚒",
        "🏳\u{fe0f}\u{200d}🌈",
        "می\u{200c}خواهم",
        "क्\u{200d}ष",
        "\u{200f}שלום!",
        "Re\u{ad}x",
        "犬",
        "\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
        ".",
    ] {
        let id = alice.owner(name);
        assert_eq!(alice.get(&format!("/dogowner/owners/{id}")).expect(200).text("name"), name);
    }
}
