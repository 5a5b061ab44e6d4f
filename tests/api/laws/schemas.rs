//! The schema is written down three times (two migration trees and `src/db/schema.rs`); here they are compared.

use std::collections::BTreeSet;

use crate::support::process::Program;
use crate::support::{Database, Engine, Repository, Sentence, schema, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        both_databases_have_the_same_schema,
        the_schema_file_agrees_with_the_database,
        every_row_of_a_user_goes_with_the_user,
        no_key_is_emptied_that_cannot_be_empty,
        no_key_stands_in_the_way_of_rows_that_are_about_to_go,
        every_foreign_key_is_indexed,
        sqlite_follows_a_foreign_key_by_all_of_its_columns,
        sqlite_tables_are_strict,
    ]
}

fn migrated(engine: Engine) -> Database {
    let database = Database::fresh(engine);
    let ended = Program::on(&database).args(&["migrate", "run"]).run();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    database
}

/// Told on each database: where there is only one, it agrees with itself.
fn both_databases_have_the_same_schema(database: &Database) {
    let shapes: Vec<_> = Engine::at_hand().into_iter().map(|engine| schema::shape(&migrated(engine))).collect();
    let here = schema::shape(&migrated(database.engine));
    assert!(here.iter().any(|line| line.starts_with("foreign key dogs")), "{here:#?}");
    for shape in shapes {
        let only_here: Vec<_> = here.iter().filter(|line| !shape.contains(line)).collect();
        let only_there: Vec<_> = shape.iter().filter(|line| !here.contains(line)).collect();
        assert_eq!(only_here, only_there, "only on {}, and only on the other", database.engine);
    }
}

/// What a type of `schema.rs` is in each database.
const TYPES: [(&str, &str, &str); 6] = [
    ("Int8", "INTEGER", "int8"),
    ("Text", "TEXT", "text"),
    ("Bytea", "BLOB", "bytea"),
    ("Bool", "INTEGER", "bool"),
    ("Date", "TEXT", "date"),
    ("Timestamptz", "INTEGER", "timestamptz"),
];

fn the_schema_file_agrees_with_the_database(database: &Database) {
    let file = Repository::here().read("src/db/schema.rs");
    let mut expected = Vec::new();
    let mut table = "";
    for line in file.lines().map(str::trim) {
        if let Some((name, _)) = line.split_once(" (").filter(|_| line.ends_with('{')) {
            table = name;
        } else if let Some((column, kind)) = line.strip_suffix(',').and_then(|line| line.split_once(" -> ")) {
            let inner = kind.strip_prefix("Nullable<").and_then(|kind| kind.strip_suffix('>'));
            let row = TYPES.iter().find(|row| row.0 == inner.unwrap_or(kind));
            let (_, sqlite, postgres) =
                row.unwrap_or_else(|| panic!("what {kind} is in the databases must be said here"));
            let kind = if database.engine == Engine::Sqlite { sqlite } else { postgres };
            expected.push(format!("{table}.{column} {kind}{}", if inner.is_some() { "?" } else { "" }));
        }
    }
    assert!(expected.len() > 20, "schema.rs can be read");
    assert_eq!(schema::columns(&migrated(database.engine)), expected);
}

/// A foreign key: `here (columns) to there (targets) on delete …`.
struct ForeignKey {
    text: String,
    here: String,
    columns: Vec<String>,
    there: String,
    targets: Vec<String>,
    on_delete: String,
}

fn foreign_keys(shape: &[String]) -> Vec<ForeignKey> {
    let keys = shape.iter().filter_map(|line| line.strip_prefix("foreign key ")).map(|text| {
        let (from, to) = text.split_once(" to ").expect("it leads somewhere");
        let (here, columns) = table_and_columns(from).expect("columns");
        let (there, targets) = table_and_columns(to).expect("columns");
        let on_delete = to.split_once(" on delete ").and_then(|(_, rest)| rest.split_once(" on update "));
        let owned = |columns: Vec<&str>| columns.into_iter().map(str::to_owned).collect();
        ForeignKey {
            text: text.to_owned(),
            here: here.to_owned(),
            columns: owned(columns),
            there: there.to_owned(),
            targets: owned(targets),
            on_delete: on_delete.expect("what happens then").0.to_owned(),
        }
    });
    let keys: Vec<_> = keys.collect();
    assert!(keys.len() > 5, "foreign keys can be read: {shape:#?}");
    keys
}

/// The log, each of whose rows a key would be looked up for, at every write: the transaction that deletes the user's row
/// deletes these after it (`src/me/deletion.rs`), and `kennel check` finds any that are left.
const DELETED_WITH_THE_USER: &str = "changes";

/// By a key of its own, or by one to rows that go with the user, which each of its rows names.
fn every_row_of_a_user_goes_with_the_user(database: &Database) {
    let migrated = migrated(database.engine);
    let shape = schema::shape(&migrated);
    let keys = foreign_keys(&shape);
    let holds_each_row = |key: &ForeignKey| {
        let of_the_user = key.columns.iter().any(|column| column == "user_id");
        key.there == "users" || of_the_user && key.columns.iter().all(|column| is_needed(&shape, &key.here, column))
    };
    let mut go = BTreeSet::from(["users"]);
    let cascades: Vec<_> = keys.iter().filter(|key| key.on_delete == "cascade" && holds_each_row(key)).collect();
    while let Some(key) = cascades.iter().find(|key| go.contains(&*key.there) && !go.contains(&*key.here)) {
        go.insert(&key.here);
    }
    for column in schema::columns(&migrated) {
        if let Some((table, _)) = column.split_once(".user_id ") {
            let own: Vec<_> = keys.iter().filter(|key| key.here == table).map(|key| &key.text).collect();
            let goes = go.contains(table) || table == DELETED_WITH_THE_USER;
            assert!(goes, "no key deletes the rows of {table} with their user; its keys are {own:#?}");
        }
    }
}

/// Whether a column is `NOT NULL`.
fn is_needed(shape: &[String], table: &str, column: &str) -> bool {
    let (of_the_table, needed) = (format!("column {table} "), format!(" {column} not null"));
    shape.iter().any(|line| line.starts_with(&of_the_table) && line.ends_with(&needed))
}

/// `ON DELETE SET NULL` empties every column of a key, `user_id` too, and the deletion fails. Let the key be without an
/// action, and the repository empty the column before it deletes what that named.
fn no_key_is_emptied_that_cannot_be_empty(database: &Database) {
    let shape = schema::shape(&migrated(database.engine));
    for key in foreign_keys(&shape).iter().filter(|key| key.on_delete.starts_with("set ")) {
        for column in &key.columns {
            let is_needed = is_needed(&shape, &key.here, column);
            assert!(!is_needed, "{} cannot empty {column}, which is NOT NULL", key.text);
        }
    }
}

/// RESTRICT looks at once, while what it is about may be about to go with the same user; without an action a key is
/// looked at when all of that is gone.
fn no_key_stands_in_the_way_of_rows_that_are_about_to_go(database: &Database) {
    let shape = schema::shape(&migrated(database.engine));
    let restricting = foreign_keys(&shape).into_iter().filter(|key| key.on_delete == "restrict").map(|key| key.text);
    assert_eq!(restricting.collect::<Vec<_>>(), [""; 0], "these restrict");
}

/// A key, unique or index serves a foreign key if it begins with the key's columns, or with the one that says which
/// row it is. A flag (`is_…`) tells little apart and need not be among them.
fn every_foreign_key_is_indexed(database: &Database) {
    let shape = schema::shape(&migrated(database.engine));
    let indexes: Vec<_> = ["primary key ", "unique ", "index "]
        .iter()
        .flat_map(|kind| shape.iter().filter_map(move |line| table_and_columns(line.strip_prefix(kind)?)))
        .collect();
    for key in foreign_keys(&shape) {
        let the_row =
            key.columns.iter().zip(&key.targets).filter(|(_, target)| *target == "id").map(|(column, _)| column);
        let the_row: Vec<_> = the_row.map(String::as_str).collect();
        let but_for_flags = key.columns.iter().map(String::as_str).filter(|column| !column.starts_with("is_"));
        let but_for_flags: Vec<_> = but_for_flags.collect();
        let served = indexes.iter().any(|(indexed, by)| {
            *indexed == key.here && (by.starts_with(&but_for_flags) || !the_row.is_empty() && by.starts_with(&the_row))
        });
        assert!(served, "no index serves {} in {shape:#?}", key.text);
    }
}

/// A cascade asks for the rows of a key, once for each row that it deletes. SQLite has no statistics, and with a
/// badly chosen set of indexes it would look through all rows of the user each time.
fn sqlite_follows_a_foreign_key_by_all_of_its_columns(database: &Database) {
    if database.engine == Engine::Postgres {
        return;
    }
    let migrated = migrated(database.engine);
    for ForeignKey { text: key, here: table, columns, .. } in foreign_keys(&schema::shape(&migrated)) {
        let conditions: Vec<_> =
            columns.iter().filter(|column| !column.starts_with("is_")).map(|column| format!("{column}=?")).collect();
        let plan = migrated.plan(&format!("DELETE FROM {table} WHERE {}", conditions.join(" AND "))).join("; ");
        let by_all = conditions.iter().all(|condition| plan.contains(condition));
        assert!(by_all || plan.contains("(rowid=?)"), "{key}: {plan}");
    }
}

/// The parts of `dogs (user_id, id) …`.
fn table_and_columns(line: &str) -> Option<(&str, Vec<&str>)> {
    let (table, rest) = line.split_once(" (")?;
    Some((table, rest.split_once(')')?.0.split(", ").collect()))
}

fn sqlite_tables_are_strict(database: &Database) {
    if database.engine == Engine::Postgres {
        return;
    }
    let lax = "SELECT name AS value FROM pragma_table_list WHERE type = 'table' AND strict = 0 \
               AND name NOT LIKE 'sqlite_%' AND name <> '__diesel_schema_migrations'";
    assert_eq!(migrated(database.engine).texts(lax), [""; 0]);
}
