//! Mail without a mail server: a folder of files for people to read, and for nobody but their owner.

use std::fs;

use serde_json::json;

use crate::accounts::email_verification::verify;
use crate::accounts::password_reset::{NEW, forget, reset};
use crate::support::letter::Purpose;
use crate::support::outbox::Outbox;
use crate::support::postbox::{settle, until_tried};
use crate::support::process::Program;
use crate::support::{App, Database, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        without_a_setting_mails_are_put_into_outbox,
        the_outbox_is_for_its_owner_only,
        a_file_says_by_its_name_when_it_was_written_and_what_it_is,
        the_tokens_in_the_outbox_are_good,
        while_the_outbox_cannot_be_written_mails_wait,
        an_outbox_may_be_named_in_three_ways,
    ]
}

fn outbox_of(app: &App) -> Outbox {
    Outbox::at(app.database.directory().join("outbox"))
}

fn without_a_setting_mails_are_put_into_outbox(database: &Database) {
    let server = Program::on(database).unset("MAIL_URL").serve();
    let outbox = Outbox::at(database.directory().join("outbox"));
    server.sign_up("alice");
    let letter = outbox.next("alice@example.com", Purpose::Verify, &server);
    assert_eq!(letter.header("from").trim_matches(['<', '>']), "kennel@localhost");
    let page = format!("http://{}/app#action=verify-email&token=", server.address);
    assert!(letter.link().is_some_and(|link| link.starts_with(&page)), "{letter}");
    verify(&server, letter.token()).expect(204);
}

fn the_outbox_is_for_its_owner_only(app: &App) {
    app.sign_up("alice");
    forget(app, "alice@example.com").expect(202);
    let outbox = outbox_of(app);
    assert_eq!(settle(&app.database), 2);
    assert_eq!(Outbox::mode(outbox.directory()), 0o700);
    for file in outbox.files() {
        assert_eq!(Outbox::mode(&file), 0o600, "{}", file.display());
    }
}

fn a_file_says_by_its_name_when_it_was_written_and_what_it_is(app: &App) {
    app.sign_up("alice");
    forget(app, "alice@example.com").expect(202);
    let outbox = outbox_of(app);
    assert_eq!(settle(&app.database), 2);
    let ids = app.database.texts("SELECT CAST(id AS TEXT) AS value FROM mails ORDER BY id");
    let names = outbox.files().into_iter().map(|file| file.file_name().expect("a name").to_string_lossy().into_owned());
    let mut names: Vec<_> = names.collect();
    assert_eq!(names.len(), 2, "and nothing else is there: {names:?}");
    names.sort_by_key(|name| name.contains("reset"));
    for ((name, id), kind) in names.iter().zip(&ids).zip(["verify", "reset"]) {
        let rest = name.strip_suffix(&format!("-{id}-{kind}.eml"));
        let time = rest.unwrap_or_else(|| panic!("{name} is not of mail {id}, which is to {kind}"));
        let is_time = time.starts_with("20") && time.ends_with('Z') && time.contains('T');
        assert!(is_time && time.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c)), "{name}");
    }
    let text = fs::read_to_string(&outbox.files()[0]).expect("it is text");
    assert!(text.contains("\n    ") && text.contains("alice"), "people can read it: {text}");
}

fn the_tokens_in_the_outbox_are_good(app: &App) {
    let alice = app.sign_in("alice");
    let outbox = outbox_of(app);
    verify(app, &outbox.token("alice@example.com", Purpose::Verify, app)).expect(204);
    alice.patch("/me", &json!({"email": "bob@example.com"})).expect(200);
    let confirmation = outbox.token("bob@example.com", Purpose::Verify, app);
    app.sign_up("bob");
    verify(app, &confirmation).expect(409).problem("email-taken");
    forget(app, "alice@example.com").expect(202);
    reset(app, &outbox.token("alice@example.com", Purpose::Reset, app), NEW).expect(204);
    app.try_log_in("alice", NEW).expect(200);
    let _notice = outbox.next("alice@example.com", Purpose::Notice, app);
}

fn while_the_outbox_cannot_be_written_mails_wait(app: &App) {
    let outbox = outbox_of(app);
    fs::write(outbox.directory(), "in the way").expect("a file is written");
    app.sign_up("alice");
    until_tried(&app.database);
    app.log_in("alice").get("/me").expect(200);
    fs::remove_file(outbox.directory()).expect("it was there");
    crate::mail::failures::again(&app.database, app);
    verify(app, &outbox.token("alice@example.com", Purpose::Verify, app)).expect(204);
}

fn an_outbox_may_be_named_in_three_ways(database: &Database) {
    let directory = database.directory();
    let absolute = directory.join("absolute");
    for (number, (url, folder)) in [
        ("file:relative".to_owned(), directory.join("relative")),
        (format!("file:{}", absolute.display()), absolute.clone()),
        (format!("file://{}/in/it", absolute.display()), absolute.join("in/it")),
    ]
    .into_iter()
    .enumerate()
    {
        let server = Program::on(database).set("MAIL_URL", &url).serve();
        server.sign_up(&format!("user-{number}"));
        let _letter = Outbox::at(folder).next(&format!("user-{number}@example.com"), Purpose::Verify, &server);
    }
}
