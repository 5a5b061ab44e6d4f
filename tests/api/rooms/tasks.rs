//! The tasks in somebody's book: what is to be done, for one of the dogs or for none in particular.

use serde_json::{Value, json};

use crate::support::{App, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        what_i_create_is_what_i_read,
        a_task_is_open_unless_it_says_otherwise,
        a_task_needs_a_name_of_1_to_120_characters,
        a_task_can_only_be_about_a_dog_of_mine,
        a_due_date_is_a_real_day,
        the_server_says_when_a_task_was_completed,
        a_completed_task_that_is_completed_again_keeps_its_time,
        a_reopened_task_has_no_time_of_completion,
        nobody_says_when_a_task_was_completed_but_the_server,
        a_patch_keeps_what_it_does_not_name_and_clears_what_is_null,
        a_put_replaces_everything,
        a_patch_that_changes_nothing_leaves_the_row_as_it_is,
        a_stranger_cannot_see_change_or_delete_my_task,
        a_deleted_task_is_gone_and_its_dog_stays,
        a_dog_takes_its_tasks_with_it,
        what_i_got_i_can_send_back,
        a_list_can_be_told_what_to_show,
    ]
}

fn what_i_create_is_what_i_read(app: &App) {
    let alice = app.sign_in("alice");
    let dog = alice.dog("Rex", alice.owner("Ann"));
    let body = json!({"name": "Walk", "dog_id": dog, "due_on": "2026-12-01", "completed": false});
    let created = alice.post("/dogowner/tasks", &body).expect(201);
    assert_eq!(created.header("location"), format!("/dogowner/tasks/{}", created.id()));
    for field in ["name", "dog_id", "due_on", "completed"] {
        assert_eq!(created.json[field], body[field]);
    }
    assert_eq!(created.json["user_id"], alice.id());
    assert_eq!(created.json["completed_at"], Value::Null);
    assert_eq!(alice.get(created.header("location")).expect(200).json, created.json);
    assert_eq!(alice.get("/dogowner/tasks").expect(200).rows(), [created.json]);
}

fn a_task_is_open_unless_it_says_otherwise(app: &App) {
    let alice = app.sign_in("alice");
    let open = alice.post("/dogowner/tasks", &json!({"name": "Walk"})).expect(201);
    assert_eq!((&open.json["completed"], &open.json["completed_at"]), (&json!(false), &Value::Null));
    assert_eq!((&open.json["dog_id"], &open.json["due_on"]), (&Value::Null, &Value::Null));
    let done = alice.post("/dogowner/tasks", &json!({"name": "Feed", "completed": true})).expect(201);
    assert_eq!(done.json["completed"], true);
    assert_eq!(done.json["completed_at"], done.json["created_at"]);
    for no_boolean in [json!(null), json!(0), json!(1), json!("true"), json!([])] {
        alice.post("/dogowner/tasks", &json!({"name": "Walk", "completed": no_boolean})).error("/completed", "type");
    }
    assert_eq!(app.database.count("tasks"), 2);
}

fn a_task_needs_a_name_of_1_to_120_characters(app: &App) {
    let alice = app.sign_in("alice");
    let dogs = "🐕".repeat(120);
    for name in ["W", "Ä", &dogs, &format!("\u{2003}{dogs} ")] {
        let created = alice.post("/dogowner/tasks", &json!({ "name": name })).expect(201);
        assert_eq!(created.text("name"), name.trim());
        assert_eq!(alice.get(created.header("location")).text("name"), name.trim());
    }
    let refused = |name: Value, code: &str| {
        alice.post("/dogowner/tasks", &json!({ "name": name })).error("/name", code);
    };
    refused(json!(""), "too_short");
    refused(json!(" \u{3000}"), "too_short");
    refused(json!("🐕".repeat(121)), "too_long");
    refused(json!("Wa\nlk"), "control_character");
    refused(json!("Walk\u{85}"), "control_character");
    refused(json!(1), "type");
    alice.post("/dogowner/tasks", &json!({})).error("/name", "required");
    assert_eq!(app.database.count("tasks"), 4);
}

fn a_task_can_only_be_about_a_dog_of_mine(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let hers = alice.dog("Rex", alice.owner("Ann"));
    let path = format!("/dogowner/tasks/{}", bob.task("Walk"));
    let before = app.database.rows();
    for dog in [hers, 4711, i64::MAX] {
        let body = json!({"name": "Walk", "dog_id": dog});
        bob.post("/dogowner/tasks", &body).error("/dog_id", "not_found");
        bob.put(&path, &body).error("/dog_id", "not_found");
        bob.patch(&path, &json!({ "dog_id": dog })).error("/dog_id", "not_found");
    }
    for (no_id, code) in [
        (json!(0), "too_small"),
        (json!(-1), "too_small"),
        (json!("1"), "type"),
        (json!(1.5), "type"),
        (json!([1]), "type"),
        (json!(u64::MAX), "out_of_range"),
    ] {
        bob.post("/dogowner/tasks", &json!({"name": "Walk", "dog_id": no_id})).error("/dog_id", code);
    }
    assert_eq!(app.database.rows(), before);
}

fn a_due_date_is_a_real_day(app: &App) {
    let alice = app.sign_in("alice");
    let create = |due_on: Value| alice.post("/dogowner/tasks", &json!({"name": "Walk", "due_on": due_on}));
    for day in ["0001-01-01", "2024-02-29", "9999-12-31"] {
        let created = create(json!(day)).expect(201);
        assert_eq!(alice.get(created.header("location")).text("due_on"), day);
    }
    for no_day in ["", "0000-01-01", "2023-02-29", "2024-1-1", "10000-01-01", "2024-01-01T00:00:00Z", "2024-01-01\u{0}"]
    {
        let answer = create(json!(no_day)).expect(422).problem("validation-failed");
        assert_eq!(answer.json["errors"][0]["pointer"], "/due_on", "{no_day:?}: {answer}");
    }
    create(json!(20_240_101)).error("/due_on", "type");
    assert_eq!(app.database.count("tasks"), 3);
}

fn the_server_says_when_a_task_was_completed(app: &App) {
    let alice = app.sign_in("alice");
    for method in ["PATCH", "PUT"] {
        let created = alice.post("/dogowner/tasks", &json!({"name": "Walk"})).expect(201);
        let path = created.header("location");
        let done = alice.send_json(method, path, &json!({"name": "Walk", "completed": true})).expect(200);
        assert_eq!(done.json["completed"], true);
        assert_eq!(done.json["completed_at"], done.json["updated_at"]);
        assert!(done.text("completed_at") >= created.text("created_at"), "{done}");
        assert_eq!(alice.get(path).json, done.json);
    }
}

fn a_completed_task_that_is_completed_again_keeps_its_time(app: &App) {
    let alice = app.sign_in("alice");
    let done = alice.post("/dogowner/tasks", &json!({"name": "Walk", "completed": true})).expect(201);
    let path = done.header("location");
    // So long ago that nobody takes it for now.
    let long_ago = "UPDATE tasks SET completed_at = (SELECT min(created_at) FROM users)";
    app.database.execute(long_ago).expect("it was done long ago");
    let then = alice.get(path).json["completed_at"].clone();
    for (method, body) in [
        ("PATCH", json!({"completed": true})),
        ("PATCH", json!({"name": "Walk far"})),
        ("PUT", json!({"name": "Walk farther", "completed": true})),
    ] {
        assert_eq!(alice.send_json(method, path, &body).expect(200).json["completed_at"], then, "{method} {body}");
    }
}

fn a_reopened_task_has_no_time_of_completion(app: &App) {
    let alice = app.sign_in("alice");
    for (method, body) in [
        ("PATCH", json!({"completed": false})),
        ("PUT", json!({"name": "Walk", "completed": false})),
        ("PUT", json!({"name": "Walk"})),
    ] {
        let done = alice.post("/dogowner/tasks", &json!({"name": "Walk", "completed": true})).expect(201);
        let open = alice.send_json(method, done.header("location"), &body).expect(200);
        assert_eq!((&open.json["completed"], &open.json["completed_at"]), (&json!(false), &Value::Null), "{body}");
        assert_eq!(alice.get(done.header("location")).json, open.json);
    }
    let done = alice.post("/dogowner/tasks", &json!({"name": "Walk", "completed": true})).expect(201);
    alice.patch(done.header("location"), &json!({"completed": null})).error("/completed", "not_nullable");
}

fn nobody_says_when_a_task_was_completed_but_the_server(app: &App) {
    let alice = app.sign_in("alice");
    let body = json!({"name": "Walk", "completed_at": "2001-01-01T00:00:00.000Z"});
    let open = alice.post("/dogowner/tasks", &body).expect(201);
    let path = open.header("location");
    assert_eq!(open.json["completed_at"], Value::Null);
    assert_eq!(alice.put(path, &body).expect(200).json["completed_at"], Value::Null);
    assert_eq!(alice.patch(path, &body).expect(200).json["completed_at"], Value::Null);
    let lie = json!({"completed": true, "completed_at": null});
    assert!(alice.patch(path, &lie).expect(200).json["completed_at"].is_string());
}

fn a_patch_keeps_what_it_does_not_name_and_clears_what_is_null(app: &App) {
    let alice = app.sign_in("alice");
    let dog = alice.dog("Rex", alice.owner("Ann"));
    let body = json!({"name": "Walk", "dog_id": dog, "due_on": "2026-12-01", "completed": true});
    let created = alice.post("/dogowner/tasks", &body).expect(201);
    let path = created.header("location");
    let renamed = alice.patch(path, &json!({"name": "Walk far"})).expect(200);
    for field in ["dog_id", "due_on", "completed", "completed_at", "created_at"] {
        assert_eq!(renamed.json[field], created.json[field], "{field}");
    }
    let cleared = alice.patch(path, &json!({"dog_id": null, "due_on": null})).expect(200);
    assert_eq!((&cleared.json["dog_id"], &cleared.json["due_on"]), (&Value::Null, &Value::Null));
    assert_eq!(cleared.text("name"), "Walk far");
    alice.patch(path, &json!({"name": null})).error("/name", "not_nullable");
}

fn a_put_replaces_everything(app: &App) {
    let alice = app.sign_in("alice");
    let dog = alice.dog("Rex", alice.owner("Ann"));
    let body = json!({"name": "Walk", "dog_id": dog, "due_on": "2026-12-01", "completed": true});
    let created = alice.post("/dogowner/tasks", &body).expect(201);
    let replaced = alice.put(created.header("location"), &json!({"name": "Feed"})).expect(200);
    assert_eq!(replaced.text("name"), "Feed");
    for field in ["dog_id", "due_on", "completed_at"] {
        assert_eq!(replaced.json[field], Value::Null, "{field}");
    }
    assert_eq!(replaced.json["completed"], false);
    assert_eq!(replaced.json["created_at"], created.json["created_at"]);
    alice.put(created.header("location"), &json!({"completed": true})).error("/name", "required");
}

fn a_patch_that_changes_nothing_leaves_the_row_as_it_is(app: &App) {
    let alice = app.sign_in("alice");
    let created = alice.post("/dogowner/tasks", &json!({"name": "Walk", "completed": true})).expect(201);
    let rows = app.database.rows();
    let answer = alice.patch(created.header("location"), &json!({})).expect(200);
    assert_eq!((&answer.json, answer.etag()), (&created.json, created.etag()));
    assert_eq!(app.database.rows(), rows);
}

fn a_stranger_cannot_see_change_or_delete_my_task(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let path = format!("/dogowner/tasks/{}", alice.task("Walk"));
    let before = alice.get(&path).expect(200);
    bob.get(&path).expect(404).problem("not-found");
    bob.patch(&path, &json!({"name": "Bob's"})).expect(404).problem("not-found");
    bob.put(&path, &json!({"name": "Bob's"})).expect(404).problem("not-found");
    bob.delete(&path).expect(404).problem("not-found");
    assert_eq!(bob.get("/dogowner/tasks").json, json!([]));
    alice.get(&path).same_as(&before);
}

fn a_deleted_task_is_gone_and_its_dog_stays(app: &App) {
    let alice = app.sign_in("alice");
    let dog = alice.dog("Rex", alice.owner("Ann"));
    let created = alice.post("/dogowner/tasks", &json!({"name": "Walk", "dog_id": dog})).expect(201);
    alice.delete(created.header("location")).expect(204);
    alice.get(created.header("location")).expect(404);
    alice.delete(created.header("location")).expect(404);
    alice.get(&format!("/dogowner/dogs/{dog}")).expect(200);
}

fn a_dog_takes_its_tasks_with_it(app: &App) {
    let alice = app.sign_in("alice");
    let owner = alice.owner("Ann");
    let (rex, ivy) = (alice.dog("Rex", owner), alice.dog("Ivy", owner));
    let about = |dog: i64| alice.post("/dogowner/tasks", &json!({"name": "Walk", "dog_id": dog})).expect(201).id();
    let (_rexs, ivys, nobodys) = (about(rex), about(ivy), alice.task("Buy food"));
    alice.delete(&format!("/dogowner/dogs/{rex}")).expect(204);
    assert_eq!(alice.get("/dogowner/tasks").ids(), [ivys, nobodys]);
}

fn what_i_got_i_can_send_back(app: &App) {
    let alice = app.sign_in("alice");
    let dog = alice.dog("Rex", alice.owner("Ann"));
    let body = json!({"name": "Walk", "dog_id": dog, "due_on": "2026-12-01", "completed": true});
    let got = alice.post("/dogowner/tasks", &body).expect(201);
    for method in ["PUT", "PATCH"] {
        let same = alice.send_json(method, got.header("location"), &got.json).expect(200);
        for field in ["id", "user_id", "name", "dog_id", "due_on", "completed", "completed_at", "created_at"] {
            assert_eq!(same.json[field], got.json[field], "{method} and {field}");
        }
    }
    assert_ne!(alice.post("/dogowner/tasks", &got.json).expect(201).id(), got.id());
}

fn a_list_can_be_told_what_to_show(app: &App) {
    let alice = app.sign_in("alice");
    let dog = alice.dog("Rex", alice.owner("Ann"));
    let create = |body: Value| alice.post("/dogowner/tasks", &body).expect(201).id();
    let walk = create(json!({"name": "Walk", "dog_id": dog, "due_on": "2026-12-01"}));
    let feed = create(json!({"name": "Feed", "dog_id": dog, "completed": true, "due_on": "2026-11-30"}));
    let shop = create(json!({"name": "Buy food", "due_on": "2026-12-02"}));
    let rest = create(json!({"name": "Rest", "completed": true}));
    let shown = |query: &str| alice.get(&format!("/dogowner/tasks?{query}")).expect(200).ids();
    assert_eq!(shown("completed=true"), [feed, rest]);
    assert_eq!(shown("completed=false"), [walk, shop]);
    assert_eq!(shown(&format!("dog_id={dog}")), [walk, feed]);
    assert_eq!(shown("due_before=2026-12-01"), [feed], "the day itself is not before it");
    assert_eq!(shown("due_before=9999-12-31"), [walk, feed, shop], "what has no date is not due");
    assert_eq!(shown("q=FE"), [feed]);
    assert_eq!(shown("q=w&completed=false&due_before=2027-01-01&sort=-due_on"), [walk]);
    assert_eq!(shown("sort=due_on"), [feed, walk, shop, rest]);
    assert_eq!(shown(&format!("dog_id={dog}&completed=true&sort=-name&count=true")), [feed]);
    for no_id in ["", "0", "-1", "01", "1.0", "x", "9223372036854775808", "%001"] {
        alice.get(&format!("/dogowner/tasks?dog_id={no_id}")).parameter_error("dog_id", "type");
    }
    for no_boolean in ["", "1", "yes", "True", "TRUE", "true%20", "null"] {
        alice.get(&format!("/dogowner/tasks?completed={no_boolean}")).parameter_error("completed", "unknown_value");
    }
    for no_day in ["", "2026-02-29", "2026-1-1", "today", "2026-12-01T00:00:00Z", "10000-01-01"] {
        alice.get(&format!("/dogowner/tasks?due_before={no_day}")).parameter_error("due_before", "format");
    }
}
