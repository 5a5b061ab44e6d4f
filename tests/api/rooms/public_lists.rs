//! How the public pages are kept and paged, and that they follow the profile whatever else happens.

use std::thread;

use serde_json::json;

use crate::lists::paging::{follow, sizes};
use crate::support::{App, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        public_lists_come_in_pages,
        public_lists_know_limit_and_cursor_only,
        a_page_that_is_still_the_same_is_304,
        whoever_keeps_the_last_page_learns_that_another_follows,
        what_is_public_may_be_kept_for_a_minute_and_what_is_not_may_not,
        a_dog_that_is_written_down_while_the_profile_comes_and_goes_is_as_public_as_it,
    ]
}

fn public_lists_come_in_pages(app: &App) {
    let alice = app.sign_in("alice");
    let owner = alice.owner("Ann");
    alice.go_public();
    let dogs: Vec<_> = (0..5).map(|number| alice.dog(&number.to_string(), owner)).collect();
    for list in ["/dogs", "/users/alice/dogs", "/users/ALICE/dogs"] {
        let pages = follow(&app.anon(), &format!("{list}?limit=2"));
        assert_eq!(sizes(&pages), [2, 2, 1]);
        assert_eq!(pages.concat(), dogs);
    }
    let next = app.anon().get("/dogs?limit=2").next_page().expect("there is more");
    let cursor = next.split_once("cursor=").expect("a cursor").1;
    app.anon().get(&format!("/users/alice/dogs?cursor={cursor}")).parameter_error("cursor", "invalid_cursor");
    alice.get(&format!("/dogowner/dogs?cursor={cursor}")).parameter_error("cursor", "invalid_cursor");
}

fn public_lists_know_limit_and_cursor_only(app: &App) {
    let alice = app.sign_in("alice");
    alice.go_public();
    for list in ["/dogs", "/users/alice/dogs"] {
        for unknown in ["q", "sort", "count", "expand", "owner_id", "user_id", "username", "role", "completed"] {
            app.anon().get(&format!("{list}?{unknown}=name")).parameter_error(unknown, "unknown_parameter");
        }
        app.anon().get(&format!("{list}?limit=0")).parameter_error("limit", "too_small");
        app.anon().get(&format!("{list}?limit=x")).parameter_error("limit", "type");
        app.anon().get(&format!("{list}?limit=1&limit=1")).parameter_error("limit", "repeated_parameter");
        app.anon().get(&format!("{list}?cursor=x")).parameter_error("cursor", "invalid_cursor");
    }
}

fn a_page_that_is_still_the_same_is_304(app: &App) {
    let alice = app.sign_in("alice");
    let dog = alice.dog("Rex", alice.owner("Ann"));
    alice.go_public();
    let paths = ["/dogs".to_owned(), format!("/dogs/{dog}"), "/users/alice".to_owned(), "/users/alice/dogs".to_owned()];
    for path in &paths {
        let page = app.anon().get(path).expect(200);
        let etag = page.etag().to_owned();
        let weak = format!("W/{etag}");
        let list = format!("\"x\", {weak} ,\"y\"");
        for same in [etag.as_str(), &weak, &list, "*"] {
            for method in ["GET", "HEAD"] {
                let answer = app.anon().send(method, path, &[("If-None-Match", same)], None).expect(304);
                assert_eq!(answer.etag(), etag);
                assert_eq!(answer.header("cache-control"), "public, max-age=60");
            }
        }
        for other in ["\"0\"", "\"00000000000000000000000000000000\"", "W/\"\"", "nonsense", "", &etag[1..]] {
            app.anon().send("GET", path, &[("If-None-Match", other)], None).expect(200);
        }
    }
    let etags = || paths.each_ref().map(|path| app.anon().get(path).expect(200).etag().to_owned());
    let before = etags();
    assert_eq!(etags(), before);
    alice.patch(&format!("/dogowner/dogs/{dog}"), &json!({"name": "Rexy"})).expect(200);
    alice.put("/me/profile", &json!({"description": "Changed."})).expect(200);
    assert!(etags().iter().zip(&before).all(|(after, before)| after != before));
}

/// The rows of the page are still the same then, but what leads on is new.
fn whoever_keeps_the_last_page_learns_that_another_follows(app: &App) {
    let alice = app.sign_in("alice");
    let owner = alice.owner("Ann");
    alice.go_public();
    alice.dog("Rex", owner);
    for list in ["/dogs?limit=1", "/users/alice/dogs?limit=1"] {
        let last = app.anon().get(list).expect(200);
        assert_eq!(last.next_page(), None);
        let ivy = alice.dog("Ivy", owner);
        let again = app.anon().send("GET", list, &[("If-None-Match", last.etag())], None);
        let next = again.next_page().unwrap_or_else(|| panic!("nothing leads to the new dog: {again}"));
        assert_eq!(app.anon().get(&next).expect(200).ids(), [ivy]);
        alice.delete(&format!("/dogowner/dogs/{ivy}")).expect(204);
    }
}

fn what_is_public_may_be_kept_for_a_minute_and_what_is_not_may_not(app: &App) {
    let alice = app.sign_in("alice");
    alice.go_public();
    for path in ["/dogs", "/users/alice", "/users/alice/dogs"] {
        assert_eq!(app.anon().get(path).expect(200).header("cache-control"), "public, max-age=60");
        assert_eq!(app.anon().get(&format!("{path}?colour=red")).expect(422).header("cache-control"), "no-store");
    }
    assert_eq!(app.anon().get("/users/bob").expect(404).header("cache-control"), "no-store");
    assert_eq!(app.anon().send("DELETE", "/dogs", &[], None).expect(405).header("cache-control"), "no-store");
}

fn a_dog_that_is_written_down_while_the_profile_comes_and_goes_is_as_public_as_it(app: &App) {
    let alice = app.sign_in("alice");
    let owner = alice.owner("Ann");
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| (0..15).map(|_| alice.dog("Rex", owner)).collect::<Vec<_>>());
        }
        scope.spawn(|| {
            for _ in 0..10 {
                alice.go_public();
                alice.delete("/me/profile").expect(204);
            }
            alice.go_public();
        });
    });
    assert_eq!(app.anon().get("/users/alice").json["dogs_count"], 45);
    assert_eq!(app.anon().get("/dogs").expect(200).ids(), alice.get("/dogowner/dogs").ids());
    alice.delete("/me/profile").expect(204);
    assert_eq!(app.anon().get("/dogs").expect(200).json, json!([]));
}
