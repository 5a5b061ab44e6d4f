//! What a session asked for ends with it: another e-mail address, however the session ends, and whoever reads the
//! mail of the present one can end both.

use serde_json::{Value, json};

use crate::accounts::email_verification::{cancel, change, me, verify};
use crate::accounts::password_reset::{NEW, forget, reset, used};
use crate::accounts::refresh_tokens::dead;
use crate::mail::messages::sent_later;
use crate::support::letter::{Letter, Purpose};
use crate::support::postbox::{Posted, settle};
use crate::support::process::Program;
use crate::support::{Actor, Database, PASSWORD, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        an_address_that_a_session_asked_for_ends_with_it_however_it_ends,
        an_address_outlives_the_end_of_every_other_session,
        an_address_that_a_session_asked_for_is_not_kept_when_it_is_over,
        what_another_session_asks_for_takes_its_place,
        the_old_address_calls_it_off_and_ends_the_session_that_asked,
        a_cancellation_is_good_for_one_request_only,
        a_mail_about_what_is_over_is_not_sent,
        a_change_that_cannot_be_told_is_not_begun,
    ]
}

/// The address that waits, as its user sees it.
fn waiting(actor: &Actor<'_>) -> Value {
    actor.get("/me/export").expect(200).json["new_email"].clone()
}

/// A thief's session of somebody new, with the token that confirms what it asked for.
fn asked<'a>(scene: &'a Posted, name: &str) -> (Actor<'a>, String) {
    scene.sign_up(name);
    let thief = scene.log_in(name);
    let address = format!("thief-of-{name}@example.com");
    change(&thief, &address).expect(200);
    (thief, scene.post.verification(&address))
}

fn by_command(scene: &Posted, verb: &str, name: &str) {
    let ended = Program::on(&scene.database).args(&["user", verb, name]).run();
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

fn of(thief: &Actor<'_>) -> String {
    format!("sessions WHERE id = {}", thief.session())
}

/// What ends a session: the scene, the name of its user, and the session.
type End = fn(&Posted, &str, &Actor<'_>);

const ENDS: [(&str, End); 12] = [
    ("a-logout", |_, _, thief| drop(thief.send("POST", "/auth/logout", &[], None).expect(200))),
    ("a-logout-by-refresh-token", |scene, _, thief| {
        let body = json!({"refresh_token": thief.refresh_token()});
        scene.anon().post("/auth/logout", &body).expect(200);
    }),
    ("all-others", |scene, name, _| drop(scene.log_in(name).delete("/me/sessions").expect(204))),
    ("just-this-one", |scene, name, thief| {
        scene.log_in(name).delete(&format!("/me/sessions/{}", thief.session())).expect(204);
    }),
    ("a-new-password", |scene, name, _| {
        let body = json!({"current_password": PASSWORD, "new_password": NEW});
        scene.log_in(name).put("/me/password", &body).expect(204);
    }),
    ("a-reset", |scene, name, _| {
        let address = format!("{name}@example.com");
        forget(scene, &address).expect(202);
        reset(scene, &scene.post.reset(&address), NEW).expect(204);
    }),
    ("a-reuse", |_, _, thief| {
        thief.refresh().refresh();
        thief.try_refresh().expect(401);
    }),
    ("idleness", |scene, _, thief| scene.database.put_back("expires_at", &of(thief), 15 * 86_400)),
    ("its-age", |scene, _, thief| {
        scene.database.put_back("created_at", &of(thief), 31 * 86_400);
        scene.database.put_back("expires_at", &of(thief), 14 * 86_400 + 60);
    }),
    ("fifty-others", |scene, name, _| (0..50).for_each(|_| drop(scene.log_in(name)))),
    ("end-sessions", |scene, name, _| by_command(scene, "end-sessions", name)),
    ("disable", |scene, name, _| {
        by_command(scene, "disable", name);
        by_command(scene, "enable", name);
    }),
];

fn an_address_that_a_session_asked_for_ends_with_it_however_it_ends(scene: &Posted) {
    for (name, end) in ENDS {
        let name: String = name.chars().take(30).collect();
        let (thief, token) = asked(scene, &name);
        let address = format!("{name}@example.com");
        assert_eq!(waiting(&thief), format!("thief-of-{address}"));
        end(scene, &name, &thief);
        dead(&thief);
        used(verify(scene, &token));
        let password = if ["a-new-password", "a-reset"].contains(&name.as_str()) { NEW } else { PASSWORD };
        let owner = Actor::logged_in(scene, &scene.try_log_in(&name, password).expect(200));
        assert_eq!((waiting(&owner), me(&owner, "email")), (Value::Null, json!(address)), "{name}");
        used(verify(scene, &token));
    }
}

fn an_address_outlives_the_end_of_every_other_session(scene: &Posted) {
    let (alice, token) = asked(scene, "alice");
    let others = [0; 3].map(|_| scene.log_in("alice"));
    others[0].send("POST", "/auth/logout", &[], None).expect(200);
    alice.delete(&format!("/me/sessions/{}", others[1].session())).expect(204);
    let alice = alice.refresh().refresh();
    alice.delete("/me/sessions").expect(204);
    assert_eq!(waiting(&scene.log_in("alice")), "thief-of-alice@example.com");
    verify(scene, &token).expect(204);
    assert_eq!((waiting(&alice), me(&alice, "email")), (Value::Null, json!("thief-of-alice@example.com")));
}

/// It may be a stranger's.
fn an_address_that_a_session_asked_for_is_not_kept_when_it_is_over(scene: &Posted) {
    let kept = || scene.database.count("sessions WHERE new_email IS NOT NULL");
    let (alice, _) = asked(scene, "alice");
    let (bob, token) = asked(scene, "bob");
    let (zoe, _) = asked(scene, "zoe");
    assert_eq!(kept(), 3);
    alice.send("POST", "/auth/logout", &[], None).expect(200);
    verify(scene, &token).expect(204);
    change(&bob, "robert@example.com").expect(200);
    change(&bob, "thief-of-bob@example.com").expect(200);
    assert_eq!(kept(), 1);
    // One that expires is swept away later.
    scene.database.put_back("expires_at", &of(&zoe), 15 * 86_400);
    let server = Program::on(&scene.database).serve();
    while kept() > 0 {
        server.anon().get("/health/live").expect(200);
    }
}

fn what_another_session_asks_for_takes_its_place(scene: &Posted) {
    let (first, of_first) = asked(scene, "alice");
    let second = scene.log_in("alice");
    change(&second, "alicia@example.com").expect(200);
    let of_second = scene.post.verification("alicia@example.com");
    for actor in [&first, &second] {
        assert_eq!(waiting(actor), "alicia@example.com");
    }
    used(verify(scene, &of_first));
    first.send("POST", "/auth/logout", &[], None).expect(200);
    verify(scene, &of_second).expect(204);
    assert_eq!(me(&second, "email"), "alicia@example.com");
}

fn the_old_address_calls_it_off_and_ends_the_session_that_asked(scene: &Posted) {
    let owner = scene.sign_in("alice");
    let thief = scene.log_in("alice");
    change(&thief, "thief@example.com").expect(200);
    let (confirmation, letter) =
        (scene.post.verification("thief@example.com"), scene.post.next("alice@example.com", Purpose::Cancel));
    assert!(!letter.text.contains("thief@"), "{letter}");
    cancel(scene, letter.token()).expect(204);
    dead(&thief);
    used(verify(scene, &confirmation));
    used(cancel(scene, letter.token()));
    assert_eq!((waiting(&owner), me(&owner, "email")), (Value::Null, json!("alice@example.com")));
    owner.refresh().get("/me").expect(200);
}

fn a_cancellation_is_good_for_one_request_only(scene: &Posted) {
    let alice = scene.sign_in("alice");
    let post = &scene.post;
    // For the same address, from the same session, again after it was called off.
    let [first, second] = [0; 2].map(|_| {
        change(&alice, "alicia@example.com").expect(200);
        let tokens = (post.verification("alicia@example.com"), post.cancellation("alice@example.com"));
        change(&alice, "alice@example.com").expect(200);
        tokens
    });
    change(&alice, "alicia@example.com").expect(200);
    for (confirmation, cancellation) in [&first, &second] {
        used(cancel(scene, cancellation));
        used(verify(scene, confirmation));
    }
    let _confirmation = post.verification("alicia@example.com");
    let third = post.cancellation("alice@example.com");
    // To ask again for what waits is the same request; its mails of before are still good.
    change(&alice, "alicia@example.com").expect(200);
    let confirmation = post.verification("alicia@example.com");
    let again = post.cancellation("alice@example.com");
    verify(scene, &confirmation).expect(204);
    used(cancel(scene, &third));
    used(cancel(scene, &again));
    alice.get("/me").expect(200);
}

fn a_mail_about_what_is_over_is_not_sent(database: &Database) {
    let letters = sent_later(database, |server| {
        let (alice, bob) = (server.sign_in("alice"), server.sign_in("bob"));
        change(&alice, "thief@example.com").expect(200);
        alice.send("POST", "/auth/logout", &[], None).expect(200);
        change(&bob, "robert@example.com").expect(200);
    });
    let mut sent: Vec<_> = letters.iter().map(|letter| (letter.to(), letter.purpose())).collect();
    sent.sort();
    let expected = [
        ("alice@example.com", Purpose::Verify),
        ("bob@example.com", Purpose::Verify),
        ("bob@example.com", Purpose::Cancel),
        ("robert@example.com", Purpose::Verify),
    ];
    assert_eq!(sent, expected, "{:?}", letters.iter().map(Letter::to).collect::<Vec<_>>());
}

/// The old address hears of each, or there is none.
fn a_change_that_cannot_be_told_is_not_begun(scene: &Posted) {
    // Whoever had the address before has used up what it may get.
    for number in 0..5 {
        let body = json!({"username": format!("user-{number}"), "email": "alice@example.com", "password": PASSWORD});
        scene.anon().post("/auth/signup", &body).expect(201);
        let actor = scene.log_in(&format!("user-{number}"));
        change(&actor, &format!("new-{number}@example.com")).expect(200);
        let _sent = settle(&scene.database);
        actor.delete("/me").expect(204);
    }
    let _theirs = scene.post.rest(15);
    let alice = scene.sign_in("alice");
    change(&alice, "alicia@example.com").expect(429).problem("too-many-requests");
    assert_eq!(waiting(&alice), Value::Null);
    scene.database.put_back_the_counts_of_mails();
    change(&alice, "alicia@example.com").expect(200);
    cancel(scene, &scene.post.cancellation("alice@example.com")).expect(204);
}
