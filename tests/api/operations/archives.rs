//! `kennel backup`, `restore`, `move` and `check`: everything is there afterwards, and what went wrong is told.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use kennel::db::archive::TABLES;
use serde_json::json;

use crate::support::process::{Ended, Program};
use crate::support::{App, Database, Engine, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        every_table_is_archived,
        whatever_is_stored_is_the_same_after_every_move,
        a_moved_database_serves_the_same_tokens_rows_and_versions,
        the_number_of_a_deleted_row_comes_back_in_no_copy,
        a_backup_holds_what_was_acknowledged_and_the_server_goes_on,
        another_program_computes_the_same_digest,
        a_file_that_is_there_is_never_overwritten,
        a_bit_that_flips_in_a_backup_is_told_or_means_nothing,
        a_backup_that_is_killed_leaves_no_file_or_a_good_one,
        of_backups_with_a_time_in_their_names_the_newest_are_kept,
        what_is_no_backup_or_from_the_future_does_not_count_as_one_that_is_kept,
        what_is_left_beside_a_name_is_told_before_anything_is_done,
        a_backup_is_restored_where_a_link_leads_to,
        what_killed_backups_have_left_is_removed_by_the_next_of_the_same_pattern,
        a_verified_backup_was_served_from_a_copy_that_is_gone,
        a_backup_that_is_not_served_as_it_is_stored_is_told_and_not_kept,
        a_restored_backup_takes_the_place_of_the_file_and_ends_all_sessions,
        sessions_go_on_where_they_are_to,
        no_number_of_a_change_is_given_again_after_a_restore,
        a_backup_of_an_older_version_is_brought_up_to_date,
        what_is_no_good_backup_is_refused_and_changes_nothing,
        nothing_is_restored_over_or_moved_from_a_server_that_runs,
        nothing_is_copied_into_a_database_that_is_not_empty,
        a_row_that_arrives_otherwise_is_told_and_nothing_stays,
        what_breaks_a_rule_of_kennels_is_found,
        a_log_of_changes_that_is_not_whole_is_found,
        a_text_is_found_wherever_it_still_is,
        of_a_deleted_account_nothing_is_left_in_any_file,
    ]
}

pub fn kennel(database: &Database, args: &[&str]) -> Ended {
    Program::on(database).args(args).run()
}

#[track_caller]
pub fn good(database: &Database, args: &[&str]) -> String {
    let ended = kennel(database, args);
    assert_eq!(ended.code, Some(0), "{args:?}: {ended:?}");
    ended.stdout
}

/// The one line that says why a command did nothing.
#[track_caller]
pub fn refused(database: &Database, args: &[&str]) -> String {
    let ended = kennel(database, args);
    let told: Vec<_> = ended.stderr.lines().filter(|line| line.starts_with("kennel: ")).collect();
    assert_eq!((ended.code, told.len()), (Some(1), 1), "{args:?}: {ended:?}");
    told[0].to_owned()
}

/// The digest in what a command says.
#[track_caller]
pub fn digest(said: &str) -> String {
    let (_, digest) = said.split_once("digest ").unwrap_or_else(|| panic!("no digest in {said:?}"));
    digest.split_whitespace().next().expect("a digest").to_owned()
}

pub fn seed(database: &Database) {
    drop(good(database, &["seed", "--dogs", "300"]));
}

/// Rows with what is hard to carry: the ends of every range, and texts of every kind.
fn oddities(database: &Database) {
    seed(database);
    let moment = |micros: i64| match database.engine {
        Engine::Sqlite => micros.to_string(),
        Engine::Postgres => format!("TIMESTAMPTZ '1970-01-01 00:00:00+00' + {micros} * INTERVAL '1 microsecond'"),
    };
    let binary = |hex: &str| match database.engine {
        Engine::Sqlite => format!("X'{hex}'"),
        Engine::Postgres => format!("'\\x{hex}'::bytea"),
    };
    let texts = [
        "''O''''Neill",
        "a\tb\nc\r",
        "\\N",
        "\\.",
        "null",
        "a,\"b\";c",
        "é e\u{301} ß ﬃ",
        "🐕\u{200d}🦺",
        "אבג \u{202e}x",
    ];
    for (number, text) in texts.iter().enumerate() {
        let statement = format!(
            "INSERT INTO tasks (user_id, dog_id, name, name_key, completed, completed_at, due_on, created_at, updated_at, \
             version) VALUES (1, NULL, '{text}', 'x', true, {}, '{}', {}, {}, {})",
            moment(-62_135_596_800_000_000),
            ["0001-01-01", "9999-12-31"][number % 2],
            moment(253_402_300_799_999_999),
            moment(-1),
            [i64::MAX, i64::MIN][number % 2]
        );
        assert_eq!(database.execute(&statement), Ok(1), "{statement}");
    }
    let key = format!(
        "INSERT INTO idempotency_keys (user_id, key, fingerprint, status, headers, body, created_at) \
         VALUES (1, 'k', {}, 200, '{{}}', {}, {})",
        binary(""),
        binary("00ff5c0a2c0d"),
        moment(0)
    );
    assert_eq!(database.execute(&key), Ok(1));
    assert_eq!(database.execute("DELETE FROM tasks WHERE id = (SELECT max(id) FROM tasks)"), Ok(1));
}

fn every_table_is_archived(app: &App) {
    let mut archived: Vec<_> = TABLES.iter().map(|table| table.name.to_owned()).collect();
    archived.sort();
    assert_eq!(archived, app.database.tables());
}

fn whatever_is_stored_is_the_same_after_every_move(database: &Database) {
    oddities(database);
    let original = digest(&good(database, &["backup", "first.db"]));
    let mut chain = vec![];
    for number in 0..3 {
        let from: &Database = chain.last().unwrap_or(database);
        let to = Database::fresh(if number % 2 == 0 { database.engine.other() } else { database.engine });
        assert_eq!(digest(&good(from, &["move", "--to", &to.url()])), original);
        chain.push(to);
    }
    let last = chain.last().expect("three");
    assert_eq!(digest(&good(last, &["backup", "last.db"])), original);
    assert_eq!(last.count("tasks"), database.count("tasks"));
    // The name keys of the odd ones are none, and nothing else is wrong.
    let checked = kennel(last, &["check"]);
    assert_eq!(checked.stdout.matches("[WRONG]").count(), 1, "{checked:?}");
    // An empty database is moved, too.
    let empty = Database::fresh(database.engine);
    drop(good(&empty, &["migrate", "run"]));
    drop(good(&empty, &["move", "--to", &Database::fresh(database.engine.other()).url()]));
}

fn a_moved_database_serves_the_same_tokens_rows_and_versions(database: &Database) {
    let server = Program::on(database).serve();
    let alice = server.sign_in("alice");
    let dog = alice.dog("Rex", alice.owner("Ann"));
    let dog = format!("/dogowner/dogs/{dog}");
    alice.patch(&dog, &json!({"name": "Max"})).expect(200);
    let before = alice.get(&dog).expect(200);
    let token = alice.token().to_owned();
    assert_eq!(server.stop("TERM").code, Some(0));

    let there = Database::fresh(database.engine.other());
    drop(good(database, &["move", "--to", &there.url()]));
    let server = Program::on(&there).serve();
    let alice = server.anon().with_token(&token);
    let after = alice.get(&dog).expect(200);
    assert_eq!((&after.json, after.header("etag")), (&before.json, before.header("etag")));
}

fn the_number_of_a_deleted_row_comes_back_in_no_copy(database: &Database) {
    let server = Program::on(database).serve();
    let alice = server.sign_in("alice");
    let gone = alice.owner("Ann");
    alice.delete(&format!("/dogowner/owners/{gone}")).expect(204);
    let token = alice.token().to_owned();
    assert_eq!(server.stop("TERM").code, Some(0));
    let there = Database::fresh(database.engine.other());
    drop(good(database, &["move", "--to", &there.url()]));
    let server = Program::on(&there).serve();
    let owner = server.anon().with_token(&token).post("/dogowner/owners", &json!({"name": "Ben"})).expect(201);
    assert!(owner.json["id"].as_i64().expect("an id") > gone);
}

fn a_backup_holds_what_was_acknowledged_and_the_server_goes_on(database: &Database) {
    let server = Program::on(database).serve();
    let alice = server.sign_in("alice");
    alice.owner("Ann");
    let said = good(database, &["backup", "a.db"]);
    alice.owner("Ben");
    let restored = Database::fresh(Engine::Sqlite);
    let backup = database.directory().join("a.db").display().to_string();
    assert_eq!(digest(&good(&restored, &["restore", &backup])), digest(&said));
    assert_eq!(restored.texts("SELECT name AS value FROM owners"), ["Ann"]);
    let good = good(&restored, &["check", &backup]);
    assert!(good.contains("[ok] it holds what it held") && digest(&good) == digest(&said), "{good}");
}

/// The program that docs/operating.md has, word for word.
fn another_program_computes_the_same_digest(database: &Database) {
    const GUIDE: &str = include_str!("../../../docs/operating.md");
    let (_, program) = GUIDE.split_once("```python\n").expect("a program in Python");
    let (program, _) = program.split_once("```").expect("its end");
    oddities(database);
    let said = digest(&good(database, &["backup", "a.db"]));
    for source in [database.directory().join("a.db").display().to_string(), database.url()] {
        let source = source.trim_start_matches("sqlite://");
        match Command::new("python3").args(["-c", program, source]).output() {
            Ok(ended) => assert_eq!(String::from_utf8_lossy(&ended.stdout).trim(), said, "{source}: {ended:?}"),
            Err(error) => assert!(std::env::var_os("CI").is_none(), "python3: {error}"),
        }
    }
}

fn a_file_that_is_there_is_never_overwritten(database: &Database) {
    seed(database);
    fs::write(database.directory().join("mine.db"), "mine").expect("it is written");
    let said = refused(database, &["backup", "mine.db"]);
    assert!(said.contains("is there already"), "{said}");
    assert_eq!(fs::read_to_string(database.directory().join("mine.db")).expect("it is there"), "mine");
    let said = refused(database, &["backup", "nowhere/mine.db"]);
    assert!(said.contains("nowhere"), "{said}");
}

fn a_bit_that_flips_in_a_backup_is_told_or_means_nothing(database: &Database) {
    oddities(database);
    let said = digest(&good(database, &["backup", "a.db"]));
    let [whole, flipped] = ["a.db", "b.db"].map(|name| database.directory().join(name));
    let bytes = fs::read(&whole).expect("it is there");
    let mut rng = fastrand::Rng::with_seed(7);
    let mut told = 0;
    for _ in 0..200 {
        let (at, bit) = (rng.usize(..bytes.len()), rng.u8(..8));
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << bit;
        fs::write(&flipped, damaged).expect("it is written");
        let ended = kennel(database, &["check", "b.db"]);
        match ended.code {
            Some(1) => told += 1,
            // Not a byte of any row, nor of what says how to read them.
            Some(0) => assert_eq!(digest(&ended.stdout), said, "bit {bit} of byte {at}: {ended:?}"),
            _ => panic!("bit {bit} of byte {at}: {ended:?}"),
        }
    }
    assert!(told > 100, "{told} were told");
}

fn a_backup_that_is_killed_leaves_no_file_or_a_good_one(database: &Database) {
    seed(database);
    let file = database.directory().join("a.db");
    for round in 0..16 {
        let backing_up = Program::on(database).args(&["backup", "a.db"]).spawn();
        thread::sleep(Duration::from_millis(round * 30));
        let ended = backing_up.stop("KILL");
        if file.exists() {
            drop(good(database, &["check", "a.db"]));
            fs::remove_file(&file).expect("it is removed");
        } else {
            assert_eq!(ended.code, None, "{ended:?}");
        }
    }
    // What those left behind is in nobody's way.
    drop(good(database, &["backup", "a.db"]));
    assert!(!database.directory().join("a.db.part").exists());
}

fn of_backups_with_a_time_in_their_names_the_newest_are_kept(database: &Database) {
    seed(database);
    for name in ["b-2026-01-01T00-00-00Z.db", "b-2025-01-01T00-00-00Z.db", "b-mine.db"] {
        fs::write(database.directory().join(name), "old").expect("it is written");
    }
    let said = good(database, &["backup", "b-{time}.db", "--keep", "2"]);
    assert!(said.contains("deleted") && said.contains("b-2025-01-01T00-00-00Z.db"), "{said}");
    let mut names = names(&database.directory(), "b-");
    assert_eq!((names.len(), names.remove(0).as_str()), (3, "b-2026-01-01T00-00-00Z.db"));
    let said = refused(database, &["backup", "b.db", "--keep", "2"]);
    assert!(said.contains("{time}"), "{said}");
}

fn what_is_no_backup_or_from_the_future_does_not_count_as_one_that_is_kept(database: &Database) {
    seed(database);
    let path = |name: &str| database.directory().join(name);
    // The clock was wrong once; a copy was cut short; somebody made a folder, or a link.
    for name in ["b-2098-01-01T00-00-00Z.db", "b-2099-01-01T00-00-00Z.db", "b-2026-01-01T00-00-00Z.db"] {
        fs::write(path(name), "old").expect("it is written");
    }
    fs::write(path("b-2026-01-02T00-00-00Z.db"), "").expect("it is written");
    fs::create_dir(path("b-2026-01-03T00-00-00Z.db")).expect("a folder");
    std::os::unix::fs::symlink(path("kennel.db"), path("b-2026-01-04T00-00-00Z.db")).expect("a link");
    let said = good(database, &["backup", "b-{time}.db", "--keep", "1"]);
    let deleted: Vec<_> = said.lines().filter(|line| line.starts_with("deleted")).collect();
    assert!(deleted.len() == 1 && deleted[0].ends_with("b-2026-01-01T00-00-00Z.db"), "{said}");
    let (made, _) = said.split_once(" is whole").expect("a name");
    assert!(path(made.rsplit('/').next().unwrap_or_default()).is_file(), "{said}");
    assert_eq!(names(&database.directory(), "b-").len(), 6);
}

/// A log that is taken for that of another database of its name would be mixed with it.
fn what_is_left_beside_a_name_is_told_before_anything_is_done(database: &Database) {
    seed(database);
    let folder = database.directory();
    drop(good(database, &["backup", "good.db"]));
    let there = Database::fresh(Engine::Sqlite);
    fs::write(there.directory().join("kennel.db-wal"), "of another one").expect("it is written");
    let good = folder.join("good.db").display().to_string();
    for (on, args) in [
        (&there, vec!["restore", good.as_str()]),
        (database, vec!["move", "--to", &there.url()]),
        (database, vec!["backup", &there.file().display().to_string()]),
    ] {
        let said = refused(on, &args);
        assert!(said.contains("kennel.db-wal") && said.contains("Move it away"), "{said}");
        assert_eq!(names(&there.directory(), "kennel.db"), ["kennel.db-wal"]);
    }
}

fn a_backup_is_restored_where_a_link_leads_to(database: &Database) {
    if database.engine == Engine::Postgres {
        return;
    }
    seed(database);
    drop(good(database, &["backup", "good.db"]));
    let (file, real) = (database.file(), database.directory().join("elsewhere.db"));
    fs::rename(&file, &real).expect("it is moved");
    std::os::unix::fs::symlink(&real, &file).expect("a link");
    drop(good(database, &["restore", "good.db"]));
    assert!(fs::symlink_metadata(&file).is_ok_and(|file| file.is_symlink()), "the link is one still");
    assert!(real.is_file() && names(&database.directory(), "elsewhere.db.before-").len() == 1);
}

/// The names in a folder that begin so, in order.
pub fn names(folder: &Path, beginning: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<_> = names.filter(|name| name.starts_with(beginning)).collect();
    names.sort();
    names
}

fn what_killed_backups_have_left_is_removed_by_the_next_of_the_same_pattern(database: &Database) {
    seed(database);
    let folder = database.directory();
    let write = |name: &str| fs::write(folder.join(name), "half").expect("it is written");
    // A draft, the copy of one that was being served, and what SQLite has beside them.
    for ending in ["part", "part-journal", "part.part", "part.part-wal", "part.part-shm"] {
        write(&format!("k-2026-01-01T00-00-00Z.db.{ending}"));
    }
    let strangers = ["k-2026-01-02T00-00-00Z.db.part", "k-2026-01-02T00-00-00Z.parts", "k-mine.db.part"];
    for name in strangers {
        write(name);
    }
    // Another program makes this one just now.
    let locked = File::open(folder.join(strangers[0])).expect("it is there");
    locked.lock().expect("nobody else has it");
    drop(good(database, &["backup", "k-{time}.db"]));
    let mut names = names(&folder, "k-");
    names.retain(|name| !strangers.contains(&name.as_str()));
    assert!(names.len() == 1 && !names[0].starts_with("k-2026-01-01"), "{names:?}");
    assert!(strangers.iter().all(|name| folder.join(name).exists()));
    // A name without the time is a pattern of one.
    drop(locked);
    drop(good(database, &["backup", "k-2026-01-02T00-00-00Z.db"]));
    assert!(!folder.join(strangers[0]).exists() && folder.join(strangers[2]).exists());
    write("k-mine.db.part.part");
    drop(good(database, &["backup", "k-mine.db"]));
    assert!(!folder.join("k-mine.db.part.part").exists() && !folder.join(strangers[2]).exists());
}

fn a_verified_backup_was_served_from_a_copy_that_is_gone(database: &Database) {
    let server = Program::on(database).serve();
    let alice = server.sign_in("alice");
    let dog = alice.dog("Rex", alice.owner("Ann"));
    alice.post("/dogowner/tasks", &json!({"name": "Walk", "dog_id": dog})).expect(201);
    alice.post("/me/keys", &json!({"name": "A script", "scope": "read"})).expect(201);
    alice.put("/me/profile", &json!({"description": "Hello"})).expect(201);
    server.sign_in("bob").owner("Ben");
    assert_eq!(server.stop("TERM").code, Some(0));
    let folder = database.directory();
    let mails = || names(&folder.join("outbox"), "");
    let before = (database.everything(), mails());
    let ended = Program::on(database).set("LOG", "info").args(&["backup", "v-{time}.db", "--verify"]).run();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.stdout.matches("served 5 rows of 2 users").count(), 1, "{ended:?}");
    assert!(!ended.stderr.contains("/me/export"), "{ended:?}");
    assert_eq!((database.everything(), mails()), before);
    let [name] = &names(&folder, "v-")[..] else { panic!("{:?}", names(&folder, "v-")) };
    let mode = fs::metadata(folder.join(name)).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(digest(&good(database, &["check", name])), digest(&ended.stdout));
    assert_eq!(digest(&good(database, &["check"])), digest(&ended.stdout));
}

fn a_backup_that_is_not_served_as_it_is_stored_is_told_and_not_kept(database: &Database) {
    seed(database);
    let refused_for = |why: &str| {
        let said = refused(database, &["backup", "v.db", "--verify"]);
        assert!(said.contains("not kept") && said.contains(why), "{said}");
        assert_eq!(names(&database.directory(), "v.db"), [""; 0]);
    };
    if database.engine == Engine::Sqlite {
        // Rows that go as soon as somebody logs in.
        let thief =
            "CREATE TRIGGER thief AFTER INSERT ON sessions BEGIN DELETE FROM tasks WHERE user_id = NEW.user_id; END";
        database.execute(thief).expect("it is made");
        refused_for("0 tasks of user 1");
        database.execute("DROP TRIGGER thief").expect("it is gone");
    }
    drop(good(database, &["backup", "well.db", "--verify"]));
    let key = database.texts("SELECT name_key AS value FROM dogs WHERE id = 3");
    for (key, well) in [("x", false), (&key[0], true)] {
        assert_eq!(database.execute(&format!("UPDATE dogs SET name_key = '{key}' WHERE id = 3")), Ok(1));
        if !well {
            refused_for("row 3 of dogs");
        }
    }
    assert_eq!(database.execute("DELETE FROM database_identity"), Ok(1));
    refused_for("the database has no id");
    // Without it, all that can be had is had.
    drop(good(database, &["backup", "v.db"]));
}

fn a_restored_backup_takes_the_place_of_the_file_and_ends_all_sessions(database: &Database) {
    let server = Program::on(database).serve();
    let alice = server.sign_in("alice");
    alice.owner("Ann");
    drop(good(database, &["backup", "a.db"]));
    alice.owner("Ben");
    let token = alice.token().to_owned();
    assert_eq!(server.stop("TERM").code, Some(0));
    let target = if database.engine == Engine::Sqlite { None } else { Some(Database::fresh(database.engine)) };
    let target = target.as_ref().unwrap_or(database);
    let backup = database.directory().join("a.db").display().to_string();
    let said = good(target, &["restore", &backup]);
    assert!(said.contains("1 sessions ended"), "{said}");
    assert_eq!(target.texts("SELECT name AS value FROM owners"), ["Ann"]);
    if database.engine == Engine::Sqlite {
        let aside = names(&database.directory(), "kennel.db.before-");
        assert_eq!(aside.len(), 1, "{aside:?}");
        let (_, now) = said.split_once("The database that was there is ").expect("it says so");
        assert!(now.starts_with(database.directory().join(&aside[0]).to_str().expect("UTF-8")), "{said}");
        let url = format!("sqlite:{}", aside[0]);
        drop(good(database, &["check", &url]));
    }
    let server = Program::on(target).serve();
    server.anon().with_token(&token).get("/me").expect(401);
    server.log_in("alice");
}

fn sessions_go_on_where_they_are_to(database: &Database) {
    let server = Program::on(database).serve();
    let token = server.sign_in("alice").token().to_owned();
    assert_eq!(server.stop("TERM").code, Some(0));
    drop(good(database, &["backup", "a.db"]));
    let target = Database::fresh(database.engine);
    let backup = database.directory().join("a.db").display().to_string();
    drop(good(&target, &["restore", "--keep-sessions", &backup]));
    Program::on(&target).serve().anon().with_token(&token).get("/me").expect(200);
}

fn no_number_of_a_change_is_given_again_after_a_restore(database: &Database) {
    let server = Program::on(database).serve();
    let (alice, bob) = (server.sign_in("alice"), server.sign_in("bob"));
    let ann = alice.owner("Ann");
    alice.patch(&format!("/dogowner/owners/{ann}"), &json!({"name": "Anna"})).expect(200);
    drop(good(database, &["backup", "a.db"]));
    alice.owner("Ben");
    bob.owner("Bea");
    let tags = [&alice, &bob].map(|person| person.get("/dogowner/book").expect(200).etag().to_owned());
    assert_eq!(tags, ["\"3\"", "\"1\""]);
    let tokens = [&alice, &bob].map(|person| person.token().to_owned());
    assert_eq!(server.stop("TERM").code, Some(0));
    let target = Database::fresh(database.engine);
    let backup = database.directory().join("a.db").display().to_string();
    drop(good(&target, &["restore", "--keep-sessions", &backup]));
    let server = Program::on(&target).serve();
    let [alice, bob] = tokens.each_ref().map(|token| server.anon().with_token(token));
    for (person, seen, tag) in [(&alice, 3, &tags[0]), (&bob, 1, &tags[1])] {
        person.get(&format!("/dogowner/changes?after={seen}")).problem("changes-expired");
        for _ in 0..3 {
            person.owner("Cleo");
        }
        person.get(&format!("/dogowner/changes?after={seen}")).problem("changes-expired");
        person.ask("GET", "/dogowner/book", &[("If-None-Match", tag)], None).expect(200);
    }
    // What was done before can be taken back as before.
    let changes = alice.get("/dogowner/changes").expect(200);
    assert_eq!(changes.all("action"), ["created", "updated", "created", "created", "created"]);
    let renamed = changes.rows()[1]["seq"].as_i64().expect("a number");
    alice.send("POST", &format!("/dogowner/changes/{renamed}/undo"), &[], None).expect(200);
    assert_eq!(alice.get(&format!("/dogowner/owners/{ann}")).expect(200).text("name"), "Ann");
}

fn a_backup_of_an_older_version_is_brought_up_to_date(database: &Database) {
    let older = Database::fresh(Engine::Sqlite);
    seed(&older);
    for _ in 0..3 {
        drop(good(&older, &["migrate", "revert"]));
    }
    let steps = older.count("__diesel_schema_migrations");
    drop(good(&older, &["backup", "old.db"]));
    assert_eq!(older.count("__diesel_schema_migrations"), steps, "a backup changes nothing");
    let backup = older.directory().join("old.db").display().to_string();
    let checked = good(&older, &["check", &backup]);
    assert!(checked.contains("[ok] it holds what it held"), "{checked}");
    let said = good(database, &["restore", &backup]);
    assert_eq!(said.matches("ran 2026").count(), 3, "{said}");
    assert_eq!(database.count("dogs"), older.count("dogs"));
    drop(good(database, &["check"]));
}

fn what_is_no_good_backup_is_refused_and_changes_nothing(database: &Database) {
    seed(database);
    let before = database.everything();
    let elsewhere = Database::fresh(Engine::Sqlite);
    seed(&elsewhere);
    drop(good(&elsewhere, &["backup", "a.db"]));
    let whole = elsewhere.directory().join("a.db");
    let bytes = fs::read(&whole).expect("it is there");
    let [cut, text, none, foreign, newer] =
        ["cut.db", "text.db", "none.db", "foreign.db", "newer.db"].map(|name| elsewhere.directory().join(name));
    fs::write(&cut, &bytes[..bytes.len() / 2]).expect("it is written");
    fs::write(&text, "a shopping list\n".repeat(100)).expect("it is written");
    fs::copy(&whole, &newer).expect("it is copied");
    let sql = |path: &Path, statement: &str| {
        use diesel::connection::SimpleConnection;
        use diesel::{Connection, SqliteConnection};
        let mut connection = SqliteConnection::establish(path.to_str().expect("UTF-8")).expect("it opens");
        connection.batch_execute(statement).expect("it is done");
    };
    sql(&newer, "INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000001')");
    sql(&foreign, "CREATE TABLE songs (id INTEGER PRIMARY KEY)");
    for path in [&cut, &text, &none, &foreign, &newer, &elsewhere.directory()] {
        let said = refused(database, &["restore", path.to_str().expect("UTF-8")]);
        assert!(!said.contains("panicked"), "{said}");
        assert_eq!(database.everything(), before, "{said}");
    }
    assert_eq!(names(&database.directory(), "kennel.db.").len(), 0);
}

fn nothing_is_restored_over_or_moved_from_a_server_that_runs(database: &Database) {
    seed(database);
    drop(good(database, &["backup", "a.db"]));
    let server = Program::on(database).serve();
    let there = Database::fresh(database.engine.other());
    for args in [&["restore", "a.db"][..], &["move", "--to", &there.url()][..]] {
        let said = refused(database, args);
        let why = if database.engine == Engine::Sqlite { "open" } else { "server" };
        assert!(said.contains(why), "{said}");
    }
    let alice = server.sign_in("alice");
    alice.owner("Ann");
    server.anon().get("/health/ready").expect(200);
}

fn nothing_is_copied_into_a_database_that_is_not_empty(database: &Database) {
    seed(database);
    let there = Database::fresh(database.engine.other());
    seed(&there);
    let before = there.everything();
    let said = refused(database, &["move", "--to", &there.url()]);
    assert!(said.contains("not empty") || said.contains("is there already"), "{said}");
    assert_eq!(there.everything(), before);
}

fn a_row_that_arrives_otherwise_is_told_and_nothing_stays(database: &Database) {
    if database.engine == Engine::Sqlite {
        return;
    }
    seed(database);
    let there = Database::fresh(Engine::Postgres);
    drop(good(&there, &["migrate", "run"]));
    for statement in [
        "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS \
         'BEGIN IF NEW.name = ''Rex'' OR NEW.id = 7 THEN NEW.name := ''Spot''; END IF; RETURN NEW; END'",
        "CREATE TRIGGER spoil BEFORE INSERT ON dogs FOR EACH ROW EXECUTE FUNCTION spoil()",
    ] {
        there.execute(statement).expect("it is made");
    }
    let said = refused(database, &["move", "--to", &there.url()]);
    assert!(said.contains("differs") && said.contains("dogs"), "{said}");
    assert_eq!((there.count("dogs"), there.count("users")), (0, 0));
}

fn what_breaks_a_rule_of_kennels_is_found(database: &Database) {
    seed(database);
    drop(good(database, &["check"]));
    for (statement, told) in [
        ("UPDATE dogs SET name_key = 'x' WHERE id = 3", "row 3 of dogs"),
        ("UPDATE users SET is_public = NOT is_public WHERE id = 2", "user 2"),
        (
            "INSERT INTO dog_co_owners (dog_id, owner_id, user_id) \
             SELECT id, owner_id, user_id FROM dogs WHERE id = 5",
            "dog 5",
        ),
    ] {
        assert_eq!(database.execute(statement), Ok(1), "{statement}");
        let ended = kennel(database, &["check"]);
        assert!(ended.code == Some(1) && ended.stdout.contains(told), "{statement}: {ended:?}");
    }
    let lower = match database.engine {
        Engine::Sqlite => "UPDATE sqlite_sequence SET seq = 1 WHERE name = 'dogs'",
        Engine::Postgres => "SELECT setval('dogs_id_seq', 1)",
    };
    database.execute(lower).expect("it is done");
    let ended = kennel(database, &["check"]);
    assert!(ended.stdout.contains("the last number of dogs is 1"), "{ended:?}");
}

fn a_log_of_changes_that_is_not_whole_is_found(database: &Database) {
    seed(database);
    let copy = |user: i64, seq: i64| {
        let same = "at, resource, row_id, action, version, was";
        format!(
            "INSERT INTO changes (user_id, seq, batch, {same}) \
             SELECT {user}, {seq}, 1, {same} FROM changes WHERE user_id = 1 AND seq = 7"
        )
    };
    let found = |damage: &str, mend: &str, told: &str| {
        assert_eq!(database.execute(damage), Ok(1), "{damage}");
        let ended = kennel(database, &["check"]);
        assert!(ended.code == Some(1) && ended.stdout.contains(told), "{damage}: {ended:?}");
        assert_eq!(database.execute(mend), Ok(1), "{mend}");
        drop(good(database, &["check"]));
    };
    let beyond = database.count("changes WHERE user_id = 1") + 1;
    found("DELETE FROM changes WHERE user_id = 1 AND seq = 9", &copy(1, 9), "user 1 ");
    found(&copy(1, beyond), &format!("DELETE FROM changes WHERE user_id = 1 AND seq = {beyond}"), "user 1 ");
    found(&copy(1, 0), "DELETE FROM changes WHERE seq = 0", "user 1 ");
    let floor = |floor: i64| format!("UPDATE books SET floor = {floor} WHERE user_id = 1");
    found(&floor(2), &floor(0), "user 1 ");
    found(&copy(77, 1), "DELETE FROM changes WHERE user_id = 77", "user 77, who has no book");
    let set = |columns: &str| format!("UPDATE changes SET {columns} WHERE user_id = 2 AND seq = 7");
    let mend = set("batch = 7, undoes = NULL, resource = 'owner', action = 'created', was = NULL");
    for odd in ["batch = 8", "undoes = batch", "resource = 'cat'", "action = 'made'", "was = '{}'"] {
        found(&set(odd), &mend, "of user 2 ");
    }
}

fn a_text_is_found_wherever_it_still_is(app: &App) {
    let alice = app.sign_in("alice");
    alice.owner("Canary-in-an-owner");
    let found = kennel(&app.database, &["check", "--absent", "Canary-in-an-owner"]);
    assert_eq!(found.code, Some(1), "{found:?}");
    // In SQLite's file a long text lies in pieces, wherever they end.
    for before in (700..1_000).step_by(7) {
        let description = format!("{}Canary-in-a-long-text{}", "🐶".repeat(before), "🐶".repeat(979));
        alice.put("/me/profile", &json!({ "description": description }));
        let found = kennel(&app.database, &["check", "--absent", "Canary-in-a-long-text"]);
        assert_eq!(found.code, Some(1), "{before}: {found:?}");
    }
    let absent = good(&app.database, &["check", "--absent", "Canary-in-nothing"]);
    assert!(absent.contains("nowhere"), "{absent}");
}

/// The texts are in every field that takes one; the files are looked at while the server runs.
fn of_a_deleted_account_nothing_is_left_in_any_file(app: &App) {
    if app.engine == Engine::Postgres {
        return;
    }
    app.sign_in("bob").owner("Bob's own");
    let alice = app.sign_in("canary-alice");
    let owner = alice.owner("canary-owner");
    let dog = alice.dog("canary-dog", owner);
    alice.post("/dogowner/tasks", &json!({"name": "canary-task", "dog_id": dog})).expect(201);
    alice.put("/me/profile", &json!({"description": "canary-profile"})).expect(201);
    alice.post("/me/keys", &json!({"name": "canary-key", "scope": "read"})).expect(201);
    alice.delete("/me").expect(204);
    let directory = app.database.directory();
    let holds = |path: &Path| {
        let bytes = fs::read(path).unwrap_or_default();
        bytes.windows(7).any(|window| window.eq_ignore_ascii_case(b"canary-"))
    };
    let end = Instant::now() + Duration::from_secs(60);
    while names(&directory, "kennel.db").iter().any(|name| holds(&directory.join(name))) {
        assert!(Instant::now() < end, "{}", kennel(&app.database, &["check", "--absent", "canary-"]).stdout);
        thread::sleep(Duration::from_millis(100));
    }
    drop(good(&app.database, &["check"]));
}
