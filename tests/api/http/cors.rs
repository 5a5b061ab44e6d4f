//! Browsers: pages from the origins that are configured may read every answer, and pages from any other may read
//! none, however alike the other looks.

use actix_web::HttpResponse;
use actix_web::web::{self, ServiceConfig};
use serde_json::json;

use crate::support::process::Program;
use crate::support::sentence::ON_PURPOSE;
use crate::support::{Answer, App, Database, PASSWORD, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_page_that_may_reads_every_answer_errors_too,
        a_page_that_may_not_reads_no_answer,
        what_looks_like_an_allowed_origin_is_none,
        each_allowed_origin_is_answered_by_its_own_name,
        a_preflight_from_an_allowed_origin_is_answered_wherever_it_goes,
        a_preflight_from_another_origin_is_an_ordinary_options,
        options_without_a_question_is_no_preflight,
        a_preflight_is_not_counted_and_needs_no_token,
        without_origins_nothing_varies_and_nothing_is_allowed,
        headers_that_are_configured_may_be_sent_too,
        an_origin_that_may_not_call_is_told_once_with_what_to_set,
        a_header_that_may_not_be_sent_is_told_once_with_what_to_set,
    ]
}

const ALLOWED: &str = "https://app.example.com";
const ORIGINS: &str = "https://app.example.com, http://localhost:5173,https://xn--hnd-5qa.example";
const EXPOSED: [&str; 13] = [
    "accept-patch",
    "allow",
    "content-disposition",
    "etag",
    "idempotency-replayed",
    "link",
    "location",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "www-authenticate",
    "x-request-id",
    "x-total-count",
];

/// What a page may send: what we read, and what tracing and libraries put onto every request.
const SENT: [&str; 14] = [
    "accept",
    "authorization",
    "baggage",
    "cache-control",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "last-event-id",
    "sentry-trace",
    "traceparent",
    "tracestate",
    "x-request-id",
    "x-requested-with",
];

fn routes(config: &mut ServiceConfig) {
    config.route("/test/panic", web::get().to(in_a_handler));
}

async fn in_a_handler() -> HttpResponse {
    panic!("{ON_PURPOSE}")
}

fn open_to_pages(scene: &Database) -> App {
    let settings = [("CORS_ORIGINS", ORIGINS), ("SIGNUP_RATE", "2/1h")];
    App::with_routes(Database::fresh(scene.engine), &settings, routes)
}

/// The elements of a header that is a list, in lower case and in order.
#[track_caller]
fn list(answer: &Answer, name: &str) -> Vec<String> {
    let mut elements: Vec<_> = answer.header(name).split(',').map(|part| part.trim().to_ascii_lowercase()).collect();
    elements.sort();
    elements
}

fn varies(answer: &Answer) -> bool {
    let lists = answer.headers.get_all("vary").iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|name| name.trim().eq_ignore_ascii_case("origin"))
}

#[track_caller]
fn readable_by(answer: &Answer, origin: &str) {
    assert_eq!(answer.header("access-control-allow-origin"), origin, "{answer}");
    assert_eq!(answer.header("access-control-allow-credentials"), "true", "{answer}");
    assert!(varies(answer), "{answer}");
    if answer.method != "OPTIONS" {
        assert_eq!(list(answer, "access-control-expose-headers"), EXPOSED, "{answer}");
    }
}

#[track_caller]
fn readable_by_none(answer: &Answer) {
    let named = answer.headers.keys().find(|name| name.as_str().starts_with("access-control-"));
    assert_eq!(named, None, "{answer}");
}

/// One answer of each status that a page can get, asked for from this origin.
fn answers(app: &App, origin: &str) -> Vec<Answer> {
    let alice = app.sign_in("alice");
    let etag = alice.get("/me").etag().to_owned();
    let from = |more: &[(&'static str, &str)], method: &str, path: &str, body: Option<&[u8]>| {
        let headers: Vec<_> = [("Origin", origin)].into_iter().chain(more.iter().copied()).collect();
        alice.send(method, path, &headers, body)
    };
    let json = ("Content-Type", "application/json");
    let anon = |path: &str| app.anon().send("GET", path, &[("Origin", origin)], None);
    let signup = |name: &str| {
        let body = json!({"username": name, "email": format!("{name}@example.com"), "password": PASSWORD});
        app.anon().ask("POST", "/auth/signup", &[("Origin", origin)], Some(&body))
    };
    vec![
        anon("/").expect(200),
        anon("/dogs").expect(200),
        anon("/openapi.yaml").expect(200),
        from(&[], "GET", "/me", None).expect(200),
        from(&[], "HEAD", "/me", None).expect(200),
        from(&[json], "POST", "/dogowner/owners", Some(br#"{"name":"Ann"}"#)).expect(201),
        from(&[], "DELETE", "/dogowner/owners/1", None).expect(204),
        from(&[("If-None-Match", &etag)], "GET", "/me", None).expect(304),
        from(&[json], "POST", "/dogowner/owners", Some(b"{")).expect(400),
        anon("/me").expect(401),
        from(&[], "GET", "/nowhere", None).expect(404),
        from(&[], "GET", "/dogowner/owners/4711", None).expect(404),
        from(&[], "PUT", "/me", None).expect(405),
        from(&[], "FOO", "/dogs", None).expect(405),
        from(&[("Accept", "text/html")], "GET", "/me", None).expect(406),
        signup("alice").expect(409),
        from(&[("If-Match", "\"999\"")], "DELETE", "/me", None).expect(412),
        from(&[json], "POST", "/dogowner/owners", Some(&[b' '; 70_000])).expect(413),
        from(&[], "GET", &format!("/{}", "a".repeat(9000)), None).expect(414),
        from(&[("Content-Type", "text/plain")], "POST", "/dogowner/owners", Some(b"Ann")).expect(415),
        from(&[], "GET", "/me?colour=red", None).expect(422),
        signup("zoe").expect(429),
        from(&[("X-Long", &"a".repeat(17_000))], "GET", "/me", None).expect(431),
        anon("/test/panic").expect(500),
    ]
}

fn a_page_that_may_reads_every_answer_errors_too(scene: &Database) {
    for answer in answers(&open_to_pages(scene), ALLOWED) {
        readable_by(&answer, ALLOWED);
    }
}

fn a_page_that_may_not_reads_no_answer(scene: &Database) {
    for origin in ["https://evil.example", "null"] {
        for answer in answers(&open_to_pages(scene), origin) {
            readable_by_none(&answer);
            assert!(varies(&answer), "{answer}");
        }
    }
    let app = open_to_pages(scene);
    for path in ["/", "/dogs", "/me", "/nowhere", "/health/live"] {
        let answer = app.anon().get(path);
        readable_by_none(&answer);
        assert!(varies(&answer), "{answer}");
    }
}

fn what_looks_like_an_allowed_origin_is_none(scene: &Database) {
    let app = open_to_pages(scene);
    let alike = [
        "https://app.example.com.evil.example",
        "https://app.example.comevil.example",
        "https://evilapp.example.com",
        "https://evil.app.example.com",
        "https://example.com",
        "https://app.example.co",
        "http://app.example.com",
        "https://app.example.com:443",
        "https://app.example.com:8443",
        "https://app.example.com/",
        "https://app.example.com.",
        "https://APP.example.com",
        "HTTPS://app.example.com",
        "https://app.example.com, https://evil.example",
        "https://app.example.com https://evil.example",
        "https://app.example.com#@evil.example",
        "https://evil.example#https://app.example.com",
        "https://app.example.com@evil.example",
        "app.example.com",
        "//app.example.com",
        "http://localhost",
        "http://localhost:51730",
        "http://localhost:517",
        "https://localhost:5173",
        "http://127.0.0.1:5173",
        "file://",
        "*",
        "",
        "null",
    ];
    for origin in alike {
        for path in ["/", "/me"] {
            let answer = app.anon().send("GET", path, &[("Origin", origin)], None);
            readable_by_none(&answer);
            assert!(varies(&answer), "{answer}");
        }
    }
    let two = app.wire(format!(
        "GET / HTTP/1.1\r\nHost: kennel\r\nConnection: close\r\nOrigin: {ALLOWED}\r\nOrigin: https://evil.example\r\n\r\n"
    ));
    let allowed = two.header_if_any("access-control-allow-origin");
    assert!(allowed.is_none() || allowed == Some(ALLOWED), "{two}");
}

fn each_allowed_origin_is_answered_by_its_own_name(scene: &Database) {
    let app = open_to_pages(scene);
    for origin in ORIGINS.split(',').map(str::trim) {
        readable_by(&app.anon().send("GET", "/", &[("Origin", origin)], None), origin);
    }
}

fn preflight(app: &App, origin: &str, path: &str, method: &str) -> Answer {
    let headers = [
        ("Origin", origin),
        ("Access-Control-Request-Method", method),
        ("Access-Control-Request-Headers", "authorization, content-type, x-colour"),
    ];
    app.anon().send("OPTIONS", path, &headers, None)
}

const PATHS: [&str; 9] = [
    "/",
    "/me",
    "/me/password",
    "/auth/login",
    "/auth/refresh",
    "/dogowner/owners/4711",
    "/dogs",
    "/nowhere",
    "/dogowner/nowhere",
];

fn a_preflight_from_an_allowed_origin_is_answered_wherever_it_goes(scene: &Database) {
    let app = open_to_pages(scene);
    for path in PATHS {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "FOO"] {
            let answer = preflight(&app, ALLOWED, path, method).expect(204);
            readable_by(&answer, ALLOWED);
            let methods = ["delete", "get", "head", "patch", "post", "put"];
            assert_eq!(list(&answer, "access-control-allow-methods"), methods);
            assert_eq!(list(&answer, "access-control-allow-headers"), SENT);
            assert_eq!(answer.header("access-control-max-age"), "7200");
        }
    }
}

fn a_preflight_from_another_origin_is_an_ordinary_options(scene: &Database) {
    let app = open_to_pages(scene);
    for origin in ["https://evil.example", "null", "https://app.example.com.evil.example"] {
        for path in PATHS {
            let answer = preflight(&app, origin, path, "DELETE");
            readable_by_none(&answer);
            assert!(varies(&answer), "{answer}");
            assert_eq!(answer.status, app.anon().send("OPTIONS", path, &[], None).status, "{answer}");
        }
        preflight(&app, origin, "/me", "DELETE").expect(204).header("allow");
        preflight(&app, origin, "/nowhere", "DELETE").expect(404);
    }
}

fn options_without_a_question_is_no_preflight(scene: &Database) {
    let app = open_to_pages(scene);
    let answer = app.anon().send("OPTIONS", "/me", &[("Origin", ALLOWED)], None).expect(204);
    assert_eq!(answer.header("access-control-allow-origin"), ALLOWED);
    assert!(answer.header("allow").contains("PATCH"), "{answer}");
    assert!(answer.header_if_any("access-control-allow-methods").is_none(), "{answer}");
    app.anon().send("OPTIONS", "/nowhere", &[("Origin", ALLOWED)], None).expect(404);
}

fn a_preflight_is_not_counted_and_needs_no_token(scene: &Database) {
    let settings = [("CORS_ORIGINS", ALLOWED), ("USER_RATE", "1/1h"), ("IP_RATE", "3/1h"), ("LOGIN_RATE", "1/1h")];
    let app = App::with(Database::fresh(scene.engine), &settings);
    let alice = app.sign_in("alice");
    for _ in 0..5 {
        for path in PATHS {
            let answer = preflight(&app, ALLOWED, path, "POST").expect(204);
            assert!(answer.header_if_any("ratelimit").is_none(), "{answer}");
        }
    }
    alice.get("/me").expect(200);
    app.anon().get("/dogs").expect(200);
    let refused = app.anon().send("GET", "/dogs", &[("Origin", ALLOWED)], None).expect(429);
    readable_by(&refused, ALLOWED);
}

fn without_origins_nothing_varies_and_nothing_is_allowed(app: &App) {
    let alice = app.sign_in("alice");
    for origin in [ALLOWED, "null", "https://evil.example"] {
        for (method, path) in [("GET", "/"), ("GET", "/me"), ("GET", "/nowhere"), ("OPTIONS", "/me")] {
            let headers = [("Origin", origin), ("Access-Control-Request-Method", "DELETE")];
            let answer = alice.send(method, path, &headers, None);
            readable_by_none(&answer);
            assert!(!varies(&answer), "{answer}");
        }
    }
}

fn headers_that_are_configured_may_be_sent_too(scene: &Database) {
    let settings = [("CORS_ORIGINS", ALLOWED), ("CORS_HEADERS", " X-Tenant,x-csrf-token , X-Requested-With")];
    let app = App::with(Database::fresh(scene.engine), &settings);
    let sent = list(&preflight(&app, ALLOWED, "/me", "GET").expect(204), "access-control-allow-headers");
    for name in SENT.into_iter().chain(["x-tenant", "x-csrf-token"]) {
        assert!(sent.contains(&name.to_owned()), "{name} is none of {sent:?}");
    }
    assert!(!sent.contains(&"*".to_owned()));
}

fn an_origin_that_may_not_call_is_told_once_with_what_to_set(database: &Database) {
    let server =
        Program::on(database).set("CORS_ORIGINS", ALLOWED).set("LOG", "warn").set("LOG_FORMAT", "json").serve();
    let own = format!("http://{}", server.address);
    let strangers = ["https://evil.example", "http://localhost:5173", "null"];
    let long = format!("https://{}.example", "a".repeat(2_000));
    for origin in [ALLOWED, &own, &long].into_iter().chain(strangers) {
        for _ in 0..3 {
            server.anon().send("GET", "/dogs", &[("Origin", origin)], None).expect(200);
            let preflight = [("Origin", origin), ("Access-Control-Request-Method", "POST")];
            server.anon().send("OPTIONS", "/dogs", &preflight, None).expect(204);
        }
    }
    let made_up = |number: usize| format!("https://made-up-{number}.example");
    for number in 0..150 {
        server.anon().send("GET", "/health/live", &[("Origin", &made_up(number))], None).expect(200);
    }
    let ended = server.stop("TERM");
    let lines = |origin: &str| {
        let named: Vec<_> = ended.stderr.lines().filter(|line| line.contains(&format!("{origin}\""))).collect();
        assert!(named.iter().all(|line| line.contains("WARN")), "{named:?}");
        named
    };
    for origin in strangers {
        let told = lines(origin);
        assert_eq!(told.len(), 1, "{origin}: {told:?}");
        assert!(told[0].contains("CORS_ORIGINS") == (origin != "null"), "{told:?}");
    }
    for origin in [ALLOWED, &own, &long] {
        assert_eq!(lines(origin), Vec::<&str>::new(), "{origin}");
    }
    let told = (0..150).filter(|number| !lines(&made_up(*number)).is_empty()).count();
    assert_eq!(told + strangers.len(), 100, "a log has an end, however many origins are made up");
}

fn a_header_that_may_not_be_sent_is_told_once_with_what_to_set(database: &Database) {
    let program = Program::on(database).set("CORS_ORIGINS", ALLOWED).set("CORS_HEADERS", "X-Tenant");
    let server = program.set("LOG", "warn").set("LOG_FORMAT", "json").serve();
    for headers in ["x-colour", "authorization, X-Colour , x-tenant", "content-type,x-size", "a b, \u{e9}, *?!\"("] {
        let preflight = [
            ("Origin", ALLOWED),
            ("Access-Control-Request-Method", "POST"),
            ("Access-Control-Request-Headers", headers),
        ];
        server.anon().send("OPTIONS", "/dogs", &preflight, None).expect(204);
    }
    let ended = server.stop("TERM");
    let told: Vec<_> = ended.stderr.lines().filter(|line| line.contains("CORS_HEADERS")).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("x-colour") && told[1].contains("x-size"), "{told:?}");
}
