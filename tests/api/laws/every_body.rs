//! The law of shape, part two: every operation that takes a body, with bodies that are none.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::contract::{Operation, contract, fields};
use crate::support::walk::{body, call, path, row};
use crate::support::wire::exchange;
use crate::support::{Actor, Answer, App, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_good_body_is_good,
        a_body_that_is_not_one_json_document_is_400,
        a_key_that_comes_twice_is_400_at_any_depth,
        a_body_that_is_not_an_object_is_422,
        a_body_that_is_not_sent_as_json_is_415,
        a_json_body_may_say_that_it_is_in_utf_8_and_begin_with_a_byte_order_mark,
        a_merge_patch_changes_what_it_names,
        options_tells_what_a_patch_is_sent_as,
        a_body_above_the_limit_is_413,
        an_unknown_field_is_refused_wherever_there_is_a_body,
        read_only_fields_are_ignored_whatever_they_hold,
        each_field_refuses_each_type_that_it_is_not,
    ]
}

/// What PATCH takes.
const PATCHES: &str = "application/merge-patch+json, application/json";

/// For each operation with a body: alice, the operation, a path and a good body.
fn each_body(app: &App, mut told: impl FnMut(&Actor<'_>, &Operation, &str, Value)) {
    let alice = app.sign_in("alice");
    for operation in &contract().operations {
        let Some(mut body) = body(operation, |name| row(&alice, name)) else { continue };
        // Whoever is logged out is nobody whom the others need.
        let actor = if operation.id == "logout" { app.anon() } else { alice.clone() };
        if operation.id == "signup" {
            body["username"] = json!("zoe");
            body["email"] = json!("zoe@example.com");
        }
        told(&actor, operation, &path(operation, |name| row(&alice, name)), body);
    }
}

/// Sends each text to each operation as JSON; nothing may change.
fn each_text(app: &App, texts: impl Fn(&str) -> Vec<Vec<u8>>, told: impl Fn(Answer, &[u8])) {
    each_body(app, |alice, operation, path, body| {
        let rows = app.database.rows();
        for text in texts(&body.to_string()) {
            // That is no body at all.
            if text.is_empty() && operation.may_have_no_body() {
                continue;
            }
            let headers = [("Content-Type", "application/json")];
            told(alice.send(&operation.method, path, &headers, Some(&text)), &text);
        }
        assert_eq!(app.database.rows(), rows, "{}", operation.id);
    });
}

/// Whether the body was taken for what it is. (That a token in it is no good has to be found out first.)
fn is_understood(answer: &Answer) -> bool {
    let is_refused = [400, 413, 415, 422].contains(&answer.status);
    !is_refused || answer.json["type"] == "/problems/invalid-or-used-token"
}

/// Without this the other sentences would prove nothing.
fn a_good_body_is_good(app: &App) {
    each_body(app, |alice, operation, path, body| {
        let answer = call(alice, operation, path, Some(&body));
        // The example's password is not alice's, and no token is from here.
        let is_refused =
            ["login", "refresh", "reset_password", "verify_email", "cancel_email"].contains(&operation.id.as_str());
        assert_eq!(answer.status / 100, if is_refused { 4 } else { 2 }, "{answer}");
        assert!(is_understood(&answer), "{answer}");
    });
}

fn a_body_that_is_not_one_json_document_is_400(app: &App) {
    let texts = |good: &str| {
        let mut texts: Vec<Vec<u8>> = [
            "",
            " ",
            "{",
            "}",
            "{]",
            "name=Ann",
            "{'name':'Ann'}",
            "{name:\"Ann\"}",
            "nul",
            "NaN",
            "{\"a\":01}",
            "{\"a\":1,}",
            "[1,]",
            "{\"a\":+1}",
            "{\"a\":.5}",
            "{\"a\":\"\u{1}\"}",
            "\"\\ud800\"",
            "\"\\x41\"",
            "// {}",
            "{}/**/",
            "{}{}",
            "{} x",
        ]
        .map(|text| text.as_bytes().to_vec())
        .to_vec();
        texts.push(format!("{good}{good}").into_bytes());
        texts.push(format!("{good} 1").into_bytes());
        texts.push(format!("{good}\0").into_bytes());
        texts.push(format!("\u{feff}\u{feff}{good}").into_bytes());
        texts.push(format!(" \u{feff}{good}").into_bytes());
        texts.push(format!("{good}\u{feff}").into_bytes());
        texts.push(good.as_bytes()[..good.len() - 1].to_vec());
        texts.push(good.encode_utf16().flat_map(u16::to_le_bytes).collect());
        texts.push(b"{\"name\":\"\xff\"}".to_vec());
        texts.push(b"{\"name\":\"\xc3\x28\"}".to_vec());
        texts.push(b"{\"name\":\"\xed\xa0\x80\"}".to_vec());
        texts.push("[".repeat(30_000).into_bytes());
        texts.push("{\"a\":".repeat(10_000).into_bytes());
        texts
    };
    each_text(app, texts, |answer, _| drop(answer.expect(400).problem("malformed-json")));
}

fn a_key_that_comes_twice_is_400_at_any_depth(app: &App) {
    let texts = |good: &str| {
        let with = |extra: &str| good.replacen('{', &format!("{{{extra},"), 1).into_bytes();
        vec![
            br#"{"name":"Ann","name":"Ann"}"#.to_vec(),
            br#"{"x":{"y":1,"y":2}}"#.to_vec(),
            br#"[{"y":[{"z":1,"z":1}]}]"#.to_vec(),
            br#"{"name":"Ann","n\u0061me":"Mia"}"#.to_vec(),
            with(r#""id":1,"id":2"#),
            with(r#""id":{"a":[{"b":1,"b":1}]}"#),
        ]
    };
    each_text(app, texts, |answer, _| drop(answer.expect(400).problem("malformed-json")));
}

fn a_body_that_is_not_an_object_is_422(app: &App) {
    let texts =
        |_: &str| ["[]", "null", "1", "\"Ann\"", "true", "[{}]", " [ ] "].map(|text| text.as_bytes().to_vec()).to_vec();
    each_text(app, texts, |answer, _| drop(answer.error("", "type")));
}

fn a_body_that_is_not_sent_as_json_is_415(app: &App) {
    each_body(app, |alice, operation, path, body| {
        let (rows, body) = (app.database.rows(), body.to_string());
        let types = [
            "text/plain",
            "text/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/xml",
            "application/jsonp",
            "application/json-patch+json",
            "application/json; charset=latin1",
            "json",
            "",
            "*/*",
            "application/json, text/plain",
            "application/json; charset=utf-16",
            "application/json; charset=utf-8; charset=latin1",
            "application/json; charset=us-ascii",
            "application/json; charset=",
            "application/merge-patch+json; charset=latin1",
            "application/merge-patch",
        ];
        let of_patches = ["application/merge-patch+json"];
        let is_patch = operation.method == "PATCH";
        for media_type in types.iter().chain(of_patches.iter().filter(|_| !is_patch)) {
            let answer = alice.send(&operation.method, path, &[("Content-Type", media_type)], Some(body.as_bytes()));
            let answer = answer.expect(415).problem("unsupported-media-type");
            assert_eq!(answer.header_if_any("accept-patch"), is_patch.then_some(PATCHES), "{answer}");
        }
        alice.send(&operation.method, path, &[], Some(body.as_bytes())).expect(415);
        for encoding in ["gzip", "br", "deflate", "zstd", "gzip, identity"] {
            let headers = [("Content-Type", "application/json"), ("Content-Encoding", encoding)];
            alice.send(&operation.method, path, &headers, Some(body.as_bytes())).expect(415);
        }
        assert_eq!(app.database.rows(), rows, "{}", operation.id);
    });
}

fn a_json_body_may_say_that_it_is_in_utf_8_and_begin_with_a_byte_order_mark(app: &App) {
    each_body(app, |alice, operation, path, mut body| {
        let mut types = vec![
            "application/json; charset=utf-8",
            "application/json;charset=\"UTF-8\"",
            "Application/JSON",
            "application/json; charset=utf8",
            "application/json;CHARSET=UTF8",
            "application/json; charset=\"Utf8\"; by=x",
        ];
        if operation.method == "PATCH" {
            types.extend(["application/merge-patch+json", "Application/Merge-Patch+JSON;charset=utf8"]);
        }
        let mut number = 0;
        for media_type in types {
            for mark in ["", "\u{feff}"] {
                number += 1;
                if operation.id == "signup" {
                    body["username"] = json!(format!("zoe-{number}"));
                    body["email"] = json!(format!("zoe-{number}@example.com"));
                }
                let headers = [("Content-Type", media_type), ("Content-Encoding", "identity")];
                let text = format!("{mark}{body}");
                let answer = alice.send(&operation.method, path, &headers, Some(text.as_bytes()));
                assert!(is_understood(&answer), "{media_type}: {answer}");
            }
        }
    });
}

fn a_merge_patch_changes_what_it_names(app: &App) {
    let alice = app.sign_in("alice");
    let dog = alice.dog("Rex", alice.owner("Ann"));
    let path = format!("/dogowner/dogs/{dog}");
    let patch = |media_type: &str, body: &str| {
        alice.send("PATCH", &path, &[("Content-Type", media_type)], Some(body.as_bytes())).expect(200)
    };
    let changed = patch("application/merge-patch+json", r#"{"born_on":"2024-05-01"}"#);
    assert_eq!((changed.text("name"), changed.text("born_on")), ("Rex", "2024-05-01"));
    let cleared = patch("application/merge-patch+json", "\u{feff}{\"born_on\":null,\"name\":\"Lex\"}");
    assert_eq!((cleared.text("name"), &cleared.json["born_on"]), ("Lex", &Value::Null));
    patch("application/json", "{}");
}

fn options_tells_what_a_patch_is_sent_as(app: &App) {
    let alice = app.sign_in("alice");
    let patched: BTreeSet<_> =
        contract().operations.iter().filter(|one| one.method == "PATCH").map(|one| one.path.as_str()).collect();
    assert!(patched.len() > 3, "{patched:?}");
    for operation in &contract().operations {
        let answer = app.anon().send("OPTIONS", &path(operation, |name| row(&alice, name)), &[], None).expect(204);
        let takes_patches = patched.contains(operation.path.as_str());
        assert_eq!(answer.header_if_any("accept-patch"), takes_patches.then_some(PATCHES), "{answer}");
    }
}

fn a_body_above_the_limit_is_413(app: &App) {
    let token = app.sign_in("mia").token().to_owned();
    each_body(app, |alice, operation, path, body| {
        let body = body.to_string();
        let padded = |length: usize| format!("{body}{}", " ".repeat(length - body.len()));
        let rows = app.database.rows();
        let limit = operation.body_limit();
        for length in [limit + 1, limit + 5_000, limit + (1 << 20)] {
            // What is refused by its length alone is not waited for, and a client that sends much more than fits the
            // buffers on the way may find out by a broken connection: this one sends none of it.
            let head = format!(
                "{} {path} HTTP/1.1\r\nHost: kennel\r\nAuthorization: Bearer {token}\r\n\
                 Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n",
                operation.method
            );
            exchange(app, head.as_bytes()).expect(413).problem("content-too-large");
        }
        assert_eq!(app.database.rows(), rows, "{}", operation.id);
        let at_the_limit = alice.send_text(&operation.method, path, &padded(limit));
        assert!(is_understood(&at_the_limit), "{at_the_limit}");
    });
}

fn an_unknown_field_is_refused_wherever_there_is_a_body(app: &App) {
    each_body(app, |alice, operation, path, body| {
        let rows = app.database.rows();
        for (field, pointer) in [
            ("colour", "/colour"),
            ("", "/"),
            ("Name", "/Name"),
            ("name ", "/name "),
            ("a/b~c", "/a~1b~0c"),
            ("__proto__", "/__proto__"),
            ("ID", "/ID"),
            ("version", "/version"),
            ("role", "/role"),
            ("password_hash", "/password_hash"),
        ] {
            let mut body = body.clone();
            body[field] = json!(1);
            let answer = call(alice, operation, path, Some(&body));
            // The contract's own words may be shown where the caller said them first.
            let refused = answer.error(pointer, "unknown_field");
            assert_eq!(refused.error_count(), 1);
            let told = refused.json["errors"][0]["detail"].as_str().expect("a detail").trim_end_matches('.');
            let told: BTreeSet<_> = told.split([' ', ',']).collect();
            let schema = operation.body_schema().expect("it has a body");
            for (known, field) in fields(&contract().at(&schema).1["properties"]) {
                let can_be_set = contract().resolve(field)["readOnly"] != true;
                assert!(told.contains(known.as_str()) == can_be_set || known == "name", "{known}: {refused}");
            }
        }
        assert_eq!(app.database.rows(), rows, "{}", operation.id);
    });
}

fn read_only_fields_are_ignored_whatever_they_hold(app: &App) {
    each_body(app, |alice, operation, path, mut body| {
        let schema = operation.body_schema().expect("it has a body");
        let read_only: Vec<_> = fields(&contract().at(&schema).1["properties"])
            .filter(|(_, field)| contract().resolve(field)["readOnly"] == true)
            .map(|(name, _)| name.clone())
            .collect();
        for (number, value) in [json!(1), json!("x"), Value::Null, json!([{"deep": []}])].into_iter().enumerate() {
            for field in &read_only {
                body[field] = value.clone();
            }
            if operation.id == "signup" {
                body["username"] = json!(format!("zoe-{number}"));
                body["email"] = json!(format!("zoe-{number}@example.com"));
            }
            let answer = call(alice, operation, path, Some(&body));
            assert!(is_understood(&answer), "{answer}");
        }
    });
}

/// What the contract says a field cannot be, the server refuses at that field, and nothing else.
fn each_field_refuses_each_type_that_it_is_not(app: &App) {
    each_body(app, |alice, operation, path, good| {
        let schema = operation.body_schema().expect("it has a body");
        let rows = app.database.rows();
        for (name, _) in fields(&contract().at(&schema).1["properties"]) {
            for wrong in [
                Value::Null,
                json!(true),
                json!(1),
                json!(-1),
                json!(1.5),
                json!(1e300),
                json!([]),
                json!({}),
                json!(""),
            ] {
                let mut body = good.clone();
                body[name] = wrong;
                if contract().validate(&schema, &body).is_ok() {
                    continue;
                }
                let answer = call(alice, operation, path, Some(&body)).expect(422).problem("validation-failed");
                // Of an object that lacks a field it is that one.
                let pointer = answer.json["errors"][0]["pointer"].as_str().unwrap_or_default();
                let is_there = pointer == format!("/{name}") || pointer.starts_with(&format!("/{name}/"));
                assert!(is_there, "{body}: {answer}");
                assert_eq!(answer.error_count(), 1, "{body}: {answer}");
            }
        }
        assert_eq!(app.database.rows(), rows, "{}", operation.id);
    });
}
