//! Values at their bounds and past them, and characters that trip programs up: the same on both databases.

use serde_json::{Value, json};

use crate::every_route::{body, call, path, row};
use crate::support::contract::{contract, fields};
use crate::support::{App, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_nul_is_refused_in_every_text_of_every_body,
        a_nul_in_a_path_or_a_query_is_refused,
        every_character_of_unicode_that_is_no_control_is_kept,
        sql_and_markup_are_only_text,
        numbers_past_every_bound_are_refused,
        a_flood_of_keys_is_refused,
        deep_nesting_is_refused,
    ]
}

fn a_nul_is_refused_in_every_text_of_every_body(app: &App) {
    let alice = app.sign_in("alice");
    for operation in &contract().operations {
        let Some(good) = body(operation, |name| row(&alice, name)) else { continue };
        let path = path(operation, |name| row(&alice, name));
        let rows = app.database.rows();
        for (name, text) in fields(&good).filter_map(|(name, value)| Some((name, value.as_str()?))) {
            for with_nul in [format!("{text}\0"), format!("\0{text}"), "\0".repeat(20)] {
                let mut body = good.clone();
                body[name] = json!(with_nul);
                let answer = call(&alice, operation, &path, Some(&body));
                // No account has a NUL in its name or password, so a login with one is only wrong.
                let refused =
                    if operation.id == "login" { [401, 422].contains(&answer.status) } else { answer.status == 422 };
                assert!(refused, "{name}: {answer}");
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
    for number in numbers {
        let text = format!(r#"{{"name":"Rex","owner_id":{number}}}"#);
        let answer = alice.send_text("POST", "/dogowner/dogs", &text);
        let unreadable = number.contains("e400") && answer.status == 400;
        assert!(unreadable || answer.status == 422, "{number}: {answer}");
        if answer.status == 422 {
            assert_eq!(answer.json["errors"][0]["pointer"], "/owner_id", "{number}: {answer}");
        }
    }
    assert_eq!(app.database.count("dogs"), 0);
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
