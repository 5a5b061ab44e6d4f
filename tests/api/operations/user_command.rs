//! `kennel user …`: accounts for the people who run the server, on the same database, whether a server runs or not.

use std::collections::BTreeSet;

use serde_json::json;

use crate::accounts::email_verification::verify;
use crate::accounts::password_reset::{NEW, forget, reset, used};
use crate::accounts::refresh_tokens::dead;
use crate::operations::startup::refused;
use crate::support::client::Client;
use crate::support::letter::Purpose;
use crate::support::postbox::Posted;
use crate::support::process::{Ended, Program};
use crate::support::{App, Database, Engine, PASSWORD, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        an_account_is_made_with_a_password_that_logs_in,
        an_account_is_made_with_a_password_from_standard_input,
        while_signup_is_closed_accounts_are_made_here,
        with_sqlite_it_shares_the_secret_that_was_made,
        what_cannot_be_an_account_is_one_line_and_nothing_is_made,
        all_accounts_are_listed,
        a_disabled_account_is_out_at_once_and_cannot_log_in,
        a_disabled_account_gets_no_mail_and_its_tokens_are_none,
        an_enabled_account_is_back,
        another_password_ends_what_was_logged_in,
        another_password_makes_reset_tokens_void,
        all_sessions_of_an_account_are_ended,
        api_keys_end_with_the_sessions_and_with_the_password_unless_they_are_to_stay,
        somebody_who_is_not_there_is_one_line,
        what_is_done_is_an_event_without_names,
    ]
}

fn program(database: &Database, args: &[&str]) -> Program {
    Program::on(database).args(&[&["user"], args].concat())
}

/// Runs it well, and gives what it printed.
#[track_caller]
fn user(database: &Database, args: &[&str]) -> String {
    done(program(database, args).run())
}

#[track_caller]
fn done(ended: Ended) -> String {
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    ended.stdout
}

/// The password that it has made and printed.
fn password_in(printed: &str) -> String {
    printed.split_whitespace().next_back().expect("it prints something").to_owned()
}

fn log_in(client: &Client, name: &str, password: &str) {
    client.try_log_in(name, password).expect(200);
}

fn an_account_is_made_with_a_password_that_logs_in(app: &App) {
    let mut passwords = BTreeSet::new();
    for name in ["alice", "bob"] {
        let printed = user(&app.database, &["create", name, &format!("{name}@example.com")]);
        let password = password_in(&printed);
        assert!(password.len() >= 20 && password.chars().all(|c| c.is_ascii_graphic()), "{printed}");
        log_in(app, name, &password);
        log_in(app, &format!("{name}@example.com"), &password);
        passwords.insert(password);
    }
    assert_eq!(passwords.len(), 2, "each has its own");
    // Without a server, too.
    let database = Database::fresh(app.engine);
    migrated(&database);
    let password = password_in(&user(&database, &["create", "alice", "alice@example.com"]));
    log_in(&App::on(database), "alice", &password);
}

fn an_account_is_made_with_a_password_from_standard_input(app: &App) {
    let trailing = " with a space at its end ";
    for (name, given, password) in [
        ("alice", format!("{PASSWORD}\n"), PASSWORD),
        ("bob", PASSWORD.to_owned(), PASSWORD),
        ("zoe", format!("{NEW}\r\nand what comes after a line\n"), NEW),
        ("ann", format!("{trailing}\n"), trailing),
    ] {
        let args = ["create", name, &format!("{name}@example.com"), "--password-stdin"];
        let printed = done(program(&app.database, &args).told(&given).run());
        assert!(!printed.contains(password), "{printed}");
        log_in(app, name, password);
    }
}

fn while_signup_is_closed_accounts_are_made_here(scene: &Database) {
    let closed = [("SIGNUP", "closed")];
    let app = App::with(Database::fresh(scene.engine), &closed);
    let body = json!({"username": "alice", "email": "alice@example.com", "password": PASSWORD});
    app.anon().post("/auth/signup", &body).expect(403).problem("signup-closed");
    assert_eq!((app.database.count("users"), app.database.count("mails")), (0, 0));
    // Nobody learns by it what is taken, or what a password is worth.
    app.anon().post("/auth/signup", &json!({"username": "a"})).expect(422);
    let args = ["create", "alice", "alice@example.com"];
    let printed = done(program(&app.database, &args).set("SIGNUP", "closed").run());
    log_in(&app, "alice", &password_in(&printed));
    app.anon().post("/auth/signup", &body).expect(403).problem("signup-closed");
}

/// Whoever comes first makes it.
fn with_sqlite_it_shares_the_secret_that_was_made(database: &Database) {
    if database.engine == Engine::Postgres {
        return;
    }
    // Nothing but a server makes one: a second secret would be none of its own.
    let run = |args: &[&str]| done(program(database, args).unset("JWT_SECRET").run());
    migrated(database);
    let first = password_in(&run(&["create", "alice", "alice@example.com"]));
    refused(
        &program(database, &["reset-password", "alice"]).unset("JWT_SECRET").run(),
        &["kennel.db.key", "JWT_SECRET"],
    );
    assert!(!database.directory().join("kennel.db.key").exists());
    drop(Program::on(database).unset("JWT_SECRET").serve());
    let second = password_in(&run(&["reset-password", "alice"]));
    let server = Program::on(database).unset("JWT_SECRET").serve();
    server.try_log_in("alice", &first).expect(401);
    server.try_log_in("alice", &second).expect(429);
    let third = password_in(&run(&["reset-password", "alice"]));
    log_in(&server, "alice", &third);
}

fn what_cannot_be_an_account_is_one_line_and_nothing_is_made(app: &App) {
    app.sign_up("alice");
    let rows = app.database.rows();
    for (name, email, password, words) in [
        ("ALICE", "bob@example.com", PASSWORD, "username"),
        ("bob", "Alice@Example.com", PASSWORD, "e-mail"),
        ("al", "bob@example.com", PASSWORD, "username"),
        ("admin", "bob@example.com", PASSWORD, "username"),
        ("bob", "bob", PASSWORD, "e"),
        ("bob", "bob@example.com", "short", "password"),
        ("bob", "bob@example.com", "password1", "password"),
        ("bob", "bob@example.com", "bob@example.com", "password"),
        ("bob", "bob@example.com", "", "password"),
    ] {
        let args = ["create", name, email, "--password-stdin"];
        let ended = program(&app.database, &args).told(&format!("{password}\n")).run();
        refused(&ended, &[words]);
        assert!(password.is_empty() || !ended.stderr.contains(PASSWORD), "{ended:?}");
    }
    let ended = program(&app.database, &["reset-password", "alice", "--password-stdin"]).told("password1\n").run();
    refused(&ended, &["password"]);
    assert_eq!(app.database.rows(), rows);
    app.log_in("alice");
    for nonsense in [&["create", "bob"][..], &["create"], &[], &["delete", "alice"], &["disable"]] {
        let ended = program(&app.database, nonsense).run();
        assert!(ended.code.is_some_and(|code| code != 0) && !ended.stderr.is_empty(), "{nonsense:?}: {ended:?}");
    }
    assert_eq!(app.database.rows(), rows);
}

fn all_accounts_are_listed(app: &App) {
    assert!(!user(&app.database, &["list"]).contains('@'));
    for name in ["alice", "bob", "zoe"] {
        app.sign_up(name);
    }
    app.log_in("bob");
    user(&app.database, &["disable", "zoe"]);
    let list = user(&app.database, &["list"]);
    for name in ["alice", "bob", "zoe"] {
        let lines: Vec<_> = list.lines().filter(|line| line.contains(&format!("{name}@example.com"))).collect();
        assert!(lines.len() == 1 && lines[0].split_whitespace().any(|word| word == name), "{name} in {list}");
    }
    assert!(!list.contains("argon2"), "{list}");
}

fn a_disabled_account_is_out_at_once_and_cannot_log_in(app: &App) {
    let bob = app.sign_in("bob");
    let sessions = [app.sign_in("alice"), app.log_in("alice").refresh()];
    sessions[0].go_public();
    user(&app.database, &["disable", "Alice@Example.COM"]);
    for session in &sessions {
        dead(session);
    }
    let wrong = app.try_log_in("bob", "not the password").expect(401);
    let refused = app.try_log_in("alice", PASSWORD).expect(401).problem("invalid-credentials");
    refused.same_as(&wrong);
    app.database.put_back_the_locks();
    app.try_log_in("alice", "not the password").expect(401).same_as(&wrong);
    bob.get("/me").expect(200);
    user(&app.database, &["disable", "alice"]);
    assert_eq!(app.database.count("users WHERE disabled_at IS NOT NULL"), 1);
}

fn a_disabled_account_gets_no_mail_and_its_tokens_are_none(scene: &Posted) {
    let alice = scene.sign_in("alice");
    alice.patch("/me", &json!({"email": "alicia@example.com"})).expect(200);
    forget(scene, "alice@example.com").expect(202);
    let post = &scene.post;
    let (verification, confirmation) =
        (post.verification("alice@example.com"), post.verification("alicia@example.com"));
    let for_reset = post.reset("alice@example.com");
    user(&scene.database, &["disable", "alice"]);
    let rows = scene.database.rows();
    used(verify(scene, &verification));
    used(verify(scene, &confirmation));
    used(reset(scene, &for_reset, NEW));
    forget(scene, "alice@example.com").expect(202);
    assert_eq!(scene.database.rows(), rows);
    assert!(scene.rest().iter().all(|letter| letter.purpose() == Purpose::Cancel));
    // Nor are those of before good for anything once it is enabled again, but for what they have always proved.
    user(&scene.database, &["enable", "alice"]);
    used(verify(scene, &confirmation));
    verify(scene, &verification).expect(204);
}

fn an_enabled_account_is_back(app: &App) {
    let alice = app.sign_in("alice");
    user(&app.database, &["disable", "alice"]);
    app.try_log_in("alice", PASSWORD).expect(401);
    app.database.put_back_the_locks();
    for _ in 0..2 {
        user(&app.database, &["enable", "alice"]);
    }
    dead(&alice);
    app.log_in("alice").get("/me").expect(200);
}

fn another_password_ends_what_was_logged_in(scene: &Posted) {
    let sessions = [scene.sign_in("alice"), scene.log_in("alice")];
    let bob = scene.sign_in("bob");
    let printed = user(&scene.database, &["reset-password", "alice"]);
    for session in &sessions {
        dead(session);
    }
    scene.try_log_in("alice", PASSWORD).expect(401);
    scene.database.put_back_the_locks();
    log_in(scene, "alice", &password_in(&printed));
    let args = ["reset-password", "alice@example.com", "--password-stdin"];
    let printed = done(program(&scene.database, &args).told(&format!("{NEW}\n")).run());
    assert!(!printed.contains(NEW), "{printed}");
    log_in(scene, "alice", NEW);
    bob.get("/me").expect(200);
    // Whose password it is, is told; the server is woken by the next mail.
    forget(scene, "nobody@example.com").expect(202);
    for _ in 0..2 {
        let notice = scene.post.next("alice@example.com", Purpose::Notice);
        assert!(!notice.text.contains(NEW), "{notice}");
    }
}

fn another_password_makes_reset_tokens_void(scene: &Posted) {
    scene.sign_up("alice");
    forget(scene, "alice@example.com").expect(202);
    let token = scene.post.reset("alice@example.com");
    user(&scene.database, &["reset-password", "alice"]);
    used(reset(scene, &token, NEW));
    // A lock that guessing has brought about is gone with the password that was guessed at.
    scene.try_log_in("alice", PASSWORD).expect(401);
    scene.try_log_in("alice", PASSWORD).expect(429);
    let printed = user(&scene.database, &["reset-password", "alice"]);
    log_in(scene, "alice", &password_in(&printed));
}

fn all_sessions_of_an_account_are_ended(app: &App) {
    let bob = app.sign_in("bob");
    let sessions = [app.sign_in("alice"), app.log_in("alice").refresh()];
    // Somebody else may have used one of them.
    sessions[0].patch("/me", &json!({"email": "alicia@example.com"})).expect(200);
    for _ in 0..2 {
        user(&app.database, &["end-sessions", "alice"]);
    }
    for session in &sessions {
        dead(session);
    }
    bob.get("/me").expect(200);
    assert_eq!(app.log_in("alice").get("/me/export").expect(200).json["new_email"], json!(null));
}

fn api_keys_end_with_the_sessions_and_with_the_password_unless_they_are_to_stay(app: &App) {
    let his = app.sign_in("bob").with_key("read");
    app.sign_up("alice");
    for (args, stays) in [
        (&["end-sessions", "alice"][..], false),
        (&["reset-password", "alice", "--keep-keys"], true),
        (&["reset-password", "alice"], false),
        (&["disable", "alice"], false),
    ] {
        let password = app.database.texts("SELECT password_hash AS value FROM users WHERE username = 'bob'");
        app.database
            .execute(&format!("UPDATE users SET password_hash = '{}' WHERE username = 'alice'", password[0]))
            .expect("a password that is known");
        let program = app.log_in("alice").with_key("read");
        let row = user(&app.database, &["list"]).lines().find(|line| line.contains("alice@")).map(str::to_owned);
        assert!(row.as_ref().is_some_and(|row| row.ends_with(" 1")), "one key is counted: {row:?}");
        user(&app.database, args);
        let answer = program.get("/me");
        assert_eq!(answer.status == 200, stays, "{args:?}: {answer}");
        if stays {
            app.database
                .execute("DELETE FROM api_keys WHERE user_id = (SELECT id FROM users WHERE username = 'alice')")
                .expect("it can be said");
        }
    }
    his.get("/me").expect(200);
}

fn somebody_who_is_not_there_is_one_line(app: &App) {
    app.sign_up("alice");
    let rows = app.database.rows();
    for verb in ["disable", "enable", "reset-password", "end-sessions"] {
        for nobody in ["bob", "bob@example.com", "", "alice\nbob", "alice@"] {
            refused(&program(&app.database, &[verb, nobody]).run(), &[]);
        }
    }
    assert_eq!(app.database.rows(), rows);
}

/// Brings the schema up to date without a server.
fn migrated(database: &Database) {
    let ended = Program::on(database).args(&["migrate", "run"]).run();
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

/// On standard error, as every line of the log; the answer is on standard output.
fn what_is_done_is_an_event_without_names(database: &Database) {
    migrated(database);
    for (args, event) in [
        (&["create", "alice", "alice@example.com"][..], "account_created"),
        (&["disable", "alice"], "account_disabled"),
        (&["enable", "alice"], "account_enabled"),
        (&["reset-password", "alice"], "password_reset"),
        (&["end-sessions", "alice"], "session_ended"),
    ] {
        let ended = program(database, args).set("LOG", "trace").run();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let password = password_in(&ended.stdout);
        let lines: Vec<_> = ended.stderr.lines().filter(|line| line.contains("kennel::security")).collect();
        assert!(lines.len() == 1 && lines[0].contains(event) && lines[0].contains("user_id"), "{ended:?}");
        for secret in ["alice", "@example.com", password.as_str()] {
            assert!(!ended.stderr.contains(secret), "{secret} in {ended:?}");
        }
    }
}
