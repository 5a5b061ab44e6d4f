//! Many guesses at one account, from many places: each failure makes the next guess wait, in the database, so that
//! no restart and no other instance is a way around it. Whoever has logged in before is not kept out by others.

use crate::support::client::Client;
use crate::support::clock::now;
use crate::support::process::Program;
use crate::support::{Answer, App, Database, Engine, PASSWORD, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        each_failure_makes_the_next_guess_wait_longer,
        while_an_account_is_locked_not_even_the_right_password_is_looked_at,
        the_right_password_clears_what_was_counted,
        a_name_has_one_counter_however_it_is_spelled,
        a_name_without_an_account_is_locked_in_the_very_same_way,
        whoever_has_logged_in_from_here_is_not_kept_out_by_others,
        a_place_that_is_known_has_a_counter_of_its_own,
        where_i_have_logged_in_before_i_may_mistype_ten_times,
        a_place_is_known_for_its_own_account_only,
        a_new_day_begins_with_a_new_count,
        a_lock_is_seen_by_other_instances_and_outlives_a_restart,
        a_disabled_account_fails_like_a_wrong_password,
    ]
}

const WRONG: &str = "not the password";

#[track_caller]
fn wrong(client: &Client, name: &str) -> Answer {
    client.try_log_in(name, WRONG).expect(401).problem("invalid-credentials")
}

#[track_caller]
fn locked(client: &Client, name: &str, password: &str) -> Answer {
    client.try_log_in(name, password).expect(429).problem("too-many-attempts")
}

/// Says how many failures there have been today, and that their locks are over.
fn counted(database: &Database, count: u32) {
    let statement = format!("UPDATE login_failures SET count = {count}");
    assert_eq!(database.execute(&statement), Ok(1), "there is one counter");
    database.put_back_the_locks();
}

fn each_failure_makes_the_next_guess_wait_longer(app: &App) {
    app.sign_up("alice");
    wrong(app, "alice");
    for (failure, seconds) in [(1, 1.0), (2, 1.0), (3, 3.0), (8, 3.0), (9, 5.0), (24, 5.0), (25, 10.0), (99, 10.0)] {
        counted(&app.database, failure - 1);
        let before = now();
        wrong(app, "alice");
        let after = now();
        let until = app.database.time("locked_until", "login_failures");
        assert!((before + seconds - 0.1..after + seconds + 0.1).contains(&until), "failure {failure}");
        assert_eq!(app.database.count(&format!("login_failures WHERE count = {failure}")), 1);
    }
    counted(&app.database, 99);
    wrong(app, "alice");
    app.database.put_back_the_locks();
    let answer = locked(app, "alice", WRONG);
    let seconds: f64 = answer.header("retry-after").parse().expect("whole seconds");
    let until_tomorrow = 86_400.0 - now().rem_euclid(86_400.0);
    assert!((seconds - until_tomorrow).abs() < 5.0, "{until_tomorrow} s are left of the day: {answer}");
}

fn while_an_account_is_locked_not_even_the_right_password_is_looked_at(app: &App) {
    app.sign_up("alice");
    for _ in 0..3 {
        wrong(app, "alice");
        app.database.put_back_the_locks();
    }
    counted(&app.database, 30);
    wrong(app, "alice");
    let (right, other) = (locked(app, "alice", PASSWORD), locked(app, "alice", WRONG));
    assert_eq!(right.body_but_for_the_request_id(), other.body_but_for_the_request_id());
    for answer in [right, other] {
        let seconds: u32 = answer.header("retry-after").parse().expect("whole seconds");
        assert!((1..=10).contains(&seconds), "{answer}");
        assert!(answer.header_if_any("www-authenticate").is_none(), "{answer}");
    }
    assert_eq!(app.database.count("login_failures WHERE count = 31"), 1, "what was not looked at is not counted");
    assert_eq!(app.database.count("sessions"), 0);
    app.database.put_back_the_locks();
    app.log_in("alice").get("/me").expect(200);
}

fn the_right_password_clears_what_was_counted(app: &App) {
    app.sign_up("alice");
    wrong(app, "alice");
    counted(&app.database, 98);
    app.log_in("alice");
    assert_eq!(app.database.count("login_failures WHERE count > 0"), 0);
    let elsewhere = app.from(1);
    wrong(&elsewhere, "alice");
    assert_eq!(locked(&elsewhere, "alice", PASSWORD).header("retry-after"), "1");
}

/// The username and the address are counted each by itself, or one could find out whose address it is.
fn a_name_has_one_counter_however_it_is_spelled(app: &App) {
    app.sign_up("alice");
    let names = ["alice", "ALICE", " alice ", "aLice"];
    let addresses = ["alice@example.com", "Alice@Example.COM", " ALICE@example.com", "alice@EXAMPLE.com"];
    for (counters, spellings) in [(1, names), (2, addresses)] {
        for name in spellings {
            long_locks(app);
            wrong(app, name);
        }
        long_locks(app);
        wrong(app, spellings[0]);
        for other in spellings {
            locked(app, other, PASSWORD);
        }
        assert_eq!(app.database.count("login_failures"), counters);
    }
    let stored = app.database.rows_of("login_failures").concat();
    assert!(!stored.contains("alice"), "{stored}");
}

/// From now on each failure locks for ten seconds, which is longer than a test takes to see it.
fn long_locks(app: &App) {
    app.database.execute("UPDATE login_failures SET count = 30").expect("it can be said");
    app.database.put_back_the_locks();
}

fn a_name_without_an_account_is_locked_in_the_very_same_way(app: &App) {
    app.sign_up("alice");
    app.sign_up("bob");
    app.database.execute("DELETE FROM users WHERE username = 'bob'").expect("bob is deleted");
    let names = ["alice", "nobody", "bob", "nobody@example.com", "no body", "' OR 1=1"];
    let answers = names.map(|name| (wrong(app, name), locked(app, name, WRONG)));
    for (first, then) in &answers {
        first.same_as(&answers[0].0);
        then.same_as(&answers[0].1);
    }
    assert_eq!(app.database.count("login_failures WHERE count = 1"), 6);
    for count in [30, 99] {
        app.database.execute(&format!("UPDATE login_failures SET count = {count}")).expect("it can be said");
        app.database.put_back_the_locks();
        let answers = names.map(|name| (wrong(app, name), locked(app, name, WRONG)));
        for (first, then) in &answers {
            first.same_as(&answers[0].0);
            // The seconds go by.
            assert_eq!(then.body_but_for_the_request_id(), answers[0].1.body_but_for_the_request_id());
        }
    }
}

fn whoever_has_logged_in_from_here_is_not_kept_out_by_others(app: &App) {
    let (home, attacker, stranger) = (app.from(1), app.from(2), app.from(3));
    app.sign_up("alice");
    home.log_in("alice");
    wrong(&attacker, "alice");
    counted(&app.database, 99);
    wrong(&attacker, "alice");
    for kept_out in [&attacker, &stranger] {
        locked(kept_out, "alice", PASSWORD);
    }
    home.log_in("alice").get("/me").expect(200);
    // The one who owns the account clears no counter but the one that stood in the way.
    locked(&attacker, "alice", PASSWORD);
}

fn a_place_that_is_known_has_a_counter_of_its_own(app: &App) {
    let (home, work) = (app.from(1), app.from(2));
    app.sign_up("alice");
    for known in [&home, &work] {
        known.log_in("alice");
    }
    wrong(&home, "alice");
    counted(&app.database, 99);
    wrong(&home, "alice");
    locked(&home, "alice", PASSWORD);
    work.log_in("alice").get("/me").expect(200);
    app.from(3).log_in("alice").get("/me").expect(200);
}

fn where_i_have_logged_in_before_i_may_mistype_ten_times(app: &App) {
    app.sign_in("alice");
    for _ in 0..10 {
        wrong(app, "alice");
    }
    wrong(app, "alice");
    let seconds: u32 = locked(app, "alice", PASSWORD).header("retry-after").parse().expect("whole seconds");
    assert!((1..=5).contains(&seconds), "{seconds}");
    app.database.put_back_the_locks();
    app.log_in("alice");
    for _ in 0..10 {
        wrong(app, "alice");
    }
    app.log_in("alice@example.com").get("/me").expect(200);
}

fn a_place_is_known_for_its_own_account_only(app: &App) {
    let place = app.from(1);
    place.sign_in("bob");
    app.sign_up("alice");
    let elsewhere = app.from(2);
    wrong(&elsewhere, "alice");
    counted(&app.database, 99);
    wrong(&elsewhere, "alice");
    locked(&place, "alice", PASSWORD);
    place.log_in("bob").get("/me").expect(200);
    let sources = app.database.rows_of("sessions").concat();
    assert!(!sources.contains("127.1.0"), "the address itself is not kept: {sources}");
}

fn a_new_day_begins_with_a_new_count(app: &App) {
    app.sign_up("alice");
    wrong(app, "alice");
    counted(&app.database, 99);
    wrong(app, "alice");
    locked(app, "alice", PASSWORD);
    let yesterday = match app.engine {
        Engine::Sqlite => "UPDATE login_failures SET day = date(day, '-1 day')",
        Engine::Postgres => "UPDATE login_failures SET day = day - 1",
    };
    assert_eq!(app.database.execute(yesterday), Ok(1));
    app.database.put_back("locked_until", "login_failures", 86_400);
    wrong(app, "alice");
    assert_eq!(app.database.count("login_failures WHERE count = 1"), 1);
    assert_eq!(locked(app, "alice", PASSWORD).header("retry-after"), "1");
}

fn a_lock_is_seen_by_other_instances_and_outlives_a_restart(database: &Database) {
    let (one, other) = (Program::on(database).serve(), Program::on(database).serve());
    one.sign_up("alice");
    wrong(&one, "alice");
    counted(database, 99);
    wrong(&other, "alice");
    for instance in [&one, &other] {
        locked(instance, "alice", PASSWORD);
    }
    assert_eq!(one.stop("TERM").code, Some(0));
    assert_eq!(other.stop("TERM").code, Some(0));
    let again = Program::on(database).serve();
    locked(&again, "alice", PASSWORD);
    counted(database, 98);
    again.log_in("alice").get("/me").expect(200);
}

fn a_disabled_account_fails_like_a_wrong_password(app: &App) {
    for name in ["alice", "bob"] {
        app.sign_up(name);
    }
    app.database.execute("UPDATE users SET disabled_at = created_at WHERE username = 'bob'").expect("it is disabled");
    wrong(app, "alice").same_as(&app.try_log_in("bob", PASSWORD).expect(401));
    assert_eq!(app.database.count("login_failures WHERE count = 1"), 2);
}
