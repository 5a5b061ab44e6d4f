//! The one profile that somebody has, or has not: one to one.

use std::thread;

use serde_json::{Value, json};

use crate::support::{App, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        nobody_has_a_profile_at_first,
        the_first_put_makes_it_and_the_next_ones_replace_it,
        a_second_profile_is_refused_where_a_first_one_is_asked_for,
        of_many_that_want_to_be_the_first_one_is,
        a_profile_that_must_be_there_and_is_not_is_412,
        a_deleted_profile_is_gone_and_can_be_made_again,
        a_description_has_1_to_2000_characters,
        what_i_got_i_can_send_back,
        everybody_has_a_profile_of_their_own,
        two_profiles_cannot_even_be_stored,
    ]
}

const PROFILE: &str = "/me/profile";

fn described(text: &str) -> Value {
    json!({ "description": text })
}

fn nobody_has_a_profile_at_first(app: &App) {
    let alice = app.sign_in("alice");
    alice.get(PROFILE).expect(404).problem("not-found");
    alice.delete(PROFILE).expect(404).problem("not-found");
    assert_eq!(app.database.count("profiles"), 0);
}

fn the_first_put_makes_it_and_the_next_ones_replace_it(app: &App) {
    let alice = app.sign_in("alice");
    let made = alice.put(PROFILE, &described("One dog.")).expect(201);
    assert_eq!(made.header("location"), PROFILE);
    assert_eq!(made.text("description"), "One dog.");
    assert_eq!(made.json["created_at"], made.json["updated_at"]);
    assert_eq!(alice.get(PROFILE).expect(200).json, made.json);
    let replaced = alice.put(PROFILE, &described("Two dogs.")).expect(200);
    assert!(replaced.header_if_any("location").is_none(), "{replaced}");
    assert_eq!(replaced.text("description"), "Two dogs.");
    assert_eq!(replaced.json["created_at"], made.json["created_at"]);
    assert_ne!(replaced.etag(), made.etag());
    let shown = alice.get(PROFILE).expect(200);
    assert_eq!((&shown.json, shown.etag()), (&replaced.json, replaced.etag()));
    assert_eq!(app.database.count("profiles"), 1);
}

/// The "duplicate key" of a one-to-one relation.
fn a_second_profile_is_refused_where_a_first_one_is_asked_for(app: &App) {
    let alice = app.sign_in("alice");
    let only_new = [("If-None-Match", "*")];
    let make = |text: &str| alice.ask("PUT", PROFILE, &only_new, Some(&described(text)));
    make("The first.").expect(201);
    make("The second.").expect(412).problem("precondition-failed");
    assert_eq!(alice.get(PROFILE).text("description"), "The first.");
    alice.delete(PROFILE).expect(204);
    make("The third.").expect(201);
}

fn of_many_that_want_to_be_the_first_one_is(app: &App) {
    let alice = app.sign_in("alice");
    for round in 0..8 {
        let (only_new, alice) = ([("If-None-Match", "*")], &alice);
        let answers: Vec<_> = thread::scope(|scope| {
            let all: Vec<_> = (0..8)
                .map(|number| {
                    let body = described(&format!("{round}.{number}"));
                    scope.spawn(move || alice.ask("PUT", PROFILE, &only_new, Some(&body)))
                })
                .collect();
            all.into_iter().map(|one| one.join().expect("an answer")).collect()
        });
        let made: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
        assert_eq!(made.len(), 1, "who was first?");
        assert_eq!(answers.iter().filter(|answer| answer.status == 412).count(), 7);
        assert_eq!(alice.get(PROFILE).expect(200).json, made[0].json);
        alice.delete(PROFILE).expect(204);
    }
}

fn a_profile_that_must_be_there_and_is_not_is_412(app: &App) {
    let alice = app.sign_in("alice");
    for tag in ["*", "\"1\"", "\"0\""] {
        let put = alice.ask("PUT", PROFILE, &[("If-Match", tag)], Some(&described("One dog.")));
        put.expect(412).problem("precondition-failed");
    }
    alice.send("DELETE", PROFILE, &[("If-Match", "*")], None).expect(404);
    assert_eq!(app.database.count("profiles"), 0);
}

fn a_deleted_profile_is_gone_and_can_be_made_again(app: &App) {
    let alice = app.sign_in("alice");
    let first = alice.put(PROFILE, &described("One dog.")).expect(201);
    alice.delete(PROFILE).expect(204);
    alice.get(PROFILE).expect(404).problem("not-found");
    alice.delete(PROFILE).expect(404);
    assert_eq!(app.database.count("profiles"), 0);
    let second = alice.put(PROFILE, &described("One dog again.")).expect(201);
    let stale = [("If-Match", first.etag())];
    alice.ask("PUT", PROFILE, &stale, Some(&described("For the first one."))).expect(412);
    assert_eq!(alice.get(PROFILE).json, second.json);
}

fn a_description_has_1_to_2000_characters(app: &App) {
    let alice = app.sign_in("alice");
    let longest = "🐕".repeat(2000);
    for text in ["A", "<b>&\"'%_\\</b>", &longest, &format!(" \u{3000}{longest}\u{2003}")] {
        assert!([200, 201].contains(&alice.put(PROFILE, &described(text)).status));
        assert_eq!(alice.get(PROFILE).text("description"), text.trim());
    }
    let before = app.database.rows();
    let refused = |text: Value, code: &str| {
        alice.put(PROFILE, &json!({ "description": text })).error("/description", code);
    };
    refused(json!(""), "too_short");
    refused(json!(" \u{a0} "), "too_short");
    refused(json!("🐕".repeat(2001)), "too_long");
    for control in ["\0", "\n", "\t", "\r\n", "\u{7f}", "\u{85}", "\u{1b}"] {
        refused(json!(format!("One{control}dog")), "control_character");
    }
    refused(json!(1), "type");
    refused(json!(["One dog"]), "type");
    alice.put(PROFILE, &json!({})).error("/description", "required");
    alice.put(PROFILE, &json!({"description": "A", "user_id": 1})).error("/user_id", "unknown_field");
    assert_eq!(app.database.rows(), before);
}

fn what_i_got_i_can_send_back(app: &App) {
    let alice = app.sign_in("alice");
    alice.go_public();
    let got = alice.get(PROFILE).expect(200);
    let same = alice.put(PROFILE, &got.json).expect(200);
    assert_eq!(
        (&same.json["description"], &same.json["created_at"]),
        (&got.json["description"], &got.json["created_at"])
    );
}

fn everybody_has_a_profile_of_their_own(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    alice.put(PROFILE, &described("Alice's.")).expect(201);
    bob.get(PROFILE).expect(404);
    bob.put(PROFILE, &described("Bob's.")).expect(201);
    alice.delete(PROFILE).expect(204);
    assert_eq!(bob.get(PROFILE).expect(200).text("description"), "Bob's.");
}

/// The last line of defence is the schema itself.
fn two_profiles_cannot_even_be_stored(app: &App) {
    let alice = app.sign_in("alice");
    alice.go_public();
    let again = "INSERT INTO profiles (user_id, description, created_at, updated_at) \
                 SELECT user_id, description, created_at, updated_at FROM profiles";
    assert!(app.database.execute(again).is_err());
    app.database.execute("DELETE FROM users").expect("it cascades");
    assert_eq!(app.database.count("profiles"), 0);
}
