//! The tokens of mails: each is for one purpose and one account, for a while, and forging one takes the secret.

use kennel::crypto::keys::{Keys, Secret};
use serde_json::{Value, json};

use crate::accounts::email_verification::{cancel, verify};
use crate::accounts::password_reset::{NEW, forget, reset, used};
use crate::support::app::SECRET;
use crate::support::client::Client;
use crate::support::clock::now;
use crate::support::forge::encode;
use crate::support::postbox::{Postbox, Posted};
use crate::support::process::Program;
use crate::support::{Answer, App, Database, Engine, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_token_is_good_for_its_purpose_only,
        a_token_is_good_for_its_time_only,
        a_reset_is_good_for_an_hour_a_verification_for_a_day_and_a_cancellation_for_a_week,
        what_a_body_with_or_for_a_token_must_be,
        what_is_no_token_is_told_so,
        a_token_with_any_letter_changed_is_none,
        a_token_of_the_secret_before_is_good_as_long_as_that_is_named,
    ]
}

type Present = fn(&Client, &str) -> Answer;

const RESET: Present = |client, token| reset(client, token, NEW);

const PURPOSES: [(&str, Present); 4] = [("verify", verify), ("confirm", verify), ("cancel", cancel), ("reset", RESET)];

fn a_token_is_good_for_its_purpose_only(scene: &Posted) {
    let alice = scene.sign_in("alice");
    let verification = scene.post.verification("alice@example.com");
    forget(scene, "alice@example.com").expect(202);
    let for_reset = scene.post.reset("alice@example.com");
    alice.patch("/me", &json!({"email": "alicia@example.com"})).expect(200);
    let confirmation = scene.post.verification("alicia@example.com");
    let cancellation = scene.post.cancellation("alice@example.com");
    let rows = scene.database.rows();
    for wrong in [&verification, &confirmation, &cancellation] {
        used(reset(scene, wrong, NEW));
    }
    for wrong in [&for_reset, &cancellation] {
        used(verify(scene, wrong));
    }
    for wrong in [&for_reset, &verification, &confirmation] {
        used(cancel(scene, wrong));
    }
    // Nor is a token of another kind.
    for token in [alice.token(), alice.refresh_token()] {
        used(verify(scene, token));
        used(cancel(scene, token));
        used(reset(scene, token, NEW));
    }
    for token in [&verification, &for_reset, &confirmation, &cancellation] {
        scene.anon().with_token(token).get("/me").expect(401).problem("invalid-token");
        let refreshed = scene.anon().post("/auth/refresh", &json!({ "refresh_token": token }));
        refreshed.expect(401).problem("invalid-refresh-token");
    }
    assert_eq!(scene.database.rows(), rows);
    verify(scene, &verification).expect(204);
    verify(scene, &confirmation).expect(204);
}

/// What the server would mail to alice, if it were so late.
fn forged(app: &App, purpose: &str, expires_at: i64) -> String {
    let column = |column: &str| {
        let from = "users LEFT JOIN sessions ON user_id = users.id WHERE username = 'alice'";
        let query = format!("SELECT CAST({column} AS TEXT) AS value FROM {from}");
        app.database.texts(&query).remove(0)
    };
    let number = |name: &str| column(name).parse::<i64>().expect("a number");
    let id = number("users.id");
    let secret = Secret::parse(SECRET).expect("a good secret");
    let keys = Keys::derive(&secret, &[], app.database.id()).expect("keys of a good secret");
    let none = String::new;
    let (signer, hash, new_email) = match purpose {
        "reset" => (&keys.resets, column("password_hash"), none()),
        "verify" => (&keys.verifications, none(), none()),
        _ => (&keys.verifications, column("password_hash"), column("new_email")),
    };
    let asked = match purpose {
        "reset" | "verify" => Vec::new(),
        _ => {
            let micros = match app.database.engine {
                Engine::Sqlite => "new_email_asked_at",
                Engine::Postgres => "(extract(epoch FROM new_email_asked_at) * 1000000)::bigint",
            };
            [number("sessions.id"), number(micros)].map(i64::to_be_bytes).to_vec()
        }
    };
    let (numbers, email) = ([id, expires_at].map(i64::to_be_bytes), column("email"));
    let texts = [email, hash, new_email];
    let parts = [purpose.as_bytes(), &numbers[0], &numbers[1]].into_iter().chain(texts.iter().map(String::as_bytes));
    let parts = parts.chain(asked.iter().map(<[u8; 8]>::as_slice));
    format!("{id}.{expires_at}.{}", encode(signer.sign(&parts.collect::<Vec<_>>())))
}

fn seconds() -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970")]
    let seconds = now() as i64;
    seconds
}

fn a_token_is_good_for_its_time_only(app: &App) {
    let alice = app.sign_in("alice");
    alice.patch("/me", &json!({"email": "alicia@example.com"})).expect(200);
    let rows = app.database.rows();
    for (purpose, present) in PURPOSES {
        for late in [0, 1, 3600, 86_400, seconds(), 2 * seconds()] {
            used(present(app, &forged(app, purpose, seconds() - late)));
        }
        used(present(app, &forged(app, purpose, i64::MIN)));
    }
    assert_eq!(app.database.rows(), rows);
    // But for its time, nothing is wrong with such a token.
    for (purpose, present) in PURPOSES {
        // What was asked for is called off by the last of these.
        if purpose == "cancel" {
            alice.patch("/me", &json!({"email": "alicja@example.com"})).expect(200);
        }
        present(app, &forged(app, purpose, seconds() + 60)).expect(204);
    }
}

fn a_reset_is_good_for_an_hour_a_verification_for_a_day_and_a_cancellation_for_a_week(scene: &Posted) {
    let began = seconds();
    let alice = scene.sign_in("alice");
    forget(scene, "alice@example.com").expect(202);
    alice.patch("/me", &json!({"email": "alicia@example.com"})).expect(200);
    let post = &scene.post;
    for (token, life) in [
        (post.verification("alice@example.com"), 86_400),
        (post.reset("alice@example.com"), 3600),
        (post.verification("alicia@example.com"), 86_400),
        (post.cancellation("alice@example.com"), 7 * 86_400),
    ] {
        let expires_at: i64 = token.split('.').nth(1).and_then(|part| part.parse().ok()).expect("a time");
        assert!((began + life..=seconds() + life + 1).contains(&expires_at), "{expires_at} - {began} is {life}");
    }
}

fn what_a_body_with_or_for_a_token_must_be(app: &App) {
    app.sign_up("alice");
    let rows = app.database.rows();
    let anon = app.anon();
    for (email, code) in [
        (json!("alice"), "format"),
        (json!("alice@"), "format"),
        (json!("al ice@example.com"), "format"),
        (json!(""), "too_short"),
        (json!("x".repeat(255)), "too_long"),
        (json!("alice@example.com\u{0}"), "control_character"),
        (json!(7), "type"),
        (Value::Null, "type"),
    ] {
        anon.post("/auth/password/forgot", &json!({ "email": email })).error("/email", code);
    }
    for (path, field) in [
        ("/auth/password/forgot", "email"),
        ("/auth/password/reset", "token"),
        ("/auth/email/verify", "token"),
        ("/auth/email/cancel", "token"),
    ] {
        anon.post(path, &json!({})).error(&format!("/{field}"), "required");
        anon.post(path, &json!({"colour": "red"})).error("/colour", "unknown_field");
        anon.post(path, &json!([])).expect(422);
        anon.send_text("POST", path, "{").expect(400);
        anon.send("POST", path, &[("Content-Type", "text/plain")], Some(b"{}")).expect(415);
        anon.get(path).expect(405);
    }
    for path in ["/auth/password/reset", "/auth/email/verify", "/auth/email/cancel"] {
        for (token, code) in
            [(json!("x".repeat(513)), "too_long"), (json!(""), "too_short"), (json!(1), "type"), (Value::Null, "type")]
        {
            anon.post(path, &json!({"token": token, "password": NEW})).expect(422).error("/token", code);
        }
    }
    assert_eq!(app.database.rows(), rows);
    assert_eq!(app.database.count("mails WHERE kind <> 'verify'"), 0);
}

fn what_is_no_token_is_told_so(app: &App) {
    let id = app.sign_in("alice").id();
    let rows = app.database.rows();
    let later = seconds() + 60;
    let long = "x".repeat(512);
    let (many, of_alice) = (".".repeat(512), format!("{id}.{later}.{}", "A".repeat(43)));
    for garbage in [
        " ",
        "x",
        ".",
        "..",
        "...",
        "1.2.3",
        "null",
        "🐕",
        "\u{0}",
        "../../etc/passwd",
        "' OR 1=1 --",
        &long,
        &many,
        &of_alice,
        &format!("{id}.{later}."),
        &format!("-{of_alice}"),
        &format!("+{of_alice}"),
        &format!("0{of_alice}"),
        &format!("9223372036854775808.{later}.{}", "A".repeat(43)),
        &format!("{id}.9223372036854775808.{}", "A".repeat(43)),
        &format!("{id}.{later}.{}", "A".repeat(400)),
    ] {
        used(verify(app, garbage));
        used(cancel(app, garbage));
        used(reset(app, garbage, NEW));
    }
    assert_eq!(app.database.rows(), rows);
}

fn a_token_with_any_letter_changed_is_none(scene: &Posted) {
    scene.sign_up("alice");
    let token = scene.post.verification("alice@example.com");
    for place in 0..token.len() {
        for letter in ["A", "z", "0", "7", ".", "-"] {
            let mut changed = token.clone();
            changed.replace_range(place..=place, letter);
            if changed != token {
                used(verify(scene, &changed));
            }
        }
    }
    for changed in
        [format!("{token}A"), format!("{token}="), format!(" {token}"), format!("{token}\n"), token.repeat(2)]
    {
        used(verify(scene, &changed));
    }
    used(verify(scene, &token.to_uppercase()));
    verify(scene, &token).expect(204);
}

fn a_token_of_the_secret_before_is_good_as_long_as_that_is_named(scene: &Database) {
    const NEXT: &str = "Zk9wQnV5dE1hR3ZyS2pYc0xkUWZoVGl6Y09nQWVVeDc";
    let post = Postbox::open();
    let serve = |secret: &str, previous: &str| {
        let program = Program::on(scene).set("MAIL_URL", &post.url()).set("JWT_SECRET", secret);
        program.set("JWT_PREVIOUS_SECRETS", previous).serve()
    };
    let old = serve(SECRET, "");
    let tokens = ["alice", "bob"].map(|name| {
        let email = format!("{name}@example.com");
        old.sign_up(name);
        forget(&old, &email).expect(202);
        (post.verification(&email), post.reset(&email))
    });
    drop(old);
    let both = serve(NEXT, SECRET);
    verify(&both, &tokens[0].0).expect(204);
    reset(&both, &tokens[0].1, NEW).expect(204);
    drop(both);
    let new = serve(NEXT, "");
    used(verify(&new, &tokens[1].0));
    used(reset(&new, &tokens[1].1, NEW));
    forget(&new, "bob@example.com").expect(202);
    reset(&new, &post.reset("bob@example.com"), NEW).expect(204);
}
