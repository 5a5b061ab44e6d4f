//! A new secret: what was signed with the old one is good for as long as the old one is named, and no longer.

use std::fs;

use crate::support::app::SECRET;
use crate::support::forge::Forge;
use crate::support::process::{Program, Running};
use crate::support::{Actor, Database, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        what_the_old_secret_signed_lives_until_the_old_secret_goes,
        several_old_secrets_may_be_named,
        old_secrets_may_come_from_a_file,
        the_first_secret_signs_and_the_others_only_verify,
    ]
}

const NEW: &str = "Zk9wQnV5dE1hR3ZyS2pYc0xkUWZoVGl6Y09nQWVVeDc";
const NEWEST: &str = "fLv4yKd5bYME38JnFwXBwB5PQyQZ05yR-OwfALCqr9o";

fn serve(database: &Database, secret: &str, previous: &str) -> Running {
    Program::on(database).set("JWT_SECRET", secret).set("JWT_PREVIOUS_SECRETS", previous).serve()
}

fn key_id(actor: &Actor<'_>) -> String {
    Forge::of(actor.token()).header["kid"].as_str().expect("a key's id").to_owned()
}

fn what_the_old_secret_signed_lives_until_the_old_secret_goes(database: &Database) {
    let old = serve(database, SECRET, "");
    let (alice, tab, idle) = (old.sign_in("alice"), old.log_in("alice"), old.log_in("alice"));
    let owners = ["Ann", "Mia", "Zoe"].map(|name| alice.owner(name));
    let page = alice.get("/dogowner/owners?limit=1").expect(200).next_page().expect("there is more");
    let lost = tab.refresh();
    old.hang_up();

    let both = serve(database, NEW, SECRET);
    for actor in [&alice, &tab, &idle] {
        actor.by(&both).get("/me").expect(200);
    }
    assert_eq!(alice.by(&both).get(&page).expect(200).ids(), [owners[1]]);
    let refreshed = alice.by(&both).refresh();
    refreshed.get("/me").expect(200);
    assert_ne!(key_id(&refreshed), key_id(&alice));
    // An answer that got lost before the change is given again after it.
    let again = tab.by(&both).refresh();
    lost.by(&both).get("/me").expect(200);
    again.refresh().get("/me").expect(200);
    let new_page = refreshed.get("/dogowner/owners?limit=1").expect(200).next_page().expect("there is more");

    let new = serve(database, NEW, "");
    for actor in [&alice, &tab, &idle, &lost] {
        let actor = actor.by(&new);
        actor.get("/me").expect(401).problem("invalid-token");
        actor.try_refresh().expect(401).problem("invalid-refresh-token");
        actor.send("POST", "/auth/logout", &[], None).expect(200);
    }
    let alice = refreshed.by(&new);
    alice.get("/me").expect(200);
    alice.get(&page).parameter_error("cursor", "invalid_cursor");
    assert_eq!(alice.get(&new_page).expect(200).ids(), [owners[1]]);
    alice.refresh().get("/me").expect(200);
    assert_eq!(database.count("sessions WHERE revoked_at IS NULL"), 3, "what cannot be read ends nothing");
}

fn several_old_secrets_may_be_named(database: &Database) {
    let [first, second] = [(SECRET, "alice"), (NEW, "bob")].map(|(secret, name)| {
        let server = serve(database, secret, "");
        let actor = server.sign_in(name);
        (actor.token().to_owned(), actor.refresh_token().to_owned())
    });
    let server = serve(database, NEWEST, &format!(" {SECRET} ,{NEW}"));
    for (token, refresh_token) in [first, second] {
        server.anon().with_token(&token).get("/me").expect(200);
        let body = serde_json::json!({ "refresh_token": refresh_token });
        server.anon().post("/auth/refresh", &body).expect(200);
    }
}

fn old_secrets_may_come_from_a_file(database: &Database) {
    let old = serve(database, SECRET, "");
    let alice = old.sign_in("alice");
    fs::write(database.directory().join("old"), format!("{NEWEST},{SECRET}\n")).expect("a file is written");
    let program = Program::on(database).set("JWT_SECRET", NEW).set("JWT_PREVIOUS_SECRETS_FILE", "old");
    let new = program.serve();
    alice.by(&new).get("/me").expect(200);
    alice.by(&new).refresh().get("/me").expect(200);
}

fn the_first_secret_signs_and_the_others_only_verify(database: &Database) {
    let new = serve(database, NEW, SECRET);
    let (alice, again) = (new.sign_in("alice"), new.log_in("alice").refresh());
    assert_eq!(key_id(&alice), key_id(&again));
    // While the instances are changed one by one, either reads what the other one signs.
    let old = serve(database, SECRET, NEW);
    let there = old.log_in("alice");
    assert_ne!(key_id(&alice), key_id(&there));
    alice.by(&old).refresh().by(&new).get("/me").expect(200);
    there.by(&new).refresh().by(&old).get("/me").expect(200);
}
