//! The schema is written down three times (two migration trees and `src/db/schema.rs`); here they are compared.

use crate::support::process::Program;
use crate::support::{Database, Engine, Repository, Sentence, schema, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        both_databases_have_the_same_schema,
        the_schema_file_agrees_with_the_database,
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

/// A key, unique or index serves a foreign key if it begins with the key's columns, or with the one that says which
/// row it is. A flag (`is_…`) tells little apart and need not be among them.
fn every_foreign_key_is_indexed(database: &Database) {
    let shape = schema::shape(&migrated(database.engine));
    let indexes: Vec<_> = ["primary key ", "unique ", "index "]
        .iter()
        .flat_map(|kind| shape.iter().filter_map(move |line| table_and_columns(line.strip_prefix(kind)?)))
        .collect();
    for key in shape.iter().filter_map(|line| line.strip_prefix("foreign key ")) {
        let (here, there) = key.split_once(" to ").expect("it leads somewhere");
        let (table, columns) = table_and_columns(here).expect("columns");
        let (_, targets) = table_and_columns(there).expect("columns");
        let the_row = columns.iter().zip(&targets).filter(|(_, target)| **target == "id").map(|(column, _)| *column);
        let the_row: Vec<_> = the_row.collect();
        let but_for_flags: Vec<_> = columns.into_iter().filter(|column| !column.starts_with("is_")).collect();
        let served = indexes.iter().any(|(indexed, by)| {
            *indexed == table && (by.starts_with(&but_for_flags) || !the_row.is_empty() && by.starts_with(&the_row))
        });
        assert!(served, "no index serves {key} in {shape:#?}");
    }
}

/// A cascade asks for the rows of a key, once for each row that it deletes. SQLite has no statistics, and with a
/// badly chosen set of indexes it would look through all rows of the user each time.
fn sqlite_follows_a_foreign_key_by_all_of_its_columns(database: &Database) {
    if database.engine == Engine::Postgres {
        return;
    }
    let migrated = migrated(database.engine);
    let shape = schema::shape(&migrated);
    for key in shape.iter().filter_map(|line| line.strip_prefix("foreign key ")) {
        let (table, columns) = table_and_columns(key).expect("columns");
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
