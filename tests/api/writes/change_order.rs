//! The numbers of a book's changes become visible in their order, whatever its writers wait for and whatever of theirs is
//! rolled back: who has read up to a number, and asks for what comes after it, misses nothing.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::{self, Data, Path, ServiceConfig};
use kennel::db::Db;
use kennel::ids::UserId;
use kennel::owners::OwnerRow;
use kennel::problem::{Kind, Problem};
use serde_json::json;

use crate::support::{Actor, App, Database, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![a_reader_of_changes_sees_each_number_right_after_the_one_before]
}

const BOOKS: usize = 3;
/// The writers of each book.
const WRITERS: usize = 3;
/// The writes of each.
const WRITES: usize = 40;

fn routes(config: &mut ServiceConfig) {
    config.route("/test/write/{user}/{milliseconds}/{is_kept}", web::post().to(write_slowly));
}

/// A write of two changes that takes so long, and is kept or rolled back.
async fn write_slowly(asked: Path<(UserId, u64, bool)>, db: Data<Db>) -> Result<HttpResponse, Problem> {
    let (user, milliseconds, is_kept) = asked.into_inner();
    db.write_book(user, move |_conn, book| {
        book.created_as::<OwnerRow>(1, 1);
        thread::sleep(Duration::from_millis(milliseconds));
        book.created_as::<OwnerRow>(2, 1);
        if is_kept { Ok(()) } else { Err(Kind::NotFound.into()) }
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The number of the changes that one writer makes: in one statement, in a slow transaction, and in ones that come to
/// nothing.
fn write(alice: &Actor<'_>, number: usize) -> usize {
    let (user, pause) = (alice.id(), number % 4);
    match number % 5 {
        0 => {
            alice.owner("Ann");
            1
        }
        1 => {
            alice.send("POST", &format!("/test/write/{user}/{pause}/true"), &[], None).expect(204);
            2
        }
        2 => {
            alice.send("POST", &format!("/test/write/{user}/{pause}/false"), &[], None).expect(404);
            0
        }
        3 => {
            let dog = json!({"name": "Rex", "owner_id": 9_999_999});
            alice.post("/dogowner/dogs", &dog).error("/owner_id", "not_found");
            0
        }
        _ => {
            alice.task("Walk");
            1
        }
    }
}

/// Reads the changes as they come, until no writer is left and there are no more; how many there were.
fn follow(alice: &Actor<'_>, writers: &AtomicUsize) -> i64 {
    let mut seen = 0;
    loop {
        let are_over = writers.load(Ordering::SeqCst) == 0;
        let page = alice.get(&format!("/dogowner/changes?limit=200&after={seen}")).expect(200);
        for change in page.rows() {
            assert_eq!(change["seq"], seen + 1, "what comes right after {seen}");
            seen += 1;
        }
        if are_over && page.rows().is_empty() {
            return seen;
        }
    }
}

fn a_reader_of_changes_sees_each_number_right_after_the_one_before(database: &Database) {
    let app = App::with_routes(Database::fresh(database.engine), &[], routes);
    let people: Vec<_> = (0..BOOKS).map(|number| app.sign_in(&format!("alice{number}"))).collect();
    thread::scope(|scope| {
        let follow = |person| scope.spawn(move || follow_writers(person));
        let followers: Vec<_> = people.iter().map(follow).collect();
        for follower in followers {
            follower.join().expect("a book in order");
        }
    });
}

/// One of so many, until it is dropped, however its work ends.
struct Present<'a>(&'a AtomicUsize);

impl Drop for Present<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Reads one book, while some write it.
fn follow_writers(person: &Actor<'_>) {
    let writers = &AtomicUsize::new(WRITERS);
    thread::scope(|scope| {
        let write_many = |writer| {
            scope.spawn(move || {
                let _present = Present(writers);
                (0..WRITES).map(|number| write(person, number * WRITERS + writer)).sum::<usize>()
            })
        };
        let writes: Vec<_> = (0..WRITERS).map(write_many).collect();
        let seen = follow(person, writers);
        let made: usize = writes.into_iter().map(|writer| writer.join().expect("it writes")).sum();
        assert_eq!(usize::try_from(seen), Ok(made));
    });
}
