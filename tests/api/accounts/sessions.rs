//! Where I am logged in: I see it, and I can end it, here and on every instance at once.

use std::thread;

use serde_json::{Value, json};

use crate::accounts::refresh_tokens::dead;
use crate::support::contract::contract;
use crate::support::process::Program;
use crate::support::{Actor, App, Database, PASSWORD, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        my_sessions_are_listed_and_one_of_them_is_this_one,
        a_session_shows_when_it_was_last_refreshed_and_nothing_secret,
        sessions_that_are_over_and_those_of_others_are_not_listed,
        the_list_of_sessions_comes_in_pages,
        i_can_end_one_of_my_sessions_and_it_is_dead_at_once,
        i_can_end_the_session_that_i_am_in,
        i_can_end_all_others_at_once,
        the_session_of_a_stranger_is_none_of_mine,
        i_have_fifty_sessions_at_most_and_the_oldest_goes,
        of_sixty_logins_at_once_fifty_last,
        what_ends_on_one_instance_is_over_on_the_other,
        with_the_account_its_sessions_are_over_on_both_instances,
    ]
}

const SESSIONS: &str = "/me/sessions";

fn path_of(actor: &Actor<'_>) -> String {
    format!("{SESSIONS}/{}", actor.session())
}

/// Logs in with a program of this name.
fn log_in_with<'a>(app: &'a App, user_agent: &str) -> Actor<'a> {
    let body = json!({"username": "alice", "password": PASSWORD});
    let answer = app.anon().ask("POST", "/auth/login", &[("User-Agent", user_agent)], Some(&body));
    Actor::logged_in(app, &answer.expect(200))
}

fn my_sessions_are_listed_and_one_of_them_is_this_one(app: &App) {
    app.sign_up("alice");
    let actors = ["Rex's phone", "Lynx/2.9", &"x".repeat(300)].map(|name| log_in_with(app, name));
    let ids = [0, 1, 2].map(|number: usize| actors[number].session());
    for actor in &actors {
        let list = actor.get(SESSIONS).expect(200);
        assert_eq!(list.ids(), ids);
        let current: Vec<_> = list.rows().iter().filter(|row| row["current"] == true).map(|row| &row["id"]).collect();
        assert_eq!(current, [actor.session()]);
        let shown = list.all("user_agent");
        assert_eq!(shown[..2], ["Rex's phone", "Lynx/2.9"]);
        assert_eq!(shown[2], "x".repeat(255), "the beginning is enough");
    }
}

fn a_session_shows_when_it_was_last_refreshed_and_nothing_secret(app: &App) {
    let alice = app.sign_in("alice");
    let shown = |actor: &Actor<'_>| actor.get(SESSIONS).expect(200).rows()[0].clone();
    let before = shown(&alice);
    let mut fields: Vec<_> = before.as_object().expect("an object").keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["created_at", "current", "expires_at", "id", "last_seen_at", "user_agent"]);
    assert_eq!(before["created_at"], before["last_seen_at"]);
    for column in ["created_at", "last_seen_at", "expires_at"] {
        app.database.put_back(column, "sessions", 1000);
    }
    let earlier = shown(&alice);
    assert!(earlier["last_seen_at"].as_str() < before["last_seen_at"].as_str(), "a read is no refresh");
    let after = shown(&alice.refresh());
    assert_eq!((&after["id"], &after["created_at"]), (&earlier["id"], &earlier["created_at"]));
    for later in ["last_seen_at", "expires_at"] {
        assert!(after[later].as_str() >= before[later].as_str(), "{later} in {after}");
    }
}

fn sessions_that_are_over_and_those_of_others_are_not_listed(app: &App) {
    let alice = app.sign_in("alice");
    app.sign_in("bob");
    let [out, over, there] = [0; 3].map(|_| app.log_in("alice"));
    out.send("POST", "/auth/logout", &[], None).expect(200);
    app.database.put_back("expires_at", &format!("sessions WHERE id = {}", over.session()), 15 * 86_400);
    assert_eq!(alice.get(SESSIONS).expect(200).ids(), [alice.session(), there.session()]);
    for gone in [&out, &over] {
        alice.delete(&path_of(gone)).expect(404).problem("not-found");
    }
}

fn the_list_of_sessions_comes_in_pages(app: &App) {
    let alice = app.sign_in("alice");
    let others = [0; 4].map(|_| app.log_in("alice").session());
    let ids = [&[alice.session()][..], &others].concat();
    let pages = crate::lists::paging::follow(&alice, &format!("{SESSIONS}?limit=2"));
    assert_eq!(crate::lists::paging::sizes(&pages), [2, 2, 1]);
    assert_eq!(pages.concat(), ids);
    let list = contract().operation("list_sessions");
    if list.parameters("query").contains(&"count") {
        assert_eq!(alice.get(&format!("{SESSIONS}?count=true&limit=1")).expect(200).header("x-total-count"), "5");
    }
    alice.get(&format!("{SESSIONS}?sort=created_at")).expect(422);
    alice.get(&format!("{SESSIONS}?q=x")).parameter_error("q", "unknown_parameter");
}

fn i_can_end_one_of_my_sessions_and_it_is_dead_at_once(app: &App) {
    let (here, there, elsewhere) = (app.sign_in("alice"), app.log_in("alice"), app.log_in("alice"));
    there.get("/me").expect(200);
    here.delete(&path_of(&there)).expect(204);
    dead(&there);
    here.delete(&path_of(&there)).expect(404).problem("not-found");
    for alive in [&here, &elsewhere] {
        alive.refresh().get("/me").expect(200);
    }
}

fn i_can_end_the_session_that_i_am_in(app: &App) {
    let (here, there) = (app.sign_in("alice"), app.log_in("alice"));
    here.delete(&path_of(&here)).expect(204);
    dead(&here);
    assert_eq!(there.get(SESSIONS).expect(200).ids(), [there.session()]);
}

fn i_can_end_all_others_at_once(app: &App) {
    let (here, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let others = [0; 3].map(|_| app.log_in("alice"));
    for _ in 0..2 {
        here.delete(SESSIONS).expect(204);
        assert_eq!(here.get(SESSIONS).expect(200).ids(), [here.session()]);
    }
    for other in &others {
        dead(other);
    }
    for alive in [here, bob] {
        alive.refresh().get("/me").expect(200);
    }
}

fn the_session_of_a_stranger_is_none_of_mine(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    bob.delete(&path_of(&alice)).expect(404).same_as(&bob.delete("/me/sessions/4711").expect(404));
    alice.refresh().get("/me").expect(200);
    for no_id in ["0", "-1", "x", "1e3", "9223372036854775808", "%00"] {
        let status = alice.delete(&format!("{SESSIONS}/{no_id}")).status;
        assert!([400, 404].contains(&status), "{no_id}: {status}");
    }
}

fn i_have_fifty_sessions_at_most_and_the_oldest_goes(app: &App) {
    let bob = app.sign_in("bob");
    let first = app.sign_in("alice");
    let second = app.log_in("alice");
    // Whoever refreshes is no younger for that.
    let first = first.refresh();
    let more: Vec<_> = (2..50).map(|_| app.log_in("alice")).collect();
    first.get("/me").expect(200);
    let newest = app.log_in("alice");
    dead(&first);
    assert_eq!(newest.get(&format!("{SESSIONS}?limit=200")).expect(200).rows().len(), 50);
    for alive in more.iter().chain([&second, &newest, &bob]) {
        alive.get("/me").expect(200);
    }
    // Sessions that are over count no more.
    more[10].send("POST", "/auth/logout", &[], None).expect(200);
    app.log_in("alice").get("/me").expect(200);
    second.get("/me").expect(200);
    app.log_in("alice");
    dead(&second);
}

fn of_sixty_logins_at_once_fifty_last(app: &App) {
    app.sign_up("alice");
    let logins: Vec<_> = thread::scope(|scope| {
        let logins: Vec<_> = (0..6).map(|_| scope.spawn(|| [0; 10].map(|_| app.log_in("alice")))).collect();
        logins.into_iter().flat_map(|login| login.join().expect("all are let in")).collect()
    });
    let alive: Vec<_> = logins.iter().filter(|login| login.get("/me").status == 200).collect();
    assert_eq!(alive.len(), 50);
    assert_eq!(alive[0].get(&format!("{SESSIONS}?limit=200")).expect(200).rows().len(), 50);
}

fn what_ends_on_one_instance_is_over_on_the_other(database: &Database) {
    let (one, other) = (Program::on(database).serve(), Program::on(database).serve());
    let alice = one.sign_in("alice");
    let [ended, out, successor] = [0; 3].map(|_| one.log_in("alice"));
    for actor in [&alice, &ended, &out, &successor] {
        actor.by(&other).get("/me").expect(200);
    }
    alice.delete(&path_of(&ended)).expect(204);
    dead(&ended.by(&other));
    out.send("POST", "/auth/logout", &[], None).expect(200);
    dead(&out.by(&other));
    // The grace is the same on both, and so is what comes after it.
    let here = successor.refresh();
    let there = successor.by(&other).refresh();
    assert_eq!(here.refresh_token(), there.refresh_token());
    there.refresh();
    successor.try_refresh().expect(401);
    dead(&there);
    dead(&here);
    let body = json!({"current_password": PASSWORD, "new_password": "four dry cats on two chairs"});
    let elsewhere = other.log_in("alice");
    alice.put("/me/password", &body).expect(204);
    dead(&elsewhere);
    alice.by(&other).refresh().get("/me").expect(200);
}

fn with_the_account_its_sessions_are_over_on_both_instances(database: &Database) {
    let (one, other) = (Program::on(database).serve(), Program::on(database).serve());
    let (alice, bob) = (one.sign_in("alice"), one.sign_in("bob"));
    let there = other.log_in("alice");
    there.get("/me").expect(200);
    alice.delete("/me").expect(204);
    for actor in [&alice, &there] {
        dead(&actor.by(&one));
        dead(&actor.by(&other));
        actor.by(&other).post("/dogowner/owners", &json!({"name": "Ann"})).expect(401);
    }
    other.try_log_in("alice", PASSWORD).expect(401).problem("invalid-credentials");
    bob.by(&other).refresh().get("/me").expect(200);
    assert_eq!(bob.by(&one).get(SESSIONS).expect(200).all("current"), [Value::Bool(true)]);
}
