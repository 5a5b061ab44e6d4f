//! A forgotten password: whoever reads the mail of an account's address sets another one, once, and nobody else can;
//! and nobody is told whether there is such an account.

use std::sync::Barrier;
use std::thread;

use serde_json::json;

use crate::accounts::refresh_tokens::dead;
use crate::support::client::Client;
use crate::support::letter::Purpose;
use crate::support::postbox::Posted;
use crate::support::{Answer, PASSWORD, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_forgotten_password_is_replaced_with_the_token_of_a_mail,
        a_reset_ends_every_session,
        a_reset_token_is_used_once,
        of_twenty_resets_with_one_token_at_once_one_succeeds,
        a_reset_token_dies_when_the_password_changes_otherwise,
        a_reset_token_dies_with_the_address_and_with_the_account,
        a_password_that_is_refused_uses_no_token_up,
        a_reset_clears_the_locks_of_its_account,
        a_reset_forgets_where_its_user_was_at_home,
        a_reset_is_for_its_user_only,
        the_mail_goes_to_the_address_as_it_was_signed_up_with,
        an_address_gets_five_reset_mails_an_hour,
    ]
}

pub const NEW: &str = "four dry cats on two chairs";

/// Says that the password of this address is forgotten.
pub fn forget(client: &Client, email: &str) -> Answer {
    client.anon().post("/auth/password/forgot", &json!({ "email": email }))
}

pub fn reset(client: &Client, token: &str, password: &str) -> Answer {
    client.anon().post("/auth/password/reset", &json!({"token": token, "password": password}))
}

/// The answer, if it takes the token for none, or for one that was used.
#[track_caller]
pub fn used(answer: Answer) -> Answer {
    let answer = answer.expect(422).problem("invalid-or-used-token");
    assert_eq!(answer.error_count(), 1, "{answer}");
    let error = &answer.json["errors"][0];
    assert_eq!((&error["pointer"], &error["code"]), (&json!("/token"), &json!("invalid_or_used")), "{answer}");
    answer
}

/// A token that resets the password of this account.
fn token_for(scene: &Posted, name: &str) -> String {
    let email = format!("{name}@example.com");
    forget(scene, &email).expect(202);
    scene.post.reset(&email)
}

fn a_forgotten_password_is_replaced_with_the_token_of_a_mail(scene: &Posted) {
    scene.sign_up("alice");
    scene.sign_up("bob");
    let asked = forget(scene, "alice@example.com").expect(202);
    assert!(asked.body.is_empty(), "{asked}");
    let token = scene.post.reset("alice@example.com");
    let answer = reset(scene, &token, NEW).expect(204);
    assert!(answer.header_if_any("set-cookie").is_none(), "a reset logs nobody in: {answer}");
    scene.try_log_in("alice", PASSWORD).expect(401).problem("invalid-credentials");
    scene.database.put_back_the_locks();
    let me = scene.try_log_in("alice", NEW).expect(200);
    assert_eq!(me.json["user"]["username"], "alice");
    scene.log_in("bob");
    let notice = scene.post.next("alice@example.com", Purpose::Notice);
    assert!(notice.text.contains("password"), "{notice}");
    assert!(!notice.text.contains(NEW), "{notice}");
}

fn a_reset_ends_every_session(scene: &Posted) {
    let (bob, app) = (scene.sign_in("bob"), &scene.app);
    let sessions = [app.sign_in("alice"), app.log_in("alice").refresh(), app.from(1).log_in("alice").by(app)];
    let body = json!({"username": "alice", "password": PASSWORD, "cookie": true});
    let with_cookie = app.anon().post("/auth/login", &body).expect(200);
    let cookie = with_cookie.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
    reset(scene, &token_for(scene, "alice"), NEW).expect(204);
    for session in &sessions {
        dead(session);
    }
    let refreshed = app.anon().send("POST", "/auth/refresh", &[("Cookie", &cookie)], None);
    refreshed.expect(401).problem("invalid-refresh-token");
    bob.get("/me").expect(200);
    bob.refresh();
}

fn a_reset_token_is_used_once(scene: &Posted) {
    scene.sign_up("alice");
    let token = token_for(scene, "alice");
    reset(scene, &token, NEW).expect(204);
    let rows = scene.database.rows();
    used(reset(scene, &token, "five green parrots in one tree"));
    // The password that it has set cannot be set again either.
    used(reset(scene, &token, NEW));
    assert_eq!(scene.database.rows(), rows);
    scene.try_log_in("alice", NEW).expect(200);
    // Another mail brings another token.
    reset(scene, &token_for(scene, "alice"), "five green parrots in one tree").expect(204);
}

fn of_twenty_resets_with_one_token_at_once_one_succeeds(scene: &Posted) {
    scene.sign_up("alice");
    let (token, start) = (token_for(scene, "alice"), Barrier::new(20));
    let password = |number: usize| format!("{number} green parrots in one tree");
    let statuses: Vec<_> = thread::scope(|scope| {
        let resets: Vec<_> = (0..20)
            .map(|number| {
                let (token, start, password) = (&token, &start, password(number));
                scope.spawn(move || {
                    start.wait();
                    reset(scene, token, &password)
                })
            })
            .collect();
        resets.into_iter().map(|reset| reset.join().expect("an answer")).map(|answer| answer.status).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 204).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 422).count(), 19, "{statuses:?}");
    let set = statuses.iter().position(|status| *status == 204).expect("one of them");
    scene.try_log_in("alice", &password(set)).expect(200);
    let notices = scene.rest().into_iter().filter(|letter| letter.purpose() == Purpose::Notice);
    assert_eq!(notices.count(), 1, "it was changed once");
}

fn a_reset_token_dies_when_the_password_changes_otherwise(scene: &Posted) {
    let alice = scene.sign_in("alice");
    let tokens = [token_for(scene, "alice"), token_for(scene, "alice")];
    let change = json!({"current_password": PASSWORD, "new_password": NEW});
    alice.put("/me/password", &change).expect(204);
    for token in &tokens {
        used(reset(scene, token, PASSWORD));
    }
    let tokens = [token_for(scene, "alice"), token_for(scene, "alice")];
    reset(scene, &tokens[1], PASSWORD).expect(204);
    used(reset(scene, &tokens[0], NEW));
    scene.log_in("alice");
}

fn a_reset_token_dies_with_the_address_and_with_the_account(scene: &Posted) {
    let (alice, bob) = (scene.sign_in("alice"), scene.sign_in("bob"));
    let [token, of_bob] = ["alice", "bob"].map(|name| token_for(scene, name));
    alice.patch("/me", &json!({"email": "alicia@example.com"})).expect(200);
    let confirmation = scene.post.verification("alicia@example.com");
    scene.anon().post("/auth/email/verify", &json!({ "token": confirmation })).expect(204);
    used(reset(scene, &token, NEW));
    // The old address has nothing to say any more, and the new one has.
    forget(scene, "alice@example.com").expect(202);
    forget(scene, "alicia@example.com").expect(202);
    reset(scene, &scene.post.reset("alicia@example.com"), NEW).expect(204);
    bob.delete("/me").expect(204);
    used(reset(scene, &of_bob, NEW));
    let resets = scene.rest().into_iter().filter(|letter| letter.purpose() == Purpose::Reset);
    assert_eq!(resets.count(), 0, "nobody else gets one");
}

fn a_password_that_is_refused_uses_no_token_up(scene: &Posted) {
    let alice = scene.sign_in("alice");
    let token = token_for(scene, "alice");
    let long = "x".repeat(257);
    for (password, code) in [
        ("short", "too_short"),
        (long.as_str(), "too_long"),
        ("password1", "too_guessable"),
        ("alice1234", "too_guessable"),
        ("alice@example.com", "too_guessable"),
        ("three\0dogs and a sofa", "control_character"),
    ] {
        assert_eq!(reset(scene, &token, password).error("/password", code).error_count(), 1);
    }
    alice.get("/me").expect(200);
    scene.log_in("alice");
    reset(scene, &token, NEW).expect(204);
}

fn a_reset_clears_the_locks_of_its_account(scene: &Posted) {
    let home = scene.from(1);
    scene.sign_up("alice");
    home.log_in("alice");
    let fail_until_tomorrow = |client: &Client| {
        for count in [98, 99] {
            scene.database.put_back_the_locks();
            client.try_log_in("alice", "not her password").expect(401);
            scene.database.execute(&format!("UPDATE login_failures SET count = {count}")).expect("it can be said");
        }
        scene.database.put_back_the_locks();
        client.try_log_in("alice", "not her password").expect(401);
        let locked = client.try_log_in("alice", PASSWORD).expect(429).problem("too-many-attempts");
        let seconds: u32 = locked.header("retry-after").parse().expect("whole seconds");
        assert!((1..=86_400).contains(&seconds), "{locked}");
    };
    fail_until_tomorrow(scene);
    reset(scene, &token_for(scene, "alice"), NEW).expect(204);
    scene.try_log_in("alice", NEW).expect(200);
    reset(scene, &token_for(scene, "alice"), PASSWORD).expect(204);

    // And where she is at home, if it is there that she resets it.
    fail_until_tomorrow(&home);
    reset(&home, &token_for(scene, "alice"), NEW).expect(204);
    home.try_log_in("alice", NEW).expect(200);
}

/// Whoever else knew the password may have been there.
fn a_reset_forgets_where_its_user_was_at_home(scene: &Posted) {
    let home = scene.from(1);
    scene.sign_up("alice");
    home.log_in("alice");
    for _ in 0..3 {
        home.try_log_in("alice", "not her password").expect(401);
    }
    reset(scene, &token_for(scene, "alice"), NEW).expect(204);
    home.try_log_in("alice", "not her password").expect(401);
    home.try_log_in("alice", NEW).expect(429).problem("too-many-attempts");
    scene.database.put_back_the_locks();
    home.try_log_in("alice", NEW).expect(200);
    for _ in 0..3 {
        home.try_log_in("alice", "not her password").expect(401);
    }
}

fn a_reset_is_for_its_user_only(scene: &Posted) {
    scene.sign_up("alice");
    scene.sign_up("bob");
    let [of_alice, of_bob] = ["alice", "bob"].map(|name| token_for(scene, name));
    let rows = scene.database.rows();
    let parts = |token: &str| token.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (alice, bob) = (parts(&of_alice), parts(&of_bob));
    for place in 0..alice.len() {
        let mut mixed = alice.clone();
        mixed[place].clone_from(&bob[place]);
        if mixed != alice {
            used(reset(scene, &mixed.join("."), NEW));
        }
    }
    assert_eq!(scene.database.rows(), rows);
    reset(scene, &of_alice, NEW).expect(204);
    scene.log_in("bob");
}

/// Or a letter that looks like another could take somebody's mail elsewhere.
fn the_mail_goes_to_the_address_as_it_was_signed_up_with(scene: &Posted) {
    let body = json!({"username": "ann", "email": "Ann@Example.com", "password": PASSWORD});
    scene.anon().post("/auth/signup", &body).expect(201);
    forget(scene, "  aNN@eXAMPLE.COM ").expect(202);
    let letter = scene.post.next("Ann@Example.com", Purpose::Reset);
    assert_eq!(letter.envelope.recipients, ["Ann@Example.com"]);
    reset(scene, letter.token(), NEW).expect(204);
}

fn an_address_gets_five_reset_mails_an_hour(scene: &Posted) {
    scene.sign_up("alice");
    scene.sign_up("bob");
    for spelling in ["alice@example.com", "ALICE@example.com", "alice@EXAMPLE.com", " alice@example.com"].repeat(2) {
        forget(scene, spelling).expect(202);
    }
    forget(scene, "bob@example.com").expect(202);
    let resets = || -> Vec<_> {
        let letters = scene.rest().into_iter().filter(|letter| letter.purpose() == Purpose::Reset);
        letters.map(|letter| letter.to().to_owned()).collect()
    };
    let mut first_hour = resets();
    first_hour.sort();
    assert_eq!(first_hour, [&["alice@example.com"; 5][..], &["bob@example.com"]].concat());
    forget(scene, "alice@example.com").expect(202);
    assert_eq!(resets(), [""; 0]);
    scene.database.put_back_the_counts_of_mails();
    reset(scene, &token_for(scene, "alice"), NEW).expect(204);
}
