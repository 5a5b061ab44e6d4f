//! An account's e-mail address: confirmed with the token of a mail, once, and by nobody else.

use std::sync::Barrier;
use std::thread;

use serde_json::{Value, json};

use crate::accounts::password_reset::{NEW, forget, used};
use crate::support::client::Client;
use crate::support::letter::Purpose;
use crate::support::postbox::{Posted, settle};
use crate::support::{Actor, Answer, PASSWORD, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_signup_mails_a_token_that_verifies_once,
        of_twenty_verifications_at_once_one_succeeds,
        a_token_verifies_its_own_account_only,
        an_account_that_is_gone_verifies_nothing,
        a_domain_in_any_alphabet_is_written_to_in_ascii_and_is_one_address,
        what_is_refused_mails_nothing,
    ]
}

pub fn verify(client: &Client, token: &str) -> Answer {
    client.anon().post("/auth/email/verify", &json!({ "token": token }))
}

/// Calls off another address.
pub fn cancel(client: &Client, token: &str) -> Answer {
    client.anon().post("/auth/email/cancel", &json!({ "token": token }))
}

/// Asks for another address.
pub fn change(actor: &Actor<'_>, email: &str) -> Answer {
    actor.patch("/me", &json!({ "email": email }))
}

/// What somebody sees of the own account.
pub fn me(actor: &Actor<'_>, field: &str) -> Value {
    actor.get("/me").expect(200).json[field].clone()
}

fn a_signup_mails_a_token_that_verifies_once(scene: &Posted) {
    let alice = scene.sign_in("alice");
    let letter = scene.post.next("alice@example.com", Purpose::Verify);
    assert_eq!(letter.lines().iter().filter(|line| line.ends_with(letter.token())).count(), 1, "{letter}");
    let before = alice.get("/me").expect(200);
    assert_eq!(before.json["verified_at"], Value::Null);
    verify(scene, letter.token()).expect(204);
    let after = alice.get("/me").expect(200);
    assert!(after.text("verified_at") >= before.text("created_at"), "{after}");
    assert_ne!(after.etag(), before.etag(), "what is shown has changed");
    for field in ["id", "username", "email", "created_at"] {
        assert_eq!(after.json[field], before.json[field], "{field}");
    }
    used(verify(scene, letter.token()));
    assert_eq!(alice.get("/me").expect(200).json, after.json);
    assert!(scene.rest().is_empty(), "nobody needs to be told");
}

fn of_twenty_verifications_at_once_one_succeeds(scene: &Posted) {
    scene.sign_up("alice");
    let (token, start) = (scene.post.verification("alice@example.com"), Barrier::new(20));
    let statuses: Vec<_> = thread::scope(|scope| {
        let tries: Vec<_> = (0..20)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    verify(scene, &token).status
                })
            })
            .collect();
        tries.into_iter().map(|verification| verification.join().expect("an answer")).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 204).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 422).count(), 19, "{statuses:?}");
}

fn a_token_verifies_its_own_account_only(scene: &Posted) {
    let (alice, bob) = (scene.sign_in("alice"), scene.sign_in("bob"));
    let of_alice = scene.post.verification("alice@example.com");
    let of_bob = scene.post.verification("bob@example.com");
    let swapped = of_alice.replacen(&alice.id().to_string(), &bob.id().to_string(), 1);
    assert_ne!(swapped, of_alice);
    used(verify(scene, &swapped));
    verify(scene, &of_alice).expect(204);
    assert_eq!(me(&bob, "verified_at"), Value::Null);
    verify(scene, &of_bob).expect(204);
}

fn an_account_that_is_gone_verifies_nothing(scene: &Posted) {
    let alice = scene.sign_in("alice");
    change(&alice, "alicia@example.com").expect(200);
    let tokens = ["alice@example.com", "alicia@example.com"].map(|address| scene.post.verification(address));
    forget(scene, "ALICE@example.com").expect(202);
    let _sent = settle(&scene.database);
    alice.delete("/me").expect(204);
    assert_eq!(scene.database.count("mails"), 0, "nor are the addresses kept");
    scene.sign_up("alice");
    for token in &tokens {
        used(verify(scene, token));
    }
    assert_eq!(scene.database.count("users WHERE verified_at IS NOT NULL"), 0);
}

fn what_is_refused_mails_nothing(scene: &Posted) {
    let alice = scene.sign_in("alice");
    scene.sign_up("bob");
    let rows = scene.database.rows();
    let mails = scene.database.count("mails");
    let both = json!({"username": "bob", "email": "alicia@example.com"});
    alice.patch("/me", &both).expect(409).problem("username-taken");
    let new = json!({"email": "alicia@example.com"});
    alice.ask("PATCH", "/me", &[("If-Match", "\"4711\"")], Some(&new)).expect(412);
    alice.patch("/me", &json!({"email": "alicia@example.com", "colour": "red"})).expect(422);
    change(&alice, "alicia").error("/email", "format");
    alice.patch("/me", &json!({"email": null})).expect(422);
    scene.anon().patch("/me", &new).expect(401);
    let signup = |name: &str, email: &str, password: &str| {
        let body = json!({"username": name, "email": email, "password": password});
        scene.anon().post("/auth/signup", &body)
    };
    signup("alice", "alicia@example.com", PASSWORD).expect(409);
    signup("alicia", "alice@example.com", PASSWORD).expect(409);
    signup("alicia", "alicia@example.com", "password1").expect(422);
    alice.put("/me/password", &json!({"current_password": "x", "new_password": NEW})).expect(422);
    assert_eq!(scene.database.rows(), rows);
    assert_eq!(scene.database.count("mails"), mails);
    forget(scene, "nobody@example.com").expect(202);
    let rest = scene.rest();
    assert_eq!(rest.len(), 2, "those of the two signups");
}

fn a_domain_in_any_alphabet_is_written_to_in_ascii_and_is_one_address(scene: &Posted) {
    let sign_up = |name: &str, email: &str| {
        scene.anon().post("/auth/signup", &json!({"username": name, "email": email, "password": PASSWORD}))
    };
    for (name, email, ascii) in [
        ("anna", "anna@m\u{fc}ller.example", "anna@xn--mller-kva.example"),
        ("zoe", "zoe@Caf\u{e9}.example", "zoe@xn--caf-dma.example"),
        ("ivan", "ivan@\u{43f}\u{440}\u{438}\u{43c}\u{435}\u{440}.example", "ivan@xn--e1afmkfd.example"),
        ("yuki", "yuki@\u{4f8b}\u{3048}\u{3002}example", "yuki@xn--r8jz45g.example"),
    ] {
        let created = sign_up(name, email).expect(201);
        let shown = created.text("email").to_owned();
        assert!(shown == ascii, "{created}");
        verify(scene, scene.post.next(&shown, Purpose::Verify).token()).expect(204);
        for spelling in [email, &email.to_uppercase(), &shown] {
            sign_up("somebody", spelling).expect(409).problem("email-taken");
            scene.try_log_in(spelling, PASSWORD).expect(200);
        }
        forget(scene, email).expect(202);
        scene.post.next(&shown, Purpose::Reset);
    }
    for wrong in ["a@m\u{fc}ller..example", "a@\u{200b}.example", "\u{fc}@m\u{fc}ller.example"] {
        sign_up("somebody", wrong).error("/email", "format");
    }
    // It is its ASCII that has to be short enough.
    sign_up("somebody", &format!("a@{}example", "\u{fc}.".repeat(120))).error("/email", "too_long");
}
