//! Refresh tokens: each is good for one successor, and a session lives as long as somebody asks for the next one.

use serde_json::{Value, json};

use crate::support::clock::now;
use crate::support::forge::Forge;
use crate::support::{Actor, Answer, App, Database, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_login_gives_a_refresh_token_that_fits_a_header_and_a_form,
        a_refresh_answers_like_a_login_and_goes_on_with_its_session,
        a_refresh_shows_who_i_am_now,
        the_time_of_the_login_stays_whatever_is_refreshed,
        an_access_token_that_expired_does_not_hinder_a_refresh,
        whatever_is_no_refresh_token_of_ours_gets_one_answer_and_ends_nothing,
        a_refresh_token_is_text_of_512_characters_at_most,
        nothing_in_the_database_can_be_used_as_a_token,
        no_refresh_token_outlives_its_session_or_its_account,
        a_session_that_nobody_refreshes_ends_in_two_weeks,
        a_refresh_starts_the_two_weeks_anew,
        thirty_days_after_the_login_a_session_ends_however_busy_it_is,
        how_long_sessions_live_is_configured,
    ]
}

/// What becomes of this text as a refresh token.
pub fn refresh_with(app: &App, token: &str) -> Answer {
    app.anon().post("/auth/refresh", &json!({ "refresh_token": token }))
}

/// Fails unless the actor's access token and refresh token are both dead.
#[track_caller]
pub fn dead(actor: &Actor<'_>) {
    actor.get("/me").expect(401).problem("revoked-token");
    let answer = actor.try_refresh().expect(401).problem("invalid-refresh-token");
    assert_eq!(answer.header("www-authenticate"), "Bearer");
}

/// A day, in seconds.
const DAY: i64 = 86_400;

/// When the one session ends, in seconds from its beginning and from now.
fn ends(database: &Database) -> (f64, f64) {
    let [began, ends] = ["created_at", "expires_at"].map(|column| database.time(column, "sessions"));
    (ends - began, ends - now())
}

/// A request takes its time.
#[track_caller]
fn about(actual: f64, expected: i64) {
    let expected = f64::from(i32::try_from(expected).expect("a few years at most"));
    assert!((actual - expected).abs() < 60.0, "{actual} s, and not about {expected} s");
}

fn a_login_gives_a_refresh_token_that_fits_a_header_and_a_form(app: &App) {
    let alice = app.sign_in("alice");
    let token = alice.refresh_token();
    assert!((40..=512).contains(&token.len()), "{token}");
    assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)), "{token}");
    assert_ne!(token, app.log_in("alice").refresh_token());
}

fn a_refresh_answers_like_a_login_and_goes_on_with_its_session(app: &App) {
    app.sign_up("alice");
    let login = app.try_log_in("alice", crate::support::PASSWORD).expect(200);
    let before = Actor::logged_in(app, &login);
    let refresh = before.try_refresh().expect(200);
    let fields = |answer: &Answer| answer.json.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    assert_eq!(fields(&refresh), fields(&login));
    for same in ["token_type", "expires_in", "user"] {
        assert_eq!(refresh.json[same], login.json[same], "{same}");
    }
    assert!(refresh.header_if_any("set-cookie").is_none(), "{refresh}");

    let after = Actor::logged_in(app, &refresh);
    assert_eq!(after.session(), before.session());
    assert_ne!((after.token(), after.refresh_token()), (before.token(), before.refresh_token()));
    for good in [&after, &before] {
        good.get("/me").expect(200);
    }
    assert_eq!(app.database.count("sessions"), 1);
}

fn a_refresh_shows_who_i_am_now(app: &App) {
    let alice = app.sign_in("alice");
    let renamed = alice.patch("/me", &json!({"username": "alicia"})).expect(200);
    assert_eq!(alice.try_refresh().expect(200).json["user"], renamed.json);
}

fn the_time_of_the_login_stays_whatever_is_refreshed(app: &App) {
    let mut alice = app.sign_in("alice");
    app.database.put_back("created_at", "sessions", 1000);
    let began = Forge::of(alice.token()).claims["auth_time"].as_i64().expect("a time");
    for _ in 0..3 {
        alice = alice.refresh();
        let claims = Forge::of(alice.token()).claims;
        assert_eq!(claims["auth_time"], began - 1000);
        assert!(claims["iat"].as_i64() >= Some(began), "{claims}");
    }
}

fn an_access_token_that_expired_does_not_hinder_a_refresh(app: &App) {
    let mut alice = app.sign_in("alice");
    let expired = Forge::of(alice.token()).aged(1000).signed();
    alice.with_token(&expired).get("/me").expect(401).problem("expired-token");
    for header in [format!("Bearer {expired}"), "Bearer nonsense".to_owned(), "Basic YTpi".to_owned()] {
        let body = json!({"refresh_token": alice.refresh_token()});
        let answer = app.anon().ask("POST", "/auth/refresh", &[("Authorization", &header)], Some(&body));
        alice = Actor::logged_in(app, &answer.expect(200));
    }
    alice.get("/me").expect(200);
}

/// The token with one of its parts replaced.
fn forged(token: &str, part: usize, by: &str) -> String {
    let mut parts: Vec<_> = token.split('.').collect();
    parts[part] = by;
    parts.join(".")
}

fn whatever_is_no_refresh_token_of_ours_gets_one_answer_and_ends_nothing(app: &App) {
    let (alice, bob) = (app.sign_in("alice").refresh(), app.sign_in("bob"));
    let (token, his) = (alice.refresh_token(), bob.refresh_token());
    let parts: Vec<_> = token.split('.').collect();
    assert_eq!(parts.len(), 3, "a session, a counter and a signature");
    let signature = parts[2];
    let other_letter = if signature.starts_with('A') { "B" } else { "A" };
    let mut wrong = vec![
        "x".to_owned(),
        ".".to_owned(),
        "..".to_owned(),
        "1.1.1".to_owned(),
        "x".repeat(512),
        "ä".repeat(512),
        "🐕".to_owned(),
        "' OR 1=1 --".to_owned(),
        alice.token().get(..512).unwrap_or(alice.token()).to_owned(),
        token.to_uppercase(),
        format!("{token}="),
        format!("{token}."),
        format!("{token}A"),
        format!("{token}.{signature}"),
        format!("0{token}"),
        format!("+{token}"),
        token[..token.len() - 1].to_owned(),
        token[1..].to_owned(),
        forged(token, 2, ""),
        forged(token, 2, &format!("{other_letter}{}", &signature[1..])),
        forged(token, 2, his.rsplit('.').next().expect("a signature")),
        forged(token, 0, his.split('.').next().expect("a session")),
        forged(his, 0, parts[0]),
    ];
    let numbers =
        ["", "0", "-1", "00", "01", "2", "3", "999", "9223372036854775807", "9223372036854775808", "1e3", "x"];
    for number in numbers {
        wrong.extend([0, 1].map(|part| forged(token, part, number)).into_iter().filter(|forged| forged != token));
    }
    let none = app.anon().send("POST", "/auth/refresh", &[], None).expect(401).problem("invalid-refresh-token");
    assert_eq!(none.header("www-authenticate"), "Bearer");
    for wrong in wrong {
        refresh_with(app, &wrong).expect(401).problem("invalid-refresh-token").same_as(&none);
    }
    for actor in [alice, bob] {
        actor.get("/me").expect(200);
        actor.refresh().get("/me").expect(200);
    }
}

fn a_refresh_token_is_text_of_512_characters_at_most(app: &App) {
    refresh_with(app, &"x".repeat(513)).error("/refresh_token", "too_long");
    for no_text in [json!(1), json!(true), json!([]), json!({})] {
        let answer = app.anon().post("/auth/refresh", &json!({ "refresh_token": no_text }));
        assert_eq!(answer.error("/refresh_token", "type").error_count(), 1);
    }
    let none = app.anon().post("/auth/refresh", &json!({})).expect(401).problem("invalid-refresh-token");
    assert_eq!(none.json.get("errors"), None::<&Value>);
}

fn nothing_in_the_database_can_be_used_as_a_token(app: &App) {
    let alice = app.sign_in("alice").refresh();
    let stored: Vec<_> = app.database.tables().iter().flat_map(|table| app.database.rows_of(table)).collect();
    let stored = stored.join("\n").to_lowercase();
    let signature = alice.refresh_token().rsplit('.').next().expect("a signature");
    let bytes = crate::support::forge::decode(signature);
    assert_eq!(bytes.len(), 32, "a signature has 256 bits");
    let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    for secret in [alice.token(), alice.refresh_token(), signature, &signature[..20], &hex, &hex[..16]] {
        assert!(!stored.contains(&secret.to_lowercase()), "{secret} in\n{stored}");
    }
}

fn no_refresh_token_outlives_its_session_or_its_account(app: &App) {
    let (ended, deleted, gone) = (app.sign_in("alice"), app.sign_in("bob"), app.sign_in("zoe"));
    let ids = [&ended, &deleted].map(Actor::session);
    let end = format!("UPDATE sessions SET revoked_at = created_at WHERE id = {}", ids[0]);
    for statement in [&end, &format!("DELETE FROM sessions WHERE id = {}", ids[1])] {
        assert_eq!(app.database.execute(statement), Ok(1));
    }
    gone.delete("/me").expect(204);
    for actor in [ended, deleted, gone] {
        dead(&actor);
    }
}

fn a_session_that_nobody_refreshes_ends_in_two_weeks(app: &App) {
    let alice = app.sign_in("alice");
    about(ends(&app.database).0, 14 * DAY);
    app.database.put_back("expires_at", "sessions", 14 * DAY - 60);
    alice.get("/me").expect(200);
    app.database.put_back("expires_at", "sessions", 61);
    dead(&alice);
    app.log_in("alice").get("/me").expect(200);
}

fn a_refresh_starts_the_two_weeks_anew(app: &App) {
    let alice = app.sign_in("alice");
    for column in ["created_at", "expires_at", "last_seen_at"] {
        app.database.put_back(column, "sessions", 10 * DAY);
    }
    about(ends(&app.database).1, 4 * DAY);
    let alice = alice.refresh();
    about(ends(&app.database).1, 14 * DAY);
    alice.get("/me").expect(200);
}

fn thirty_days_after_the_login_a_session_ends_however_busy_it_is(app: &App) {
    let mut alice = app.sign_in("alice");
    for day in 1..=29 {
        for column in ["created_at", "expires_at", "rotated_at"] {
            app.database.put_back(column, "sessions", DAY);
        }
        alice = alice.refresh();
        alice.get("/me").expect(200);
        about(ends(&app.database).1, (30 - day).min(14) * DAY);
    }
    let (after_the_login, _) = ends(&app.database);
    assert!((after_the_login - 30.0 * 86_400.0).abs() < 0.001, "{after_the_login} s");
    for column in ["created_at", "expires_at", "rotated_at"] {
        app.database.put_back(column, "sessions", DAY);
    }
    dead(&alice);
}

fn how_long_sessions_live_is_configured(usual: &App) {
    for (idle, most, ends_in) in [("2h", "3h", 7200), ("90d", "1h", 3600), ("1d", "365d", 86_400)] {
        let settings = [("REFRESH_IDLE_TTL", idle), ("REFRESH_TTL", most)];
        let app = App::with(Database::fresh(usual.engine), &settings);
        let alice = app.sign_in("alice");
        about(ends(&app.database).0, ends_in);
        alice.refresh();
        about(ends(&app.database).0, ends_in);
    }
}
