//! Paths that try to be others: no spelling gets past the gate, and only an id is an id.

use crate::support::contract::contract;
use crate::support::walk::NEVER;
use crate::support::{App, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        no_spelling_of_a_path_gets_past_the_gate,
        no_spelling_of_a_path_shows_a_strangers_row,
        no_header_changes_the_method_or_the_path,
        only_a_number_in_plain_digits_is_an_id,
        an_address_that_is_too_long_is_414,
        an_absolute_address_is_read_as_its_path,
        a_path_in_another_spelling_has_the_headers_of_its_own,
    ]
}

/// Spellings of a path that a careless router or proxy takes for the path itself.
fn spellings(path: &str) -> Vec<String> {
    let segments: Vec<_> = path.split('/').skip(1).collect();
    let (first, last) = (segments[0], segments[segments.len() - 1]);
    let encoded_slash = path.replacen('/', "%2f", 9);
    let in_the_middle = |what: &str| path.replace('/', what);
    let mut spellings = vec![
        format!("/{path}"),
        format!("/.{path}"),
        format!("/..{path}"),
        format!("/x/..{path}"),
        format!("/auth/..{path}"),
        format!("/auth/%2e%2e{path}"),
        format!("/health/live/../..{path}"),
        format!("/openapi.yaml/..{path}"),
        format!("{path}/"),
        format!("{path}//"),
        format!("{path}/."),
        format!("{path}/.."),
        format!("{path}/../{last}"),
        format!("{path}/%2e"),
        format!("{path};x"),
        format!("{path};x=1"),
        format!("{path}%3bx"),
        format!("{path}.json"),
        format!("{path}%20"),
        format!("{path}%00"),
        format!("{path}%0a"),
        format!("{path}%23"),
        format!("{path}%3f"),
        format!("{path}?"),
        format!("{path}#x"),
        format!("/{encoded_slash}"),
        in_the_middle("//"),
        in_the_middle("/./"),
        in_the_middle("/%2e/"),
        in_the_middle("%5c"),
        in_the_middle("\\"),
        path.to_uppercase(),
        path.replacen(first, &first[..1].to_uppercase(), 1) + &first[1..],
    ];
    let byte = first.as_bytes()[0];
    spellings.push(path.replacen(char::from(byte), &format!("%{byte:02x}"), 1));
    spellings.push(path.replacen(char::from(byte), &format!("%25{byte:02x}"), 1));
    spellings
}

/// Sends the path as it is, without what an HTTP library would do to it.
fn raw(app: &App, path: &str, headers: &str) -> crate::support::Answer {
    app.wire(format!("GET {path} HTTP/1.1\r\nHost: kennel\r\nConnection: close\r\n{headers}\r\n"))
}

fn no_spelling_of_a_path_gets_past_the_gate(app: &App) {
    let alice = app.sign_in("alice");
    let owner = alice.owner("Ann");
    for path in [
        "/me".to_owned(),
        "/dogowner/owners".to_owned(),
        "/dogowner/dog".to_owned(),
        format!("/dogowner/owners/{owner}"),
    ] {
        for spelling in spellings(&path) {
            let answer = raw(app, &spelling, "");
            assert!([400, 401, 404].contains(&answer.status), "{answer}");
        }
    }
}

fn no_spelling_of_a_path_shows_a_strangers_row(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let path = format!("/dogowner/owners/{}", alice.owner("Ann, whom bob never sees"));
    let token = format!("Authorization: Bearer {}\r\n", bob.token());
    for spelling in spellings(&path) {
        let answer = raw(app, &spelling, &token);
        assert!([400, 404].contains(&answer.status), "{answer}");
        assert!(!String::from_utf8_lossy(&answer.body).contains("Ann, whom"), "{answer}");
    }
}

fn no_header_changes_the_method_or_the_path(app: &App) {
    let alice = app.sign_in("alice");
    let owner = alice.owner("Ann");
    let path = format!("/dogowner/owners/{owner}");
    for (name, value) in [
        ("X-HTTP-Method-Override", "DELETE"),
        ("X-HTTP-Method", "DELETE"),
        ("X-Method-Override", "DELETE"),
        ("X-Original-URL", "/health/live"),
        ("X-Rewrite-URL", "/health/live"),
        ("X-Forwarded-Prefix", "/health"),
        ("X-Forwarded-User", "alice"),
        ("X-User-Id", "1"),
    ] {
        app.anon().send("GET", &path, &[(name, value)], None).expect(401);
        alice.send("GET", &path, &[(name, value)], None).expect(200);
        alice.send("POST", &path, &[(name, value)], None).expect(405);
    }
    assert_eq!(alice.get("/dogowner/owners").ids(), [owner]);
}

fn only_a_number_in_plain_digits_is_an_id(app: &App) {
    let alice = app.sign_in("alice");
    let owner = alice.owner("Ann");
    let digits = "9".repeat(1000);
    let no_ids = [
        "-1",
        "0",
        "00",
        "2147483648",
        "9007199254740993",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551617",
        "1e3",
        "1.0",
        "1,0",
        "0x1",
        "%00",
        "1%00",
        "%001",
        "%201",
        "1%20",
        "+1",
        "%2B1",
        "01",
        "１",
        "%EF%BC%91",
        "null",
        "NaN",
        "me",
        "*",
        "1'--",
        "%27",
        "1%3B",
        "1;2",
        "{owner_id}",
        "%7Bowner_id%7D",
        "..",
        "%2e%2e",
        "%FF",
        "%",
        "%zz",
        &digits,
    ];
    let rooms = contract().lists().filter(|list| !list.path.contains('{')).map(|list| list.path.as_str());
    for room in rooms {
        for no_id in no_ids {
            if no_id == "9223372036854775807" || no_id == "1" {
                continue;
            }
            let is_of_a_row = |path: &str| {
                path.strip_prefix(room).is_some_and(|rest| rest.starts_with("/{") && rest.matches('/').count() == 1)
            };
            let of_rows = contract().operations.iter().filter(|operation| is_of_a_row(&operation.path));
            for method in of_rows.map(|operation| &operation.method).filter(|method| *method != "PUT") {
                let request = format!(
                    "{method} {room}/{no_id} HTTP/1.1\r\nHost: kennel\r\nConnection: close\r\n\
                     Authorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}",
                    alice.token()
                );
                let answer = app.wire(request);
                assert!([400, 404].contains(&answer.status), "{answer}");
            }
        }
    }
    let dog = alice.dog("Rex", owner);
    for no_id in no_ids.iter().filter(|no_id| !no_id.contains(['/', '#'])) {
        for (method, path) in [
            ("PUT", format!("/dogowner/dogs/{dog}/co-owners/{no_id}")),
            ("DELETE", format!("/dogowner/dogs/{no_id}/co-owners/{owner}")),
        ] {
            let token = format!("Authorization: Bearer {}\r\n", alice.token());
            let answer =
                app.wire(format!("{method} {path} HTTP/1.1\r\nHost: kennel\r\nConnection: close\r\n{token}\r\n"));
            assert!([400, 404].contains(&answer.status), "{answer}");
        }
    }
    let never = alice.get(&format!("/dogowner/owners/{NEVER}")).expect(404);
    alice.get("/dogowner/owners/9223372036854775807").same_as(&never);
    alice.get("/dogowner/owners/no-number").same_as(&never);
    assert_eq!(alice.get("/dogowner/owners").ids(), [owner]);
}

fn an_address_that_is_too_long_is_414(app: &App) {
    let alice = app.sign_in("alice");
    for path in ["/dogowner/owners?cursor=", "/nowhere/", "/dogowner/owners/"] {
        let long = format!("{path}{}", "a".repeat(8193 - path.len()));
        alice.get(&long).expect(414).problem("uri-too-long");
        assert_ne!(alice.get(&long[..8192]).status, 414);
    }
}

/// RFC 9112 §3.2.2: a server must accept the absolute form.
fn an_absolute_address_is_read_as_its_path(app: &App) {
    let alice = app.sign_in("alice");
    let token = format!("Authorization: Bearer {}\r\n", alice.token());
    let answer = raw(app, &format!("http://{}/me", app.address), &token);
    assert_eq!(answer.expect(200).text("username"), "alice");
    raw(app, &format!("http://{}/me", app.address), "").expect(401);
}

fn a_path_in_another_spelling_has_the_headers_of_its_own(app: &App) {
    let alice = app.sign_in("alice");
    for name in ["Ann", "Bea"] {
        alice.owner(name);
    }
    let token = format!("Authorization: Bearer {}\r\n", alice.token());
    assert_eq!(raw(app, "/%6d%65", &token).expect(200).header("cache-control"), "no-store, no-transform");
    let page = raw(app, "/%64ogowner/%6fwner?limit=1", &token).expect(200);
    assert_eq!(page.header("cache-control"), "private, no-cache");
    assert!(page.header("link").starts_with("</dogowner/owners?limit=1&cursor="), "{page}");
}
