//! The owners in somebody's book.

use serde_json::{Value, json};

use crate::support::{App, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        what_i_create_is_what_i_read,
        a_new_book_is_empty,
        my_owners_are_listed_in_the_order_of_their_ids,
        a_stranger_cannot_see_change_or_delete_my_owner,
        a_stranger_does_not_see_my_owners_in_a_list,
        a_new_name_is_kept_and_the_time_of_the_change_with_it,
        a_patch_that_changes_nothing_leaves_the_row_as_it_is,
        a_put_replaces_the_name,
        a_name_cannot_be_taken_away,
        what_i_got_i_can_send_back,
        an_owner_without_dogs_can_be_deleted,
        an_owner_with_dogs_cannot_be_deleted_and_the_answer_says_how_many,
        an_owner_with_dogs_can_be_deleted_with_force_and_takes_them_along,
        force_is_true_or_false,
        the_tutorials_singular_path_is_the_same_collection,
        a_name_has_1_to_255_characters,
        white_space_around_a_name_does_not_count,
        a_name_has_no_control_characters,
    ]
}

fn what_i_create_is_what_i_read(app: &App) {
    let alice = app.sign_in("alice");
    let created = alice.post("/dogowner/owners", &json!({"name": "Ann"})).expect(201);
    assert_eq!(created.header("location"), format!("/dogowner/owners/{}", created.id()));
    assert_eq!(created.text("name"), "Ann");
    assert_eq!(created.json["user_id"], alice.id());
    assert_eq!(created.json["created_at"], created.json["updated_at"]);
    assert_eq!(alice.get(created.header("location")).expect(200).json, created.json);
}

fn a_new_book_is_empty(app: &App) {
    let answer = app.sign_in("alice").get("/dogowner/owners").expect(200);
    assert_eq!(answer.json, json!([]));
    assert_eq!(answer.next_page(), None);
}

fn my_owners_are_listed_in_the_order_of_their_ids(app: &App) {
    let alice = app.sign_in("alice");
    let ids = ["Zoe", "Ann", "Mia"].map(|name| alice.owner(name));
    let answer = alice.get("/dogowner/owners").expect(200);
    assert_eq!(answer.ids(), ids);
    assert_eq!(answer.rows()[1], alice.get(&format!("/dogowner/owners/{}", ids[1])).json);
}

fn a_stranger_cannot_see_change_or_delete_my_owner(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let path = format!("/dogowner/owners/{}", alice.owner("Ann"));
    let before = alice.get(&path).expect(200);
    bob.get(&path).expect(404).problem("not-found");
    bob.patch(&path, &json!({"name": "Bob's"})).expect(404).problem("not-found");
    bob.delete(&path).expect(404).problem("not-found");
    bob.get(&format!("{path}/dogs")).expect(404).problem("not-found");
    alice.get(&path).same_as(&before);
}

fn a_stranger_does_not_see_my_owners_in_a_list(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    alice.owner("Ann");
    let his = bob.owner("Ben");
    assert_eq!(bob.get("/dogowner/owners").expect(200).ids(), [his]);
}

fn a_new_name_is_kept_and_the_time_of_the_change_with_it(app: &App) {
    let alice = app.sign_in("alice");
    let created = alice.post("/dogowner/owners", &json!({"name": "Ann"})).expect(201);
    let path = created.header("location");
    let changed = alice.patch(path, &json!({"name": "Anna"})).expect(200);
    assert_eq!(changed.text("name"), "Anna");
    assert_eq!(changed.json["created_at"], created.json["created_at"]);
    assert!(changed.text("updated_at") >= created.text("updated_at"));
    assert_eq!(alice.get(path).expect(200).json, changed.json);
}

fn a_patch_that_changes_nothing_leaves_the_row_as_it_is(app: &App) {
    let alice = app.sign_in("alice");
    let path = format!("/dogowner/owners/{}", alice.owner("Ann"));
    let (before, rows) = (alice.get(&path), app.database.rows());
    assert_eq!(alice.patch(&path, &json!({})).expect(200).json, before.json);
    assert_eq!(app.database.rows(), rows);
}

fn a_put_replaces_the_name(app: &App) {
    let alice = app.sign_in("alice");
    let created = alice.post("/dogowner/owners", &json!({"name": "Ann"})).expect(201);
    let path = created.header("location");
    let replaced = alice.put(path, &json!({"name": " Anna "})).expect(200);
    assert_eq!((replaced.text("name"), replaced.id()), ("Anna", created.id()));
    assert_eq!(replaced.json["created_at"], created.json["created_at"]);
    assert_ne!(replaced.etag(), created.etag());
    let rows = app.database.rows();
    alice.put(path, &json!({})).error("/name", "required");
    alice.put(path, &json!({"name": null})).error("/name", "type");
    alice.put("/dogowner/owners/4711", &json!({"name": "Ann"})).expect(404);
    assert_eq!(app.database.rows(), rows);
}

fn a_name_cannot_be_taken_away(app: &App) {
    let alice = app.sign_in("alice");
    let path = format!("/dogowner/owners/{}", alice.owner("Ann"));
    alice.patch(&path, &json!({"name": null})).error("/name", "not_nullable");
    alice.patch(&path, &json!({"name": "  "})).error("/name", "too_short");
    assert_eq!(alice.get(&path).text("name"), "Ann");
}

fn what_i_got_i_can_send_back(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let got = alice.post("/dogowner/owners", &json!({"name": "Ann"})).expect(201);
    let path = got.header("location");
    let mut body = got.json.clone();
    body["name"] = json!("Anna");
    body["id"] = json!(4711);
    body["user_id"] = json!(bob.id());
    body["created_at"] = json!("not even a time");
    let changed = alice.patch(path, &body).expect(200);
    let copy = alice.post("/dogowner/owners", &body).expect(201);
    let replaced = alice.put(path, &body).expect(200);
    for answer in [&changed, &copy, &replaced] {
        assert_ne!(answer.id(), 4711);
        assert_eq!(answer.json["user_id"], got.json["user_id"]);
        assert_eq!(answer.text("name"), "Anna");
    }
    assert_eq!(bob.get("/dogowner/owners").json, json!([]));
}

fn an_owner_without_dogs_can_be_deleted(app: &App) {
    let alice = app.sign_in("alice");
    let path = format!("/dogowner/owners/{}", alice.owner("Ann"));
    alice.delete(&path).expect(204);
    alice.get(&path).expect(404);
    alice.delete(&path).expect(404);
    assert_eq!(alice.get("/dogowner/owners").json, json!([]));
}

fn an_owner_with_dogs_cannot_be_deleted_and_the_answer_says_how_many(app: &App) {
    let alice = app.sign_in("alice");
    let owner = alice.owner("Ann");
    let dogs = [alice.dog("Rex", owner), alice.dog("Ivy", owner)];
    let path = format!("/dogowner/owners/{owner}");
    let refused = alice.delete(&path).expect(409).problem("owner-has-dogs");
    assert!(refused.text("detail").contains('2'), "{refused}");
    assert_eq!(alice.get(&format!("{path}/dogs")).expect(200).ids(), dogs);

    for dog in dogs {
        alice.delete(&format!("/dogowner/dogs/{dog}")).expect(204);
    }
    alice.delete(&path).expect(204);
}

fn an_owner_with_dogs_can_be_deleted_with_force_and_takes_them_along(app: &App) {
    let alice = app.sign_in("alice");
    let (ann, mia) = (alice.owner("Ann"), alice.owner("Mia"));
    let (rex, ivy) = (alice.dog("Rex", ann), alice.dog("Ivy", mia));
    alice.share(rex, mia);
    alice.share(ivy, ann);
    let about = |dog: i64| alice.post("/dogowner/tasks", &json!({"name": "Walk", "dog_id": dog})).expect(201).id();
    let (_rexs, ivys, nobodys) = (about(rex), about(ivy), alice.task("Buy food"));
    let path = format!("/dogowner/owners/{ann}");
    alice.delete(&format!("{path}?force=false")).expect(409).problem("owner-has-dogs");
    alice.delete(&format!("{path}?force=true")).expect(204);
    alice.get(&path).expect(404);
    assert_eq!(alice.get("/dogowner/owners").ids(), [mia]);
    assert_eq!(alice.get("/dogowner/dogs").ids(), [ivy]);
    assert_eq!(alice.get("/dogowner/dogs").rows()[0]["co_owner_ids"], json!([]));
    assert_eq!(alice.get("/dogowner/tasks").ids(), [ivys, nobodys]);
    alice.delete(&format!("{path}?force=true")).expect(404);
}

fn force_is_true_or_false(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let path = format!("/dogowner/owners/{}", alice.owner("Ann"));
    for value in ["", "1", "yes", "True", "TRUE", "true%00", "null"] {
        alice.delete(&format!("{path}?force={value}")).parameter_error("force", "unknown_value");
    }
    alice.delete(&format!("{path}?force=true&force=true")).parameter_error("force", "repeated_parameter");
    bob.delete(&format!("{path}?force=true")).expect(404).problem("not-found");
    alice.delete(&format!("{path}?force=false")).expect(204);
}

fn the_tutorials_singular_path_is_the_same_collection(app: &App) {
    let alice = app.sign_in("alice");
    let created = alice.post("/dogowner/owner", &json!({"name": "Ann"})).expect(201);
    assert_eq!(created.header("location"), format!("/dogowner/owners/{}", created.id()));
    let singular = alice.get("/dogowner/owner").expect(200);
    singular.same_as(&alice.get("/dogowner/owners"));
    assert_eq!(singular.rows(), std::slice::from_ref(&created.json));
}

fn a_name_has_1_to_255_characters(app: &App) {
    let alice = app.sign_in("alice");
    for name in ["A", "Ä", "🐕", &"🐕".repeat(255), "Ann  O'Neill-Ö. %_\\ \"quoted\" <b>"] {
        let created = alice.post("/dogowner/owners", &json!({ "name": name })).expect(201);
        assert_eq!(created.text("name"), name);
        assert_eq!(alice.get(created.header("location")).text("name"), name);
    }
    let refused = |name: Value, code: &str| {
        alice.post("/dogowner/owners", &json!({ "name": name })).error("/name", code);
    };
    refused(json!(""), "too_short");
    refused(json!("a".repeat(256)), "too_long");
    refused(json!("🐕".repeat(256)), "too_long");
    for not_text in [json!(1), json!(true), json!(["Ann"]), json!({"first": "Ann"}), json!(1.5)] {
        refused(not_text, "type");
    }
    alice.post("/dogowner/owners", &json!({})).error("/name", "required");
    assert_eq!(app.database.count("owners"), 5);
}

fn white_space_around_a_name_does_not_count(app: &App) {
    let alice = app.sign_in("alice");
    let spaces = "\u{20}\u{a0}\u{1680}\u{2003}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}";
    let long = format!("{spaces}{}{spaces}", "b".repeat(255));
    for (sent, kept) in [(format!("{spaces}Ann{spaces}"), "Ann".to_owned()), (long, "b".repeat(255))] {
        let created = alice.post("/dogowner/owners", &json!({ "name": sent })).expect(201);
        assert_eq!(created.text("name"), kept);
    }
    alice.post("/dogowner/owners", &json!({ "name": spaces })).error("/name", "too_short");
}

fn a_name_has_no_control_characters(app: &App) {
    let alice = app.sign_in("alice");
    for control in (0..0x20).chain(0x7f..0xa0) {
        let control = char::from_u32(control).expect("a character");
        for name in [format!("An{control}n"), format!("Ann{control}"), format!("{control}Ann")] {
            alice.post("/dogowner/owners", &json!({ "name": name })).error("/name", "control_character");
        }
    }
    assert_eq!(app.database.count("owners"), 0);
}
