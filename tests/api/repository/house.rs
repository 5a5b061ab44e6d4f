//! The house's own bookkeeping: walls between the rooms, and whatever is written down twice.

use std::collections::BTreeMap;
use std::process::Command;

use kennel::config::VARIABLES;

use crate::support::contract::contract;
use crate::support::{Repository, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        queries_are_only_in_db_in_lists_and_in_repositories,
        repositories_know_nothing_of_http,
        a_room_imports_only_rooms_on_lower_floors,
        a_users_rows_are_reached_through_of_alone,
        the_environment_is_read_only_by_config_and_main,
        no_type_name_is_defined_twice,
        no_doc_line_begins_with_a_pronoun,
        every_file_of_tests_is_declared_and_gathered_by_its_folder,
        the_example_of_an_environment_has_every_variable_with_its_default,
        the_configuration_lists_every_variable_with_its_default,
        the_operators_book_explains_every_security_event,
        the_two_migration_trees_have_the_same_folders,
        diesel_toml_names_the_schema_file,
        the_lock_file_holds_no_crate_that_is_ruled_out,
        the_default_build_needs_no_openssl,
    ]
}

/// The lines of the sources in which one of these words is code, outside of the files where it may be.
fn trespassers(words: &[&str], may: impl Fn(&str) -> bool) -> Vec<String> {
    let sources = Repository::here().sources();
    let elsewhere = sources.iter().filter(|(path, _)| !may(path));
    elsewhere
        .flat_map(|(path, text)| text.lines().enumerate().map(move |(number, line)| (path, number + 1, line.trim())))
        .filter(|(_, _, line)| !line.starts_with("//"))
        .filter(|(_, _, line)| words.iter().any(|word| line.contains(word)))
        .map(|(path, number, line)| format!("src/{path}:{number}: {line}"))
        .collect()
}

fn queries_are_only_in_db_in_lists_and_in_repositories(_: &Repository) {
    // An id tells Diesel how it is stored.
    let may = |path: &str| {
        path.starts_with("db/") || path.starts_with("lists/") || path.ends_with("repo.rs") || path == "ids.rs"
    };
    assert_eq!(trespassers(&["diesel::", "diesel_migrations::"], may), [""; 0]);
}

fn repositories_know_nothing_of_http(_: &Repository) {
    assert_eq!(trespassers(&["actix_web"], |path| !path.ends_with("repo.rs")), [""; 0]);
}

/// The floors of the house, from the ground: what stands on one knows only what is below it. So the lower a room, the
/// less there is to know before it can be read, or lifted out and used elsewhere.
const FLOORS: &[&[&str]] = &[
    &["problem", "duration", "files", "headers", "histogram", "letters", "log", "urls"],
    &["crypto", "ids", "workers"],
    &["cors", "limits"],
    &["db"],
    &["wire"],
    &["book_limits", "lists", "users"],
    &["current_user"],
    &["sessions"],
    &["credentials"],
    &["accounts", "body"],
    &["api_keys", "idempotency", "mail"],
    &["auth"],
    &["owners", "profiles"],
    &["dogs"],
    &["co_owners", "tasks"],
    &["changes"],
    &["export", "me", "public", "system"],
    &["import"],
    &["pages", "routing"],
    &["routes", "sweeper"],
    &["middleware"],
    &["connection"],
    &["config", "metrics"],
    &["app"],
    &["backups"],
    &["server"],
    &["cli"],
    &["lib", "main"],
];

/// What looks up all the same: a row takes along the rows that belong to it, in rooms above its own, and a dog is shown
/// with its co-owners.
const LOOKS_UP: &[(&str, &str)] =
    &[("owners", "dogs"), ("owners", "co_owners"), ("dogs", "co_owners"), ("dogs", "tasks")];

fn a_room_imports_only_rooms_on_lower_floors(repository: &Repository) {
    let floor_of = |room: &str| FLOORS.iter().position(|rooms| rooms.contains(&room));
    let mut wrong = Vec::new();
    let mut seen = Vec::new();
    for (path, text) in repository.sources() {
        let room = path.split('/').next().unwrap_or_default().trim_end_matches(".rs").to_owned();
        let floor = floor_of(&room).unwrap_or_else(|| panic!("say on which floor {room} stands"));
        for other in imported_rooms(&text) {
            let above = floor_of(&other).is_none_or(|other| other >= floor) && other != room;
            if above && LOOKS_UP.contains(&(room.as_str(), other.as_str())) {
                seen.push((room.clone(), other));
            } else if above {
                wrong.push(format!("src/{path}: {other}"));
            }
        }
    }
    assert_eq!(wrong, [""; 0], "a room imports one that is not below it");
    for (room, other) in LOOKS_UP {
        assert!(seen.contains(&((*room).to_owned(), (*other).to_owned())), "{room} does not import {other} any more");
    }
}

/// The rooms that a file imports, outside of comments and unit tests.
fn imported_rooms(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = lines.collect::<Vec<_>>().join("\n");
    let mut rooms = Vec::new();
    for rest in code.split("crate::").skip(1) {
        let Some(group) = rest.strip_prefix('{') else {
            rooms.push(name_at(rest));
            continue;
        };
        // The names at the beginning of a group and after each comma that is in no inner group.
        let mut depth = 0;
        rooms.push(name_at(group));
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => rooms.push(name_at(&group[at + 1..])),
                _ => {}
            }
        }
    }
    rooms.retain(|room| !room.is_empty());
    rooms
}

fn name_at(text: &str) -> String {
    text.trim_start().chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect()
}

/// Whoever asks for rows says once whose: `Dogs::of(user)`. A function that is told the user would be another way.
fn a_users_rows_are_reached_through_of_alone(repository: &Repository) {
    let collections = contract().creations().filter_map(|create| create.path.rsplit('/').next());
    let rooms: Vec<_> = collections.chain(["co_owners", "profiles", "idempotency"]).collect();
    let repositories: Vec<_> = repository
        .sources()
        .into_iter()
        .filter(|(path, _)| rooms.iter().any(|room| *path == format!("{room}/repo.rs")))
        .collect();
    assert_eq!(repositories.len(), rooms.len());
    for (path, text) in repositories {
        let functions =
            text.split("pub fn ").skip(1).filter_map(|function| function.split_once(" {")).map(|(head, _)| head);
        let of_users: Vec<_> = functions.filter(|head| head.contains("UserId")).collect();
        assert_eq!(of_users, ["of(user: UserId) -> Self"], "{path}");
    }
}

fn the_environment_is_read_only_by_config_and_main(_: &Repository) {
    let words = ["std::env", "env::var", "dotenvy", "env::{"];
    assert_eq!(trespassers(&words, |path| ["config/mod.rs", "main.rs"].contains(&path)), [""; 0]);
}

/// `NAME` and default of each variable that is read.
fn variables() -> Vec<(String, String)> {
    VARIABLES.iter().map(|variable| (variable.name.to_owned(), variable.default.to_owned())).collect()
}

/// A reader who meets a name again has met the same thing. (What a trait asks for, as `Error` and `Future`, is defined
/// inside of its implementation.)
fn no_type_name_is_defined_twice(repository: &Repository) {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (path, text) in repository.sources() {
        for line in text.lines() {
            let line = line.strip_prefix("pub").map_or(line, |rest| rest.trim_start_matches("(crate)").trim_start());
            let name =
                ["struct ", "enum ", "trait ", "type ", "union "].iter().find_map(|kind| line.strip_prefix(kind));
            let Some(name) = name else { continue };
            let name = name.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
            places.entry(name.to_owned()).or_default().push(path.clone());
        }
    }
    assert!(places.len() > 100, "the sources define types");
    let twice: Vec<_> = places.iter().filter(|(_, places)| places.len() > 1).collect();
    assert_eq!(twice, [], "one word for one idea");
}

/// Words that point at something else, which is not there when a line is read alone.
const PRONOUNS: &[&str] = &[
    "Another", "Anybody", "Both", "He", "It", "Its", "Neither", "Nobody", "None", "One", "Others", "Ours", "She",
    "Somebody", "Such", "That", "Their", "Them", "These", "They", "This", "Those", "We", "What", "Whatever", "Which",
    "Who", "Whoever", "Whom", "Whose",
];

/// An editor shows the documentation of one item, away from its neighbours, so the first line names the thing that it is
/// about, and so does the first line below a heading such as `# Errors`.
fn no_doc_line_begins_with_a_pronoun(repository: &Repository) {
    let mut first_lines = 0;
    let mut wrong = Vec::new();
    for (path, text) in repository.sources() {
        let mut is_first = true;
        for (number, line) in text.lines().enumerate() {
            let doc = ["///", "//!"].iter().find_map(|mark| line.trim_start().strip_prefix(mark)).map(str::trim);
            let Some(doc) = doc else {
                is_first = true;
                continue;
            };
            let word = doc.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
            let points = PRONOUNS.contains(&word) || doc.starts_with("The same") || doc.starts_with("All of");
            if is_first && points {
                wrong.push(format!("src/{path}:{}: {doc}", number + 1));
            }
            first_lines += usize::from(is_first && !doc.is_empty());
            is_first = doc.starts_with("# ") || is_first && doc.is_empty();
        }
    }
    assert!(first_lines > 1_000, "the sources have doc lines");
    assert_eq!(wrong, [""; 0], "a doc line says with a noun what the thing is");
}

/// A file that is not declared is not compiled, and one that is not gathered is not told: neither could fail.
fn every_file_of_tests_is_declared_and_gathered_by_its_folder(repository: &Repository) {
    let names = |folder: &str| repository.names_in(folder).into_iter();
    let folders: Vec<_> = names("tests/api").filter(|name| !name.contains('.') && name != "support").collect();
    let mut lacking = lacking_in("tests/api/main.rs", &folders);
    for folder in &folders {
        let folder = format!("tests/api/{folder}");
        let files = names(&folder).filter_map(|name| name.strip_suffix(".rs").map(str::to_owned));
        let files: Vec<_> = files.filter(|name| name != "mod").collect();
        assert!(!files.is_empty(), "{folder} is a folder of tests");
        lacking.extend(lacking_in(&format!("{folder}/mod.rs"), &files));
    }
    assert_eq!(lacking, [""; 0]);
}

/// What this file of modules does not say of these.
fn lacking_in(path: &str, modules: &[String]) -> Vec<String> {
    let text = Repository::here().read(path);
    let declared: Vec<_> = text.lines().map(|line| line.trim_start_matches("pub ")).collect();
    let gathered = text.split_once("gather![").and_then(|(_, rest)| rest.split_once(']'));
    let gathered: Vec<_> = gathered.map_or("", |(list, _)| list).split(',').map(str::trim).collect();
    let lacking = modules.iter().flat_map(|module| {
        let declared = declared.contains(&format!("mod {module};").as_str());
        let gathered = gathered.contains(&module.as_str());
        [(declared, "declare"), (gathered, "gather")].map(|(is_there, verb)| (is_there, verb, module))
    });
    let lacking = lacking.filter(|(is_there, ..)| !is_there);
    lacking.map(|(_, verb, module)| format!("{path} does not {verb} `{module}`")).collect()
}

/// Lines such as `# PORT=8000`, each below a sentence about it.
fn the_example_of_an_environment_has_every_variable_with_its_default(repository: &Repository) {
    let example = repository.read(".env.example");
    let mut listed = Vec::new();
    let mut explained = false;
    for line in example.lines().map(str::trim) {
        let setting = line.trim_start_matches(['#', ' ']).split_once('=').filter(|(name, _)| is_name(name));
        if let Some((name, default)) = setting {
            assert!(explained, ".env.example says nothing about {name}");
            listed.push((name.to_owned(), default.to_owned()));
        }
        explained = line.starts_with('#') && setting.is_none() || explained && setting.is_some();
    }
    assert_eq!(listed, variables());
}

/// Rows such as ``| `PORT` | `8000` | … |``.
fn the_configuration_lists_every_variable_with_its_default(repository: &Repository) {
    let page = repository.read("docs/configuration.md");
    let rows = page.lines().filter_map(|line| {
        let mut cells = line.trim().strip_prefix('|')?.split('|').map(str::trim);
        let name = cells.next()?.strip_prefix('`')?.strip_suffix('`').filter(|name| is_name(name))?;
        let default = cells.next()?;
        let default = default.strip_prefix('`').and_then(|default| default.strip_suffix('`')).unwrap_or_default();
        Some((name.to_owned(), default.to_owned()))
    });
    assert_eq!(rows.collect::<Vec<_>>(), variables());
}

fn is_name(name: &str) -> bool {
    name.len() > 2 && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
}

/// Rows such as ``| `login` | … |``.
fn the_operators_book_explains_every_security_event(repository: &Repository) {
    let mut events = Vec::new();
    for (_, text) in repository.sources() {
        let places: Vec<_> = text.split(r#"target: "kennel::security""#).collect();
        for pair in places.windows(2).filter(|pair| !pair[0].trim_end().ends_with("span!(")) {
            let arguments = pair[1].split(");").next().unwrap_or_default();
            events.extend(arguments.rsplit('"').nth(1).map(str::to_owned));
        }
    }
    assert!(events.len() > 20, "the sources log security events");
    // What else an event may be called.
    events.retain(|event| event != "{event}");
    events.extend(["logout", "refresh_reuse", "account_disabled", "account_enabled"].map(str::to_owned));
    let book = repository.read("docs/operating.md");
    events.retain(|event| !book.contains(&format!("\n| `{event}` | ")));
    assert_eq!(events, [""; 0], "docs/operating.md says nothing about these");
}

fn the_two_migration_trees_have_the_same_folders(repository: &Repository) {
    let names = |tree: &str| repository.names_in(&format!("migrations/{tree}"));
    assert_eq!(names("sqlite"), names("postgres"));
    for tree in ["sqlite", "postgres"] {
        for name in names(tree) {
            assert_eq!(repository.names_in(&format!("migrations/{tree}/{name}")), ["down.sql", "up.sql"]);
        }
    }
}

fn diesel_toml_names_the_schema_file(repository: &Repository) {
    assert!(repository.read("diesel.toml").contains(r#"file = "src/db/schema.rs""#));
}

/// An RSA that leaks by its timing, an HTTP/2 that can be flooded, a `.env`
/// reader that nobody looks after.
fn the_lock_file_holds_no_crate_that_is_ruled_out(repository: &Repository) {
    let lock = repository.read("Cargo.lock");
    let packages: Vec<_> = lock
        .split("[[package]]")
        .map(|package| package.lines().filter(|line| !line.is_empty()).take(2).collect::<Vec<_>>().join(" "))
        .collect();
    assert!(packages.iter().any(|package| package.contains(r#"name = "actix-web""#)), "the lock file can be read");
    for ruled_out in [r#"name = "rsa""#, r#"name = "h2" version = "0.3."#, r#"name = "dotenv""#] {
        assert!(!packages.iter().any(|package| package.starts_with(ruled_out)), "{ruled_out}");
    }
}

fn the_default_build_needs_no_openssl(_: &Repository) {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["tree", "--offline", "--locked", "--edges", "normal,build", "--prefix", "none"]);
    let tree = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("cargo runs");
    let tree = String::from_utf8_lossy(&tree.stdout).into_owned();
    assert!(tree.contains("actix-web v"), "{tree}");
    // What only looks for certificates where OpenSSL would have them is called by its name too.
    let needs = |crate_name: &str| tree.lines().any(|line| line.starts_with(&format!("{crate_name} v")));
    assert!(!needs("openssl") && !needs("openssl-sys"), "{tree}");
}
