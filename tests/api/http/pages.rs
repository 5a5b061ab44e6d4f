//! The pages for people: who gets one, what a browser lets it do, and what it loads.

use std::collections::BTreeSet;
use std::io::Read;

use kennel::problem::Kind;

use crate::http::rate_limits::left;
use crate::support::manners::{NOTHING, READ, SCRIPTED};
use crate::support::{Answer, App, Database, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_browser_gets_a_page_where_a_program_gets_json,
        json_is_the_same_for_everybody_who_does_not_prefer_html,
        what_depends_on_accept_says_so_known_or_not,
        a_page_that_is_known_is_304_with_its_policy,
        each_page_may_do_what_it_needs_and_nothing_else_may_do_anything,
        the_home_page_says_whether_the_server_is_well,
        each_page_leads_to_the_console_and_the_home_page_does_so_before_all_else,
        each_problem_has_a_page_with_what_it_means,
        words_that_look_like_tags_are_words,
        what_a_page_loads_is_from_here_and_there,
        a_file_is_kept_for_ever_since_its_name_has_its_digest,
        a_file_is_compressed_for_those_who_take_it_so,
        a_file_that_is_not_there_is_404_and_kept_by_nobody,
        the_docs_load_less_than_half_a_megabyte,
        pages_are_counted_by_address_but_the_home_page,
        an_error_at_a_pages_address_is_a_problem_document,
    ]
}

/// As browsers ask for a page.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
/// Where there is JSON as well.
const BOTH: [&str; 3] = ["/", "/problems", "/problems/validation-failed"];
/// Every page.
const PAGES: [&str; 4] = ["/", "/problems", "/problems/validation-failed", "/docs"];

fn browse(app: &App, path: &str) -> Answer {
    app.anon().send("GET", path, &[("Accept", BROWSER)], None)
}

fn html(answer: &Answer) -> String {
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    String::from_utf8(answer.body.clone()).expect("UTF-8")
}

/// The values of an attribute anywhere in a page.
fn attributes(page: &str, name: &str) -> BTreeSet<String> {
    page.split(&format!(" {name}=\"")).skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
}

/// What a page loads by itself.
fn loaded(app: &App, path: &str) -> BTreeSet<String> {
    let page = html(&browse(app, path).expect(200));
    let links: String = page.split("<link ").skip(1).filter_map(|rest| rest.split('>').next()).collect();
    attributes(&page, "src").into_iter().chain(attributes(&format!(" {links}"), "href")).collect()
}

fn a_browser_gets_a_page_where_a_program_gets_json(app: &App) {
    for path in BOTH {
        for accept in
            [BROWSER, "text/html", "text/*", "application/json;q=0.5, text/html;q=0.6", "application/json;q=0, */*"]
        {
            html(&app.anon().send("GET", path, &[("Accept", accept)], None).expect(200));
        }
    }
    html(&app.anon().get("/docs").expect(200));
    app.anon().send("GET", "/docs", &[("Accept", "application/json")], None).expect(406).problem("not-acceptable");
}

fn json_is_the_same_for_everybody_who_does_not_prefer_html(app: &App) {
    for path in BOTH {
        let usual = app.anon().get(path).expect(200);
        assert_eq!(usual.header("content-type"), "application/json");
        for accept in [
            "*/*",
            "",
            "application/json",
            "application/json, text/html",
            "application/json, text/plain, */*",
            "nonsense",
        ] {
            app.anon().send("GET", path, &[("Accept", accept)], None).expect(200).same_as(&usual);
        }
    }
}

fn what_depends_on_accept_says_so_known_or_not(app: &App) {
    for path in BOTH {
        for accept in [BROWSER, "*/*"] {
            let answer = app.anon().send("GET", path, &[("Accept", accept)], None).expect(200);
            assert_eq!(answer.header("vary"), "accept");
            let Some(tag) = answer.header_if_any("etag") else { continue };
            let known = app.anon().send("GET", path, &[("Accept", accept), ("If-None-Match", tag)], None).expect(304);
            assert_eq!(known.header("vary"), "accept");
        }
    }
    assert_eq!(browse(app, "/docs").header_if_any("vary"), None);
}

fn a_page_that_is_known_is_304_with_its_policy(app: &App) {
    for path in PAGES {
        let page = browse(app, path).expect(200);
        for method in ["GET", "HEAD"] {
            let ask = |tag: &str| app.anon().send(method, path, &[("Accept", BROWSER), ("If-None-Match", tag)], None);
            let known = ask(page.etag()).expect(304);
            for same in ["etag", "content-security-policy", "cache-control"] {
                assert_eq!(known.header(same), page.header(same));
            }
            ask("\"0\"").expect(200);
        }
        // Its JSON is something else.
        if path.starts_with("/problems") {
            app.anon().send("GET", path, &[("If-None-Match", page.etag())], None).expect(200);
        }
    }
}

fn each_page_may_do_what_it_needs_and_nothing_else_may_do_anything(app: &App) {
    for path in PAGES {
        let policy = if path == "/docs" { SCRIPTED } else { READ };
        assert_eq!(browse(app, path).header("content-security-policy"), policy);
        assert!(policy.contains("frame-ancestors 'none'"), "it cannot be framed");
        assert_eq!(html(&browse(app, path)).contains("<script"), path == "/docs", "{path}");
    }
    for path in ["/problems/nothing", "/nowhere", "/docs/nowhere", "/docs?colour=red", "/assets/nowhere", "/dogs"] {
        assert_eq!(browse(app, path).header("content-security-policy"), NOTHING);
    }
    for path in loaded(app, "/docs") {
        assert_eq!(app.anon().get(&path).expect(200).header("content-security-policy"), NOTHING);
    }
}

fn the_home_page_says_whether_the_server_is_well(app: &App) {
    let well = browse(app, "/").expect(200);
    assert!(html(&well).contains("Ready: the database answers."), "{well}");
    for path in [
        "/app",
        "/docs",
        "/problems",
        "/openapi.yaml",
        "/openapi.json",
        "/postman.json",
        "/health/ready",
        "/health/live",
        "/dogs",
    ] {
        assert!(attributes(&html(&well), "href").contains(path), "{path}");
        browse(app, path);
        app.anon().get(path).expect(200);
    }
    for table in app.database.tables() {
        let cascade = if app.engine == crate::support::Engine::Postgres { "CASCADE" } else { "" };
        app.database.execute(&format!("DROP TABLE {table} {cascade}")).expect("a table goes");
    }
    let unwell = browse(app, "/").expect(200);
    assert!(html(&unwell).contains(Kind::Unavailable.detail()), "{unwell}");
    assert_ne!(unwell.etag(), well.etag());
}

fn each_page_leads_to_the_console_and_the_home_page_does_so_before_all_else(app: &App) {
    for path in PAGES {
        assert!(attributes(&html(&browse(app, path)), "href").contains("/app"), "{path}");
    }
    let home = html(&browse(app, "/"));
    let main = home.split_once("<main").expect("a main part").1;
    let first = main.split(" href=\"").nth(1).expect("a link");
    assert!(first.starts_with("/app\">Open the console</a>"), "{first:.60}");
}

fn each_problem_has_a_page_with_what_it_means(app: &App) {
    let list = html(&browse(app, "/problems").expect(200));
    for kind in Kind::ALL {
        let path = format!("/problems/{}", kind.slug());
        assert!(attributes(&list, "href").contains(&path), "{path}");
        let page = html(&browse(app, &path).expect(200));
        let words = page.replace("<code>", "`").replace("</code>", "`");
        for said in [kind.title(), kind.meaning(), kind.remedy()] {
            let escaped = said.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\'', "&#39;");
            assert!(words.contains(&escaped.replace('"', "&quot;")), "{path}: {said}");
        }
        assert!(page.contains(&format!("<strong>{}</strong>", kind.status().as_u16())), "{path}");
        assert!(page.contains(&format!("&quot;type&quot;: &quot;{path}&quot;")), "{path} has an example");
    }
    assert!(attributes(&html(&browse(app, "/docs")), "href").contains("/problems"));
}

fn words_that_look_like_tags_are_words(app: &App) {
    // Of this kind the text has a tag, or what looks like one.
    assert!(Kind::MissingToken.remedy().contains("<access_token>"));
    let page = html(&browse(app, "/problems/missing-token").expect(200));
    assert!(page.contains("Bearer &lt;access_token&gt;") && !page.contains("<access_token>"), "{page}");
    for path in ["/problems/%3Cimg%20src=x%20onerror=alert(1)%3E", "/assets/%3Cscript%3E", "/%3Cscript%3E"] {
        let answer = browse(app, path).expect(404).problem("not-found");
        assert!(!String::from_utf8_lossy(&answer.body).contains('<'), "{answer}");
    }
}

fn what_a_page_loads_is_from_here_and_there(app: &App) {
    for path in PAGES {
        let paths = loaded(app, path);
        assert!(paths.len() >= if path == "/docs" { 6 } else { 2 }, "{path} loads {paths:?}");
        for path in paths {
            assert!(path.starts_with("/assets/"), "{path} is of this server");
            let answer = app.anon().get(&path).expect(200);
            let media_type = match path.rsplit_once('.').expect("an extension").1 {
                "css" => "text/css; charset=utf-8",
                "js" => "text/javascript; charset=utf-8",
                "svg" => "image/svg+xml",
                other => panic!("{other}"),
            };
            assert_eq!(answer.header("content-type"), media_type);
        }
        // Beside them there are links within this server.
        let page = html(&browse(app, path));
        let elsewhere: Vec<_> =
            attributes(&page, "href").into_iter().filter(|to| !to.starts_with(['/', '#'])).collect();
        assert_eq!(elsewhere, [""; 0], "{path}");
        assert!(!page.contains("style=\"") && !page.contains("<style"), "{path} has its style in a file");
    }
    let docs = html(&browse(app, "/docs"));
    let licence = attributes(&docs, "href").into_iter().find(|to| to.contains("license")).expect("a licence");
    let licence = app.anon().get(&licence).expect(200);
    assert!(String::from_utf8_lossy(&licence.body).contains("Apache License"), "{licence}");
}

fn a_file_is_kept_for_ever_since_its_name_has_its_digest(app: &App) {
    for path in loaded(app, "/docs") {
        let file = app.anon().get(&path).expect(200);
        assert_eq!(file.header("cache-control"), "public, max-age=31536000, immutable");
        let digest = path.split('.').nth(1).expect("a digest");
        assert!(file.etag().starts_with(&format!("\"{digest}")), "{path} has the digest of {}", file.etag());
        for method in ["GET", "HEAD"] {
            let known = app.anon().send(method, &path, &[("If-None-Match", file.etag())], None).expect(304);
            assert_eq!(known.header("cache-control"), file.header("cache-control"));
        }
    }
}

fn a_file_is_compressed_for_those_who_take_it_so(app: &App) {
    for path in loaded(app, "/docs") {
        let plain = app.anon().get(&path).expect(200);
        assert_eq!((plain.header_if_any("content-encoding"), plain.header("vary")), (None, "accept-encoding"));
        let packed = app.anon().send("GET", &path, &[("Accept-Encoding", "gzip, deflate, br")], None).expect(200);
        assert_eq!((packed.header("content-encoding"), packed.header("vary")), ("gzip", "accept-encoding"));
        assert_ne!(packed.etag(), plain.etag());
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&*packed.body).read_to_end(&mut unpacked).expect("gzip");
        assert!(unpacked == plain.body, "{path} is the same");
    }
}

fn a_file_that_is_not_there_is_404_and_kept_by_nobody(app: &App) {
    let script = loaded(app, "/docs").into_iter().find(|path| path.contains("/docs.")).expect("our script");
    let of_another_version = script.replacen("/docs.", "/docs.0", 1);
    for path in [
        "/assets/docs.js",
        "/assets/",
        "/assets",
        "/assets/../openapi.yaml",
        "/assets/..%2fkennel.db",
        &of_another_version,
    ] {
        let answer = app.anon().get(path).expect(404).problem("not-found");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    app.anon().send("POST", &script, &[], None).expect(405).problem("method-not-allowed");
}

fn the_docs_load_less_than_half_a_megabyte(app: &App) {
    let paths = loaded(app, "/docs").into_iter().chain(["/docs", "/openapi.json"].map(str::to_owned));
    let size =
        |path: String| app.anon().send("GET", &path, &[("Accept-Encoding", "gzip")], None).expect(200).body.len();
    let bytes: usize = paths.map(size).sum();
    assert!((400_000..500_000).contains(&bytes), "{bytes} bytes");
}

fn pages_are_counted_by_address_but_the_home_page(scene: &Database) {
    let app = App::with(Database::fresh(scene.engine), &[("IP_RATE", "3/1h")]);
    let icon = loaded(&app, "/").into_iter().find(|path| path.contains("/icon.")).expect("an icon");
    for (rest, path) in [(2, "/docs"), (1, icon.as_str()), (0, "/problems")] {
        assert_eq!(left(&browse(&app, path)), ("ip", rest));
    }
    for path in ["/docs", &icon, "/problems", "/problems/not-found"] {
        browse(&app, path).expect(429).problem("too-many-requests");
    }
    assert_eq!(browse(&app, "/").expect(200).header_if_any("ratelimit"), None);
}

fn an_error_at_a_pages_address_is_a_problem_document(app: &App) {
    for (method, path, status) in [
        ("GET", "/problems/nothing", 404),
        ("GET", "/?colour=red", 422),
        ("GET", "/docs?colour=red", 422),
        ("GET", "/problems?colour=red", 422),
        ("POST", "/", 405),
        ("DELETE", "/docs", 405),
        ("GET", "/docs/", 404),
    ] {
        let answer = app.anon().send(method, path, &[("Accept", BROWSER)], None).expect(status);
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
}
