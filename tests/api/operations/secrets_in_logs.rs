//! What is secret stays secret: whatever is logged, at the most talkative level, none of it is in there.

use std::fs;

use kennel::credentials::ApiKeyText;
use serde_json::json;

use crate::support::process::{Ended, Program};
use crate::support::{Actor, Database, Engine, PASSWORD, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        the_log_shows_no_secret_however_much_it_tells,
        a_mail_server_that_refuses_is_no_reason_to_show_its_password
    ]
}

#[track_caller]
fn shows_none(ended: &Ended, secrets: &[String]) {
    for secret in secrets {
        assert!(secret.len() > 8, "{secret:?} is hardly a secret");
        for shown in [&ended.stdout, &ended.stderr] {
            let line = shown.lines().find(|line| line.contains(secret.as_str()));
            assert_eq!(line, None, "it shows {secret}");
        }
    }
}

fn the_log_shows_no_secret_however_much_it_tells(database: &Database) {
    let url = database.url().replace("kennel@", "kennel:a-canary-in-the-url@");
    let old = "fLv4yKd5bYME38JnFwXBwB5PQyQZ05yR-OwfALCqr9o";
    for format in ["text", "json"] {
        let program = Program::on(database).set("DATABASE_URL", &url).set("JWT_PREVIOUS_SECRETS", old);
        let server = program.set("LOG", "trace").set("LOG_FORMAT", format).serve();
        let name = format!("alice-{format}");
        let mut secrets =
            [PASSWORD, crate::support::app::SECRET, old, "a-canary-in-the-url", &format!("{name}@example.com")]
                .map(str::to_owned)
                .to_vec();
        let mut keep = |actor: &Actor<'_>| {
            let signatures =
                [actor.token(), actor.refresh_token()].map(|token| token.rsplit('.').next().expect("a part"));
            secrets.extend(signatures.map(str::to_owned));
        };
        let alice = server.sign_in(&name);
        keep(&alice);
        let key = alice.with_key("write");
        key.get("/me/export").expect(200);
        let unknown = ApiKeyText::random().expect("random numbers");
        let mistyped = format!("{}-canary", &key.token()[..40]);
        for wrong in [unknown.as_str(), &mistyped] {
            server.anon().with_token(wrong).get("/me").expect(401);
        }
        let next = alice.refresh();
        keep(&next);
        // Its hint is no secret, and neither is how all keys begin.
        secrets.extend([key.token(), unknown.as_str(), &mistyped].map(|key| key[7..40].to_owned()));
        let anon = server.anon();
        database.put_back_the_locks();
        let wrong = json!({"username": "canary-user-name", "password": "a canary at the login"});
        anon.post("/auth/login", &wrong).expect(401);
        anon.post("/auth/refresh", &json!({"refresh_token": "1.1.a-canary-for-a-token"})).expect(401);
        anon.send("GET", "/me", &[("Authorization", "Bearer a-canary-for-a-bearer")], None).expect(401);
        anon.send(
            "POST",
            "/auth/refresh",
            &[("Cookie", "__Host-kennel_refresh=a-canary-in-a-cookie; kennel_refresh=a-canary-in-a-cookie")],
            None,
        )
        .expect(401);
        let reset = json!({"token": "a-canary-in-a-reset", "password": "a canary for a password"});
        anon.post("/auth/password/reset", &reset).expect(422).problem("invalid-or-used-token");
        anon.post("/auth/email/verify", &json!({"token": "a-canary-in-a-mail"})).expect(422);
        anon.post("/auth/password/forgot", &json!({"email": format!("{name}@example.com")})).expect(202);
        anon.send_text("POST", "/auth/login", r#"{"password":"a canary that is no JSON"#).expect(400);
        anon.send_text("POST", "/auth/login", r#"{"password":["a canary of a wrong type"]}"#).expect(422);
        let body = json!({"username": &name, "password": PASSWORD, "cookie": true});
        let cookie = anon.post("/auth/login", &body).expect(200).header("set-cookie").to_owned();
        let cookie = cookie.split(['=', ';']).nth(1).expect("a value").to_owned();
        let change = json!({"current_password": "a canary for the current", "new_password": PASSWORD});
        next.put("/me/password", &change).expect(422);
        next.patch("/me", &json!({"email": format!("canary-{format}@example.com")})).expect(200);
        let change = json!({"current_password": PASSWORD, "new_password": "a canary for the next one"});
        let page = "X-Forwarded-For";
        next.ask("PUT", "/me/password", &[(page, "203.0.113.7")], Some(&change)).expect(204);
        next.get("/me").expect(200);
        let mails: Vec<_> = fs::read_dir(database.directory().join("outbox"))
            .into_iter()
            .flatten()
            .filter_map(|entry| fs::read_to_string(entry.ok()?.path()).ok())
            .collect();
        let ended = server.stop("TERM");
        secrets.push(cookie.rsplit('.').next().expect("a signature").to_owned());
        secrets.push(cookie);
        secrets.extend(database.texts("SELECT password_hash AS value FROM users"));
        // A mail's token ends the line of its link.
        let in_mails = mails.iter().flat_map(|mail| mail.lines().filter_map(|line| line.split_once("&token=")));
        secrets.extend(in_mails.map(|(_, token)| token.trim().to_owned()));
        secrets.extend(
            [
                "canary at the login",
                "canary-for-a-token",
                "canary-for-a-bearer",
                "canary-in-a-cookie",
                "canary-in-a-reset",
                "canary for a password",
                "canary-in-a-mail",
                "canary that is no JSON",
                "canary of a wrong type",
                "canary for the current",
                "canary for the next one",
                "canary-user-name",
                "@example.com",
            ]
            .map(str::to_owned),
        );
        assert!(ended.stderr.lines().count() > 20, "it talks: {ended:?}");
        shows_none(&ended, &secrets);
    }
}

fn a_mail_server_that_refuses_is_no_reason_to_show_its_password(database: &Database) {
    if database.engine == Engine::Postgres {
        return;
    }
    let url = "smtp://ann:a-canary-for-mails@127.0.0.1:1";
    let server = Program::on(database).set("MAIL_URL", url).set("LOG", "trace").serve();
    server.sign_up("alice");
    let tried = || database.count("mails WHERE attempts > 0");
    while tried() == 0 {
        server.anon().get("/health/live").expect(200);
    }
    server.anon().get("/health/ready").expect(200);
    let ended = server.stop("TERM");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    shows_none(&ended, &["a-canary-for-mails".to_owned(), "@example.com".to_owned()]);
}
