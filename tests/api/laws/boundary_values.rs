//! Values at their bounds and past them, and characters that trip programs up: the same on both databases.

use serde_json::{Value, json};

use crate::support::contract::{contract, fields};
use crate::support::walk::{NEVER, body, call, path, row};
use crate::support::{App, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_nul_is_refused_in_every_text_of_every_body,
        a_nul_in_a_path_or_a_query_is_refused,
        every_character_of_unicode_that_is_no_control_is_kept,
        sql_and_markup_are_only_text,
        numbers_past_every_bound_are_refused,
        who_has_to_mend_another_field_anyway_is_told_of_absent_rows_too,
        the_server_takes_the_texts_that_the_contract_takes_and_no_others,
        a_flood_of_keys_is_refused,
        deep_nesting_is_refused,
    ]
}

fn a_nul_is_refused_in_every_text_of_every_body(app: &App) {
    let alice = app.sign_in("alice");
    for operation in &contract().operations {
        let Some(good) = body(operation, |name| row(&alice, name)) else { continue };
        let path = path(operation, |name| row(&alice, name));
        // Whoever is logged out is nobody whom the others need.
        let actor = if operation.id == "logout" { app.anon() } else { alice.clone() };
        let rows = app.database.rows();
        for (name, text) in fields(&good).filter_map(|(name, value)| Some((name, value.as_str()?))) {
            for with_nul in [format!("{text}\0"), format!("\0{text}"), "\0".repeat(20)] {
                let mut body = good.clone();
                body[name] = json!(with_nul);
                let answer = call(&actor, operation, &path, Some(&body));
                // No account has a NUL in its name or password, and no session in its token, so one with a NUL is
                // only wrong.
                let refused: &[u16] = match operation.id.as_str() {
                    "login" => &[401, 422, 429],
                    "refresh" => &[401, 422],
                    "logout" => &[200, 422],
                    "replace_password" => &[422, 429],
                    _ => &[422],
                };
                assert!(refused.contains(&answer.status), "{name}: {answer}");
            }
        }
        assert_eq!(app.database.rows(), rows, "{}", operation.id);
    }
}

fn a_nul_in_a_path_or_a_query_is_refused(app: &App) {
    let alice = app.sign_in("alice");
    for path in
        ["/%00", "/me%00", "/dogowner/owners/%00", "/dogowner/owners%00", "/dogowner/%00owners", "/auth/login%00"]
    {
        let answer = alice.get(path);
        assert!([400, 404].contains(&answer.status), "{answer}");
    }
    for query in ["limit=%00", "limit=1%00", "cursor=%00", "%00=1", "limit%00=1", "colour=%00"] {
        alice.get(&format!("/dogowner/owners?{query}")).expect(422);
    }
    // Each parameter that the contract knows, wherever it does.
    for operation in &contract().operations {
        let path = path(operation, |name| row(&alice, name));
        for parameter in operation.parameters("query") {
            let body = body(operation, |name| row(&alice, name));
            for value in ["%00", "a%00", "%00a"] {
                call(&alice, operation, &format!("{path}?{parameter}={value}"), body.as_ref()).expect(422);
            }
        }
    }
}

fn every_character_of_unicode_that_is_no_control_is_kept(app: &App) {
    let alice = app.sign_in("alice");
    let characters: Vec<char> = (0..=0x10_ffff_u32)
        .step_by(97)
        .filter_map(char::from_u32)
        .filter(|c| !c.is_control() && !c.is_whitespace())
        .chain("\u{200b}\u{200d}\u{202e}\u{feff}\u{fffd}\u{fffe}\u{ffff}\u{10ffff}\u{e000}\u{ad}\u{2066}e\u{301}ﬁǅ🏳\u{fe0f}".chars())
        .collect();
    for part in characters.chunks(250) {
        let name: String = part.iter().collect();
        let created = alice.post("/dogowner/owners", &json!({ "name": name })).expect(201);
        assert_eq!(created.text("name"), name);
        assert_eq!(alice.get(created.header("location")).text("name"), name);
    }
}

fn sql_and_markup_are_only_text(app: &App) {
    let alice = app.sign_in("alice");
    let owner = alice.owner("Ann");
    for text in [
        "'; DROP TABLE owners; --",
        "' OR '1'='1",
        "\" OR \"\"=\"",
        "1); DELETE FROM users; --",
        "%",
        "_",
        "\\",
        "$1",
        "?1",
        ":name",
        "${jndi:ldap://x}",
        "{{7*7}}",
        "<script>alert(1)</script>",
        "../../etc/passwd",
        "%s%n",
        "null",
        "NaN",
        "\\u0000",
        "O'Neill",
    ] {
        let created = alice.post("/dogowner/dogs", &json!({"name": text, "owner_id": owner})).expect(201);
        assert_eq!(created.text("name"), text);
        let path = created.header("location");
        assert_eq!(
            alice.patch(path, &json!({"name": format!("{text}!")})).expect(200).text("name"),
            format!("{text}!")
        );
        let guess = json!({"username": text, "password": text});
        assert_eq!(app.anon().post("/auth/login", &guess).status, 401);
    }
    assert_eq!((app.database.count("users"), app.database.count("owners"), app.database.count("dogs")), (1, 1, 19));
}

fn numbers_past_every_bound_are_refused(app: &App) {
    let alice = app.sign_in("alice");
    let numbers = [
        "0",
        "-1",
        "-9223372036854775808",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "1e19",
        "1e400",
        "-1e400",
        "1.5",
        "0.1",
        "1e-1",
        "123456789012345678901234567890",
        "-0",
    ];
    for operation in &contract().operations {
        for field in operation.id_fields() {
            let path = path(operation, |name| row(&alice, name));
            let mut body = body(operation, |name| row(&alice, name)).expect("a body");
            let is_list = field.ends_with("_ids");
            body[&field] = json!("the number");
            let rows = app.database.rows();
            for number in numbers {
                let value = if is_list { format!("[{number}]") } else { number.to_owned() };
                let answer =
                    alice.send_text(&operation.method, &path, &body.to_string().replace("\"the number\"", &value));
                let unreadable = number.contains("e400") && answer.status == 400;
                assert!(unreadable || answer.status == 422, "{number}: {answer}");
                if answer.status == 422 {
                    let pointer = if is_list { format!("/{field}/0") } else { format!("/{field}") };
                    assert_eq!(answer.json["errors"][0]["pointer"], pointer, "{number}: {answer}");
                }
            }
            assert_eq!(app.database.rows(), rows, "{}", operation.id);
        }
    }
}

fn who_has_to_mend_another_field_anyway_is_told_of_absent_rows_too(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let (mine, his) = (alice.owner("Ann"), bob.owner("Ben"));
    let (dog, task) = (format!("/dogowner/dogs/{}", alice.dog("Rex", mine)), alice.task("Walk"));
    let (task, his_dog) = (format!("/dogowner/tasks/{task}"), bob.dog("Ivy", his));
    let rows = app.database.rows();
    let refusals = |owner: i64, dog_id: i64| {
        let refused = |method: &str, path: &str, body: Value, errors: &[(&str, &str)]| {
            let answer = alice.send_json(method, path, &body);
            let answer = errors.iter().fold(answer, |answer, (pointer, code)| answer.error(pointer, code));
            assert_eq!(answer.error_count(), errors.len(), "{answer}");
            answer
        };
        let (no_name, too_short) = (("/name", "required"), ("/name", "too_short"));
        let (no_owner, no_dog) = (("/owner_id", "not_found"), ("/dog_id", "not_found"));
        let co_owners = json!({"owner_id": mine, "co_owner_ids": [owner, "x"]});
        let one_by_one = [no_name, ("/co_owner_ids/0", "not_found"), ("/co_owner_ids/1", "type")];
        [
            refused("POST", "/dogowner/dogs", json!({ "owner_id": owner }), &[no_name, no_owner]),
            refused("POST", "/dogowner/dogs", co_owners, &one_by_one),
            refused("PUT", &dog, json!({ "owner_id": owner }), &[no_name, no_owner]),
            refused("PATCH", &dog, json!({"name": "", "owner_id": owner}), &[too_short, no_owner]),
            refused("POST", "/dogowner/tasks", json!({ "dog_id": dog_id }), &[no_name, no_dog]),
            refused("PATCH", &task, json!({"name": "", "dog_id": dog_id}), &[too_short, no_dog]),
            refused("POST", "/dogowner/dogs", json!({ "owner_id": mine }), &[no_name]),
        ]
    };
    for (of_his, never) in refusals(his, his_dog).iter().zip(&refusals(NEVER, NEVER)) {
        of_his.same_as(never);
    }
    assert_eq!(app.database.rows(), rows);
}

/// Texts of every length that is a bound somewhere, and one more, with white space and control characters.
fn texts() -> Vec<String> {
    let mut texts: Vec<String> =
        ["", " ", "\u{3000}", "\u{2028}\u{a0}", "a\nb", "\u{85}a", "a\u{7f}", "a\0", "\u{feff}", "\u{200b}"]
            .map(str::to_owned)
            .to_vec();
    for length in [1, 120, 121, 255, 256, 2000, 2001] {
        for letter in ["a", "ß", "🐕"] {
            texts.push(letter.repeat(length));
            texts.push(format!("\u{2003} {}\u{3000}", letter.repeat(length)));
        }
        texts.push(format!("a{}b", " ".repeat(length)));
    }
    texts
}

/// Lengths are in characters, not in bytes, and without the white space around them.
fn the_server_takes_the_texts_that_the_contract_takes_and_no_others(app: &App) {
    let alice = app.sign_in("alice");
    let mut checked = 0;
    for operation in &contract().operations {
        let Some(good) = body(operation, |name| row(&alice, name)) else { continue };
        let schema = operation.body_schema().expect("a body");
        for (name, field) in fields(&contract().at(&schema).1["properties"]) {
            let is_text = contract().resolve(field)["type"] == "string" && good[name].is_string();
            // An account's own texts and secrets have rules beside these, which the contract cannot tell.
            let own = ["username", "email", "password", "token"].iter().any(|own| name.ends_with(own));
            if !is_text || own {
                continue;
            }
            checked += 1;
            let path = path(operation, |name| row(&alice, name));
            for text in texts() {
                let mut body = good.clone();
                body[name] = json!(text);
                let answer = call(&alice, operation, &path, Some(&body));
                if contract().validate(&schema, &body).is_ok() {
                    assert_eq!(answer.status / 100, 2, "{name} {text:?}: {answer}");
                } else {
                    let answer = answer.expect(422).problem("validation-failed");
                    assert_eq!(answer.json["errors"][0]["pointer"], format!("/{name}"), "{text:?}: {answer}");
                }
            }
        }
    }
    assert!(checked > 8, "only {checked} texts were found");
}

fn a_flood_of_keys_is_refused(app: &App) {
    let alice = app.sign_in("alice");
    let flood: serde_json::Map<String, Value> = (0..5000).map(|number| (number.to_string(), json!(1))).collect();
    let mut flood = Value::Object(flood);
    flood["name"] = json!("Ann");
    let answer = alice.post("/dogowner/owners", &flood).expect(422).problem("validation-failed");
    assert!(answer.body.len() < 65_536, "the answer is no flood itself: {} bytes", answer.body.len());
    assert_eq!(app.database.count("owners"), 0);
}

fn deep_nesting_is_refused(app: &App) {
    let alice = app.sign_in("alice");
    for depth in [10, 100, 127, 128, 129, 1000, 10_000] {
        let value = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        for text in [format!(r#"{{"name":{value}}}"#), format!(r#"{{"name":"Ann","colour":{value}}}"#), value] {
            let answer = alice.send_text("POST", "/dogowner/owners", &text);
            assert!([400, 422].contains(&answer.status), "{depth}: {answer}");
        }
        let ignored = format!(r#"{{"name":"Ann","id":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
        let answer = alice.send_text("POST", "/dogowner/owners", &ignored);
        assert!([201, 400].contains(&answer.status), "{depth}: {answer}");
    }
}
