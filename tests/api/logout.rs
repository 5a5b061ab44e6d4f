//! Logging out: the session is dead from the next request on, and only that session.

use serde_json::json;

use crate::support::{App, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_token_is_dead_on_the_very_next_request_after_logout,
        a_logout_always_succeeds_and_says_so,
        a_logout_ends_one_session_and_not_the_others,
        a_logout_ignores_its_body,
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

fn a_logout_ignores_its_body(app: &App) {
    for body in ["", "{}", "not JSON", r#"{"anything":[1,2,3]}"#] {
        let alice = if app.database.count("users") == 0 { app.sign_in("alice") } else { app.log_in("alice") };
        alice.send("POST", "/auth/logout", &[("Content-Type", "text/plain")], Some(body.as_bytes())).expect(200);
        alice.get("/me").expect(401);
    }
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
