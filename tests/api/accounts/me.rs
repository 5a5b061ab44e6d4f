//! Who I am: my name, which I may change, and the end of my account.

use serde_json::{Value, json};

use crate::support::{App, PASSWORD, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        i_am_shown_with_what_is_mine_and_no_secret,
        i_can_take_another_username_and_log_in_with_it,
        my_old_username_is_free_again,
        i_can_change_the_letter_case_of_my_username,
        a_username_of_somebody_else_is_taken_in_any_letter_case,
        a_username_keeps_to_the_rules_of_signup,
        the_email_that_i_have_changes_nothing,
        another_email_is_not_mine_before_it_is_confirmed,
        nothing_else_about_me_can_be_changed,
        a_patch_that_changes_nothing_leaves_me_as_i_am,
        with_my_account_everything_that_is_mine_is_gone,
        a_token_of_a_deleted_account_is_dead_everywhere,
        a_deleted_account_leaves_its_name_to_others,
        an_account_is_deleted_only_as_it_was_seen,
    ]
}

fn i_am_shown_with_what_is_mine_and_no_secret(app: &App) {
    let alice = app.sign_in("alice");
    let me = alice.get("/me").expect(200);
    let mut fields: Vec<_> = me.json.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["created_at", "email", "id", "updated_at", "username", "verified_at"]);
}

fn i_can_take_another_username_and_log_in_with_it(app: &App) {
    let alice = app.sign_in("alice");
    let before = alice.get("/me").expect(200);
    let renamed = alice.patch("/me", &json!({"username": " Alicia-2 "})).expect(200);
    assert_eq!(renamed.text("username"), "Alicia-2");
    assert_ne!(renamed.etag(), before.etag());
    assert!(renamed.text("updated_at") >= before.text("updated_at"), "{renamed}");
    for field in ["id", "email", "created_at", "verified_at"] {
        assert_eq!(renamed.json[field], before.json[field], "{field}");
    }
    let shown = alice.get("/me").expect(200);
    assert_eq!((&shown.json, shown.etag()), (&renamed.json, renamed.etag()));
    assert_eq!(app.log_in("ALICIA-2").id(), before.id());
    let old = json!({"username": "alice", "password": PASSWORD});
    app.anon().post("/auth/login", &old).expect(401).problem("invalid-credentials");
}

fn my_old_username_is_free_again(app: &App) {
    let alice = app.sign_in("alice");
    alice.patch("/me", &json!({"username": "alicia"})).expect(200);
    let body = json!({"username": "Alice", "email": "other@example.com", "password": PASSWORD});
    app.anon().post("/auth/signup", &body).expect(201);
    alice.patch("/me", &json!({"username": "alice"})).expect(409).problem("username-taken");
}

fn i_can_change_the_letter_case_of_my_username(app: &App) {
    let alice = app.sign_in("alice");
    assert_eq!(alice.patch("/me", &json!({"username": "ALICE"})).expect(200).text("username"), "ALICE");
    assert_eq!(alice.get("/me").text("username"), "ALICE");
}

fn a_username_of_somebody_else_is_taken_in_any_letter_case(app: &App) {
    let alice = app.sign_in("alice");
    app.sign_up("Bob");
    let before = app.database.rows();
    for taken in ["Bob", "bob", "BOB", " bOb "] {
        alice.patch("/me", &json!({ "username": taken })).expect(409).problem("username-taken");
    }
    assert_eq!(app.database.rows(), before);
}

fn a_username_keeps_to_the_rules_of_signup(app: &App) {
    let alice = app.sign_in("alice");
    let before = app.database.rows();
    let long = "a".repeat(31);
    for name in ["", "al", &long, "al ice", "älice", "al.ice", "al/ice", "alice\0", "al\nice", "admin", "a@b", "ａlice"]
    {
        let signup = json!({"username": name, "email": "zoe@example.com", "password": PASSWORD});
        let signup = app.anon().post("/auth/signup", &signup).expect(422);
        let patch = alice.patch("/me", &json!({ "username": name })).expect(422).problem("validation-failed");
        assert_eq!(patch.json["errors"], signup.json["errors"], "{name:?}");
    }
    for no_text in [json!(1), json!(true), json!([]), json!({})] {
        alice.patch("/me", &json!({ "username": no_text })).error("/username", "type");
    }
    alice.patch("/me", &json!({"username": null})).error("/username", "not_nullable");
    assert_eq!(app.database.rows(), before);
    for name in ["abc".to_owned(), "A-_9".to_owned(), "a".repeat(30)] {
        assert_eq!(alice.patch("/me", &json!({ "username": name })).expect(200).text("username"), name);
    }
}

fn the_email_that_i_have_changes_nothing(app: &App) {
    let alice = app.sign_in("alice");
    let (before, rows) = (alice.get("/me").expect(200), app.database.rows());
    for same in ["alice@example.com", "ALICE@Example.COM", " alice@example.com "] {
        let answer = alice.patch("/me", &json!({ "email": same })).expect(200);
        assert_eq!((&answer.json, answer.etag()), (&before.json, before.etag()), "{same}");
    }
    assert_eq!(app.database.rows(), rows);
}

/// What becomes of the mail is another story.
fn another_email_is_not_mine_before_it_is_confirmed(app: &App) {
    let alice = app.sign_in("alice");
    app.sign_up("bob");
    let before = alice.get("/me").expect(200);
    for taken in ["bob@example.com", "BOB@example.COM"] {
        alice.patch("/me", &json!({ "email": taken })).expect(409).problem("email-taken");
    }
    alice.patch("/me", &json!({"email": null})).error("/email", "not_nullable");
    alice.patch("/me", &json!({"email": 1})).error("/email", "type");
    for no_address in ["", "alice", "a@b\0"] {
        let answer = alice.patch("/me", &json!({ "email": no_address })).expect(422).problem("validation-failed");
        assert_eq!(answer.json["errors"][0]["pointer"], "/email", "{answer}");
    }
    assert_eq!(alice.get("/me").json, before.json);
    let asked = alice.patch("/me", &json!({"email": "alicia@example.com"})).expect(200);
    for field in ["email", "username", "verified_at"] {
        assert_eq!(asked.json[field], before.json[field], "{field}");
    }
    app.log_in("alice@example.com");
    app.try_log_in("alicia@example.com", PASSWORD).expect(401);
    let both = alice.patch("/me", &json!({"username": "alicia", "email": "alicia@example.com"})).expect(200);
    assert_eq!((both.text("username"), both.text("email")), ("alicia", "alice@example.com"));
    // Two may wait for one address; who confirms it first has it.
    app.log_in("bob").patch("/me", &json!({"email": "alicia@example.com"})).expect(200);
}

fn nothing_else_about_me_can_be_changed(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let got = alice.get("/me").expect(200);
    let mut body = got.json.clone();
    for (field, value) in [("id", json!(bob.id())), ("verified_at", got.json["created_at"].clone())] {
        body[field] = value;
    }
    body["created_at"] = json!("not even a time");
    body["updated_at"] = Value::Null;
    let same = |me: &Value| ["id", "username", "email", "verified_at", "created_at"].map(|field| me[field].clone());
    assert_eq!(same(&alice.patch("/me", &body).expect(200).json), same(&got.json));
    let got = alice.get("/me").expect(200);
    for field in ["password", "password_hash", "role", "is_public", "user_id", "version", "username_key"] {
        alice.patch("/me", &json!({ field: "x" })).error(&format!("/{field}"), "unknown_field");
    }
    assert_eq!(alice.get("/me").json, got.json);
}

fn a_patch_that_changes_nothing_leaves_me_as_i_am(app: &App) {
    let alice = app.sign_in("alice");
    let (before, rows) = (alice.get("/me").expect(200), app.database.rows());
    let answer = alice.patch("/me", &json!({})).expect(200);
    assert_eq!((&answer.json, answer.etag()), (&before.json, before.etag()));
    assert_eq!(app.database.rows(), rows);
}

fn with_my_account_everything_that_is_mine_is_gone(app: &App) {
    let bob = app.sign_in("bob");
    let bobs_dog = bob.dog("Ivy", bob.owner("Ben"));
    bob.go_public();
    let without_her = app.database.everything();

    let alice = app.sign_in("alice");
    let (ann, mia) = (alice.owner("Ann"), alice.owner("Mia"));
    let dog = alice.dog("Rex", ann);
    alice.share(dog, mia);
    alice.post("/dogowner/tasks", &json!({"name": "Walk", "dog_id": dog})).expect(201);
    alice.task("Buy food");
    alice.go_public();
    let key = [("Idempotency-Key", "one")];
    alice.ask("POST", "/dogowner/owners", &key, Some(&json!({"name": "Zoe"}))).expect(201);
    app.log_in("alice");

    alice.delete("/me").expect(204);
    assert_eq!(app.database.everything(), without_her);
    assert_eq!(bob.get("/dogowner/dogs").ids(), [bobs_dog]);
    assert_eq!(app.anon().get("/dogs").ids(), [bobs_dog]);
}

fn a_token_of_a_deleted_account_is_dead_everywhere(app: &App) {
    let alice = app.sign_in("alice");
    let elsewhere = app.log_in("alice");
    alice.delete("/me").expect(204);
    for actor in [&alice, &elsewhere] {
        actor.get("/me").expect(401).problem("revoked-token");
        actor.delete("/me").expect(401).problem("revoked-token");
        actor.get("/dogowner/owners").expect(401).problem("revoked-token");
        actor.post("/dogowner/owners", &json!({"name": "Ann"})).expect(401).problem("revoked-token");
    }
    let login = json!({"username": "alice", "password": PASSWORD});
    app.anon().post("/auth/login", &login).expect(401).problem("invalid-credentials");
}

fn a_deleted_account_leaves_its_name_to_others(app: &App) {
    let alice = app.sign_in("alice");
    let id = alice.id();
    alice.owner("Ann");
    alice.delete("/me").expect(204);
    let again = app.sign_in("ALICE");
    assert_ne!(again.id(), id, "an id never comes back");
    assert_eq!(again.get("/dogowner/owners").json, json!([]));
    alice.get("/me").expect(401);
}

fn an_account_is_deleted_only_as_it_was_seen(app: &App) {
    let alice = app.sign_in("alice");
    let seen = alice.get("/me").expect(200);
    alice.patch("/me", &json!({"username": "alicia"})).expect(200);
    let stale = [("If-Match", seen.etag())];
    alice.send("DELETE", "/me", &stale, None).expect(412).problem("precondition-failed");
    alice.ask("PATCH", "/me", &stale, Some(&json!({"username": "alina"}))).expect(412);
    let now = alice.get("/me").expect(200);
    assert_eq!(now.text("username"), "alicia");
    alice.send("DELETE", "/me", &[("If-Match", now.etag())], None).expect(204);
}
