//! How much one may ask for: a signed-in user has a quota, whatever the address, and an address has one for what
//! needs no login. Every answer that was counted says what is left.

use std::time::Instant;

use serde_json::json;

use crate::support::manners::parse_quota;
use crate::support::recorder::Recorder;
use crate::support::{Actor, Answer, App, Database, PASSWORD, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_user_has_a_quota_and_is_told_what_is_left_of_it,
        the_quota_is_the_users_whatever_the_session_and_the_address,
        what_comes_after_the_quota_is_not_done,
        everything_of_mine_is_counted_errors_too,
        who_is_not_let_in_is_not_counted,
        an_address_has_a_quota_for_what_needs_no_login,
        what_this_is_and_how_it_is_can_always_be_asked,
        a_refresh_has_a_quota_of_its_own_and_a_wrong_one_is_the_addresss,
        no_refresh_token_is_looked_up_before_it_is_counted,
        a_quota_can_be_off,
        a_quota_comes_back_little_by_little,
        without_settings_the_quotas_are_those_of_the_manual,
    ]
}

pub fn with(scene: &Database, settings: &[(&str, &str)]) -> App {
    App::with(Database::fresh(scene.engine), settings)
}

/// The quota that an answer was counted against, and what is left of it.
#[track_caller]
pub fn left(answer: &Answer) -> (&str, u64) {
    let (name, [left, _]) = parse_quota(answer.header("ratelimit"), ["r", "t"]).expect("a quota");
    (name, left)
}

/// The answer, if it is about a quota of this name that is used up.
#[track_caller]
pub fn used_up(answer: Answer, name: &str) -> Answer {
    let answer = answer.expect(429).problem("too-many-requests");
    assert_eq!(left(&answer), (name, 0), "{answer}");
    answer
}

#[track_caller]
pub fn not_counted(answer: &Answer) {
    for header in ["ratelimit", "ratelimit-policy"] {
        assert!(answer.header_if_any(header).is_none(), "{answer}");
    }
}

fn a_user_has_a_quota_and_is_told_what_is_left_of_it(scene: &Database) {
    let app = with(scene, &[("USER_RATE", "5/1h")]);
    let alice = app.sign_in("alice");
    for rest in [4, 3, 2, 1, 0] {
        let answer = alice.get("/me").expect(200);
        assert_eq!(answer.header("ratelimit-policy"), r#""user";q=5;w=3600"#);
        assert_eq!(left(&answer), ("user", rest));
        let (_, [_, seconds]) = parse_quota(answer.header("ratelimit"), ["r", "t"]).expect("a quota");
        let all_back = (5 - rest) * 720;
        assert!((all_back - 60..=all_back).contains(&seconds), "{answer}");
    }
    let answer = used_up(alice.get("/me"), "user");
    let seconds: u64 = answer.header("retry-after").parse().expect("whole seconds");
    assert!((660..=720).contains(&seconds), "one comes back in twelve minutes: {answer}");
    app.sign_in("bob").get("/me").expect(200);
    app.anon().get("/me").expect(401);
}

fn the_quota_is_the_users_whatever_the_session_and_the_address(scene: &Database) {
    let app = with(scene, &[("USER_RATE", "4/1h")]);
    let (alice, elsewhere) = (app.sign_in("alice"), app.from(1));
    let again = elsewhere.log_in("alice");
    let refreshed = alice.refresh();
    for (actor, rest) in [(&alice, 3), (&again, 2), (&refreshed, 1), (&alice.by(&elsewhere), 0)] {
        assert_eq!(left(&actor.get("/me").expect(200)), ("user", rest));
    }
    for actor in [&alice, &again, &refreshed, &app.log_in("alice")] {
        used_up(actor.get("/me"), "user");
    }
}

fn what_comes_after_the_quota_is_not_done(scene: &Database) {
    let app = with(scene, &[("USER_RATE", "3/1h")]);
    let alice = app.sign_in("alice");
    let owner = alice.owner("Ann");
    alice.task("Walk");
    alice.go_public();
    let rows = app.database.rows();
    used_up(alice.post("/dogowner/owners", &json!({"name": "Mia"})), "user");
    used_up(alice.delete(&format!("/dogowner/owners/{owner}")), "user");
    used_up(alice.patch("/me", &json!({"username": "alicia"})), "user");
    used_up(alice.delete("/me"), "user");
    assert_eq!(app.database.rows(), rows);
    // Going is always allowed.
    alice.send("POST", "/auth/logout", &[], None).expect(200);
    alice.get("/me").expect(401).problem("revoked-token");
}

fn everything_of_mine_is_counted_errors_too(scene: &Database) {
    let app = with(scene, &[("USER_RATE", "9/1h")]);
    let alice = app.sign_in("alice");
    let answers = [
        alice.get("/me").expect(200),
        alice.get("/me/sessions").expect(200),
        alice.post("/dogowner/owners", &json!({"name": "Ann"})).expect(201),
        alice.post("/dogowner/owners", &json!({"name": ""})).expect(422),
        alice.send_text("POST", "/dogowner/owner", "{").expect(400),
        alice.get("/dogowner/dogs/4711").expect(404),
        alice.get("/dogowner/nowhere").expect(404),
        alice.send("PUT", "/me", &[], None).expect(405),
        alice.send("HEAD", "/dogowner/tasks", &[], None).expect(200),
    ];
    for (answer, rest) in answers.iter().zip((0..9).rev()) {
        assert_eq!(left(answer), ("user", rest), "{answer}");
    }
    used_up(alice.get("/dogowner/owners"), "user");
}

fn who_is_not_let_in_is_not_counted(scene: &Database) {
    let app = with(scene, &[("USER_RATE", "1/1h"), ("IP_RATE", "2/1h")]);
    let alice = app.sign_in("alice");
    let (one, other) = (app.from(1), app.from(2));
    let out = one.log_in("alice");
    out.by(&other).send("POST", "/auth/logout", &[], None).expect(200);
    for actor in [&app.anon(), &app.anon().with_token("nonsense"), &out.by(&app)] {
        for _ in 0..5 {
            not_counted(&actor.get("/me").expect(401));
        }
    }
    assert_eq!(left(&alice.get("/me").expect(200)), ("user", 0));
}

fn an_address_has_a_quota_for_what_needs_no_login(scene: &Database) {
    let app = with(scene, &[("IP_RATE", "6/1h")]);
    let alice = app.sign_in("alice");
    alice.go_public();
    let caller = app.from(1);
    let anon = caller.anon();
    let answers = [
        anon.get("/users/alice").expect(200),
        anon.get("/dogs").expect(200),
        alice.by(&caller).get("/users/alice/dogs").expect(200),
        anon.get("/dogs/4711").expect(404),
        anon.send("POST", "/auth/logout", &[], None).expect(200),
        caller.try_log_in("alice", PASSWORD).expect(200),
    ];
    for (answer, rest) in answers.iter().zip((0..6).rev()) {
        assert_eq!(left(answer), ("ip", rest), "{answer}");
        assert_eq!(answer.header("ratelimit-policy"), r#""ip";q=6;w=3600"#);
    }
    used_up(anon.get("/dogs"), "ip");
    used_up(caller.try_log_in("alice", PASSWORD), "ip");
    let body = json!({"username": "bob", "email": "bob@example.com", "password": PASSWORD});
    used_up(anon.post("/auth/signup", &body), "ip");
    used_up(alice.by(&caller).get("/users/alice"), "ip");
    not_counted(&alice.by(&caller).get("/me").expect(200));
    app.from(2).anon().get("/dogs").expect(200);
}

fn what_this_is_and_how_it_is_can_always_be_asked(scene: &Database) {
    let app = with(scene, &[("USER_RATE", "1/1h"), ("IP_RATE", "1/1h")]);
    app.anon().get("/dogs").expect(200);
    used_up(app.anon().get("/dogs"), "ip");
    for path in ["/", "/health/live", "/health/ready"] {
        for _ in 0..3 {
            not_counted(&app.anon().get(path).expect(200));
        }
    }
}

fn a_refresh_has_a_quota_of_its_own_and_a_wrong_one_is_the_addresss(scene: &Database) {
    let app = with(scene, &[("USER_RATE", "2/1h"), ("IP_RATE", "4/1h")]);
    app.from(1).sign_up("alice");
    let mut alice = Actor::logged_in(&app, &app.from(1).try_log_in("alice", PASSWORD).expect(200));
    for rest in (0..20).rev() {
        let answer = alice.try_refresh().expect(200);
        assert_eq!(answer.header("ratelimit-policy"), r#""refresh";q=20;w=3600"#);
        assert_eq!(left(&answer), ("refresh", rest));
        alice = Actor::logged_in(&app, &answer);
    }
    used_up(alice.try_refresh(), "refresh");
    alice.get("/me").expect(200);
    for rest in (0..4).rev() {
        let wrong = app.anon().post("/auth/refresh", &json!({"refresh_token": "1.1.x"})).expect(401);
        assert_eq!(left(&wrong), ("ip", rest));
    }
    used_up(app.anon().post("/auth/refresh", &json!({"refresh_token": "1.1.x"})), "ip");
    // A right one is nobody's guess.
    let bob = app.from(2);
    bob.sign_up("bob");
    Actor::logged_in(&app, &bob.try_log_in("bob", PASSWORD).expect(200)).refresh();
}

/// Neither those that nobody here may have made, nor those of a user who has no refresh left.
fn no_refresh_token_is_looked_up_before_it_is_counted(scene: &Database) {
    let database = Database::fresh(scene.engine);
    let recorder = Recorder::on(&database);
    let app = App::with(database, &[("USER_RATE", "1/1h"), ("IP_RATE", "5/1h")]);
    app.from(1).sign_up("alice");
    let mut alice = Actor::logged_in(&app, &app.from(1).try_log_in("alice", PASSWORD).expect(200));
    let session = alice.session();
    let forged = (0..4).map(|number| format!("kennel_refresh={session}.{number}.{}", "A".repeat(43)));
    let forged = forged.collect::<Vec<_>>().join("; ");
    let caller = app.from(2);
    for path in ["/auth/refresh", "/auth/logout"] {
        drop(recorder.take());
        let cookies = [("Cookie", forged.as_str())];
        // Of one request all tokens are looked up together, so it counts once.
        let answers = [0; 6].map(|_| (caller.anon().send("POST", path, &cookies, None), recorder.count()));

        let [.., (last, statements)] = &answers;
        assert!(last.status == 429 && *statements == 0, "{statements} statements before {last}");
    }

    for _ in 0..10 {
        alice = Actor::logged_in(&app, &alice.try_refresh().expect(200));
    }
    drop(recorder.take());
    used_up(alice.try_refresh(), "refresh");
    assert_eq!(recorder.count(), 0);
    alice.send("POST", "/auth/logout", &[], None).expect(200);
}

fn a_quota_can_be_off(scene: &Database) {
    for off in ["off", "0"] {
        let rates = ["LOGIN_RATE", "SIGNUP_RATE", "USER_RATE", "IP_RATE"].map(|rate| (rate, off));
        let app = with(scene, &rates);
        let alice = app.sign_in("alice");
        for _ in 0..150 {
            not_counted(&alice.get("/me").expect(200));
            not_counted(&app.anon().get("/dogs").expect(200));
        }
        for _ in 0..15 {
            not_counted(&app.try_log_in("alice", PASSWORD).expect(200));
        }
        for number in 0..8 {
            not_counted(&app.sign_up(&format!("user-{number}")));
        }
        not_counted(&alice.try_refresh().expect(200));
    }
}

fn a_quota_comes_back_little_by_little(scene: &Database) {
    let app = with(scene, &[("USER_RATE", "2/2s")]);
    let alice = app.sign_in("alice");
    let refused = (0..10_000).map(|_| alice.get("/me")).find(|answer| answer.status == 429);
    let refused = used_up(refused.expect("more than one a second"), "user");
    assert_eq!(refused.header("retry-after"), "1");
    let (mut answer, asked) = (refused, Instant::now());
    while answer.status == 429 {
        assert!(asked.elapsed().as_secs() < 30, "{answer}");
        answer = alice.get("/me");
    }
    answer.expect(200);
}

fn without_settings_the_quotas_are_those_of_the_manual(scene: &Database) {
    let app = with(scene, &["LOGIN_RATE", "SIGNUP_RATE", "USER_RATE", "IP_RATE"].map(|rate| (rate, "")));
    let policy = |answer: Answer| answer.header("ratelimit-policy").to_owned();
    assert_eq!(policy(app.sign_up("alice")), r#""signup";q=5;w=1500"#);
    let alice = app.log_in("alice");
    assert_eq!(policy(app.try_log_in("alice", PASSWORD)), r#""login";q=10;w=60"#);
    assert_eq!(policy(alice.get("/me")), r#""user";q=100;w=2"#);
    assert_eq!(policy(app.anon().get("/dogs")), r#""ip";q=60;w=2"#);
    assert_eq!(policy(alice.try_refresh()), r#""refresh";q=1000;w=2"#);
}
