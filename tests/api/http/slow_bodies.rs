//! A body that is held back keeps no door open: what ended while it was on its way is over for it, too.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::client::PASSWORD;
use crate::support::recorder::Recorder;
use crate::support::wire::Wire;
use crate::support::{Actor, App, Database, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_body_that_comes_after_the_logout_changes_nothing,
        a_body_that_comes_after_its_key_was_deleted_changes_nothing,
        a_body_that_comes_after_the_password_was_changed_asks_for_no_address,
        a_body_that_comes_late_is_taken_while_the_session_lasts,
        what_cannot_be_undone_is_not_done_for_a_session_that_ended_while_it_waited,
    ]
}

/// Sends a request but for the last byte of its body; the server has looked at its token before this returns.
fn hold_back<'a>(app: &'a App, actor: &Actor<'_>, request: &str, body: &str) -> Wire<'a> {
    let mut wire = Wire::open(app);
    let token = actor.token();
    wire.send(
        format!(
            "{request} HTTP/1.1\r\nHost: kennel\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .as_bytes(),
    );
    wire.send(&body.as_bytes()[..body.len() - 1]);
    // Others are served meanwhile, longer than a body takes that comes with its headers.
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(300) {
        app.anon().get("/health/live").expect(200);
    }
    wire
}

fn a_body_that_comes_after_the_logout_changes_nothing(app: &App) {
    let alice = app.sign_in("alice");
    let mut held = hold_back(app, &alice, "POST /dogowner/owners", r#"{"name":"Ann"}"#);
    alice.send("POST", "/auth/logout", &[], None).expect(200);
    held.send(b"}");
    held.answer().expect(401).problem("revoked-token");
    assert_eq!(app.database.count("owners"), 0);
}

fn a_body_that_comes_after_its_key_was_deleted_changes_nothing(app: &App) {
    let alice = app.sign_in("alice");
    let program = alice.with_key("write");
    let mut held = hold_back(app, &program, "POST /dogowner/owners", r#"{"name":"Ann"}"#);
    let key = alice.get("/me/keys").expect(200).ids()[0];
    alice.delete(&format!("/me/keys/{key}")).expect(204);
    held.send(b"}");
    held.answer().expect(401).problem("revoked-api-key");
    assert_eq!(app.database.count("owners"), 0);
}

fn a_body_that_comes_after_the_password_was_changed_asks_for_no_address(app: &App) {
    let (alice, thief) = (app.sign_in("alice"), app.log_in("alice"));
    let mut held = hold_back(app, &thief, "PATCH /me", r#"{"email":"bob@example.com"}"#);
    let change = json!({"current_password": PASSWORD, "new_password": "the rain has stopped now"});
    alice.put("/me/password", &change).expect(204);
    held.send(b"}");
    held.answer().expect(401).problem("revoked-token");
    let export = alice.get("/me/export").expect(200);
    assert!(export.json["new_email"].is_null(), "{export}");
}

fn a_body_that_comes_late_is_taken_while_the_session_lasts(app: &App) {
    let alice = app.sign_in("alice");
    let mut held = hold_back(app, &alice, "POST /dogowner/owners", r#"{"name":"Ann"}"#);
    held.send(b"}");
    held.answer().expect(201);
}

fn what_cannot_be_undone_is_not_done_for_a_session_that_ended_while_it_waited(scene: &Database) {
    let database = Database::fresh(scene.engine);
    let recorder = Recorder::on(&database);
    let app = App::with(database, &[]);
    let alice = app.sign_in("alice");
    let owner = alice.owner("Ann");
    alice.dog("Rex", owner);
    for (method, path, body) in [
        ("DELETE", "/me".to_owned(), None),
        ("PATCH", "/me".to_owned(), Some(json!({"username": "malice"}))),
        ("DELETE", "/me/sessions".to_owned(), None),
        ("DELETE", format!("/me/sessions/{}", alice.session()), None),
        ("DELETE", format!("/dogowner/owners/{owner}?force=true"), None),
    ] {
        let thief = app.log_in("alice");
        let end = format!("DELETE FROM sessions WHERE id = {}", thief.session());
        let ask = || thief.ask(method, &path, &[], body.as_ref());
        // The gate has seen a session that still stood.
        let answer = recorder.while_it_waits(&app.database, "sessions", &end, ask);
        answer.expect(401).problem("revoked-token");
        assert_eq!(alice.get("/me").expect(200).text("username"), "alice");
    }
    assert_eq!((app.database.count("owners"), app.database.count("dogs")), (1, 1));
}
