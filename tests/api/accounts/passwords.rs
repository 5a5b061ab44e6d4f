//! What a password may be, and what is kept of it.

use serde_json::{Value, json};

use crate::support::{Answer, App, Database, PASSWORD, Repository, Sentence, sentences, weak_passwords};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_password_is_kept_as_argon2id_with_a_salt_of_its_own,
        a_password_has_8_to_256_code_points_and_every_one_counts,
        a_password_may_have_any_character_but_nul_and_is_kept_exactly,
        a_password_is_the_same_however_its_accents_are_composed,
        white_space_around_a_password_is_a_part_of_it,
        the_least_length_is_a_setting,
        a_weak_password_is_refused_with_a_reason,
        a_weak_password_is_refused_in_any_alphabet_and_disguise,
        a_password_made_of_the_name_or_the_address_is_refused,
        the_list_of_weak_passwords_has_two_hundred,
    ]
}

fn sign_up(app: &App, username: &str, password: &str) -> Answer {
    let body = json!({"username": username, "email": format!("{username}@example.com"), "password": password});
    app.anon().post("/auth/signup", &body)
}

fn log_in(app: &App, username: &str, password: &str) -> Answer {
    app.database.put_back_the_locks();
    app.try_log_in(username, password)
}

fn a_password_is_kept_as_argon2id_with_a_salt_of_its_own(app: &App) {
    app.sign_up("alice");
    app.sign_up("bob");
    let hashes = app.database.texts("SELECT password_hash AS value FROM users ORDER BY id");
    for hash in &hashes {
        let parts: Vec<_> = hash.split('$').collect();
        assert_eq!(parts[..4], ["", "argon2id", "v=19", "m=7168,t=5,p=1"]);
        assert_eq!(parts[4].len(), 22, "a salt of 16 bytes");
        assert_eq!(parts[5].len(), 43, "a tag of 32 bytes");
    }
    assert_ne!(hashes[0], hashes[1]);
    assert!(app.database.rows().iter().all(|row| !row.contains(PASSWORD)));
}

fn a_password_has_8_to_256_code_points_and_every_one_counts(app: &App) {
    let longest: String = (0..256_u32).map(|n| char::from_u32(0x4e00 + n * 37 % 9973).expect("a character")).collect();
    sign_up(app, "seven", "vK8#qz!").error("/password", "too_short");
    sign_up(app, "eight", "vK8#qz!W").expect(201);
    sign_up(app, "most", &longest).expect(201);
    sign_up(app, "more", &format!("{longest}x")).error("/password", "too_long");

    log_in(app, "most", &longest).expect(200);
    let but_the_last: String = longest.chars().take(255).chain(['x']).collect();
    log_in(app, "most", &but_the_last).expect(401).problem("invalid-credentials");
    log_in(app, "most", &longest.chars().take(255).collect::<String>()).expect(401);
}

fn a_password_may_have_any_character_but_nul_and_is_kept_exactly(app: &App) {
    let exact = [
        "two  spaces and a\ttab, fox",
        "🐕🦴🐩 wag wag 🐾🎾",
        "60318427759018263495",
        "a line\nand another one\u{7}",
        "' OR 1=1; DROP TABLE users; --",
    ];
    for (number, password) in exact.into_iter().enumerate() {
        let name = format!("user{number}");
        sign_up(app, &name, password).expect(201);
        log_in(app, &name, password).expect(200);
        log_in(app, &name, &format!("{password} ")).expect(401).problem("invalid-credentials");
    }
    sign_up(app, "nul", "three wet dogs\u{0} on one sofa").error("/password", "control_character");
}

fn a_password_is_the_same_however_its_accents_are_composed(app: &App) {
    sign_up(app, "alice", "drei übermütige Möpse").expect(201);
    log_in(app, "alice", "drei u\u{308}bermu\u{308}tige Mo\u{308}pse").expect(200);
}

fn white_space_around_a_password_is_a_part_of_it(app: &App) {
    sign_up(app, "alice", &format!(" {PASSWORD} ")).expect(201);
    log_in(app, "alice", &format!(" {PASSWORD} ")).expect(200);
    log_in(app, "alice", PASSWORD).expect(401);
}

fn the_least_length_is_a_setting(app: &App) {
    let app = App::with(Database::fresh(app.engine), &[("PASSWORD_MIN_LENGTH", "15")]);
    sign_up(&app, "alice", "vK8#qz!WmT2&xB").error("/password", "too_short");
    sign_up(&app, "alice", "vK8#qz!WmT2&xBr").expect(201);
}

fn a_weak_password_is_refused_with_a_reason(app: &App) {
    for password in weak_passwords::LIST.split_whitespace() {
        let answer = sign_up(app, "alice", password).expect(422).problem("validation-failed");
        let error = &answer.json["errors"][0];
        assert_eq!(error["pointer"], "/password", "{password}: {answer}");
        let expected = if password.chars().count() < 8 { "too_short" } else { "too_guessable" };
        assert_eq!(error["code"], expected, "{password}: {answer}");
        assert!(error["detail"].as_str().is_some_and(|reason| reason.len() > 20), "{password}: {answer}");
    }
    assert_eq!(app.database.count("users"), 0);
}

fn a_weak_password_is_refused_in_any_alphabet_and_disguise(app: &App) {
    for password in weak_passwords::IN_DISGUISE.lines() {
        sign_up(app, "alice", password).error("/password", "too_guessable");
    }
    for (nth, password) in weak_passwords::STRONG.lines().enumerate() {
        sign_up(app, &format!("alice{nth}"), password).expect(201);
    }
}

fn a_password_made_of_the_name_or_the_address_is_refused(app: &App) {
    for password in ["gwendolyn42", "Gwendolyn-1", "nylodnewg", "gwendolyngwendolyn", "thunderpaw", "Thunderpaw99"] {
        let body: Value = json!({"username": "gwendolyn42", "email": "thunderpaw@example.com", "password": password});
        app.anon().post("/auth/signup", &body).error("/password", "too_guessable");
    }
}

fn the_list_of_weak_passwords_has_two_hundred(_: &Repository) {
    assert_eq!(weak_passwords::LIST.split_whitespace().count(), 200);
}
