//! Every text that people name or describe something by can be seen.

use serde_json::json;

use crate::support::{App, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![what_nobody_can_see_is_no_name, what_writes_a_language_is_a_name]
}

/// Each route that takes such a text, with its field and a body around the text.
fn texts<'a>(owner: i64) -> Vec<(&'a str, &'a str, &'a str, serde_json::Value)> {
    let dog = json!({"owner_id": owner});
    vec![
        ("POST", "/dogowner/owners", "name", json!({})),
        ("POST", "/dogowner/dogs", "name", dog),
        ("POST", "/dogowner/tasks", "name", json!({})),
        ("PUT", "/me/profile", "description", json!({})),
    ]
}

#[track_caller]
fn refused(app: &App, texts_refused: &[&str], code: &str) {
    let alice = app.sign_in("alice");
    let owner = alice.owner("Ann");
    let rows = app.database.rows();
    for (method, path, field, body) in texts(owner) {
        for text in texts_refused {
            let mut body = body.clone();
            body[field] = json!(text);
            alice.send_json(method, path, &body).error(&format!("/{field}"), code);
        }
    }
    for text in texts_refused {
        alice.patch(&format!("/dogowner/owners/{owner}"), &json!({ "name": text })).error("/name", code);
        alice.put(&format!("/dogowner/owners/{owner}"), &json!({ "name": text })).error("/name", code);
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
