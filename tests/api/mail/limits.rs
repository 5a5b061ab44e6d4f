//! How many mails there may be, and whose they are: what is counted is kept where nobody who is counted can reach it.

use serde_json::json;

use crate::accounts::email_verification::{change, verify};
use crate::accounts::password_reset::{NEW, forget};
use crate::mail::messages::sent_later;
use crate::support::letter::{Letter, Purpose};
use crate::support::postbox::{Posted, settle};
use crate::support::process::Program;
use crate::support::{Database, PASSWORD, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        whoever_leaves_and_comes_back_gets_no_more_mails,
        whoever_leaves_and_comes_back_sends_no_more_mails_to_others,
        each_kind_is_counted_by_itself,
        an_unsent_mail_goes_with_its_own_account_only,
        counts_hold_no_address_and_are_forgotten_after_an_hour,
        of_many_at_once_five_are_mailed,
    ]
}

/// To whom mails for this purpose went.
fn went_to(letters: &[Letter], purpose: Purpose) -> Vec<&str> {
    letters.iter().filter(|letter| letter.purpose() == purpose).map(Letter::to).collect()
}

fn whoever_leaves_and_comes_back_gets_no_more_mails(scene: &Posted) {
    for number in 0..8 {
        let email = ["alice@example.com", "ALICE@Example.com"][number % 2];
        let body = json!({"username": format!("user-{number}"), "email": email, "password": PASSWORD});
        scene.anon().post("/auth/signup", &body).expect(201);
        let actor = scene.log_in(&format!("user-{number}"));
        let _sent = settle(&scene.database);
        actor.delete("/me").expect(204);
    }
    let alice = scene.sign_in("alice");
    change(&alice, "alice@example.com").expect(429).problem("too-many-requests");
    let _nothing_left = settle(&scene.database);
    let letters = scene.post.rest(5);
    assert_eq!(went_to(&letters, Purpose::Verify).len(), 5, "{letters:?}");
    assert_eq!(letters.len(), 5);
    scene.database.put_back_the_counts_of_mails();
    change(&alice, "alice@example.com").expect(200);
    verify(scene, &scene.post.verification("alice@example.com")).expect(204);
}

fn whoever_leaves_and_comes_back_sends_no_more_mails_to_others(scene: &Posted) {
    for number in 0..7 {
        let name = format!("user-{number}");
        let actor = scene.sign_in(&name);
        let answer = change(&actor, "stranger@example.com");
        assert_eq!(answer.status, if number < 5 { 200 } else { 429 }, "{answer}");
        let _sent = settle(&scene.database);
        actor.delete("/me").expect(204);
    }
    let letters = scene.post.rest(17);
    let to_stranger = letters.iter().filter(|letter| letter.is_to("stranger@example.com")).count();
    assert_eq!((to_stranger, letters.len()), (5, 17));
}

fn each_kind_is_counted_by_itself(scene: &Posted) {
    let alice = scene.sign_in("alice");
    for _ in 0..7 {
        forget(scene, "alice@example.com").expect(202);
    }
    for number in 0..5 {
        change(&alice, &format!("alice-{number}@example.com")).expect(200);
    }
    for _ in 0..4 {
        change(&alice, "alice@example.com").expect(200);
    }
    for (current, new) in [(PASSWORD, NEW), (NEW, PASSWORD)].repeat(4) {
        let body = json!({"current_password": current, "new_password": new});
        alice.put("/me/password", &body).expect(204);
    }
    let letters = scene.rest();
    let to_alice = |purpose| went_to(&letters, purpose).into_iter().filter(|to| *to == "alice@example.com").count();
    assert_eq!([Purpose::Verify, Purpose::Reset, Purpose::Notice].map(to_alice), [5, 5, 5]);
}

/// Somebody else may have the address by then.
fn an_unsent_mail_goes_with_its_own_account_only(database: &Database) {
    let letters = sent_later(database, |server| {
        let alice = server.sign_in("alice");
        let body = json!({"current_password": PASSWORD, "new_password": NEW});
        alice.put("/me/password", &body).expect(204);
        // As if she had confirmed another one.
        let moved = "UPDATE users SET email = 'alicia@example.com', email_key = 'alicia@example.com'";
        assert_eq!(database.execute(moved), Ok(1));
        let body = json!({"username": "bob", "email": "alice@example.com", "password": PASSWORD});
        server.anon().post("/auth/signup", &body).expect(201);
        let bob = server.log_in("bob");
        forget(server, "alice@example.com").expect(202);
        bob.delete("/me").expect(204);
    });
    assert_eq!(went_to(&letters, Purpose::Notice), ["alice@example.com"], "{letters:?}");
    assert!(letters[0].text.contains("alice,"), "{letters:?}");
    assert_eq!(letters.len(), 1, "{letters:?}");
}

fn counts_hold_no_address_and_are_forgotten_after_an_hour(database: &Database) {
    let server = Program::on(database).serve();
    let alice = server.sign_in("alice");
    forget(&server, "nobody@example.com").expect(202);
    alice.delete("/me").expect(204);
    let counts = database.rows_of("mail_counts");
    assert_eq!(counts.len(), 3, "to two addresses, and by a user: {counts:?}");
    assert!(counts.iter().all(|row| !row.contains("alice") && !row.contains("example")), "{counts:?}");
    assert_eq!(server.stop("TERM").code, Some(0));
    let _still_counted = Program::on(database).serve();
    assert_eq!(database.rows_of("mail_counts").len(), 3);
    database.put_back_the_counts_of_mails();
    let server = Program::on(database).serve();
    while database.count("mail_counts") > 0 {
        server.anon().get("/health/live").expect(200);
    }
}

fn of_many_at_once_five_are_mailed(scene: &Posted) {
    scene.sign_up("alice");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let _joined_by_the_scope = scope.spawn(|| {
                for _ in 0..4 {
                    forget(scene, "alice@example.com").expect(202);
                }
            });
        }
    });
    assert_eq!(went_to(&scene.rest(), Purpose::Reset).len(), 5);
}
