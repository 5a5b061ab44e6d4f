//! How a token comes to the server, and what becomes of those that are not its own.

use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::support::forge::{Forge, encode, key, sign};
use crate::support::recorder::Recorder;
use crate::support::{Answer, App, Database, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        what_is_signed_like_a_real_token_is_one,
        no_forged_token_opens_anything,
        an_expired_token_says_so,
        a_token_of_a_megabyte_is_turned_away,
        no_token_and_other_schemes_are_asked_for_a_token,
        two_tokens_are_one_too_many,
        the_scheme_may_be_in_any_letter_case,
        a_token_is_good_for_as_long_as_configured,
        a_token_of_another_server_is_none_here,
        a_token_that_was_good_a_moment_ago_is_refused_when_it_has_expired,
        a_token_that_was_good_a_moment_ago_is_refused_when_its_session_has_ended,
        for_a_session_that_has_ended_the_database_is_asked_no_more,
        a_token_that_differs_in_one_character_from_one_that_was_good_a_moment_ago_is_refused,
    ]
}

fn me_with(app: &App, authorization: &str) -> Answer {
    app.anon().send("GET", "/me", &[("Authorization", authorization)], None)
}

/// Without this the other sentences would prove nothing.
fn what_is_signed_like_a_real_token_is_one(app: &App) {
    let alice = app.sign_in("alice");
    let forged = Forge::of(alice.token()).signed();
    assert_eq!(alice.with_token(&forged).get("/me").expect(200).text("username"), "alice");
}

fn no_forged_token_opens_anything(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let forgeries = forgeries(alice.token(), bob.token());
    assert!(forgeries.len() >= 80, "only {} forgeries", forgeries.len());
    for (flaw, token) in &forgeries {
        let answer = alice.with_token(token).get("/me");
        let challenge = answer.header_if_any("www-authenticate").unwrap_or_default();
        let refused = answer.status == 401 && challenge.contains(r#"error="invalid_token""#);
        assert!(refused, "{flaw}: {token}\n{answer}");
    }
    alice.get("/me").expect(200);
}

fn forgeries(token: &str, neighbour: &str) -> Vec<(String, String)> {
    let (real, bob) = (Forge::of(token), Forge::of(neighbour));
    [headers(&real), claims(&real, &bob), segments(token, &real)].concat()
}

fn headers(real: &Forge) -> Vec<(String, String)> {
    let mut forged = Vec::new();
    let mut add = |flaw: String, token: String| forged.push((flaw, token));
    for alg in
        ["none", "None", "NONE", "nOnE", "", "HS256 ", "hs256", "HS384", "HS512", "RS256", "ES256", "PS256", "EdDSA"]
    {
        let forge = real.clone().with_header("alg", alg);
        add(format!("alg {alg:?}"), forge.signed());
        add(format!("alg {alg:?}, no signature"), forge.with_signature(""));
    }
    add("HS384 indeed".into(), real.clone().with_header("alg", "HS384").signed_as(Algorithm::HS384, &key()));
    add("HS512 indeed".into(), real.clone().with_header("alg", "HS512").signed_as(Algorithm::HS512, &key()));
    for alg in [Value::Null, json!(256), json!(["HS256"])] {
        add(format!("alg {alg}"), real.clone().with_header("alg", alg).signed());
    }
    for kid in [json!(""), json!("other"), json!("../../../../dev/null"), json!("' OR 1=1 --"), json!(1), json!(["a"])]
    {
        add(format!("kid {kid}"), real.clone().with_header("kid", kid).signed());
    }
    for typ in [json!("JWT"), json!("refresh+jwt"), json!(""), json!(1)] {
        add(format!("typ {typ}"), real.clone().with_header("typ", typ).signed());
    }
    for crit in [json!(["exp"]), json!(["b64"]), json!(["unknown"]), json!("exp")] {
        add(format!("crit {crit}"), real.clone().with_header("crit", crit).with_header("b64", false).signed());
    }
    for name in ["alg", "kid", "typ"] {
        add(format!("no {name}"), real.clone().without_header(name).signed());
    }
    let own_key = json!({"kty": "oct", "k": encode("a key of my own, of 32 bytes....")});
    let forge = real.clone().with_header("jwk", own_key).with_header("jku", "http://127.0.0.1/keys");
    add("its own key".into(), forge.signed_as(Algorithm::HS256, b"a key of my own, of 32 bytes...."));
    add("an empty key".into(), real.signed_as(Algorithm::HS256, b""));
    add("the secret's text as key".into(), real.signed_as(Algorithm::HS256, crate::support::app::SECRET.as_bytes()));
    forged
}

fn claims(real: &Forge, bob: &Forge) -> Vec<(String, String)> {
    let mut forged = Vec::new();
    let mut add = |flaw: String, forge: Forge| forged.push((flaw, forge.signed()));
    for name in ["iss", "aud", "sub", "sid", "jti", "iat", "nbf", "exp", "auth_time"] {
        add(format!("no {name}"), real.clone().without_claim(name));
        for wrong in [Value::Null, json!(true), json!([]), json!({})] {
            add(format!("{name} {wrong}"), real.clone().with_claim(name, wrong));
        }
    }
    for (name, value) in [
        ("iss", json!("")),
        ("iss", json!("Kennel")),
        ("iss", json!("kennel")),
        ("iss", json!("kennel/")),
        ("iss", json!(format!("kennel/{}", "0".repeat(32)))),
        ("iss", json!([real.claims["iss"]])),
        ("iss", json!("https://kennel")),
        ("aud", json!("other")),
        ("aud", json!(["other"])),
        ("sub", json!("")),
        ("sub", json!("0")),
        ("sub", json!("-1")),
        ("sub", json!("01")),
        ("sub", json!(" 1")),
        ("sub", json!("+1")),
        ("sub", json!("1.0")),
        ("sub", json!("alice")),
        ("sub", json!("9223372036854775808")),
        ("sub", json!(1)),
        ("sid", json!(0)),
        ("sid", json!(-1)),
        ("sid", json!(4711)),
        ("sid", json!("4711")),
        ("sid", bob.claims["sid"].clone()),
        ("sub", bob.claims["sub"].clone()),
        ("exp", json!("9999999999")),
        ("exp", json!(u64::MAX)),
        ("exp", json!(1e300)),
    ] {
        add(format!("{name} {value}"), real.clone().with_claim(name, value));
    }
    add("good for a day".into(), real.clone().moved("exp", 86_400));
    add("good for ever".into(), real.clone().moved("exp", 3_000_000_000));
    add("good before it is made".into(), real.clone().moved("exp", -2000).moved("iat", -60));
    add("not good yet".into(), real.clone().moved("nbf", 60));
    add("from the future".into(), real.clone().moved("iat", 60));
    add("all of it from the future".into(), real.clone().aged(-600));
    add("expired".into(), real.clone().aged(1000));
    forged
}

fn segments(token: &str, real: &Forge) -> Vec<(String, String)> {
    let parts: Vec<_> = token.split('.').collect();
    let (header, claims, signature) = (parts[0], parts[1], parts[2]);
    let (header_text, claims_text) = (real.header_text(), real.claims.to_string());
    let sign = |header: &str, claims: &str| sign(header, claims, Algorithm::HS256, &key());
    let flip = |text: &str| if text.starts_with('A') { text.replacen('A', "B", 1) } else { format!("A{}", &text[1..]) };
    [
        ("one segment", header.to_owned()),
        ("two segments", format!("{header}.{claims}")),
        ("no signature", format!("{header}.{claims}.")),
        ("no claims", format!("{header}..{signature}")),
        ("no header", format!(".{claims}.{signature}")),
        ("nothing but dots", "..".to_owned()),
        ("a dot behind", format!("{token}.")),
        ("four segments", format!("{token}.{signature}")),
        ("five segments", format!("{token}.{signature}.{signature}")),
        ("another signature", format!("{header}.{claims}.{}", flip(signature))),
        ("other claims", format!("{header}.{}.{signature}", flip(claims))),
        ("half a signature", format!("{header}.{claims}.{}", &signature[..20])),
        ("padding", format!("{token}=")),
        ("characters of the other base64", format!("{header}.{claims}.++//{}", &signature[4..])),
        ("a comma", format!("{token},{token}")),
        ("claims that are not JSON", sign(header_text, "claims")),
        ("claims that are a list", sign(header_text, "[]")),
        ("a header that is not JSON", sign("header", &claims_text)),
        ("a header that is a list", sign("[]", &claims_text)),
        ("claims twice", sign(header_text, &claims_text.replacen('{', r#"{"sub":"2","#, 1))),
        ("nested without end", sign(header_text, &"[".repeat(2000))),
        ("more than 4 KiB", real.clone().with_claim("more", "x".repeat(4096)).signed()),
        ("words", "let me in".to_owned()),
        ("nonsense", "nonsense".to_owned()),
    ]
    .map(|(flaw, token)| (flaw.to_owned(), token))
    .to_vec()
}

fn an_expired_token_says_so(app: &App) {
    let alice = app.sign_in("alice");
    let real = Forge::of(alice.token());
    alice.with_token(&real.clone().aged(910).signed()).get("/me").expect(401).problem("expired-token");
    alice.with_token(&real.aged(840).signed()).get("/me").expect(200);
}

fn a_token_of_a_megabyte_is_turned_away(app: &App) {
    let answer =
        app.wire(format!("GET /me HTTP/1.1\r\nHost: kennel\r\nAuthorization: Bearer {}\r\n\r\n", "x".repeat(1 << 20)));
    answer.expect(431).problem("header-fields-too-large");
}

fn no_token_and_other_schemes_are_asked_for_a_token(app: &App) {
    let alice = app.sign_in("alice");
    let in_the_query = app.anon().get(&format!("/me?access_token={}", alice.token()));
    let in_a_cookie = app.anon().send("GET", "/me", &[("Cookie", &format!("access_token={}", alice.token()))], None);
    let basic = me_with(app, "Basic YWxpY2U6c2VjcmV0");
    let other = me_with(app, &format!("Token {}", alice.token()));
    let bare = me_with(app, alice.token());
    for answer in [app.anon().get("/me"), basic, other, bare, me_with(app, ""), in_the_query, in_a_cookie] {
        let answer = answer.expect(401).problem("missing-token");
        assert_eq!(answer.header("www-authenticate"), "Bearer", "{answer}");
        assert!(answer.header_if_any("location").is_none(), "{answer}");
    }
    for header in ["Bearer", "Bearer ", "Bearer  ", "Bearer\t"] {
        let status = me_with(app, header).status;
        assert!([400, 401].contains(&status), "{header:?}: {status}");
    }
}

fn two_tokens_are_one_too_many(app: &App) {
    let alice = app.sign_in("alice");
    let token = alice.token();
    let header = format!("Authorization: Bearer {token}\r\n");
    for other in [header.as_str(), "Authorization: Basic YTpi\r\n", "authorization: Bearer x\r\n"] {
        let request = format!("GET /me HTTP/1.1\r\nHost: kennel\r\n{header}{other}\r\n");
        app.wire(request).expect(400).problem("malformed-request");
    }
}

fn the_scheme_may_be_in_any_letter_case(app: &App) {
    let alice = app.sign_in("alice");
    for scheme in ["bearer", "BEARER", "bEaReR"] {
        me_with(app, &format!("{scheme} {}", alice.token())).expect(200);
    }
}

fn a_token_is_good_for_as_long_as_configured(usual: &App) {
    let settings = [("ACCESS_TOKEN_TTL", "2m")];
    let app = App::with(Database::fresh(usual.engine), &settings);
    let alice = app.sign_in("alice");
    let token = Forge::of(alice.token());
    assert_eq!(token.claims["exp"].as_i64(), token.claims["iat"].as_i64().map(|time| time + 120));
}

fn a_token_of_another_server_is_none_here(app: &App) {
    let settings = [("JWT_SECRET", "Zk9wQnV5dE1hR3ZyS2pYc0xkUWZoVGl6Y09nQWVVeDc")];
    let other = App::with(Database::fresh(app.engine), &settings);
    let (_, stranger) = (app.sign_in("alice"), other.sign_in("alice"));
    app.anon().with_token(stranger.token()).get("/me").expect(401).problem("invalid-token");
}

fn a_token_that_was_good_a_moment_ago_is_refused_when_it_has_expired(app: &App) {
    let alice = app.sign_in("alice");
    let real = Forge::of(alice.token());
    let seconds_left = || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs();
        real.claims["exp"].as_i64().expect("a time") + 5 - i64::try_from(now).expect("a time")
    };
    // On a machine that is so busy that one expires before it is used, the next has longer.
    let used = [1, 2, 4, 8, 16].into_iter().map(|life| {
        let used = alice.with_token(&real.clone().aged(seconds_left() - life).signed());
        (used.get("/me").status == 200).then_some(used)
    });
    let used = used.flatten().next().expect("one that is used before it expires");
    let refused = (0..200_000).map(|_| used.get("/me")).find(|answer| answer.status != 200);
    refused.expect("it expires").expect(401).problem("expired-token");
}

fn a_token_that_was_good_a_moment_ago_is_refused_when_its_session_has_ended(app: &App) {
    let alice = app.sign_in("alice");
    // Each has a connection of its own, and so they are served by every thread.
    let clients: Vec<_> = (1..=6).map(|source| app.from(source)).collect();
    for way in ["logout", "session", "sessions", "database"] {
        let lost = app.log_in("alice");
        for client in &clients {
            lost.by(client).get("/me").expect(200);
        }
        match way {
            "logout" => drop(lost.send("POST", "/auth/logout", &[], None).expect(200)),
            "session" => drop(alice.delete(&format!("/me/sessions/{}", lost.session())).expect(204)),
            "sessions" => drop(alice.delete("/me/sessions").expect(204)),
            _ => {
                let delete = format!("DELETE FROM sessions WHERE id = {}", lost.session());
                assert_eq!(app.database.execute(&delete), Ok(1));
            }
        }
        for client in &clients {
            lost.by(client).get("/me").expect(401).problem("revoked-token");
            alice.by(client).get("/me").expect(200);
        }
    }
}

fn a_token_that_differs_in_one_character_from_one_that_was_good_a_moment_ago_is_refused(app: &App) {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let alice = app.sign_in("alice");
    let token = alice.token();
    alice.get("/me").expect(200);
    for (at, character) in token.char_indices() {
        // Also in a bit that means nothing, as the last character of a segment may have.
        let digit = DIGITS.iter().position(|digit| char::from(*digit) == character);
        let other = digit.map_or('A', |digit| char::from(DIGITS[digit ^ 1]));
        let differs = format!("{}{other}{}", &token[..at], &token[at + 1..]);
        alice.with_token(&differs).get("/me").expect(401).problem("invalid-token");
    }
    alice.get("/me").expect(200);
}

fn for_a_session_that_has_ended_the_database_is_asked_no_more(scene: &Database) {
    let database = Database::fresh(scene.engine);
    let recorder = Recorder::on(&database);
    let app = App::with(database, &[("WORKERS", "1")]);
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    alice.get("/me").expect(200);
    alice.send("POST", "/auth/logout", &[], None).expect(200);
    alice.get("/me").expect(401).problem("revoked-token");
    let _since_then = recorder.count();
    for path in ["/me", "/dogowner/owners", "/me/export"] {
        alice.get(path).expect(401).problem("revoked-token");
        alice.send("DELETE", path, &[], None).expect(401);
    }
    assert_eq!(recorder.count(), 0);
    bob.get("/me").expect(200);
}
