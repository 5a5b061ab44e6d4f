//! Who is asking, behind a proxy: what a proxy says of the caller counts if the proxy is one of ours, and what
//! anybody else says never does.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;

use crate::support::actor::Header;
use crate::support::client::Client;
use crate::support::{Answer, App, Database, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_trusted_proxy_tells_whom_it_speaks_for,
        from_anybody_else_the_header_counts_for_nothing,
        the_last_address_that_no_proxy_of_ours_has_is_the_caller,
        the_addresses_of_one_ipv6_network_are_one_caller,
        an_ipv4_address_is_the_same_in_its_ipv6_spelling,
        what_is_no_address_is_no_way_around_the_quota,
        proxies_may_be_named_one_by_one_or_as_networks,
        https_is_insisted_on_where_a_trusted_proxy_says_that_it_was_used,
    ]
}

/// A server behind the proxies with these addresses, where each caller may try two logins.
fn behind(scene: &Database, proxies: &str) -> App {
    let settings = [("TRUSTED_PROXIES", proxies), ("LOGIN_RATE", "2/1h")];
    App::with(Database::fresh(scene.engine), &settings)
}

/// The first source of the tests.
const PROXY: &str = "127.1.0.1";

/// A wrong login that comes from a client with these headers; each as somebody else.
fn log_in(client: &Client, headers: &[Header<'_>]) -> Answer {
    static LOGINS: AtomicU32 = AtomicU32::new(0);
    let name = format!("user-{}", LOGINS.fetch_add(1, Ordering::Relaxed));
    let body = json!({"username": name, "password": "not the password"});
    client.anon().ask("POST", "/auth/login", headers, Some(&body))
}

/// How many of some logins through a client are looked at, each with one of these as `X-Forwarded-For`.
fn looked_at(client: &Client, forwarded: &[&str]) -> usize {
    let count = |value: &&&str| {
        let answer = log_in(client, &[("X-Forwarded-For", value)]);
        assert!(answer.status == 401 || answer.json["type"] == "/problems/too-many-requests", "{answer}");
        answer.status == 401
    };
    forwarded.iter().filter(count).count()
}

fn a_trusted_proxy_tells_whom_it_speaks_for(scene: &Database) {
    let app = behind(scene, PROXY);
    let proxy = app.from(1);
    for caller in ["203.0.113.7", "203.0.113.8", "2001:db8::1", "127.0.0.1"] {
        assert_eq!(looked_at(&proxy, &[caller; 4]), 2, "{caller}");
    }
    // It has a quota for itself, as any caller has.
    assert_eq!([0; 3].map(|_| log_in(&proxy, &[]).status), [401, 401, 429]);
}

fn from_anybody_else_the_header_counts_for_nothing(scene: &Database) {
    let app = behind(scene, PROXY);
    let callers = ["203.0.113.1", "203.0.113.2", PROXY, "127.0.0.1", "::1", "203.0.113.3"];
    assert_eq!(looked_at(&app, &callers), 2);
    assert_eq!(looked_at(&app.from(2), &callers), 2);
    let alone = App::with(Database::fresh(scene.engine), &[("LOGIN_RATE", "2/1h")]);
    assert_eq!(looked_at(&alone, &callers), 2, "without a proxy");
}

fn the_last_address_that_no_proxy_of_ours_has_is_the_caller(scene: &Database) {
    let app = behind(scene, "127.1.0.1, 10.0.0.0/8");
    let proxy = app.from(1);
    // Whatever stands before the caller was said by the caller.
    let same = ["203.0.113.7", "198.51.100.1, 203.0.113.7", "10.0.0.9,203.0.113.7", "x, 203.0.113.7, 10.1.2.3"];
    assert_eq!(looked_at(&proxy, &same), 2);
    assert_eq!(looked_at(&proxy, &["203.0.113.7, 10.1.2.3, 127.1.0.1,10.255.255.255"]), 0);
    assert_eq!(looked_at(&proxy, &["203.0.113.7, 198.51.100.1"; 3]), 2);
    let in_two_lines =
        |first: &str, last: &str| log_in(&proxy, &[("X-Forwarded-For", first), ("X-Forwarded-For", last)]).status;
    assert_eq!(in_two_lines("203.0.113.99", "203.0.113.7"), 429, "the last line was added last");
    assert_eq!(in_two_lines("203.0.113.7", "203.0.113.99"), 401);
}

fn the_addresses_of_one_ipv6_network_are_one_caller(scene: &Database) {
    let app = behind(scene, PROXY);
    let proxy = app.from(1);
    let one = ["2001:db8:1:2::1", "2001:DB8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::", "2001:0db8:0001:0002::9"];
    assert_eq!(looked_at(&proxy, &one), 2);
    assert_eq!(looked_at(&proxy, &["2001:db8:1:3::1", "2001:db8:1:3::2", "2001:db8:1:3::3"]), 2);
    assert_eq!(looked_at(&proxy, &["2001:db8:1:2::1"]), 0);
}

fn an_ipv4_address_is_the_same_in_its_ipv6_spelling(scene: &Database) {
    let app = behind(scene, PROXY);
    let proxy = app.from(1);
    assert_eq!(looked_at(&proxy, &["203.0.113.7", "::ffff:203.0.113.7", "::ffff:cb00:7107"]), 2);
    assert_eq!(looked_at(&proxy, &["::ffff:203.0.113.8"]), 1, "not all of them are one network");
}

fn what_is_no_address_is_no_way_around_the_quota(scene: &Database) {
    let app = behind(scene, PROXY);
    let proxy = app.from(1);
    let long = "x".repeat(2000);
    let nonsense = ["unknown", "", ",", "_hidden", "203.0.113.256", "1", "203.0.113.7 203.0.113.8", &long, "a, b, c"];
    assert_eq!(looked_at(&proxy, &nonsense), 2, "all of them are the proxy");
}

fn proxies_may_be_named_one_by_one_or_as_networks(scene: &Database) {
    for proxies in ["127.1.0.0/16", " 10.0.0.1 , 127.1.0.1 ", "::1,127.0.0.0/8", "127.1.0.1/32", "0.0.0.0/0"] {
        let app = behind(scene, proxies);
        assert_eq!(looked_at(&app.from(1), &["2001:db8::1", "2001:db8:0:1::1", "2001:db8:0:2::1"]), 3, "{proxies}");
    }
    for proxies in ["127.2.0.0/16", "127.1.0.2", "::1", "127.1.0.0/32"] {
        let app = behind(scene, proxies);
        assert_eq!(looked_at(&app.from(1), &["2001:db8::1", "2001:db8:0:1::1", "2001:db8:0:2::1"]), 2, "{proxies}");
    }
}

fn https_is_insisted_on_where_a_trusted_proxy_says_that_it_was_used(scene: &Database) {
    let app = behind(scene, PROXY);
    let (proxy, other) = (app.from(1), app.from(2));
    let insists = |client: &Client, path: &str, scheme: &[Header<'_>]| {
        let answer = client.anon().send("GET", path, scheme, None);
        answer.header_if_any("strict-transport-security").map(str::to_owned)
    };
    let https = [("X-Forwarded-Proto", "https")];
    for path in ["/", "/health/live", "/me", "/nowhere", "/auth/login", "/dogs?colour=red", "/dogowner/owners"] {
        assert_eq!(insists(&proxy, path, &https).as_deref(), Some("max-age=31536000"), "{path}");
        assert_eq!(insists(&proxy, path, &[("X-Forwarded-Proto", "http")]), None, "{path}");
        assert_eq!(insists(&proxy, path, &[]), None, "{path}");
        assert_eq!(insists(&other, path, &https), None, "{path}");
        assert_eq!(insists(&app, path, &https), None, "{path}");
    }
    let answer = proxy.anon().send("OPTIONS", "/me", &https, None).expect(204);
    assert_eq!(answer.header("strict-transport-security"), "max-age=31536000");
}
