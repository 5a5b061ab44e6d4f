//! Requests that are more work than others take more of the quota.

use serde_json::json;

use crate::accounts::password_reset::{NEW, forget, reset};
use crate::http::rate_limits::{left, not_counted, used_up, with};
use crate::support::postbox::Posted;
use crate::support::{Answer, Database, PASSWORD, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        work_is_counted_by_its_weight,
        what_weighs_more_than_the_whole_quota_takes_all_of_it,
        who_has_too_little_left_for_heavy_work_may_go_on_with_light,
        a_new_password_by_mail_is_counted_for_its_user,
    ]
}

fn work_is_counted_by_its_weight(scene: &Database) {
    let app = with(scene, &[("USER_RATE", "1000/24h")]);
    let alice = app.sign_in("alice");
    let (ann, mia) = (alice.owner("Ann"), alice.owner("Mia"));
    let dog = alice.dog("Rex", ann);
    let start = left(&alice.get("/me").expect(200)).1;
    let mut before = start;
    let mut weighs = |answer: Answer, weight: u64| {
        let (name, rest) = left(&answer);
        assert_eq!((name, before - rest), ("user", weight), "{answer}");
        before = rest;
    };
    for (path, weight) in [
        ("/me".to_owned(), 1),
        ("/me/export".to_owned(), 50),
        ("/dogowner/owners".to_owned(), 1),
        ("/dogowner/owners?limit=50&sort=-name".to_owned(), 1),
        ("/dogowner/owners?limit=51".to_owned(), 2),
        ("/dogowner/owners?limit=200&sort=-name".to_owned(), 4),
        ("/dogowner/owners?limit=99999&q=a".to_owned(), 8),
        ("/dogowner/owners?q=a".to_owned(), 5),
        ("/dogowner/owners?count=true".to_owned(), 5),
        ("/dogowner/owners?count=false".to_owned(), 1),
        ("/dogowner/owner?q=a&count=true&sort=name,-created_at".to_owned(), 13),
        ("/dogowner/dogs?expand=owner".to_owned(), 5),
        (format!("/dogowner/dogs?owner_id={ann}"), 1),
        (format!("/dogowner/dogs?owner_id={ann}&sort=-born_on"), 5),
        (format!("/dogowner/dogs/{dog}?expand=co_owners,owner"), 5),
        (format!("/dogowner/owners/{ann}/dogs?role=primary"), 1),
        (format!("/dogowner/owners/{ann}/dogs?count=true&expand=owner"), 9),
        ("/dogowner/tasks?completed=true".to_owned(), 1),
        ("/dogowner/tasks?completed=true&due_before=2026-12-24".to_owned(), 5),
        ("/dogowner/tasks?due_after=2026-12-24".to_owned(), 1),
        ("/dogowner/tasks?due_after=2026-12-01&due_before=2026-12-24".to_owned(), 5),
        (format!("/dogowner/dogs?id={dog},4711"), 1),
        (format!("/dogowner/dogs?id={dog}&id=4711&sort=name"), 5),
        (format!("/dogowner/dogs?id={dog}&q=r"), 5),
        (format!("/dogowner/dogs?id={dog}&expand=owner&expand=co_owners"), 5),
        ("/dogowner/owners?created_after=2026-11-20T00:00:00Z".to_owned(), 5),
        ("/dogowner/owners?created_after=2026-11-20T00:00:00Z&created_before=2099-01-01T00:00:00Z".to_owned(), 5),
        ("/dogowner/owners?updated_since=2026-11-20T00:00:00Z&sort=-created_at&q=a".to_owned(), 9),
        (format!("/dogowner/dogs/{dog}/co-owners?count=true"), 5),
        ("/me/sessions?count=true".to_owned(), 5),
    ] {
        weighs(alice.get(&path).expect(200), weight);
    }
    // What is refused as it stands is no work.
    weighs(alice.get("/dogowner/owners?q=a&count=maybe").expect(422), 1);
    weighs(alice.get("/me/export?q=a").expect(422), 1);
    weighs(alice.delete(&format!("/dogowner/owners/{mia}")).expect(204), 1);
    weighs(alice.delete(&format!("/dogowner/owners/{ann}?force=false")).expect(409), 1);
    weighs(alice.delete(&format!("/dogowner/owners/{ann}?force=true")).expect(204), 20);
    let passwords = json!({"current_password": PASSWORD, "new_password": NEW});
    weighs(alice.put("/me/password", &passwords).expect(204), 50);
    weighs(alice.post("/me/import", &json!({"kennel": 1})).expect(201), 50);
    weighs(alice.delete("/me").expect(204), 50);
}

fn what_weighs_more_than_the_whole_quota_takes_all_of_it(scene: &Database) {
    for rate in ["1/1h", "3/1h"] {
        let app = with(scene, &[("USER_RATE", rate)]);
        for (name, path) in [("alice", "/me/export"), ("bob", "/dogowner/owners?q=a&count=true&sort=name,-created_at")]
        {
            let user = app.sign_in(name);
            assert_eq!(left(&user.get(path).expect(200)), ("user", 0));
            used_up(user.get("/me"), "user");
        }
    }
}

fn who_has_too_little_left_for_heavy_work_may_go_on_with_light(scene: &Database) {
    let app = with(scene, &[("USER_RATE", "60/1h")]);
    let alice = app.sign_in("alice");
    assert_eq!(left(&alice.get("/me/export").expect(200)), ("user", 10));
    let refused = alice.get("/me/export").expect(429).problem("too-many-requests");
    assert_eq!(left(&refused), ("user", 9), "the request itself was counted");
    let seconds: u64 = refused.header("retry-after").parse().expect("whole seconds");
    assert!((2_400..=2_460).contains(&seconds), "until 50 are there again: {refused}");
    for rest in (0..9).rev() {
        assert_eq!(left(&alice.get("/me").expect(200)), ("user", rest));
    }
    used_up(alice.get("/me"), "user");
}

fn a_new_password_by_mail_is_counted_for_its_user(scene: &Database) {
    let scene = Posted::with(scene.engine, &[("USER_RATE", "120/1h")]);
    let alice = scene.sign_in("alice");
    forget(&scene, "alice@example.com").expect(202);
    let token = scene.post.reset("alice@example.com");
    for (client, rest) in [(scene.from(1), 70), (scene.from(2), 20)] {
        let easy = reset(&client, &token, "iloveyou123").error("/password", "too_guessable");
        assert_eq!(left(&easy), ("user", rest));
    }
    let refused = reset(&scene.from(3), &token, NEW).expect(429).problem("too-many-requests");
    assert_eq!(left(&refused), ("user", 20));
    alice.get("/me").expect(200);
    // A wrong one has no user.
    not_counted(&reset(&scene.from(3), "1.1.x", NEW).expect(422));
}
