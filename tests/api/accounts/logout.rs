//! Logging out: the session is dead from the next request on, and only that session.

use serde_json::json;

use crate::accounts::refresh_tokens::dead;
use crate::support::forge::Forge;
use crate::support::{App, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_token_is_dead_on_the_very_next_request_after_logout,
        a_logout_always_succeeds_and_says_so,
        a_logout_ends_one_session_and_not_the_others,
        after_a_logout_nothing_can_be_refreshed,
        a_refresh_token_can_be_logged_out_without_an_access_token,
        an_access_token_that_expired_is_good_for_a_logout,
        a_logout_ends_every_session_that_it_is_told_of,
        what_names_no_session_ends_none,
        a_body_that_is_not_json_is_refused_and_ends_nothing,
        a_session_that_was_ended_or_deleted_in_the_database_is_dead,
        a_token_is_dead_when_its_account_is,
    ]
}

fn a_token_is_dead_on_the_very_next_request_after_logout(app: &App) {
    let alice = app.sign_in("alice");
    alice.get("/me").expect(200);
    alice.post("/auth/logout", &json!({})).expect(200);
    for path in ["/me", "/dogowner/owners", "/dogowner/owner", "/dogowner/dogs/1"] {
        let answer = alice.get(path).expect(401).problem("revoked-token");
        assert!(answer.header("www-authenticate").contains(r#"error="invalid_token""#), "{answer}");
    }
    alice.post("/dogowner/owners", &json!({"name": "Ann"})).expect(401).problem("revoked-token");
    assert_eq!(app.database.count("owners"), 0);
}

fn a_logout_always_succeeds_and_says_so(app: &App) {
    let alice = app.sign_in("alice");
    for actor in [app.anon(), app.anon().with_token("nonsense"), alice.clone(), alice] {
        let answer = actor.send("POST", "/auth/logout", &[], None).expect(200);
        assert_eq!(answer.json, json!({"message": "Logged Out"}));
    }
}

fn a_logout_ends_one_session_and_not_the_others(app: &App) {
    let here = app.sign_in("alice");
    let there = app.log_in("alice");
    let bob = app.sign_in("bob");
    here.post("/auth/logout", &json!({})).expect(200);
    here.get("/me").expect(401);
    there.get("/me").expect(200);
    bob.get("/me").expect(200);
}

fn after_a_logout_nothing_can_be_refreshed(app: &App) {
    let alice = app.sign_in("alice");
    let successor = alice.refresh();
    successor.send("POST", "/auth/logout", &[], None).expect(200);
    for actor in [&alice, &successor] {
        dead(actor);
    }
}

fn a_refresh_token_can_be_logged_out_without_an_access_token(app: &App) {
    let (alice, there) = (app.sign_in("alice"), app.log_in("alice"));
    let answer = app.anon().post("/auth/logout", &json!({"refresh_token": alice.refresh_token()})).expect(200);
    assert_eq!(answer.json, json!({"message": "Logged Out"}));
    dead(&alice);
    there.get("/me").expect(200);
}

fn an_access_token_that_expired_is_good_for_a_logout(app: &App) {
    let alice = app.sign_in("alice");
    let expired = alice.with_token(&Forge::of(alice.token()).aged(100_000).signed());
    expired.get("/me").expect(401).problem("expired-token");
    expired.send("POST", "/auth/logout", &[], None).expect(200);
    dead(&alice);
}

fn a_logout_ends_every_session_that_it_is_told_of(app: &App) {
    let (here, there, elsewhere) = (app.sign_in("alice"), app.log_in("alice"), app.log_in("alice"));
    here.post("/auth/logout", &json!({"refresh_token": there.refresh_token()})).expect(200);
    dead(&here);
    dead(&there);
    elsewhere.get("/me").expect(200);
}

fn what_names_no_session_ends_none(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let token = alice.refresh_token();
    let (id, rest) = token.split_once('.').expect("a session");
    let forged = format!("{}.{rest}", bob.session());
    for wrong in ["", "x", &token[1..], &format!("{token}A"), &forged, &format!("{id}.0."), alice.token()] {
        let body = json!({"refresh_token": wrong.get(..512).unwrap_or(wrong)});
        app.anon().post("/auth/logout", &body).expect(200);
    }
    for actor in [alice, bob] {
        actor.get("/me").expect(200);
        actor.refresh().get("/me").expect(200);
    }
}

/// Or a form on somebody else's page could log people out.
fn a_body_that_is_not_json_is_refused_and_ends_nothing(app: &App) {
    let alice = app.sign_in("alice");
    let form = format!("refresh_token={}", alice.refresh_token());
    for media_type in ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"] {
        for path in ["/auth/logout", "/auth/refresh"] {
            let answer = alice.send("POST", path, &[("Content-Type", media_type)], Some(form.as_bytes()));
            answer.expect(415).problem("unsupported-media-type");
        }
    }
    alice.send_text("POST", "/auth/logout", "{").expect(400).problem("malformed-json");
    alice.post("/auth/logout", &json!({"colour": "red"})).error("/colour", "unknown_field");
    alice.post("/auth/logout", &json!({"refresh_token": 1})).error("/refresh_token", "type");
    alice.get("/me").expect(200);
    alice.refresh().get("/me").expect(200);
}

fn a_session_that_was_ended_or_deleted_in_the_database_is_dead(app: &App) {
    let (ended, deleted) = (app.sign_in("alice"), app.sign_in("bob"));
    app.database.execute("UPDATE sessions SET revoked_at = created_at WHERE user_id = 1").expect("ended");
    app.database.execute("DELETE FROM sessions WHERE user_id = 2").expect("deleted");
    ended.get("/me").expect(401).problem("revoked-token");
    deleted.get("/me").expect(401).problem("revoked-token");
}

fn a_token_is_dead_when_its_account_is(app: &App) {
    let alice = app.sign_in("alice");
    app.database.execute("DELETE FROM users").expect("deleted");
    alice.get("/me").expect(401).problem("revoked-token");
    alice.post("/dogowner/owners", &json!({"name": "Ann"})).expect(401).problem("revoked-token");
}
