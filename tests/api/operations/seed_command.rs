//! `kennel seed`: accounts with a book each, to try things out with.

use serde_json::Value;

use crate::support::process::{Ended, Program};
use crate::support::{Actor, App, Database, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        each_printed_login_opens_a_book_with_its_share_of_the_dogs,
        the_same_seed_makes_the_same_rows_and_logins_and_another_one_others,
        a_database_with_users_is_left_alone_unless_it_is_to_be_added_to,
        numbers_that_cannot_be_are_one_line_and_nothing_is_made,
    ]
}

fn seed(database: &Database, args: &[&str]) -> Ended {
    Program::on(database).args(&[&["seed"], args].concat()).run()
}

/// The logins that it printed: a line with a name and a password each, and one more line about them.
#[track_caller]
fn logins(ended: &Ended) -> Vec<(String, String)> {
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    let (lines, last) = ended.stdout.trim_end().rsplit_once('\n').expect("several lines");
    assert!(last.contains("for trying things out only"), "{last}");
    let login = |line: &str| {
        let (name, password) = line.split_once(' ').expect("a name and a password");
        (name.to_owned(), password.trim().to_owned())
    };
    lines.lines().map(login).collect()
}

/// The books of these logins, without what the moment and the database say.
fn books(database: Database, logins: &[(String, String)]) -> Vec<Value> {
    let app = App::on(database);
    let book = |(name, password): &(String, String)| {
        let user = Actor::logged_in(&app, &app.try_log_in(name, password).expect(200));
        let export = user.get("/me/export").expect(200).json;
        let of = |rows: &str, fields: &[&str]| {
            let rows = export[rows].as_array().expect("rows").iter();
            rows.map(|row| fields.iter().map(|field| row[field].clone()).collect()).collect::<Vec<Value>>()
        };
        serde_json::json!({
            "owners": of("owners", &["name"]),
            "dogs": of("dogs", &["name", "born_on"]),
            "tasks": of("tasks", &["name", "due_on", "completed"]),
            "is_public": !export["profile"].is_null(),
        })
    };
    logins.iter().map(book).collect()
}

fn each_printed_login_opens_a_book_with_its_share_of_the_dogs(database: &Database) {
    let fresh = Database::fresh(database.engine);
    let logins = logins(&seed(&fresh, &["--users", "3", "--dogs", "8"]));
    assert_eq!(logins.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["mia", "noah", "olga"]);
    let books = books(fresh, &logins);
    let counts = |rows: &str| books.iter().map(|book| book[rows].as_array().expect("rows").len()).collect::<Vec<_>>();
    assert_eq!((counts("dogs"), counts("owners"), counts("tasks")), (vec![3, 3, 2], vec![1, 1, 1], vec![2, 2, 1]));
    assert_eq!(books.iter().map(|book| book["is_public"] == true).collect::<Vec<_>>(), [true, false, true]);
}

fn the_same_seed_makes_the_same_rows_and_logins_and_another_one_others(database: &Database) {
    let made = |seed_: &str| {
        let fresh = Database::fresh(database.engine);
        let logins = logins(&seed(&fresh, &["--users", "2", "--dogs", "30", "--seed", seed_]));
        (books(fresh, &logins), logins)
    };
    let one = made("7");
    assert_eq!(made("7"), one);
    let (books, logins) = made("8");
    assert_ne!(books, one.0);
    assert_ne!(logins, one.1);
}

fn a_database_with_users_is_left_alone_unless_it_is_to_be_added_to(database: &Database) {
    let fresh = Database::fresh(database.engine);
    let _first = logins(&seed(&fresh, &["--users", "1", "--dogs", "4"]));
    let rows = fresh.rows();
    let refused = seed(&fresh, &["--users", "1"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""));
    assert!(refused.stderr.contains("--add"), "{}", refused.stderr);
    assert_eq!(fresh.rows(), rows);
    let added = logins(&seed(&fresh, &["--users", "2", "--dogs", "0", "--add"]));
    assert_eq!(added.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["mia2", "noah"]);
}

fn numbers_that_cannot_be_are_one_line_and_nothing_is_made(database: &Database) {
    for wrong in [["--users", "0"], ["--users", "1001"], ["--dogs", "1e9"], ["--dogs", "many"], ["--seed", "1.5"]] {
        let fresh = Database::fresh(database.engine);
        let rows = fresh.rows();
        let refused = seed(&fresh, &wrong);
        assert!(refused.code.is_some_and(|code| code != 0), "{wrong:?}: {refused:?}");
        assert_eq!(refused.stdout, "", "{wrong:?}");
        assert!(refused.stderr.contains(wrong[0]), "{wrong:?}: {}", refused.stderr);
        assert_eq!(fresh.rows(), rows, "{wrong:?}");
    }
}
