//! A mail server that is unwell: no request waits for it, no mail is lost, and once it is well every mail arrives.

use std::collections::BTreeSet;

use serde_json::json;

use crate::accounts::email_verification::verify;
use crate::accounts::password_reset::{NEW, forget};
use crate::support::client::{Client, PATIENCE};
use crate::support::letter::Letter;
use crate::support::postbox::{Postbox, Posted, is_nobodys, settle, until_no, until_tried};
use crate::support::process::Program;
use crate::support::smtp::free_address;
use crate::support::unwell::{Does, Mood, Unwell};
use crate::support::{App, Database, Engine, PASSWORD, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        whatever_a_mail_server_does_no_mail_is_lost,
        while_a_mail_server_is_silent_everything_else_goes_on,
        while_there_is_no_mail_server_mails_wait,
        a_server_whose_mail_server_is_silent_can_be_stopped,
        a_mail_that_is_refused_holds_up_no_other,
        after_three_days_a_mail_is_given_up,
    ]
}

/// Each of these at some time on the way of a mail.
const MOODS: [Mood; 15] = [
    Mood::At("HELLO", Does::HangsUp),
    Mood::At("HELLO", Does::Says("421 not now")),
    Mood::At("HELLO", Does::Says("554 never")),
    Mood::At("HELLO", Does::Says("HTTP/1.1 400 Bad Request")),
    Mood::At("EHLO", Does::HangsUp),
    Mood::At("MAIL", Does::Says("451 local error")),
    Mood::At("RCPT", Does::Says("450 mailbox busy")),
    Mood::At("RCPT", Does::Says("550 no such mailbox")),
    Mood::At("DATA", Does::Says("452 no space")),
    Mood::At("DATA", Does::HangsUp),
    Mood::DiesAfter(1),
    Mood::DiesAfter(400),
    Mood::At(".", Does::Says("451 try again")),
    Mood::At(".", Does::Says("554 that is spam")),
    Mood::At(".", Does::HangsUp),
];

fn mailing_to(engine: Engine, unwell: &Unwell) -> App {
    let url = format!("smtp://{}", unwell.address);
    App::with(Database::fresh(engine), &[("MAIL_URL", &url)])
}

/// Lets all mails that failed be due now, and none that is on its way, and wakes the worker.
pub fn again(database: &Database, server: &Client) {
    let nobodys = is_nobodys(database);
    until_no(&format!("mails WHERE sent_at IS NULL AND NOT {nobodys}"), database);
    database.put_back("next_attempt_at", &format!("mails WHERE sent_at IS NULL AND {nobodys}"), 86_400);
    forget(server, "nobody@example.com").expect(202);
}

fn whatever_a_mail_server_does_no_mail_is_lost(scene: &Database) {
    let (unwell, letters) = Unwell::listen(free_address(), Mood::Well);
    let app = mailing_to(scene.engine, &unwell);
    for (number, mood) in MOODS.into_iter().enumerate() {
        unwell.feel(mood);
        let met = unwell.met();
        app.sign_up(&format!("user-{number}"));
        unwell.until_met(met + 1);
        unwell.feel(Mood::Well);
        again(&app.database, &app);
        let arrived = || letters.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{mood:?}: the mail is lost"));
        let letter = Letter::open(arrived());
        assert!(letter.is_to(&format!("user-{number}@example.com")), "{mood:?}: {letter}");
        verify(&app, letter.token()).expect(204);
        let _sent = settle(&app.database);
        // A server that has taken a mail and hangs up before it says so gets it again, and can tell by its id.
        let twice = letters.try_iter().map(Letter::open);
        let ids: Vec<_> = twice.map(|letter| letter.header("message-id").to_owned()).collect();
        let may_come_again = usize::from(mood == Mood::At(".", Does::HangsUp));
        assert!(ids.len() <= may_come_again, "{mood:?}: it came {} times more", ids.len());
        assert!(ids.iter().all(|id| id == letter.header("message-id")), "{mood:?}: {ids:?}");
    }
}

fn while_a_mail_server_is_silent_everything_else_goes_on(scene: &Database) {
    for at in ["HELLO", "RCPT", "."] {
        let (unwell, letters) = Unwell::listen(free_address(), Mood::At(at, Does::Waits));
        let app = mailing_to(scene.engine, &unwell);
        for number in 0..10 {
            app.sign_up(&format!("user-{number}"));
        }
        unwell.until_met(1);
        let alice = app.sign_in("alice");
        forget(&app, "alice@example.com").expect(202);
        alice.put("/me/password", &json!({"current_password": PASSWORD, "new_password": NEW})).expect(204);
        alice.patch("/me", &json!({"email": "alicia@example.com", "username": "alicia"})).expect(200);
        alice.owner("Ann");
        app.anon().get("/health/ready").expect(200);
        assert_eq!(app.database.count("mails WHERE sent_at IS NULL"), 15);
        assert_eq!(letters.try_iter().count(), 0);

        unwell.feel(Mood::Well);
        again(&app.database, &app);
        // The one that got no answer may come twice.
        let mut ids = BTreeSet::new();
        while ids.len() < 15 {
            let letter = Letter::open(letters.recv_timeout(PATIENCE).expect("a mail"));
            ids.insert(letter.header("message-id").to_owned());
        }
        let _sent = settle(&app.database);
    }
}

fn while_there_is_no_mail_server_mails_wait(scene: &Database) {
    let address = free_address();
    let url = format!("smtp://{address}");
    let app = App::with(Database::fresh(scene.engine), &[("MAIL_URL", &url)]);
    let alice = app.sign_in("alice");
    until_tried(&app.database);
    alice.get("/me").expect(200);
    let post = Postbox::open_at(address);
    again(&app.database, &app);
    verify(&app, &post.verification("alice@example.com")).expect(204);
    assert!(post.rest(settle(&app.database)).is_empty());
}

fn a_server_whose_mail_server_is_silent_can_be_stopped(database: &Database) {
    let (unwell, _letters) = Unwell::listen(free_address(), Mood::At("HELLO", Does::Waits));
    let server = Program::on(database).set("MAIL_URL", &format!("smtp://{}", unwell.address)).serve();
    server.sign_up("alice");
    unwell.until_met(1);
    let ended = server.stop("TERM");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    database.put_back("next_attempt_at", "mails WHERE sent_at IS NULL", 600);
    let post = Postbox::open();
    let server = Program::on(database).set("MAIL_URL", &post.url()).serve();
    verify(&server, &post.verification("alice@example.com")).expect(204);
}

/// Browsers take more for an address than mail servers do.
fn a_mail_that_is_refused_holds_up_no_other(scene: &Posted) {
    let long = format!("{}@example.com", "a".repeat(200));
    for (number, email) in ["a..b@example.com", ".a@example.com", "a.@b", &long].into_iter().enumerate() {
        let body = json!({"username": format!("user-{number}"), "email": email, "password": PASSWORD});
        scene.anon().post("/auth/signup", &body).expect(201);
        forget(scene, email).expect(202);
    }
    scene.sign_up("alice");
    verify(scene, &scene.post.verification("alice@example.com")).expect(204);
    scene.anon().get("/health/ready").expect(200);
}

fn after_three_days_a_mail_is_given_up(scene: &Database) {
    let (unwell, letters) = Unwell::listen(free_address(), Mood::At("RCPT", Does::Says("450 mailbox busy")));
    let app = mailing_to(scene.engine, &unwell);
    app.sign_up("alice");
    app.sign_up("bob");
    unwell.until_met(2);
    let days = 3 * 86_400;
    app.database.put_back("created_at", "mails WHERE address LIKE 'alice%'", days + 60);
    app.database.put_back("created_at", "mails WHERE address LIKE 'bob%'", days - 600);
    again(&app.database, &app);
    until_no("mails WHERE address LIKE 'alice%'", &app.database);
    unwell.feel(Mood::Well);
    again(&app.database, &app);
    let letter = Letter::open(letters.recv_timeout(PATIENCE).expect("a mail"));
    assert!(letter.is_to("bob@example.com"), "{letter}");
    let _sent = settle(&app.database);
    assert_eq!(letters.try_iter().count(), 0);
    app.log_in("alice");
}
