//! The console as it is handed out: its page, the files that the page loads, what a browser lets them do, and how long
//! it keeps them. What people do with it is tried in a browser (`.ci/console`).

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

use crate::http::rate_limits::left;
use crate::support::manners::{CONSOLE, NOTHING};
use crate::support::{Answer, App, Database, Repository, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        everybody_gets_the_page_and_programs_are_told_what_it_is,
        the_page_lets_no_text_become_html_or_a_script_and_cannot_be_framed,
        what_the_page_loads_is_of_its_version_and_there,
        the_page_and_its_files_name_no_other_host_and_have_no_style_or_script_in_the_page,
        each_file_is_the_one_of_the_sources_byte_for_byte,
        a_file_is_kept_for_a_year_and_the_page_is_asked_for_each_time,
        page_and_files_are_compressed_for_those_who_take_them_so,
        the_first_load_is_light,
        a_file_or_a_version_that_is_not_there_is_404_and_kept_by_nobody,
        the_page_is_counted_by_address_and_its_files_are_not,
    ]
}

/// The files that are not handed out.
const FOR_THE_CHECK: [&str; 1] = ["tsconfig.json"];
const CLIENT: &str = "clients/javascript/kennel.js";

/// The page, and the path that its files are below, with a slash at the end.
fn page(app: &App) -> (String, String) {
    let page = String::from_utf8(app.anon().get("/app").expect(200).body).expect("UTF-8");
    let version = page.split("/app/").nth(1).and_then(|rest| rest.split('/').next()).expect("a version").to_owned();
    (page, format!("/app/{version}/"))
}

/// The sources of what is handed out but for the page, by their names.
fn sources() -> BTreeMap<String, String> {
    let repository = Repository::here();
    let names = repository.names_in("console").into_iter();
    let names = names.filter(|name| name != "index.html" && !FOR_THE_CHECK.contains(&name.as_str()));
    let mut sources: BTreeMap<_, _> =
        names.map(|name| (name.clone(), repository.read(&format!("console/{name}")))).collect();
    sources.insert("kennel.js".to_owned(), repository.read(CLIENT));
    sources
}

/// The paths of all files.
fn files(app: &App) -> Vec<String> {
    let (_, below) = page(app);
    sources().into_keys().map(|name| format!("{below}{name}")).collect()
}

fn ask(app: &App, method: &str, path: &str, header: (&str, &str)) -> Answer {
    app.anon().send(method, path, &[header], None)
}

fn everybody_gets_the_page_and_programs_are_told_what_it_is(app: &App) {
    for accept in ["*/*", "text/html", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"] {
        let answer = ask(app, "GET", "/app", ("Accept", accept)).expect(200);
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    }
    ask(app, "GET", "/app", ("Accept", "application/json")).expect(406).problem("not-acceptable");
    app.anon().get("/app?colour=red").expect(422);
    app.anon().send("POST", "/app", &[], None).expect(405);
}

fn the_page_lets_no_text_become_html_or_a_script_and_cannot_be_framed(app: &App) {
    assert!(!CONSOLE.contains("unsafe") && !CONSOLE.contains("data:") && !CONSOLE.contains("http"), "{CONSOLE}");
    for policy in [CONSOLE, NOTHING] {
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    }
    let known = app.anon().get("/app").expect(200);
    for answer in [&known, &ask(app, "GET", "/app", ("If-None-Match", known.etag())).expect(304)] {
        assert_eq!(answer.header("content-security-policy"), CONSOLE);
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
    }
    for path in files(app) {
        assert_eq!(app.anon().get(&path).expect(200).header("content-security-policy"), NOTHING);
    }
}

fn what_the_page_loads_is_of_its_version_and_there(app: &App) {
    let (page, below) = page(app);
    assert!(!page.contains("{{"), "every blank is filled: {page}");
    let links: String = page.split("<link ").skip(1).filter_map(|rest| rest.split('>').next()).collect();
    let values = |text: &str, attribute: &str| {
        let found = text.split(attribute).skip(1).filter_map(|rest| rest.split('"').next());
        found.map(str::to_owned).collect::<Vec<_>>()
    };
    let loaded = [values(&page, " src=\""), values(&links, "href=\"")].concat();
    assert!(loaded.len() >= 3, "a style, a script and an icon: {loaded:?}");
    for path in loaded {
        assert!(path.starts_with(&below), "{path} is of the version of the page");
        app.anon().get(&path).expect(200);
    }
    for path in files(app) {
        let media_type = match path.rsplit_once('.').expect("an extension").1 {
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "svg" => "image/svg+xml",
            other => panic!("{other}"),
        };
        assert_eq!(app.anon().get(&path).expect(200).header("content-type"), media_type);
    }
    // What a module imports lies beside it.
    for (name, text) in sources() {
        let imported = text.split("from '").skip(1).chain(text.split("import('").skip(1));
        for module in imported.filter_map(|rest| rest.split('\'').next()).filter(|to| to.starts_with('.')) {
            let beside = module.strip_prefix("./").unwrap_or_else(|| panic!("{name} imports {module}"));
            app.anon().get(&format!("{below}{beside}")).expect(200);
        }
    }
}

fn the_page_and_its_files_name_no_other_host_and_have_no_style_or_script_in_the_page(app: &App) {
    let (page, _) = page(app);
    for inline in ["<style", " style=", " onclick=", " onload=", "<script>", "javascript:"] {
        assert!(!page.contains(inline), "{inline} is against the policy");
    }
    let all = sources().into_iter().chain([("index.html".to_owned(), page)]);
    for (name, text) in all.filter(|(name, _)| name != "kennel.js") {
        for (at, _) in text.match_indices("://") {
            let from = text.get(..at).and_then(|before| before.rfind([' ', '"', '\'', '`', '(']));
            let url = text.get(from.map_or(0, |from| from + 1)..).unwrap_or_default();
            // The name of a language, which nobody asks.
            let is_a_namespace = ["http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"];
            assert!(is_a_namespace.iter().any(|known| url.starts_with(known)), "{name} names another host: {url:.60}");
        }
    }
}

fn each_file_is_the_one_of_the_sources_byte_for_byte(app: &App) {
    let (page, below) = page(app);
    for (name, text) in sources() {
        assert!(app.anon().get(&format!("{below}{name}")).expect(200).body == text.as_bytes(), "{name}");
    }
    let version = below.trim_start_matches("/app/").trim_end_matches('/');
    let source = Repository::here().read("console/index.html");
    assert!(source.contains("/app/{{version}}/") && page == source.replace("{{version}}", version), "index.html");
}

fn a_file_is_kept_for_a_year_and_the_page_is_asked_for_each_time(app: &App) {
    let paths = files(app).into_iter().map(|path| (path, "public, max-age=31536000, immutable"));
    for (path, kept) in paths.chain([("/app".to_owned(), "no-cache")]) {
        let whole = app.anon().get(&path).expect(200);
        assert_eq!(whole.header("cache-control"), kept);
        let head = app.anon().send("HEAD", &path, &[], None).expect(200);
        assert_eq!(head.headers_but_for_the_request_id(), whole.headers_but_for_the_request_id());
        for method in ["GET", "HEAD"] {
            let known = ask(app, method, &path, ("If-None-Match", whole.etag())).expect(304);
            assert_eq!((known.header("cache-control"), known.etag()), (kept, whole.etag()));
            ask(app, method, &path, ("If-None-Match", "\"0\"")).expect(200);
        }
    }
}

fn page_and_files_are_compressed_for_those_who_take_them_so(app: &App) {
    for path in files(app).into_iter().chain(["/app".to_owned()]) {
        let plain = app.anon().get(&path).expect(200);
        assert_eq!((plain.header_if_any("content-encoding"), plain.header("vary")), (None, "accept-encoding"));
        let packed = ask(app, "GET", &path, ("Accept-Encoding", "gzip, deflate, br")).expect(200);
        assert_eq!((packed.header("content-encoding"), packed.header("vary")), ("gzip", "accept-encoding"));
        assert_ne!(packed.etag(), plain.etag());
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&*packed.body).read_to_end(&mut unpacked).expect("gzip");
        assert!(unpacked == plain.body, "{path} is the same");
    }
}

/// The names of the modules that a browser loads before anything runs: the first one, and what those import that are
/// loaded. What is imported by `import(…)` comes later.
fn modules_of_the_first_load() -> BTreeSet<String> {
    let sources = sources();
    let mut found = BTreeSet::new();
    let mut next = vec!["main.js".to_owned()];
    while let Some(name) = next.pop() {
        let imported = sources[&name].split(" from './").skip(1).filter_map(|rest| rest.split('\'').next());
        next.extend(imported.filter(|module| !found.contains(*module)).map(str::to_owned));
        found.insert(name);
    }
    found
}

fn the_first_load_is_light(app: &App) {
    let (page, below) = page(app);
    let first = modules_of_the_first_load();
    let preloaded = page.split("<link rel=\"modulepreload\" href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let preloaded: BTreeSet<_> = preloaded.map(|path| path.trim_start_matches(&below).to_owned()).collect();
    assert_eq!(preloaded, first, "the page names the modules of the first load, and no others");
    let size = |path: &str| ask(app, "GET", path, ("Accept-Encoding", "gzip")).expect(200).body.len();
    let (mut at_first, mut in_all) = (size("/app"), size("/app"));
    for name in sources().into_keys() {
        let bytes = size(&format!("{below}{name}"));
        in_all += bytes;
        if first.contains(&name) || Path::new(&name).extension().is_none_or(|extension| extension != "js") {
            at_first += bytes;
        }
    }
    assert!(at_first < in_all, "some screens come when they are opened");
    assert!(at_first <= 60_000, "{at_first} bytes, which are to be 60 KB at most");
    assert!(in_all <= 75_000, "{in_all} bytes with all that comes later, which are to be 75 KB at most");
}

fn a_file_or_a_version_that_is_not_there_is_404_and_kept_by_nobody(app: &App) {
    let (_, below) = page(app);
    for path in [
        format!("{below}nothing.js"),
        format!("{below}index.html"),
        format!("{below}tsconfig.json"),
        format!("{below}../../openapi.yaml"),
        format!("{below}..%2fkennel.db"),
        below.trim_end_matches('/').to_owned(),
        below,
        "/app/0000000000000000/kennel.js".to_owned(),
        "/app/latest/kennel.js".to_owned(),
        "/app/".to_owned(),
        "/app/kennel.js".to_owned(),
    ] {
        let answer = app.anon().get(&path).expect(404).problem("not-found");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

/// Whoever may open the page gets all of it.
fn the_page_is_counted_by_address_and_its_files_are_not(scene: &Database) {
    let app = App::with(Database::fresh(scene.engine), &[("IP_RATE", "3/1h")]);
    let files = files(&app);
    for rest in [1, 0] {
        assert_eq!(left(&app.anon().get("/app").expect(200)), ("ip", rest));
    }
    app.anon().get("/app").expect(429).problem("too-many-requests");
    for path in files {
        assert_eq!(app.anon().get(&path).expect(200).header_if_any("ratelimit"), None);
    }
}
