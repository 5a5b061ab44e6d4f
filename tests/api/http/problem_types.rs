//! The `type` of a problem is an address, and what it means stands there.

use kennel::problem::Kind;
use serde_json::{Value, json};

use crate::http::rate_limits::left;
use crate::support::{App, Database, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        every_type_of_a_problem_is_an_address_that_tells_about_it,
        a_problem_that_happens_leads_to_what_it_means,
        the_list_of_problems_has_every_one,
        what_is_no_type_of_a_problem_is_404,
        what_problems_mean_is_counted_by_address,
    ]
}

fn every_type_of_a_problem_is_an_address_that_tells_about_it(app: &App) {
    let anon = app.anon();
    for kind in Kind::ALL {
        let path = format!("/problems/{}", kind.slug());
        let answer = anon.get(&path).expect(200);
        assert_eq!(answer.text("type"), path);
        assert_eq!((answer.text("title"), &answer.json["status"]), (kind.title(), &json!(kind.status().as_u16())));
        assert!(answer.text("meaning").len() > 20 && answer.text("remedy").len() > 15, "{answer}");
        let sample = &answer.json["sample"];
        assert_eq!((&sample["type"], &sample["status"]), (&answer.json["type"], &answer.json["status"]));
        assert_eq!(sample["detail"] == kind.detail(), *kind != Kind::ValidationFailed, "{answer}");
        assert_eq!(
            sample["errors"].is_array(),
            [Kind::ValidationFailed, Kind::UsernameTaken].contains(kind),
            "{answer}"
        );
        anon.send("GET", &path, &[("If-None-Match", answer.etag())], None).expect(304);
        anon.send("GET", &path, &[("If-None-Match", "\"other\"")], None).expect(200).same_as(&answer);
    }
}

fn a_problem_that_happens_leads_to_what_it_means(app: &App) {
    let alice = app.sign_in("alice");
    for (method, path, status) in [
        ("GET", "/nowhere", 404),
        ("TRACE", "/me", 405),
        ("GET", "/dogowner/dogs?limit=0", 422),
        ("POST", "/dogowner/dogs", 415),
    ] {
        let failed = alice.send(method, path, &[], Some(b"x")).expect(status);
        let meant = app.anon().get(failed.text("type")).expect(200);
        for same in ["type", "title", "status"] {
            assert_eq!(meant.json[same], failed.json[same]);
        }
    }
}

fn the_list_of_problems_has_every_one(app: &App) {
    let list = app.anon().get("/problems").expect(200);
    let types: Vec<_> = Kind::ALL.iter().map(|kind| json!(format!("/problems/{}", kind.slug()))).collect();
    assert_eq!(list.all("type"), types);
    for row in list.rows() {
        let mut shown = app.anon().get(row["type"].as_str().expect("a type")).expect(200).json;
        shown.as_object_mut().expect("an object").remove("sample");
        assert_eq!(*row, shown);
    }
    app.anon().send("GET", "/problems", &[("If-None-Match", list.etag())], None).expect(304);
}

fn what_is_no_type_of_a_problem_is_404(app: &App) {
    for wrong in ["nothing", "Not-Found", "not_found", "not-found%20", "not-found/more", "404", ""] {
        let answer = app.anon().get(&format!("/problems/{wrong}")).expect(404).problem("not-found");
        assert_eq!(answer.json.get("instance"), None::<&Value>);
    }
}

fn what_problems_mean_is_counted_by_address(scene: &Database) {
    let app = App::with(Database::fresh(scene.engine), &[("IP_RATE", "3/1h")]);
    let anon = app.anon();
    for (rest, path) in [(2, "/problems"), (1, "/problems/not-found"), (0, "/problems/nothing")] {
        assert_eq!(left(&anon.get(path)), ("ip", rest));
    }
    anon.get("/problems/not-found").expect(429).problem("too-many-requests");
}
