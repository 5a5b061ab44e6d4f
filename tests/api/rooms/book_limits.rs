//! A book has an end: so many owners, dogs and tasks, and as many keys.

use std::thread;

use kennel::config::VARIABLES;
use serde_json::json;

use crate::support::contract::contract;
use crate::support::process::Program;
use crate::support::{Actor, Answer, App, Book, Database, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        every_kind_of_row_that_a_book_has_has_an_end,
        a_book_has_so_many_rows_and_not_one_more,
        what_is_deleted_makes_room_at_once,
        a_full_book_can_be_changed_and_read_and_is_full_for_its_user_only,
        a_book_without_a_limit_has_no_end,
        a_limit_that_is_lowered_or_passed_otherwise_deletes_nothing,
        a_create_that_is_sent_again_is_answered_again_however_full_the_book_is,
        of_many_who_create_at_once_as_many_succeed_as_there_is_room_for,
        several_instances_keep_to_the_limit_together_but_for_a_few,
        an_account_has_as_many_keys_as_its_book_may_have_rows,
    ]
}

fn limited(scene: &Database, owners: &str, dogs: &str, tasks: &str) -> App {
    let settings = [("MOST_OWNERS", owners), ("MOST_DOGS", dogs), ("MOST_TASKS", tasks)];
    App::with(Database::fresh(scene.engine), &settings)
}

fn create(alice: &Actor<'_>, path: &str, owner: i64) -> Answer {
    let body = if path.ends_with("/dogs") || path.ends_with("/dog") {
        json!({"name": "Rex", "owner_id": owner})
    } else {
        json!({"name": "Name"})
    };
    alice.post(path, &body)
}

/// `MOST_DOGS` is the end of `/dogowner/dogs`, and `too-many-dogs` says so; thus for each path.
fn every_kind_of_row_that_a_book_has_has_an_end(scene: &Database) {
    for add in contract().creations() {
        let kind = add.path.rsplit('/').next().expect("a name");
        let setting = format!("MOST_{}", kind.to_uppercase().replace('-', "_"));
        let app = App::with(Database::fresh(scene.engine), &[(&setting, "2")]);
        let alice = app.sign_in("alice");
        let book = Book::of(&alice);
        let aliases: Vec<_> =
            contract().operations.iter().filter(|one| one.id == format!("{}_singular", add.id)).collect();
        let body = book.body(add, 0);
        for _ in 0..2 {
            alice.post(&add.path, &body).expect(201);
        }
        for add in [add].into_iter().chain(aliases) {
            let refused = alice.post(&add.path, &body);
            assert_eq!(refused.status, 409, "{} of a third with {setting}=2: {refused}", add.id);
            let refused = refused.problem(&format!("too-many-{kind}"));
            assert!(refused.text("detail").contains(&format!("2 {kind}")), "{refused}");
        }
        alice.delete(&format!("{}/{}", add.path, alice.get(&add.path).expect(200).ids()[0])).expect(204);
        alice.post(&add.path, &body).expect(201);
    }
}

fn a_book_has_so_many_rows_and_not_one_more(scene: &Database) {
    let app = limited(scene, "3", "2", "4");
    let alice = app.sign_in("alice");
    let (ann, mia) = (alice.owner("Ann"), alice.owner("Mia"));
    alice.owner("Zoe");
    for _ in 0..2 {
        for path in ["/dogowner/owners", "/dogowner/owner"] {
            let refused = create(&alice, path, ann).expect(409).problem("too-many-owners");
            assert_eq!(refused.text("detail"), "A book has 3 owners at most, and yours has them. Delete one first.");
        }
    }
    alice.dog("Rex", ann);
    let shared = json!({"name": "Ivy", "owner_id": ann, "co_owner_ids": [mia]});
    alice.post("/dogowner/dogs", &shared).expect(201);
    for path in ["/dogowner/dogs", "/dogowner/dog"] {
        let refused = create(&alice, path, ann).expect(409).problem("too-many-dogs");
        assert!(refused.text("detail").contains("2 dogs"), "{refused}");
        alice.post(path, &shared).expect(409).problem("too-many-dogs");
    }
    for _ in 0..4 {
        alice.task("Walk");
    }
    let refused = create(&alice, "/dogowner/tasks", ann).expect(409).problem("too-many-tasks");
    assert!(refused.text("detail").contains("4 tasks"), "{refused}");
    let counts = ["owners", "dogs", "tasks"].map(|table| app.database.count(table));
    assert_eq!(counts, [3, 2, 4]);
    // A body that is not acceptable is told so, whatever else there is.
    alice.post("/dogowner/owners", &json!({"name": ""})).error("/name", "too_short");
}

fn what_is_deleted_makes_room_at_once(scene: &Database) {
    let app = limited(scene, "2", "2", "2");
    let alice = app.sign_in("alice");
    let (ann, mia) = (alice.owner("Ann"), alice.owner("Mia"));
    let (rex, _) = (alice.dog("Rex", ann), alice.dog("Ivy", ann));
    let walk = json!({"name": "Walk", "dog_id": rex});
    for _ in 0..2 {
        alice.post("/dogowner/tasks", &walk).expect(201);
    }
    let full = || {
        for (path, problem) in [
            ("/dogowner/owners", "too-many-owners"),
            ("/dogowner/dogs", "too-many-dogs"),
            ("/dogowner/tasks", "too-many-tasks"),
        ] {
            create(&alice, path, ann).expect(409).problem(problem);
        }
    };
    for _ in 0..3 {
        full();
        alice.delete(&format!("/dogowner/tasks/{}", alice.get("/dogowner/tasks").ids()[0])).expect(204);
        alice.task("Walk");
    }
    full();
    alice.delete(&format!("/dogowner/dogs/{rex}")).expect(204);
    let next = alice.dog("Rex", ann);
    // With its tasks.
    let tasks = alice.get("/dogowner/tasks").ids().len();
    for _ in tasks..2 {
        alice.task("Walk");
    }
    full();
    alice.delete(&format!("/dogowner/owners/{mia}")).expect(204);
    alice.owner("Mia");
    full();
    alice.delete(&format!("/dogowner/owners/{ann}?force=true")).expect(204);
    let ann = alice.owner("Ann");
    for _ in 0..2 {
        alice.dog("Rex", ann);
    }
    alice.get(&format!("/dogowner/dogs/{next}")).expect(404);
}

fn a_full_book_can_be_changed_and_read_and_is_full_for_its_user_only(scene: &Database) {
    let app = limited(scene, "2", "1", "1");
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let (ann, mia) = (alice.owner("Ann"), alice.owner("Mia"));
    let (dog, task) = (alice.dog("Rex", ann), alice.task("Walk"));
    create(&alice, "/dogowner/dogs", ann).expect(409);
    alice.patch(&format!("/dogowner/owners/{ann}"), &json!({"name": "Anna"})).expect(200);
    alice.put(&format!("/dogowner/dogs/{dog}"), &json!({"name": "Rexy", "owner_id": mia})).expect(200);
    alice.share(dog, ann);
    alice.patch(&format!("/dogowner/tasks/{task}"), &json!({"completed": true})).expect(200);
    alice.go_public();
    assert_eq!(alice.get("/dogowner/dogs?count=true").expect(200).ids(), [dog]);
    let ben = bob.owner("Ben");
    bob.dog("Ivy", ben);
    bob.task("Walk");
    create(&bob, "/dogowner/tasks", ben).expect(409).problem("too-many-tasks");
}

fn a_book_without_a_limit_has_no_end(scene: &Database) {
    let app = limited(scene, "off", "off", "off");
    let alice = app.sign_in("alice");
    let ann = alice.owner("Ann");
    double(&app, "owners", "user_id, name, name_key, created_at, updated_at", 14);
    assert!(app.database.count("owners") > 10_000);
    alice.owner("Mia");
    alice.dog("Rex", ann);
    alice.task("Walk");
}

fn double(app: &App, table: &str, columns: &str, doublings: u32) {
    for _ in 0..doublings {
        let double = format!("INSERT INTO {table} ({columns}) SELECT {columns} FROM {table}");
        app.database.execute(&double).expect("they are doubled");
    }
}

fn a_limit_that_is_lowered_or_passed_otherwise_deletes_nothing(scene: &Database) {
    let app = limited(scene, "10", "10", "10");
    let alice = app.sign_in("alice");
    alice.task("Walk");
    double(&app, "tasks", "user_id, name, name_key, completed, created_at, updated_at", 5);
    create(&alice, "/dogowner/tasks", 0).expect(409).problem("too-many-tasks");
    assert_eq!(alice.get("/dogowner/tasks?limit=200").expect(200).ids().len(), 32);
    for id in alice.get("/dogowner/tasks?limit=22").ids() {
        create(&alice, "/dogowner/tasks", 0).expect(409);
        alice.delete(&format!("/dogowner/tasks/{id}")).expect(204);
    }
    create(&alice, "/dogowner/tasks", 0).expect(409);
    alice.delete(&format!("/dogowner/tasks/{}", alice.get("/dogowner/tasks").ids()[0])).expect(204);
    create(&alice, "/dogowner/tasks", 0).expect(201);
}

fn a_create_that_is_sent_again_is_answered_again_however_full_the_book_is(scene: &Database) {
    let app = limited(scene, "2", "2", "2");
    let alice = app.sign_in("alice");
    let owner = alice.owner("Ann");
    let bodies = [
        ("/dogowner/owners", json!({"name": "Mia"}), "too-many-owners"),
        ("/dogowner/dogs", json!({"name": "Rex", "owner_id": owner}), "too-many-dogs"),
        ("/dogowner/tasks", json!({"name": "Walk"}), "too-many-tasks"),
    ];
    for (path, body, problem) in bodies {
        let keyed = |key: &str| alice.ask("POST", path, &[("Idempotency-Key", key)], Some(&body));
        let first = keyed(&format!("{path}-1")).expect(201);
        while create(&alice, path, owner).status == 201 {}
        let again = keyed(&format!("{path}-1")).expect(201);
        assert_eq!(again.header("idempotency-replayed"), "true");
        assert_eq!(again.body, first.body);
        keyed(&format!("{path}-2")).expect(409).problem(problem);
        // A failure is not kept.
        alice.delete(&format!("{path}/{}", first.id())).expect(204);
        let made = keyed(&format!("{path}-2")).expect(201);
        assert!(made.header_if_any("idempotency-replayed").is_none(), "{made}");
    }
}

/// What became of so many creates at once, each by one of these.
fn at_once(people: &[Actor<'_>], count: usize, keyed: bool) -> Vec<u16> {
    thread::scope(|scope| {
        let all: Vec<_> = (0..count)
            .map(|number| {
                let person = &people[number % people.len()];
                scope.spawn(move || {
                    let key = number.to_string();
                    let headers = [("Idempotency-Key", key.as_str())];
                    let headers = if keyed { &headers[..] } else { &[] };
                    person.ask("POST", "/dogowner/owners", headers, Some(&json!({"name": "Ann"}))).status
                })
            })
            .collect();
        all.into_iter().map(|one| one.join().expect("an answer")).collect()
    })
}

fn of_many_who_create_at_once_as_many_succeed_as_there_is_room_for(scene: &Database) {
    for (most, keyed) in [(30, false), (30, true), (400, false)] {
        let app = limited(scene, &most.to_string(), "off", "off");
        let alice = app.sign_in("alice");
        let mut made = 0;
        while made + 25 < most {
            alice.owner("Ann");
            made += 1;
        }
        let statuses = at_once(&[alice], 50, keyed);
        let of = |status: u16| statuses.iter().filter(|one| **one == status).count();
        assert_eq!((of(201), of(409)), (most - made, 50 - (most - made)), "{statuses:?}");
        assert_eq!(app.database.count("owners"), i64::try_from(most).expect("few"));
    }
}

fn several_instances_keep_to_the_limit_together_but_for_a_few(database: &Database) {
    // A secret of their own would be made by one of them.
    let instances: Vec<_> = (0..3).map(|_| Program::on(database).set("MOST_OWNERS", "60").serve()).collect();
    let token = instances[0].sign_in("alice").token().to_owned();
    let people: Vec<_> = instances.iter().map(|instance| instance.anon().with_token(&token)).collect();
    let made = at_once(&people, 90, false).iter().filter(|status| **status == 201).count();
    // Each may be creating some while another counts.
    assert!((60..75).contains(&made), "{made} were made");
    assert_eq!(database.count("owners"), i64::try_from(made).expect("few"));
    for person in &people {
        create(person, "/dogowner/owners", 0).expect(409).problem("too-many-owners");
    }
    for id in people[0].get("/dogowner/owners?limit=5").ids() {
        people[1].delete(&format!("/dogowner/owners/{id}")).expect(204);
    }
    people[2].owner("Mia");
}

fn an_account_has_as_many_keys_as_its_book_may_have_rows(scene: &Database) {
    let limits = VARIABLES.iter().filter(|variable| variable.name.starts_with("MOST_"));
    let one_of_each: Vec<_> = limits.map(|variable| (variable.name, "1")).collect();
    let app = App::with(Database::fresh(scene.engine), &one_of_each);
    let alice = app.sign_in("alice");
    let body = json!({"name": "Ann"});
    let keyed = |key: &str| alice.ask("POST", "/dogowner/owners", &[("Idempotency-Key", key)], Some(&body));
    let clear = |id: i64| drop(alice.delete(&format!("/dogowner/owners/{id}")).expect(204));
    let most = one_of_each.len();
    for number in 1..=most {
        clear(keyed(&number.to_string()).expect(201).id());
    }
    let refused = keyed("one-more").expect(409).problem("too-many-idempotency-keys");
    assert!(refused.text("detail").contains(&format!("{most} idempotency keys")), "{refused}");
    assert_eq!(keyed("1").expect(201).header("idempotency-replayed"), "true");
    clear(alice.owner("Ann"));
    assert_eq!(app.database.count("idempotency_keys"), i64::try_from(most).expect("few"));
    app.database.execute("DELETE FROM idempotency_keys WHERE key = '2'").expect("as a sweep does");
    keyed("one-more").expect(201);
}
