//! Taking changes back: all of an operation or nothing, and never what was changed since.

use serde_json::{Value, json};

use crate::support::process::Program;
use crate::support::{Actor, Answer, App, Database, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_row_that_was_created_goes_again,
        a_row_that_was_changed_is_as_it_was,
        a_row_that_was_deleted_comes_back_under_its_id,
        what_was_taken_back_can_be_taken_back,
        an_owner_comes_back_with_all_that_went_with_it,
        a_completed_task_comes_back_with_its_time,
        what_was_changed_since_is_not_taken_back,
        what_others_belong_to_by_now_does_not_go,
        what_would_belong_to_nothing_does_not_come_back,
        a_full_book_takes_nothing_back,
        a_book_that_is_over_its_limit_takes_back_what_adds_nothing,
        a_retry_takes_back_once,
        retries_at_the_same_moment_take_back_once,
        a_deletion_that_is_taken_back_while_it_goes_on_ends,
        what_is_forgotten_is_not_taken_back_and_told_with_the_right_numbers,
        what_changed_nothing_is_taken_back_without_a_change,
        of_two_who_take_the_same_back_one_does,
        old_etags_are_no_good_for_a_row_that_came_back,
        a_number_that_is_no_change_is_not_found,
    ]
}

fn undo(actor: &Actor<'_>, seq: i64) -> Answer {
    actor.send("POST", &format!("/dogowner/changes/{seq}/undo"), &[], None)
}

fn last(actor: &Actor<'_>) -> i64 {
    actor.get("/dogowner/book").expect(200).json["last"].as_i64().expect("a number")
}

/// All rows of a book, but for when they were changed.
fn rows(actor: &Actor<'_>) -> Vec<Value> {
    let mut all = Vec::new();
    for list in ["owners", "dogs", "tasks"] {
        let mut path = format!("/dogowner/{list}?limit=200");
        loop {
            let page = actor.get(&path).expect(200);
            all.extend(page.rows().iter().cloned());
            let Some(next) = page.next_page() else { break };
            path = next;
        }
    }
    for row in &mut all {
        row.as_object_mut().expect("a row").remove("updated_at");
    }
    all
}

fn a_row_that_was_created_goes_again(app: &App) {
    let alice = app.sign_in("alice");
    let owner = alice.owner("Ann");
    let before = rows(&alice);
    let makes: [&dyn Fn() -> i64; 3] = [&|| alice.owner("Bob"), &|| alice.dog("Rex", owner), &|| alice.task("Walk")];
    for make in makes {
        let _id = make();
        let made = undo(&alice, last(&alice)).expect(200);
        assert_eq!((made.all("action"), made.all("row")), (vec![json!("deleted")], vec![Value::Null]));
        assert_eq!(rows(&alice), before);
    }
}

fn a_row_that_was_changed_is_as_it_was(app: &App) {
    let alice = app.sign_in("alice");
    let [ann, bob] = ["Ann", "Bob"].map(|name| alice.owner(name));
    let body = json!({"name": "Rex", "owner_id": ann, "co_owner_ids": [bob], "born_on": "2020-02-29"});
    let dog = alice.post("/dogowner/dogs", &body).expect(201).id();
    let task = alice.post("/dogowner/tasks", &json!({"name": "Walk", "dog_id": dog})).expect(201).id();
    let before = rows(&alice);
    for (path, patch) in [
        (format!("owners/{ann}"), json!({"name": "Anna"})),
        (format!("dogs/{dog}"), json!({"name": "Max", "born_on": null})),
        (format!("dogs/{dog}"), json!({"owner_id": bob})),
        (format!("dogs/{dog}"), json!({"co_owner_ids": []})),
        (format!("tasks/{task}"), json!({"name": "Feed", "dog_id": null, "due_on": "2026-12-01", "completed": true})),
    ] {
        let path = format!("/dogowner/{path}");
        alice.patch(&path, &patch).expect(200);
        let made = undo(&alice, last(&alice)).expect(200);
        assert_eq!(made.all("action"), [json!("updated")], "{patch}");
        assert_eq!(made.all("row"), [alice.get(&path).expect(200).json]);
        assert_eq!(rows(&alice), before, "{patch}");
    }
    alice.delete(&format!("/dogowner/dogs/{dog}/co-owners/{bob}")).expect(204);
    undo(&alice, last(&alice)).expect(200);
    assert_eq!(rows(&alice), before);
    alice.patch(&format!("/dogowner/owners/{ann}"), &json!({"name": "Ann"})).expect(200);
    undo(&alice, last(&alice)).expect(200);
    assert_eq!(rows(&alice), before, "what changed nothing but the version is taken back like that");
}

fn a_row_that_was_deleted_comes_back_under_its_id(app: &App) {
    let alice = app.sign_in("alice");
    let [ann, bob, free] = ["Ann", "Bob", "Cleo"].map(|name| alice.owner(name));
    let body = json!({"name": "Rex", "owner_id": ann, "co_owner_ids": [bob], "born_on": "2020-02-29"});
    let dog = alice.post("/dogowner/dogs", &body).expect(201).id();
    alice.post("/dogowner/tasks", &json!({"name": "Walk", "dog_id": dog})).expect(201);
    let done = alice.post("/dogowner/tasks", &json!({"name": "Feed", "completed": true})).expect(201).id();
    let before = rows(&alice);
    for path in [format!("tasks/{done}"), format!("dogs/{dog}"), format!("owners/{free}")] {
        alice.delete(&format!("/dogowner/{path}")).expect(204);
        undo(&alice, last(&alice)).expect(200);
        assert_eq!(rows(&alice), before, "{path}");
    }
    // The next row gets an id of its own.
    assert!([ann, bob, free].iter().all(|id| *id != alice.owner("Dan")));
}

fn what_was_taken_back_can_be_taken_back(app: &App) {
    let alice = app.sign_in("alice");
    let owner = alice.owner("Ann");
    alice.dog("Rex", owner);
    let with = rows(&alice);
    alice.delete(&format!("/dogowner/owners/{owner}?force=true")).expect(204);
    let mut seq = last(&alice);
    for expected in [with.clone(), Vec::new(), with, Vec::new()] {
        let made = undo(&alice, seq).expect(200);
        assert_eq!(rows(&alice), expected);
        seq = made.rows()[0]["batch"].as_i64().expect("a number");
    }
}

fn an_owner_comes_back_with_all_that_went_with_it(app: &App) {
    let alice = app.sign_in("alice");
    let [ann, bob] = ["Ann", "Bob"].map(|name| alice.owner(name));
    let his = alice.dog("Max", bob);
    alice.share(his, ann);
    // More than go in one transaction.
    let dogs: Vec<_> = (1..=400)
        .map(|id| json!({"id": id, "name": format!("Dog {id}"), "owner_id": 1, "co_owner_ids": [2]}))
        .collect();
    let tasks: Vec<_> = (1..=400).map(|id| json!({"name": "Walk", "dog_id": id, "completed": id % 2 == 0})).collect();
    let owners = json!([{"id": 1, "name": "Cleo"}, {"id": 2, "name": "Dan"}]);
    alice.post("/me/import", &json!({"kennel": 1, "owners": owners, "dogs": dogs, "tasks": tasks})).expect(201);
    let before = rows(&alice);
    let owners = alice.get("/dogowner/owners").expect(200);
    let id = |name: &str| owners.rows().iter().find(|owner| owner["name"] == name).expect("it is there")["id"].clone();
    for owner in [json!(ann), id("Cleo"), id("Dan")] {
        let seq = last(&alice) + 1;
        alice.delete(&format!("/dogowner/owners/{owner}?force=true")).expect(204);
        let made = undo(&alice, seq).expect(200);
        assert_eq!(rows(&alice), before);
        // A page of what was made, and the rest behind it.
        let (mut count, mut next) = (made.rows().len(), made.next_page());
        while let Some(path) = next {
            let page = alice.get(&path).expect(200);
            count += page.rows().len();
            next = page.next_page();
        }
        assert_eq!(i64::try_from(count).expect("few"), (last(&alice) - seq + 1) / 2);
    }
}

fn a_completed_task_comes_back_with_its_time(app: &App) {
    let alice = app.sign_in("alice");
    let task = alice.post("/dogowner/tasks", &json!({"name": "Walk", "completed": true})).expect(201);
    app.database.put_back("completed_at", "tasks", 3600);
    let path = task.header("location").to_owned();
    let completed_at = || alice.get(&path).expect(200).json["completed_at"].clone();
    let time = completed_at();
    alice.patch(&path, &json!({"completed": false})).expect(200);
    undo(&alice, last(&alice)).expect(200);
    assert_eq!(completed_at(), time);
    alice.delete(&path).expect(204);
    undo(&alice, last(&alice)).expect(200);
    assert_eq!(completed_at(), time);
}

fn what_was_changed_since_is_not_taken_back(app: &App) {
    let alice = app.sign_in("alice");
    let owner = alice.owner("Ann");
    let path = format!("/dogowner/owners/{owner}");
    alice.patch(&path, &json!({"name": "Anna"})).expect(200);
    alice.patch(&path, &json!({"name": "Anne"})).expect(200);
    for seq in [1, 2] {
        let refused = undo(&alice, seq).problem("changed-since");
        assert_eq!(refused.json["rows"], json!([{"resource": "owner", "id": owner}]));
        assert!(refused.text("detail").contains(&format!("owner {owner}")), "{}", refused.json);
    }
    assert_eq!(alice.get(&path).expect(200).text("name"), "Anne");
    alice.delete(&path).expect(204);
    undo(&alice, 3).problem("changed-since");
    let deleted = last(&alice);
    undo(&alice, deleted).expect(200);
    undo(&alice, deleted).problem("changed-since");
    // Whatever came after it was taken back.
    undo(&alice, 3).expect(200);
    assert_eq!(alice.get(&path).expect(200).text("name"), "Anna");
}

fn what_others_belong_to_by_now_does_not_go(app: &App) {
    let alice = app.sign_in("alice");
    let [ann, bob] = ["Ann", "Bob"].map(|name| alice.owner(name));
    let dog = alice.dog("Rex", ann);
    let about = alice.post("/dogowner/tasks", &json!({"name": "Walk", "dog_id": dog})).expect(201).id();
    let before = rows(&alice);
    undo(&alice, 1).problem("cannot-undo");
    undo(&alice, 3).problem("cannot-undo");
    assert_eq!(rows(&alice), before);
    alice.delete(&format!("/dogowner/tasks/{about}")).expect(204);
    undo(&alice, 3).expect(200);
    let dog = alice.dog("Max", ann);
    alice.share(dog, bob);
    let before = rows(&alice);
    let refused = undo(&alice, 2).problem("cannot-undo");
    assert!(refused.text("detail").contains("Take it off them first"), "{}", refused.json);
    assert_eq!(rows(&alice), before, "a co-owner is not taken off a dog by the way");
}

fn what_would_belong_to_nothing_does_not_come_back(app: &App) {
    let alice = app.sign_in("alice");
    let [ann, bob, cleo] = ["Ann", "Bob", "Cleo"].map(|name| alice.owner(name));
    let dog = alice.dog("Rex", ann);
    let task = alice.post("/dogowner/tasks", &json!({"name": "Walk", "dog_id": dog})).expect(201).id();
    alice.delete(&format!("/dogowner/tasks/{task}")).expect(204);
    let without_task = last(&alice);
    alice.patch(&format!("/dogowner/dogs/{dog}"), &json!({"owner_id": bob})).expect(200);
    let given = last(&alice);
    alice.delete(&format!("/dogowner/owners/{ann}")).expect(204);
    let refused = undo(&alice, given).problem("cannot-undo");
    for said in ["no owner", "take that back first"] {
        assert!(refused.text("detail").contains(said), "{}", refused.json);
    }
    alice.share(dog, cleo);
    alice.delete(&format!("/dogowner/dogs/{dog}")).expect(204);
    let without_dog = last(&alice);
    undo(&alice, without_task).problem("cannot-undo");
    alice.delete(&format!("/dogowner/owners/{cleo}")).expect(204);
    undo(&alice, without_dog).problem("cannot-undo");
    assert_eq!(alice.get("/dogowner/dogs").expect(200).json, json!([]), "nothing of it came back");
    // In order, it all comes back.
    for seq in (given..=last(&alice)).rev() {
        undo(&alice, seq).expect(200);
    }
    undo(&alice, without_task).expect(200);
    assert_eq!(alice.get("/dogowner/tasks").expect(200).ids(), [task]);
}

fn a_full_book_takes_nothing_back(scene: &App) {
    let app = App::with(Database::fresh(scene.engine), &[("MOST_OWNERS", "2")]);
    let alice = app.sign_in("alice");
    let gone = alice.owner("Ann");
    alice.delete(&format!("/dogowner/owners/{gone}")).expect(204);
    let deleted = last(&alice);
    let kept = [alice.owner("Bob"), alice.owner("Cleo")];
    let refused = undo(&alice, deleted).problem("cannot-undo");
    assert!(refused.text("detail").contains("more rows than it may have"), "{}", refused.json);
    assert_eq!(alice.get("/dogowner/owners").expect(200).ids(), kept);
    alice.delete(&format!("/dogowner/owners/{}", kept[0])).expect(204);
    undo(&alice, deleted).expect(200);
    assert_eq!(alice.get("/dogowner/owners").expect(200).ids(), [gone, kept[1]]);
}

fn a_retry_takes_back_once(app: &App) {
    let alice = app.sign_in("alice");
    alice.owner("Ann");
    let other = alice.owner("Bob");
    let with_key =
        |seq: i64| alice.ask("POST", &format!("/dogowner/changes/{seq}/undo"), &[("Idempotency-Key", "once")], None);
    let first = with_key(1).expect(200);
    let again = with_key(1).expect(200);
    assert_eq!((again.header("idempotency-replayed"), &again.json), ("true", &first.json));
    assert_eq!(alice.get("/dogowner/owners").expect(200).ids(), [other]);
    with_key(2).problem("idempotency-key-reused");
    alice
        .ask("POST", "/dogowner/changes/2/undo", &[("Idempotency-Key", "two words")], None)
        .problem("malformed-request");
    alice.delete("/dogowner/changes").expect(204);
    let again = with_key(1).expect(200);
    assert_eq!(
        (again.header("idempotency-replayed"), &again.json),
        ("true", &json!([])),
        "what is forgotten is told to nobody"
    );
    alice.owner("Cleo");
    assert_eq!(with_key(1).expect(200).json, json!([]), "nor is what others did since");
}

fn retries_at_the_same_moment_take_back_once(app: &App) {
    let alice = app.sign_in("alice");
    let token = alice.token().to_owned();
    for round in 0..10 {
        let _id = alice.owner("Ann");
        let (path, key) =
            (format!("/dogowner/changes/{}/undo", last(&alice)), format!("round {round}").replace(' ', "-"));
        let answers = std::thread::scope(|scope| {
            let each = [(); 3].map(|()| {
                let (token, path, key) = (&token, &path, &key);
                let ask = move || app.anon().with_token(token).ask("POST", path, &[("Idempotency-Key", key)], None);
                scope.spawn(ask)
            });
            each.map(|thread| thread.join().expect("an answer").expect(200).json)
        });
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        assert_eq!(answers[0][0]["action"], "deleted");
    }
    assert_eq!(rows(&alice), Vec::<Value>::new());
}

fn a_deletion_that_is_taken_back_while_it_goes_on_ends(app: &App) {
    let alice = app.sign_in("alice");
    let dogs: Vec<_> = (1..=2000).map(|id| json!({"id": id, "name": format!("Dog {id}"), "owner_id": 1})).collect();
    let tasks: Vec<_> = (1..=2000).map(|_| json!({"name": "Walk", "dog_id": 1})).collect();
    let book = json!({"kennel": 1, "owners": [{"id": 1, "name": "Ann"}], "dogs": dogs, "tasks": tasks});
    alice.post("/me/import", &book).expect(201);
    let owner = alice.get("/dogowner/owners").expect(200).ids()[0];
    let dog = alice.get("/dogowner/dogs?limit=1").expect(200).ids()[0];
    let before = rows(&alice);
    let token = alice.token().to_owned();
    for path in [format!("/dogowner/owners/{owner}?force=true"), format!("/dogowner/dogs/{dog}")] {
        // Where it is met is up to the machine; what comes of it is all or nothing in any case.
        let is_met = (0..20).any(|_| {
            let seq = last(&alice) + 1;
            let deleted = std::thread::scope(|scope| {
                let (token, path) = (&token, &path);
                let deletion = scope.spawn(move || app.anon().with_token(token).delete(path));
                while last(&alice) < seq {}
                undo(&alice, seq).expect(200);
                deletion.join().expect("an answer")
            });
            assert_eq!(rows(&alice), before);
            undo(&alice, seq).problem("changed-since");
            let is_met = deleted.status != 204;
            if is_met {
                deleted.problem("changed-since");
            }
            is_met
        });
        assert!(is_met, "{path}");
    }
}

fn what_is_forgotten_is_not_taken_back_and_told_with_the_right_numbers(app: &App) {
    let alice = app.sign_in("alice");
    alice.owner("Ann");
    alice.delete("/dogowner/changes").expect(204);
    let refused = undo(&alice, 1).problem("changes-expired");
    assert_eq!((&refused.json["floor"], &refused.json["last"]), (&json!(1), &json!(1)));
    assert!(refused.text("detail").contains("Change 1 is forgotten"), "{}", refused.json);
    assert_eq!(last(&alice), 1);
}

fn what_changed_nothing_is_taken_back_without_a_change(app: &App) {
    let alice = app.sign_in("alice");
    let owner = alice.owner("Ann");
    let dog = alice.dog("Rex", owner);
    let task = alice.post("/dogowner/tasks", &json!({"name": "Walk"})).expect(201).id();
    for (path, name) in
        [(format!("owners/{owner}"), "Ann"), (format!("dogs/{dog}"), "Rex"), (format!("tasks/{task}"), "Walk")]
    {
        let path = format!("/dogowner/{path}");
        alice.patch(&path, &json!({"name": name})).expect(200);
        let (number, row) = (last(&alice), alice.get(&path).expect(200).json);
        assert_eq!(undo(&alice, number).expect(200).json, json!([]), "{path}");
        assert_eq!((last(&alice), alice.get(&path).expect(200).json), (number, row), "{path}");
    }
}

fn a_book_that_is_over_its_limit_takes_back_what_adds_nothing(database: &Database) {
    let server = Program::on(database).serve();
    let alice = server.sign_in("alice");
    let [ann, _bob, cleo] = ["Ann", "Bob", "Cleo"].map(|name| alice.owner(name));
    let token = alice.token().to_owned();
    drop(server);
    let server = Program::on(database).set("MOST_OWNERS", "1").serve();
    let alice = server.anon().with_token(&token);
    alice.patch(&format!("/dogowner/owners/{ann}"), &json!({"name": "Anna"})).expect(200);
    undo(&alice, last(&alice)).expect(200);
    undo(&alice, 3).expect(200);
    assert_eq!(alice.get(&format!("/dogowner/owners/{cleo}")).status, 404);
    let gone = last(&alice);
    undo(&alice, gone).problem("cannot-undo");
}

fn of_two_who_take_the_same_back_one_does(app: &App) {
    let alice = app.sign_in("alice");
    let owner = alice.owner("Ann");
    for _ in 0..20 {
        alice.dog("Rex", owner);
    }
    let before = rows(&alice);
    for _ in 0..5 {
        let seq = last(&alice) + 1;
        alice.delete(&format!("/dogowner/owners/{owner}?force=true")).expect(204);
        let token = alice.token().to_owned();
        let statuses = std::thread::scope(|scope| {
            let each = [(); 4].map(|()| {
                let token = &token;
                scope.spawn(move || undo(&app.anon().with_token(token), seq).status)
            });
            let mut statuses = each.map(|thread| thread.join().expect("an answer"));
            statuses.sort_unstable();
            statuses
        });
        assert_eq!(statuses, [200, 409, 409, 409]);
        assert_eq!(rows(&alice), before);
    }
}

fn old_etags_are_no_good_for_a_row_that_came_back(app: &App) {
    let alice = app.sign_in("alice");
    let path = format!("/dogowner/owners/{}", alice.owner("Ann"));
    let tag = alice.get(&path).expect(200).etag().to_owned();
    alice.delete(&path).expect(204);
    undo(&alice, last(&alice)).expect(200);
    alice.ask("PATCH", &path, &[("If-Match", &tag)], Some(&json!({"name": "Anna"}))).problem("precondition-failed");
    assert_eq!(alice.get(&path).expect(200).etag(), "\"2\"");
}

fn a_number_that_is_no_change_is_not_found(app: &App) {
    let alice = app.sign_in("alice");
    alice.owner("Ann");
    for wrong in ["0", "2", "-1", "01", "1.0", "one", "9223372036854775807", "9223372036854775808", "%31x"] {
        alice.send("POST", &format!("/dogowner/changes/{wrong}/undo"), &[], None).problem("not-found");
    }
    assert_eq!(last(&alice), 1);
}
