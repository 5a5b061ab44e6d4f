//! The way to the mail server: with a login, and encrypted where that is demanded, or not at all. Only a real mail
//! server can tell.

use std::net::SocketAddr;
use std::process::Command;

use serde_json::json;

use crate::accounts::email_verification::verify;
use crate::operations::startup::refused;
use crate::support::client::PATIENCE;
use crate::support::letter::Purpose;
use crate::support::postbox::{Postbox, until_tried};
use crate::support::process::{Program, Running};
use crate::support::smtp::{self, free_address};
use crate::support::unwell::{Mood, Unwell};
use crate::support::{Database, Engine, Repository, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    let of_any = sentences![
        a_mail_url_that_no_mail_could_be_sent_with_is_refused_and_not_shown,
        a_mail_server_is_greeted_by_the_name_that_people_reach_us_by,
        the_check_installs_what_these_need,
    ];
    if !smtp::is_installed() {
        return of_any;
    }
    let of_real_ones = sentences![
        with_a_name_and_a_password_it_logs_in,
        with_a_wrong_password_mails_wait,
        where_tls_is_required_it_is_used,
        where_tls_is_required_and_there_is_none_mails_wait,
        to_a_server_that_nobody_vouches_for_no_mail_goes,
    ];
    of_any.into_iter().chain(of_real_ones).collect()
}

/// None of this has to do with the database.
fn is_told_already(database: &Database) -> bool {
    database.engine == Engine::Postgres
}

/// A certificate for this address and its key, in one file.
fn certificate(database: &Database, address: SocketAddr) -> String {
    let file = database.directory().join(format!("{}.pem", address.ip()));
    let file = file.to_str().expect("UTF-8").to_owned();
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]);
    openssl.args(["-subj", "/CN=mail.example", "-addext", &format!("subjectAltName=IP:{}", address.ip())]);
    openssl.args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", &file, "-out", &format!("{file}.crt")]);
    let made = openssl.output().expect("openssl is installed");
    assert!(made.status.success(), "{made:?}");
    let both = [&format!("{file}.crt"), &file].map(|part| std::fs::read_to_string(part).expect("it was made"));
    std::fs::write(&file, both.concat()).expect("a file is written");
    file
}

fn serve(database: &Database, url: &str, certificate: &str) -> Running {
    Program::on(database).set("MAIL_URL", url).set("SSL_CERT_FILE", certificate).serve()
}

/// Lets what waits be as if it had never been tried, while no server runs.
fn forget_the_tries(database: &Database) {
    database.put_back("next_attempt_at", "mails WHERE sent_at IS NULL", 86_400);
    database.execute("UPDATE mails SET attempts = 0").expect("it can be said");
}

fn a_mail_server_is_greeted_by_the_name_that_people_reach_us_by(database: &Database) {
    if is_told_already(database) {
        return;
    }
    for (number, public_url, path, greeting) in [
        (0, "https://kennel.example:8443", "", "kennel.example"),
        (1, "http://127.0.0.1:8000", "", "[127.0.0.1]"),
        (2, "https://[2001:db8::1]", "", "[IPv6:2001:db8::1]"),
        (3, "https://kennel.example", "/mail.example", "mail.example"),
    ] {
        let (post, letters) = Unwell::listen(free_address(), Mood::Well);
        let url = format!("smtp://{}{path}", post.address);
        let server = Program::on(database).set("MAIL_URL", &url).set("PUBLIC_URL", public_url).serve();
        server.sign_up(&format!("alice{number}"));
        let letter = letters.recv_timeout(PATIENCE).expect("a mail");
        assert_eq!(letter.envelope.greeting, greeting);
        server.stop("TERM");
    }
}

fn with_a_name_and_a_password_it_logs_in(database: &Database) {
    if is_told_already(database) {
        return;
    }
    let post = Postbox::choosy(free_address(), json!({"user": "ann@example.com", "password": "p@ss: w/ord%"}));
    let url = format!("smtp://ann%40example.com:p%40ss%3A%20w%2Ford%25@{}", post.address);
    let server = serve(database, &url, "");
    server.sign_up("alice");
    let letter = post.next("alice@example.com", Purpose::Verify);
    assert_eq!(letter.envelope.user.as_deref(), Some("ann@example.com"));
    verify(&server, letter.token()).expect(204);
}

fn with_a_wrong_password_mails_wait(database: &Database) {
    if is_told_already(database) {
        return;
    }
    let post = Postbox::choosy(free_address(), json!({"user": "ann", "password": "right"}));
    let with = |password: &str| format!("smtp://ann:{password}@{}", post.address);
    for url in [with("wrong"), post.url()] {
        let server = serve(database, &url, "");
        if database.count("users") == 0 {
            server.sign_up("alice");
        }
        until_tried(database);
        assert_eq!(server.stop("TERM").code, Some(0));
        forget_the_tries(database);
    }
    assert!(post.rest(0).is_empty());
    let server = serve(database, &with("right"), "");
    verify(&server, &post.verification("alice@example.com")).expect(204);
}

fn where_tls_is_required_it_is_used(database: &Database) {
    if is_told_already(database) {
        return;
    }
    for (number, tls) in ["required", "implicit"].into_iter().enumerate() {
        let address = free_address();
        let certificate = certificate(database, address);
        let wish = json!({"user": "ann", "password": "right", "certificate": certificate, "tls": tls});
        let post = Postbox::choosy(address, wish);
        let url = if tls == "implicit" {
            format!("smtps://ann:right@{address}")
        } else {
            format!("smtp://ann:right@{address}?tls=required")
        };
        let server = serve(database, &url, &certificate);
        let name = format!("user-{number}");
        server.sign_up(&name);
        let letter = post.next(&format!("{name}@example.com"), Purpose::Verify);
        assert!(letter.envelope.encrypted, "{tls}: {letter}");
        assert_eq!(letter.envelope.user.as_deref(), Some("ann"));
        verify(&server, letter.token()).expect(204);
    }
}

/// Somebody in between could take the offer of TLS out of what the server says.
fn where_tls_is_required_and_there_is_none_mails_wait(database: &Database) {
    if is_told_already(database) {
        return;
    }
    let post = Postbox::open();
    for url in [format!("smtp://{}?tls=required", post.address), format!("smtps://{}", post.address)] {
        let server = serve(database, &url, "");
        if database.count("users") == 0 {
            server.sign_up("alice");
        }
        until_tried(database);
        drop(server);
        forget_the_tries(database);
    }
    assert!(post.rest(0).is_empty());
    let server = serve(database, &post.url(), "");
    verify(&server, &post.verification("alice@example.com")).expect(204);
}

fn to_a_server_that_nobody_vouches_for_no_mail_goes(database: &Database) {
    if is_told_already(database) {
        return;
    }
    let (address, other) = (free_address(), free_address());
    let (own, of_another) = (certificate(database, address), certificate(database, other));
    // Its own certificate, which nobody has vouched for; and one that is vouched for, and is another server's.
    for (shown, trusted) in [(&own, &of_another), (&of_another, &of_another)] {
        let post = Postbox::choosy(free_address(), json!({"certificate": shown, "tls": "required"}));
        let server = serve(database, &format!("smtp://{}?tls=required", post.address), trusted);
        if database.count("users") == 0 {
            server.sign_up("alice");
        }
        until_tried(database);
        drop(server);
        forget_the_tries(database);
        assert!(post.rest(0).is_empty());
    }
}

fn a_mail_url_that_no_mail_could_be_sent_with_is_refused_and_not_shown(database: &Database) {
    if is_told_already(database) {
        return;
    }
    for url in [
        "canary",
        "file:",
        "file://",
        "smtp:",
        "smtp://",
        "smtp:canary.example",
        "smtp://canary.example:port",
        "smtp://canary.example:65536",
        "smtp://canary.example?tls=maybe",
        "smtp://canary.example?TLS=required",
        "smtp://canary.example?tls=required&x=1",
        "smtp://canary@mail.example",
        // A password that anybody on the way could read.
        "smtp://canary:canary@mail.example",
        "smtp://canary:canary@10.0.0.1:25",
        "smtp://canary:canary@127.evil.example",
        "smtps://canary:canary@mail.example:x",
        "SMTPX://canary",
        "http://canary.example",
        "mailto:canary@example.com",
    ] {
        let ended = Program::on(database).set("MAIL_URL", url).run();
        refused(&ended, &["MAIL_URL"]);
        assert!(!ended.stderr.contains("canary"), "{ended:?}");
        std::fs::write(database.directory().join("mail"), url).expect("a file is written");
        let ended = Program::on(database).unset("MAIL_URL").set("MAIL_URL_FILE", "mail").run();
        refused(&ended, &["MAIL_URL_FILE"]);
        assert!(!ended.stderr.contains("canary"), "{ended:?}");
    }
    assert!(!database.file().exists(), "nothing was begun");
}

/// Or they would be left out without a word.
fn the_check_installs_what_these_need(repository: &Repository) {
    let check = repository.read(".ci/run");
    for needed in ["python3-aiosmtpd", "openssl", "KENNEL_TEST_REQUIRE_SMTP=1"] {
        assert!(check.contains(needed), "{needed}");
    }
}
