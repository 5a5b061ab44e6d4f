//! The mails: what they look like, where they lead, and that each is sent once, whatever happens to the server
//! meanwhile.

use std::collections::BTreeSet;
use std::thread;

use serde_json::json;

use crate::accounts::email_verification::verify;
use crate::accounts::password_reset::{NEW, forget, reset};
use crate::support::client::Client;
use crate::support::letter::{Letter, Purpose};
use crate::support::postbox::{Postbox, Posted, settle, until_no};
use crate::support::process::Program;
use crate::support::smtp::free_address;
use crate::support::unwell::{Does, Mood, Unwell};
use crate::support::{Database, PASSWORD, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        every_mail_says_from_whom_and_to_whom_it_is_and_where_to_answer,
        mails_lead_to_the_applications_page_if_it_has_one,
        a_name_in_any_alphabet_stands_in_plain_ascii,
        a_sender_in_any_alphabet_is_named_in_ascii,
        whoever_has_another_password_now_is_told,
        what_was_answered_is_mailed_even_if_the_server_is_killed_over_it,
        two_instances_send_each_mail_once,
        what_is_on_its_way_when_the_server_stops_arrives_once,
        what_another_program_queued_is_sent_too,
        what_was_sent_is_forgotten_after_a_day,
        an_account_that_is_gone_gets_no_mail,
        a_mail_that_has_lost_its_reason_is_not_sent,
    ]
}

const FROM: &str = "Kennel <kennel@dogs.example>";
const PUBLIC_URL: &str = "https://kennel.example";
const APP_URL: &str = "https://app.example/account";

fn every_mail_says_from_whom_and_to_whom_it_is_and_where_to_answer(scene: &Database) {
    let scene = Posted::with(scene.engine, &[("MAIL_FROM", FROM), ("PUBLIC_URL", PUBLIC_URL)]);
    let (post, alice) = (&scene.post, scene.sign_in("alice"));
    let verification = post.next("alice@example.com", Purpose::Verify);
    forget(&scene, "alice@example.com").expect(202);
    let for_reset = post.next("alice@example.com", Purpose::Reset);
    reset(&scene, for_reset.token(), NEW).expect(204);
    let changed = post.next("alice@example.com", Purpose::Notice);
    alice.get("/me").expect(401);
    let login = json!({"username": "alice", "password": NEW});
    let alice = alice.with_token(scene.anon().post("/auth/login", &login).expect(200).text("access_token"));
    alice.patch("/me", &json!({"email": "alicia@example.com"})).expect(200);
    let moving = post.next("alice@example.com", Purpose::Cancel);
    let confirmation = post.next("alicia@example.com", Purpose::Verify);
    verify(&scene, confirmation.token()).expect(204);
    let moved = post.next("alice@example.com", Purpose::Notice);

    let letters = [verification, for_reset, changed, moving, confirmation, moved];
    for letter in &letters {
        assert_eq!(letter.header("from").replace('"', ""), FROM);
        assert_eq!(letter.envelope.sender, "kennel@dogs.example");
        assert_eq!(letter.envelope.recipients, [letter.to()], "it is for one person: {letter}");
        assert_eq!(letter.header("auto-submitted"), "auto-generated");
        assert!(letter.text.contains("alice"), "it says whom it means: {letter}");
        assert!(!letter.text.contains(NEW) && !letter.text.contains(PASSWORD), "{letter}");
        if let Some(action) = letter.purpose().action() {
            let to_the_console = format!("    {PUBLIC_URL}/app#action={action}&token={}", letter.token());
            assert!(letter.lines().contains(&to_the_console), "{letter}");
        }
    }
    let different = |header: &str| letters.iter().map(|letter| letter.header(header)).collect::<BTreeSet<_>>().len();
    assert_eq!((different("message-id"), different("subject")), (6, 6));
    assert!(scene.rest().is_empty());
}

fn mails_lead_to_the_applications_page_if_it_has_one(scene: &Database) {
    let scene = Posted::with(scene.engine, &[("PUBLIC_URL", PUBLIC_URL), ("APP_URL", APP_URL)]);
    let (post, alice) = (&scene.post, scene.sign_in("alice"));
    let verification = post.next("alice@example.com", Purpose::Verify);
    verify(&scene, verification.token()).expect(204);
    alice.patch("/me", &json!({"email": "alicia@example.com"})).expect(200);
    let moving = post.next("alice@example.com", Purpose::Cancel);
    let confirmation = post.next("alicia@example.com", Purpose::Verify);
    forget(&scene, "alice@example.com").expect(202);
    let for_reset = post.next("alice@example.com", Purpose::Reset);
    for letter in [&verification, &moving, &confirmation, &for_reset] {
        let action = letter.purpose().action().expect("it asks for something");
        let token = letter.token();
        // The fragment stays in the browser: neither the page's server nor who it links to sees the token.
        assert!(letter.lines().contains(&format!("    {APP_URL}#action={action}&token={token}")), "{letter}");
    }
    verify(&scene, confirmation.token()).expect(204);
    reset(&scene, for_reset.token(), NEW).expect(422);
    forget(&scene, "alicia@example.com").expect(202);
    let for_reset = post.next("alicia@example.com", Purpose::Reset);
    reset(&scene, for_reset.token(), NEW).expect(204);
    let changed = post.next("alicia@example.com", Purpose::Notice);
    assert_eq!(changed.link(), Some(&*format!("{APP_URL}#action=forgot-password")), "{changed}");
}

fn a_name_in_any_alphabet_stands_in_plain_ascii(scene: &Database) {
    let scene = Posted::with(scene.engine, &[("MAIL_FROM", "Zw\u{f6}lf Hunde <kennel@dogs.example>")]);
    scene.sign_up("alice");
    let letter = scene.post.next("alice@example.com", Purpose::Verify);
    let from = letter.header("from");
    assert!(from.starts_with("=?utf-8?") && from.ends_with(" <kennel@dogs.example>"), "{letter}");
    assert_eq!(letter.envelope.sender, "kennel@dogs.example");
}

fn a_sender_in_any_alphabet_is_named_in_ascii(scene: &Database) {
    let scene = Posted::with(scene.engine, &[("MAIL_FROM", "Kennel <hunde@m\u{fc}nchen.example>")]);
    scene.sign_up("alice");
    let letter = scene.post.next("alice@example.com", Purpose::Verify);
    assert_eq!(letter.envelope.sender, "hunde@xn--mnchen-3ya.example");
    assert!(letter.header("from").ends_with("<hunde@xn--mnchen-3ya.example>"), "{letter}");
    assert!(letter.header("message-id").ends_with("@xn--mnchen-3ya.example>"), "{letter}");
}

fn whoever_has_another_password_now_is_told(scene: &Posted) {
    let alice = scene.sign_in("alice");
    let change = |current: &str, new: &str| {
        alice.put("/me/password", &json!({"current_password": current, "new_password": new}))
    };
    change("not her password", NEW).expect(422);
    change(PASSWORD, "password1").expect(422);
    let _verification = scene.post.verification("alice@example.com");
    assert!(scene.rest().is_empty());
    change(PASSWORD, NEW).expect(204);
    let by_herself = scene.post.next("alice@example.com", Purpose::Notice);
    forget(scene, "alice@example.com").expect(202);
    reset(scene, &scene.post.reset("alice@example.com"), PASSWORD).expect(204);
    let by_mail = scene.post.next("alice@example.com", Purpose::Notice);
    assert_eq!(by_herself.header("subject"), by_mail.header("subject"));
    assert!(scene.rest().is_empty());
}

/// The mail is queued in the transaction of what it is about.
fn what_was_answered_is_mailed_even_if_the_server_is_killed_over_it(database: &Database) {
    let letters = sent_later(database, |server| {
        let alice = server.sign_in("alice");
        alice.patch("/me", &json!({"email": "alicia@example.com"})).expect(200);
        forget(server, "alice@example.com").expect(202);
    });
    let mut sent: Vec<_> = letters.iter().map(|letter| (letter.to(), letter.purpose())).collect();
    sent.sort();
    let expected = [
        ("alice@example.com", Purpose::Verify),
        ("alice@example.com", Purpose::Cancel),
        ("alice@example.com", Purpose::Reset),
        ("alicia@example.com", Purpose::Verify),
    ];
    assert_eq!(sent, expected);
}

/// What the mails are known by, and to whom they went.
fn known_by(letters: &[Letter]) -> Vec<(&str, &str)> {
    letters.iter().map(|letter| (letter.header("message-id"), letter.to())).collect()
}

fn two_instances_send_each_mail_once(database: &Database) {
    let post = Postbox::open();
    let servers = [(); 2].map(|()| Program::on(database).set("MAIL_URL", &post.url()).serve());
    thread::scope(|scope| {
        for (number, server) in servers.iter().enumerate() {
            for part in 0..2 {
                let name = move |dog: usize| format!("alice-{number}-{part}-{dog}");
                let _joined_by_the_scope =
                    scope.spawn(move || (0..10).for_each(|dog| drop(server.sign_up(&name(dog)))));
            }
        }
    });
    assert_eq!(settle(database), 40);
    for server in servers {
        assert_eq!(server.stop("TERM").code, Some(0));
    }
    let letters = post.rest(40);
    let (ids, addresses): (BTreeSet<_>, BTreeSet<_>) = known_by(&letters).into_iter().unzip();
    assert_eq!((letters.len(), ids.len(), addresses.len()), (40, 40, 40));
}

fn what_is_on_its_way_when_the_server_stops_arrives_once(database: &Database) {
    let post = Postbox::open();
    for round in 0..2 {
        let server = Program::on(database).set("MAIL_URL", &post.url()).serve();
        (0..10).for_each(|number| drop(server.sign_up(&format!("alice-{round}-{number}"))));
        assert_eq!(server.stop("TERM").code, Some(0));
    }
    let server = Program::on(database).set("MAIL_URL", &post.url()).serve();
    let letters = post.rest(settle(database));
    assert_eq!(server.stop("TERM").code, Some(0));
    let (ids, addresses): (BTreeSet<_>, BTreeSet<_>) = known_by(&letters).into_iter().unzip();
    assert_eq!((letters.len(), ids.len(), addresses.len()), (20, 20, 20));
}

/// Such as one that ended before it could send it. The worker looks by itself; to be woken is quicker.
fn what_another_program_queued_is_sent_too(scene: &Posted) {
    let made = Program::on(&scene.database).args(&["user", "create", "alice", "alice@example.com"]).run();
    assert_eq!(made.code, Some(0), "{made:?}");
    forget(scene, "nobody@example.com").expect(202);
    verify(scene, &scene.post.verification("alice@example.com")).expect(204);
}

fn what_was_sent_is_forgotten_after_a_day(database: &Database) {
    let post = Postbox::open();
    let serve = || Program::on(database).set("MAIL_URL", &post.url()).serve();
    let server = serve();
    server.sign_up("alice");
    server.sign_up("bob");
    let _sent = settle(database);
    assert_eq!(server.stop("TERM").code, Some(0));
    database.put_back("created_at", "mails WHERE address LIKE 'alice%'", 86_401);
    database.put_back("created_at", "mails WHERE address LIKE 'bob%'", 86_000);
    let _server = serve();
    until_no("mails WHERE address LIKE 'alice%'", database);
    assert_eq!(database.count("mails"), 1);
}

/// Kills a server as soon as it has answered, before a mail could leave it; gives what the next one mails.
pub fn sent_later(database: &Database, act: impl FnOnce(&Client)) -> Vec<Letter> {
    let (silent, _nothing) = Unwell::listen(free_address(), Mood::At("HELLO", Does::Waits));
    let server = Program::on(database).set("MAIL_URL", &format!("smtp://{}", silent.address)).serve();
    act(&server);
    server.kill();
    drop((server, silent));
    // What it had taken in hand is nobody else's for a minute.
    database.put_back("next_attempt_at", "mails WHERE sent_at IS NULL", 600);
    let post = Postbox::open();
    let server = Program::on(database).set("MAIL_URL", &post.url()).serve();
    let sent = settle(database);
    assert_eq!(server.stop("TERM").code, Some(0));
    post.rest(sent)
}

fn an_account_that_is_gone_gets_no_mail(database: &Database) {
    let letters = sent_later(database, |server| {
        let alice = server.sign_in("alice");
        alice.patch("/me", &json!({"email": "alicia@example.com"})).expect(200);
        forget(server, "alice@example.com").expect(202);
        alice.delete("/me").expect(204);
    });
    assert!(letters.is_empty(), "{letters:?}");
    assert_eq!(database.count("mails"), 0, "nor is its address kept");
}

fn a_mail_that_has_lost_its_reason_is_not_sent(database: &Database) {
    let letters = sent_later(database, |server| {
        let alice = server.sign_in("alice");
        for email in ["first@example.com", "second@example.com"] {
            alice.patch("/me", &json!({ "email": email })).expect(200);
        }
        forget(server, "nobody@example.com").expect(202);
    });
    let to_be_verified = letters.iter().filter(|letter| letter.purpose() == Purpose::Verify);
    let mut addresses: Vec<_> = to_be_verified.map(Letter::to).collect();
    addresses.sort_unstable();
    assert_eq!(addresses, ["alice@example.com", "second@example.com"]);
    assert!(letters.iter().all(|letter| letter.purpose() != Purpose::Reset), "{letters:?}");
}
