//! A new password: whoever knows the old one may set it, and everybody who was logged in elsewhere is out.

use std::sync::Arc;
use std::thread;

use actix_web::HttpResponse;
use actix_web::web::{self, Data, Path, ServiceConfig};
use kennel::auth::passwords::hasher::Hasher;
use serde_json::json;

use crate::accounts::refresh_tokens::dead;
use crate::support::clock::now;
use crate::support::park::{Keeper, Park};
use crate::support::recorder::Recorder;
use crate::support::{Actor, Answer, App, Database, PASSWORD, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_new_password_is_good_from_now_on_and_the_old_one_is_not,
        of_four_sessions_the_other_three_are_dead_at_once,
        a_wrong_current_password_is_named_and_changes_nothing,
        who_guesses_at_the_current_password_is_slowed_down,
        guesses_here_and_guesses_at_the_login_are_counted_apart,
        a_session_that_guesses_is_in_no_others_way,
        all_sessions_together_have_an_end_that_a_fresh_login_has_not,
        a_session_that_ends_while_its_password_is_looked_at_sets_none,
        a_new_password_keeps_to_the_rules_of_signup,
        a_login_that_was_under_way_with_the_old_password_comes_to_nothing,
        of_two_new_passwords_at_once_one_is_set,
    ]
}

const NEW: &str = "four dry cats on two chairs";

fn change(actor: &Actor<'_>, current: &str, new: &str) -> Answer {
    actor.put("/me/password", &json!({"current_password": current, "new_password": new}))
}

fn a_new_password_is_good_from_now_on_and_the_old_one_is_not(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let answer = change(&alice, PASSWORD, NEW).expect(204);
    assert!(answer.header_if_any("set-cookie").is_none(), "{answer}");
    app.try_log_in("alice", PASSWORD).expect(401).problem("invalid-credentials");
    app.database.put_back_the_locks();
    let me = app.try_log_in("alice", NEW).expect(200).json["user"].clone();
    assert_eq!(me, alice.get("/me").expect(200).json);
    app.log_in("bob");
    bob.get("/me").expect(200);
    let hashes = app.database.texts("SELECT password_hash AS value FROM users");
    assert!(hashes.iter().all(|hash| hash.starts_with("$argon2id$v=19$m=7168,t=5,p=1$")), "{hashes:?}");
    assert!(!app.database.rows().concat().contains(NEW));
}

fn of_four_sessions_the_other_three_are_dead_at_once(app: &App) {
    let bob = app.sign_in("bob");
    let alice = app.sign_in("alice");
    let others = [app.log_in("alice"), app.log_in("alice").refresh(), app.log_in("alice")];
    change(&alice, PASSWORD, NEW).expect(204);
    for other in &others {
        dead(other);
    }
    for alive in [&alice, &bob] {
        alive.get("/me").expect(200);
        alive.refresh().get("/me").expect(200);
    }
    assert_eq!(alice.get("/me/sessions").expect(200).ids(), [alice.session()]);
}

fn a_wrong_current_password_is_named_and_changes_nothing(app: &App) {
    let (alice, there) = (app.sign_in("alice"), app.log_in("alice"));
    let rows = app.database.rows();
    let wrong = change(&alice, "not her password", NEW);
    assert_eq!(wrong.error("/current_password", "wrong").error_count(), 1);
    assert_eq!(app.database.rows(), rows);
    there.get("/me").expect(200);
    app.log_in("alice");
}

fn who_guesses_at_the_current_password_is_slowed_down(app: &App) {
    let alice = app.sign_in("alice");
    let wrong = || drop(change(&alice, "not her password", NEW).error("/current_password", "wrong"));
    // People mistype.
    for _ in 0..10 {
        wrong();
    }
    for (failure, seconds) in [(11, 5), (12, 5), (25, 10), (99, 10)] {
        app.database.put_back_the_locks();
        let before = format!("UPDATE login_failures SET count = {}", failure - 1);
        assert_eq!(app.database.execute(&before), Ok(1));
        wrong();
        // The right one is not even looked at.
        for password in ["not her password", PASSWORD] {
            let locked = change(&alice, password, NEW).expect(429).problem("too-many-attempts");
            let wait: u32 = locked.header("retry-after").parse().expect("whole seconds");
            assert!((1..=seconds).contains(&wait), "{locked}");
        }
    }
    app.database.put_back_the_locks();
    wrong();
    app.database.put_back_the_locks();
    let until_tomorrow = change(&alice, PASSWORD, NEW).expect(429).problem("too-many-attempts");
    let seconds: f64 = until_tomorrow.header("retry-after").parse().expect("whole seconds");
    assert!((seconds - 86_400.0 + now().rem_euclid(86_400.0)).abs() < 5.0, "{until_tomorrow}");
    alice.get("/me").expect(200);

    app.database.execute("UPDATE login_failures SET count = 98").expect("it can be said");
    change(&alice, PASSWORD, NEW).expect(204);
    assert_eq!(app.database.count("login_failures WHERE count > 0"), 0, "the right one clears the counter");
}

/// Says that all counters are at the end of what a day has.
fn count_to_the_end(app: &App) {
    assert_eq!(app.database.execute("UPDATE login_failures SET count = 100"), Ok(1), "there is one counter");
}

fn guesses_here_and_guesses_at_the_login_are_counted_apart(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    change(&alice, "not her password", NEW).expect(422);
    count_to_the_end(app);
    change(&alice, PASSWORD, NEW).expect(429).problem("too-many-attempts");
    change(&bob, PASSWORD, NEW).expect(204);
    for source in [app.from(1), app.from(2)] {
        source.log_in("alice").get("/me").expect(200);
    }
    // Nor is another session's.
    change(&app.log_in("alice"), PASSWORD, NEW).expect(204);

    let zoe = app.sign_in("zoe");
    app.database.execute("DELETE FROM login_failures").expect("a new day");
    app.try_log_in("zoe", "not the password").expect(401);
    count_to_the_end(app);
    app.try_log_in("zoe", PASSWORD).expect(429).problem("too-many-attempts");
    change(&zoe, PASSWORD, NEW).expect(204);
}

/// As one that was stolen does.
fn a_session_that_guesses_is_in_no_others_way(app: &App) {
    let (alice, thief) = (app.sign_in("alice"), app.log_in("alice"));
    app.database.put_back("created_at", "sessions", 301);
    for _ in 0..12 {
        app.database.put_back_the_locks();
        change(&thief, "not her password", NEW).error("/current_password", "wrong");
    }
    change(&thief, PASSWORD, NEW).expect(429).problem("too-many-attempts");
    // Nor does a refresh make it another one.
    change(&thief.refresh(), PASSWORD, NEW).expect(429).problem("too-many-attempts");
    change(&alice, "not her password", NEW).error("/current_password", "wrong");
    app.database.execute("UPDATE login_failures SET count = 100 WHERE count = 12").expect("it can be said");
    app.database.put_back_the_locks();
    change(&thief, PASSWORD, NEW).expect(429).problem("too-many-attempts");
    change(&alice, PASSWORD, NEW).expect(204);
    dead(&thief);
}

/// Whoever has stolen many has not so many times as many guesses.
fn all_sessions_together_have_an_end_that_a_fresh_login_has_not(app: &App) {
    let alice = app.sign_in("alice");
    let thieves = [0; 3].map(|_| app.log_in("alice"));
    app.database.put_back("created_at", "sessions", 301);
    for thief in &thieves[..2] {
        change(thief, "not her password", NEW).error("/current_password", "wrong");
    }
    assert_eq!(app.database.execute("UPDATE login_failures SET count = 499 WHERE count = 2"), Ok(1));
    // One that does not fail is none.
    change(&app.log_in("alice"), "not her password", NEW).error("/current_password", "wrong");
    change(&thieves[2], "not her password", NEW).error("/current_password", "wrong");
    let rows = app.database.rows_of("login_failures");
    for old in [&thieves[0], &thieves[2], &alice] {
        let locked = change(old, PASSWORD, NEW).expect(429).problem("too-many-attempts");
        let wait: f64 = locked.header("retry-after").parse().expect("whole seconds");
        assert!((wait - 86_400.0 + now().rem_euclid(86_400.0)).abs() < 5.0, "until tomorrow: {locked}");
    }
    assert_eq!(app.database.rows_of("login_failures"), rows);
    let fresh = app.log_in("alice");
    change(&fresh, "not her password", NEW).error("/current_password", "wrong");
    change(&fresh, PASSWORD, NEW).expect(204);
    thieves.iter().chain([&alice]).for_each(dead);
}

/// What a session asked for ends with it, though it asked before.
fn a_session_that_ends_while_its_password_is_looked_at_sets_none(database: &Database) {
    let fresh = Database::fresh(database.engine);
    let recorder = Recorder::on(&fresh);
    let app = App::with_routes(fresh, &[], routes);
    let name = format!("hashers-of-a-session-{}", app.address.port());
    let (alice, thief) = (app.sign_in("alice"), app.log_in("alice"));
    let late = thread::scope(|scope| {
        let park = Keeper(Park::named(&name));
        app.anon().get(&format!("/test/park-hashers/{name}")).expect(204);
        park.0.until_came(thread::available_parallelism().map_or(1, usize::from));
        drop(recorder.take());
        let changing = scope.spawn(|| change(&thief, PASSWORD, NEW));
        let read = || recorder.take().iter().any(|query| query.contains("password_hash"));
        while !read() && !changing.is_finished() {
            thread::yield_now();
        }
        alice.delete("/me/sessions").expect(204);
        drop(park);
        changing.join().expect("an answer")
    });
    late.expect(401).problem("revoked-token");
    alice.get("/me").expect(200);
    app.log_in("alice");
}

fn a_new_password_keeps_to_the_rules_of_signup(app: &App) {
    let alice = app.sign_in("alice");
    let rows = app.database.rows();
    let long = "x".repeat(257);
    let bad = [
        ("vK8#qz!", "too_short"),
        (&long, "too_long"),
        ("password1", "too_guessable"),
        ("alice1234", "too_guessable"),
        ("alice@example.com", "too_guessable"),
        ("three\0dogs and a sofa", "control_character"),
    ];
    for (password, code) in bad {
        assert_eq!(change(&alice, PASSWORD, password).error("/new_password", code).error_count(), 1);
    }
    for (current, new, pointer, code) in [
        (json!(1), json!(NEW), "/current_password", "type"),
        (json!(null), json!(NEW), "/current_password", "type"),
        (json!(PASSWORD), json!([]), "/new_password", "type"),
    ] {
        let body = json!({"current_password": current, "new_password": new});
        alice.put("/me/password", &body).error(pointer, code);
    }
    let neither = alice.put("/me/password", &json!({}));
    let neither = neither.error("/current_password", "required").error("/new_password", "required");
    assert_eq!(neither.error_count(), 2);
    assert_eq!(app.database.rows(), rows);
    // What is at fault with the new one is said before anybody has guessed at the old one.
    change(&alice, PASSWORD, NEW).expect(204);
}

fn routes(config: &mut ServiceConfig) {
    config.route("/test/park-hashers/{park}", web::get().to(park_hashers));
}

/// Lets every thread that hashes wait.
async fn park_hashers(park: Path<String>, hasher: Data<Hasher>) -> HttpResponse {
    let park = Park::named(&park);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    for _ in 0..threads {
        let (park, hasher) = (Arc::clone(&park), Data::clone(&hasher));
        drop(actix_web::rt::spawn(async move {
            let waited = hasher.run(move || {
                park.wait();
                Ok(())
            });
            drop(waited.await);
        }));
    }
    HttpResponse::NoContent().finish()
}

/// The login reads the old hash and waits for a thread; meanwhile the password changes, and then the old one proves
/// to be right.
fn a_login_that_was_under_way_with_the_old_password_comes_to_nothing(scene: &Database) {
    let database = Database::fresh(scene.engine);
    let recorder = Recorder::on(&database);
    let app = App::with_routes(database, &[], routes);
    let name = format!("hashers-{}", app.address.port());
    app.sign_in("alice");
    let bob = json!({"username": "bob", "email": "bob@example.com", "password": NEW});
    app.anon().post("/auth/signup", &bob).expect(201);
    let late = thread::scope(|scope| {
        let park = Keeper(Park::named(&name));
        app.anon().get(&format!("/test/park-hashers/{name}")).expect(204);
        park.0.until_came(thread::available_parallelism().map_or(1, usize::from));
        drop(recorder.take());
        let login = scope.spawn(|| app.try_log_in("alice", PASSWORD));
        let read = || recorder.take().iter().any(|query| query.contains("password_hash"));
        while !read() && !login.is_finished() {
            thread::yield_now();
        }
        let change = "UPDATE users SET password_hash = (SELECT b.password_hash FROM users b WHERE b.username = 'bob') \
                      WHERE username = 'alice'";
        assert_eq!(app.database.execute(change), Ok(1));
        assert_eq!(app.database.execute("DELETE FROM sessions"), Ok(1));
        drop(park);
        login.join().expect("an answer")
    });
    late.expect(401).problem("invalid-credentials");
    assert_eq!(app.database.count("sessions"), 0);
}

fn of_two_new_passwords_at_once_one_is_set(app: &App) {
    for round in 0..5 {
        let name = format!("alice-{round}");
        let tabs = [app.sign_in(&name), app.log_in(&name)];
        let passwords = [NEW, "five green parrots in one tree"];
        let statuses: Vec<_> = thread::scope(|scope| {
            let changes: Vec<_> = tabs
                .iter()
                .zip(passwords)
                .map(|(tab, password)| scope.spawn(move || change(tab, PASSWORD, password).status))
                .collect();
            changes.into_iter().map(|change| change.join().expect("an answer")).collect()
        });
        assert_eq!(statuses.iter().filter(|status| **status == 204).count(), 1, "{statuses:?}");
        let set = statuses.iter().position(|status| *status == 204).expect("one of them");
        app.try_log_in(&name, passwords[set]).expect(200);
        assert_eq!(tabs[set].get("/me/sessions").expect(200).rows().len(), 2);
        dead(&tabs[1 - set]);
    }
}
