//! Another e-mail address: it takes effect when it is confirmed, for whoever confirms it first, and not before.

use serde_json::{Value, json};

use crate::accounts::email_verification::{change, me, verify};
use crate::accounts::password_reset::{NEW, forget, reset, used};
use crate::support::letter::Purpose;
use crate::support::manners::LOG_IN_AGAIN;
use crate::support::postbox::Posted;
use crate::support::{Actor, PASSWORD, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        another_address_takes_effect_when_it_is_confirmed_and_not_before,
        the_old_address_is_told_that_it_is_to_change_and_that_it_has,
        another_address_wants_a_fresh_login,
        the_same_address_changes_nothing,
        the_same_address_calls_off_a_change,
        the_same_address_is_asked_again_while_it_is_not_verified,
        an_address_that_somebody_has_is_taken,
        an_address_that_somebody_took_meanwhile_is_taken,
        of_two_who_want_one_address_the_first_to_confirm_gets_it,
        a_newer_change_makes_the_older_token_void,
        a_changed_address_makes_its_first_token_void,
        another_password_forgets_an_address_that_waits,
        an_address_that_waits_is_in_the_export_only,
        an_address_that_waits_gets_no_reset,
        a_user_causes_five_confirmations_an_hour,
    ]
}

fn another_address_takes_effect_when_it_is_confirmed_and_not_before(scene: &Posted) {
    let alice = scene.sign_in("alice");
    verify(scene, &scene.post.verification("alice@example.com")).expect(204);
    let before = alice.get("/me").expect(200);
    let answer = alice.patch("/me", &json!({"email": " Alicia@Example.com ", "username": "alicia"})).expect(200);
    assert_eq!((answer.text("email"), answer.text("username")), ("alice@example.com", "alicia"));
    assert_eq!(alice.get("/me").expect(200).json, answer.json);
    let letter = scene.post.next("Alicia@Example.com", Purpose::Verify);
    scene.try_log_in("alicia@example.com", PASSWORD).expect(401);
    scene.log_in("alice@example.com");

    verify(scene, letter.token()).expect(204);
    let after = alice.get("/me").expect(200);
    assert_eq!(after.text("email"), "Alicia@Example.com");
    assert_ne!(after.etag(), answer.etag());
    assert!(after.text("verified_at") >= before.text("verified_at"), "{after}");
    assert!(after.text("updated_at") >= answer.text("updated_at"), "{after}");
    scene.try_log_in("alice@example.com", PASSWORD).expect(401);
    let bob = json!({"username": "bob", "email": "alice@example.com", "password": PASSWORD});
    scene.anon().post("/auth/signup", &bob).expect(201);
    let again = scene.log_in("ALICIA@example.com");
    assert_eq!(again.id(), before.id());
    alice.refresh().get("/me").expect(200);
    used(verify(scene, letter.token()));
}

/// Without the new one: whoever reads the old mailbox need not know it.
fn the_old_address_is_told_that_it_is_to_change_and_that_it_has(scene: &Posted) {
    let alice = scene.sign_in("alice");
    let _verification = scene.post.verification("alice@example.com");
    change(&alice, "alicia@example.com").expect(200);
    let letter = scene.post.next("alicia@example.com", Purpose::Verify);
    assert!(!letter.text.contains("alice@example.com"), "{letter}");
    let asked = scene.post.next("alice@example.com", Purpose::Cancel);
    assert!(scene.rest().is_empty());
    verify(scene, letter.token()).expect(204);
    let changed = scene.post.next("alice@example.com", Purpose::Notice);
    for notice in [&asked, &changed] {
        assert!(notice.text.contains("address") && !notice.text.contains("alicia@"), "{notice}");
    }
    assert_ne!(asked.header("subject"), changed.header("subject"));
    assert!(scene.rest().is_empty());
}

fn another_address_wants_a_fresh_login(scene: &Posted) {
    let alice = scene.sign_in("alice");
    let _verification = scene.post.verification("alice@example.com");
    scene.database.put_back("created_at", "sessions", 301);
    let rows = scene.database.rows();
    let refused = change(&alice, "alicia@example.com").expect(401).problem("fresh-login-required");
    assert_eq!(refused.header("www-authenticate"), LOG_IN_AGAIN);
    assert_eq!(scene.database.rows(), rows);
    assert!(scene.rest().is_empty());
    change(&alice.refresh(), "alicia@example.com").expect(401).problem("fresh-login-required");
    change(&scene.log_in("alice"), "alicia@example.com").expect(200);
    let token = scene.post.verification("alicia@example.com");
    // Whoever reads the mail need not be logged in.
    verify(scene, &token).expect(204);
    assert_eq!(me(&alice.once_more(), "email"), "alicia@example.com");
}

fn the_same_address_changes_nothing(scene: &Posted) {
    let alice = scene.sign_in("alice");
    verify(scene, &scene.post.verification("alice@example.com")).expect(204);
    scene.database.put_back("created_at", "sessions", 301);
    let (before, rows) = (alice.get("/me").expect(200), scene.database.rows());
    for same in ["alice@example.com", "ALICE@example.com", " Alice@Example.Com "] {
        let answer = change(&alice, same).expect(200);
        assert_eq!((&answer.json, answer.etag()), (&before.json, before.etag()));
    }
    assert_eq!(scene.database.rows(), rows);
    let same = json!({"email": "alice@example.com"});
    alice.ask("PATCH", "/me", &[("If-Match", "\"4711\"")], Some(&same)).expect(412);
    // What somebody got can be sent back, though the login is not fresh.
    alice.patch("/me", &before.json).expect(200);
    assert!(scene.rest().is_empty());
}

fn the_same_address_calls_off_a_change(scene: &Posted) {
    let alice = scene.sign_in("alice");
    verify(scene, &scene.post.verification("alice@example.com")).expect(204);
    change(&alice, "alicia@example.com").expect(200);
    let token = scene.post.verification("alicia@example.com");
    // Unless it is not me as I know myself.
    let same = json!({"email": "ALICE@example.com"});
    alice.ask("PATCH", "/me", &[("If-Match", "\"4711\"")], Some(&same)).expect(412);
    assert_eq!(alice.get("/me/export").expect(200).json["new_email"], "alicia@example.com");
    alice.patch("/me", &same).expect(200);
    assert_eq!(alice.get("/me/export").expect(200).json["new_email"], Value::Null);
    used(verify(scene, &token));
    assert_eq!(me(&alice, "email"), "alice@example.com");
}

fn the_same_address_is_asked_again_while_it_is_not_verified(scene: &Posted) {
    let (alice, bob) = (scene.sign_in("alice"), scene.sign_in("bob"));
    let first = scene.post.verification("alice@example.com");
    scene.database.put_back("created_at", "sessions", 301);
    let mails = scene.database.count("mails");
    // Only if it is that what is asked.
    alice.patch("/me", &json!({"email": "alice@example.com", "username": "alice"})).expect(200);
    assert_eq!(scene.database.count("mails"), mails);
    for _ in 0..4 {
        change(&alice, "Alice@Example.com").expect(200);
        let _another = scene.post.verification("alice@example.com");
    }
    let too_many = change(&alice, "alice@example.com").expect(429).problem("too-many-requests");
    let seconds: u32 = too_many.header("retry-after").parse().expect("whole seconds");
    assert!((3000..=3600).contains(&seconds), "{too_many}");
    change(&bob, "bob@example.com").expect(200);
    assert_eq!(me(&alice, "email"), "alice@example.com");
    scene.database.put_back_the_counts_of_mails();
    change(&alice, "alice@example.com").expect(200);
    verify(scene, &scene.post.verification("alice@example.com")).expect(204);
    used(verify(scene, &first));
}

fn an_address_that_somebody_has_is_taken(scene: &Posted) {
    let alice = scene.sign_in("alice");
    scene.sign_up("bob");
    let rows = scene.database.rows();
    for spelling in ["bob@example.com", "BOB@Example.com", " bob@example.com "] {
        let taken = change(&alice, spelling).expect(409).problem("email-taken");
        assert_eq!(taken.json["errors"][0]["pointer"], "/email", "{taken}");
    }
    alice.patch("/me", &json!({"username": "alicia", "email": "bob@example.com"})).expect(409);
    assert_eq!(scene.database.rows(), rows, "and the username stays, too");
}

fn an_address_that_somebody_took_meanwhile_is_taken(scene: &Posted) {
    let alice = scene.sign_in("alice");
    change(&alice, "Bob@Example.com").expect(200);
    let token = scene.post.verification("Bob@Example.com");
    scene.sign_up("bob");
    let rows = scene.database.rows();
    for _ in 0..2 {
        verify(scene, &token).expect(409).problem("email-taken");
    }
    assert_eq!(scene.database.rows(), rows);
    assert_eq!(me(&alice, "email"), "alice@example.com");
    // Once the address is free, the token is good: it is alice who reads its mail.
    scene.log_in("bob").delete("/me").expect(204);
    verify(scene, &token).expect(204);
    assert_eq!(me(&alice, "email"), "Bob@Example.com");
}

fn of_two_who_want_one_address_the_first_to_confirm_gets_it(scene: &Posted) {
    let (alice, bob) = (scene.sign_in("alice"), scene.sign_in("bob"));
    change(&alice, "both@example.com").expect(200);
    let of_alice = scene.post.verification("both@example.com");
    change(&bob, "BOTH@example.com").expect(200);
    let of_bob = scene.post.verification("BOTH@example.com");
    verify(scene, &of_bob).expect(204);
    verify(scene, &of_alice).expect(409).problem("email-taken");
    assert_eq!((me(&alice, "email"), me(&bob, "email")), (json!("alice@example.com"), json!("BOTH@example.com")));
}

fn a_newer_change_makes_the_older_token_void(scene: &Posted) {
    let alice = scene.sign_in("alice");
    let [first, second] = ["first@example.com", "second@example.com"].map(|email| {
        change(&alice, email).expect(200);
        scene.post.verification(email)
    });
    used(verify(scene, &first));
    assert_eq!(me(&alice, "email"), "alice@example.com");
    verify(scene, &second).expect(204);
    used(verify(scene, &first));
    assert_eq!(me(&alice, "email"), "second@example.com");
}

fn a_changed_address_makes_its_first_token_void(scene: &Posted) {
    let alice = scene.sign_in("alice");
    let first = scene.post.verification("alice@example.com");
    change(&alice, "alicia@example.com").expect(200);
    verify(scene, &scene.post.verification("alicia@example.com")).expect(204);
    let after = alice.get("/me").expect(200);
    used(verify(scene, &first));
    assert_eq!(alice.get("/me").expect(200).json, after.json);
}

/// Perhaps it was asked for by whoever the new password is to keep out.
fn another_password_forgets_an_address_that_waits(scene: &Posted) {
    let ask = |actor: &Actor<'_>, email: &str| {
        change(actor, email).expect(200);
        scene.post.verification(email)
    };
    let alice = scene.sign_in("alice");
    let first = ask(&alice, "first@example.com");
    alice.put("/me/password", &json!({"current_password": PASSWORD, "new_password": NEW})).expect(204);
    assert_eq!(alice.get("/me/export").expect(200).json["new_email"], Value::Null);
    used(verify(scene, &first));
    let second = ask(&alice, "second@example.com");
    forget(scene, "alice@example.com").expect(202);
    reset(scene, &scene.post.reset("alice@example.com"), PASSWORD).expect(204);
    used(verify(scene, &second));
    assert_eq!(me(&scene.log_in("alice"), "email"), "alice@example.com");
}

fn an_address_that_waits_is_in_the_export_only(scene: &Posted) {
    let (alice, bob) = (scene.sign_in("alice"), scene.sign_in("bob"));
    let new_email = |actor: &Actor<'_>| actor.get("/me/export").expect(200).json["new_email"].clone();
    assert_eq!(new_email(&alice), Value::Null);
    change(&alice, "alicia@example.com").expect(200);
    assert_eq!(new_email(&alice), "alicia@example.com");
    assert_eq!(new_email(&bob), Value::Null);
    assert!(!String::from_utf8_lossy(&alice.get("/me").body).contains("alicia"));
    verify(scene, &scene.post.verification("alicia@example.com")).expect(204);
    assert_eq!(new_email(&alice), Value::Null);
}

fn an_address_that_waits_gets_no_reset(scene: &Posted) {
    let alice = scene.sign_in("alice");
    change(&alice, "mallory@example.com").expect(200);
    forget(scene, "mallory@example.com").expect(202);
    let _token = scene.post.verification("mallory@example.com");
    assert!(scene.rest().iter().all(|letter| letter.purpose() != Purpose::Reset));
}

/// Or somebody could bury strangers in mail.
fn a_user_causes_five_confirmations_an_hour(scene: &Posted) {
    let (alice, bob) = (scene.sign_in("alice"), scene.sign_in("bob"));
    let stranger = |number: usize| format!("stranger-{number}@example.com");
    for number in 0..5 {
        change(&alice, &stranger(number)).expect(200);
        let _token = scene.post.verification(&stranger(number));
    }
    let rows = scene.database.rows();
    let both = json!({"email": stranger(5), "username": "alicia"});
    for _ in 0..2 {
        let too_many = alice.patch("/me", &both).expect(429).problem("too-many-requests");
        let seconds: u32 = too_many.header("retry-after").parse().expect("whole seconds");
        assert!((3000..=3600).contains(&seconds), "{too_many}");
    }
    assert_eq!(scene.database.rows(), rows);
    alice.patch("/me", &json!({"username": "alicia"})).expect(200);
    change(&bob, "robert@example.com").expect(200);
    let _token = scene.post.verification("robert@example.com");
    scene.database.put_back_the_counts_of_mails();
    change(&alice, &stranger(6)).expect(200);
    verify(scene, &scene.post.verification(&stranger(6))).expect(204);
    assert!(scene.rest().iter().all(|letter| !letter.is_to(&stranger(5))));
}
