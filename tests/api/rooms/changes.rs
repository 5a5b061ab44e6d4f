//! The log of changes to a book: what became of which row, in order and without gaps, and how it is forgotten.

use serde_json::{Value, json};

use crate::support::process::Program;
use crate::support::{Actor, Answer, App, Database, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        whatever_is_done_to_a_row_is_logged_with_how_it_was,
        changes_are_numbered_without_gaps_in_each_book,
        what_changes_nothing_is_not_logged,
        what_belongs_to_one_operation_has_one_batch,
        a_change_has_the_row_as_it_is_now,
        whether_anything_has_changed_is_told_by_the_etag_of_the_book,
        the_history_of_a_row_is_read_from_its_newest_change,
        a_page_leads_to_the_next,
        the_query_of_changes_is_checked,
        nobody_sees_the_changes_of_others,
        a_key_that_only_reads_reads_changes_and_forgets_none,
        what_is_forgotten_is_told_to_whoever_comes_too_late,
        old_changes_and_those_beyond_ten_thousand_are_forgotten,
        operations_of_thousands_forget_the_oldest_changes_themselves,
        a_deleted_account_leaves_no_change_behind,
        an_import_is_one_batch,
    ]
}

const CHANGES: &str = "/dogowner/changes";
const BOOK: &str = "/dogowner/book";

/// What each change says, but for its number, its time and its row.
fn told(answer: &Answer) -> Vec<(String, Value)> {
    let told = |change: &Value| {
        let text = |field: &str| change[field].as_str().expect("a text").to_owned();
        (format!("{} {} {}, version {}", text("action"), text("resource"), change["id"], change["version"]), {
            let mut was = change["was"].clone();
            if let Some(was) = was.as_object_mut() {
                was.remove("created_at");
            }
            was
        })
    };
    answer.rows().iter().map(told).collect()
}

fn last(actor: &Actor<'_>) -> i64 {
    actor.get(BOOK).expect(200).json["last"].as_i64().expect("a number")
}

fn after(actor: &Actor<'_>, seq: i64) -> Answer {
    actor.get(&format!("{CHANGES}?after={seq}&limit=200")).expect(200)
}

fn whatever_is_done_to_a_row_is_logged_with_how_it_was(app: &App) {
    let alice = app.sign_in("alice");
    let [ann, bob] = ["Ann", "Bob"].map(|name| alice.owner(name));
    let body = json!({"name": "Rex", "owner_id": ann, "co_owner_ids": [bob], "born_on": "2020-02-29"});
    let dog = alice.post("/dogowner/dogs", &body).expect(201).id();
    let task = alice.post("/dogowner/tasks", &json!({"name": "Walk", "dog_id": dog})).expect(201).id();
    let before = last(&alice);
    alice.patch(&format!("/dogowner/owners/{ann}"), &json!({"name": "Anna"})).expect(200);
    alice.patch(&format!("/dogowner/dogs/{dog}"), &json!({"name": "Max", "born_on": null})).expect(200);
    alice.patch(&format!("/dogowner/dogs/{dog}"), &json!({"owner_id": bob})).expect(200);
    alice.patch(&format!("/dogowner/tasks/{task}"), &json!({"completed": true})).expect(200);
    let done = alice.get(&format!("/dogowner/tasks/{task}")).expect(200).json["completed_at"].clone();
    alice.patch(&format!("/dogowner/tasks/{task}"), &json!({"completed": false, "dog_id": null})).expect(200);
    alice.delete(&format!("/dogowner/tasks/{task}")).expect(204);
    alice.delete(&format!("/dogowner/dogs/{dog}")).expect(204);
    alice.delete(&format!("/dogowner/owners/{ann}")).expect(204);
    let created = |resource: &str, id| (format!("created {resource} {id}, version 1"), Value::Null);
    let expected = [created("owner", ann), created("owner", bob), created("dog", dog), created("task", task)];
    let all = alice.get(CHANGES).expect(200);
    assert_eq!(told(&all)[..4], expected);
    let expected = [
        (format!("updated owner {ann}, version 2"), json!({"name": "Ann"})),
        (format!("updated dog {dog}, version 2"), json!({"name": "Rex", "born_on": "2020-02-29"})),
        (format!("updated dog {dog}, version 3"), json!({"owner_id": ann, "co_owner_ids": [bob]})),
        (format!("updated task {task}, version 2"), json!({"completed": false, "completed_at": null})),
        (format!("updated task {task}, version 3"), json!({"completed": true, "completed_at": done, "dog_id": dog})),
        (
            format!("deleted task {task}, version 3"),
            json!({"name": "Walk", "dog_id": null, "completed": false, "completed_at": null, "due_on": null}),
        ),
        (
            format!("deleted dog {dog}, version 3"),
            json!({"name": "Max", "owner_id": bob, "co_owner_ids": [], "born_on": null}),
        ),
        (format!("deleted owner {ann}, version 2"), json!({"name": "Anna"})),
    ];
    assert_eq!(told(&after(&alice, before)), expected);
    let all = alice.get(CHANGES).expect(200);
    let deleted = all.rows().iter().filter(|change| change["action"] == "deleted");
    assert!(deleted.into_iter().all(|change| change["was"]["created_at"].is_string()), "{}", all.json);
}

fn changes_are_numbered_without_gaps_in_each_book(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    assert_eq!(alice.get(BOOK).expect(200).json, json!({"last": 0, "floor": 0}));
    assert_eq!(alice.get(CHANGES).expect(200).json, json!([]));
    for number in 0..3 {
        let owner = alice.owner("Ann");
        bob.owner("Bea");
        alice.post("/dogowner/dogs", &json!({"name": "Rex", "owner_id": 999_999})).error("/owner_id", "not_found");
        alice.patch(&format!("/dogowner/owners/{owner}"), &json!({"name": "Anna"})).expect(200);
        assert_eq!((last(&alice), last(&bob)), (2 * number + 2, number + 1));
    }
    let seqs = |actor: &Actor<'_>| actor.get(CHANGES).expect(200).all("seq");
    assert_eq!(seqs(&alice), [1, 2, 3, 4, 5, 6].map(Value::from));
    assert_eq!(seqs(&bob), [1, 2, 3].map(Value::from));
}

fn what_changes_nothing_is_not_logged(app: &App) {
    let alice = app.sign_in("alice");
    let [ann, bob] = ["Ann", "Bob"].map(|name| alice.owner(name));
    let dog = alice.dog("Rex", ann);
    alice.share(dog, bob);
    let task = alice.task("Walk");
    let before = last(&alice);
    for path in [format!("owners/{ann}"), format!("dogs/{dog}"), format!("tasks/{task}")] {
        let path = format!("/dogowner/{path}");
        alice.patch(&path, &json!({})).expect(200);
        alice.patch(&path, &json!({"name": ""})).expect(422);
        alice.ask("PATCH", &path, &[("If-Match", "\"99\"")], Some(&json!({"name": "Other"}))).expect(412);
        alice.ask("DELETE", &path, &[("If-Match", "\"99\"")], None).expect(412);
    }
    alice.share(dog, bob);
    alice.delete(&format!("/dogowner/dogs/{dog}/co-owners/{ann}")).expect(204);
    alice.delete(&format!("/dogowner/owners/{ann}")).expect(409);
    alice.put("/me/profile", &json!({"description": "Dogs"})).expect(201);
    assert_eq!(last(&alice), before);
}

fn what_belongs_to_one_operation_has_one_batch(app: &App) {
    let alice = app.sign_in("alice");
    let [ann, bob] = ["Ann", "Bob"].map(|name| alice.owner(name));
    let (hers, his) = (alice.dog("Rex", ann), alice.dog("Max", bob));
    alice.share(his, ann);
    // More than go in one transaction.
    let many: Vec<_> = (0..300).map(|_| json!({"name": "Walk", "dog_id": 1})).collect();
    let document = json!({
        "kennel": 1, "owners": [{"id": 1, "name": "Cleo"}], "dogs": [{"id": 1, "name": "Ace", "owner_id": 1}], "tasks": many,
    });
    alice.post("/me/import", &document).expect(201);
    let owners = alice.get("/dogowner/owners").expect(200);
    let cleo = owners.rows().iter().find(|owner| owner["name"] == "Cleo").expect("she is there")["id"].clone();
    for (owner, changes) in [(json!(ann), 3), (cleo, 302)] {
        let before = last(&alice);
        alice.delete(&format!("/dogowner/owners/{owner}?force=true")).expect(204);
        let mut batches = Vec::new();
        let mut seen = before;
        while seen < last(&alice) {
            let page = after(&alice, seen);
            batches.extend(page.all("batch"));
            seen += i64::try_from(page.rows().len()).expect("few");
        }
        assert_eq!(batches, vec![json!(before + 1); changes]);
    }
    let of_dog = alice.get(&format!("{CHANGES}?resource=dog&id={his}&sort=-seq")).expect(200);
    let left = (format!("updated dog {his}, version 3"), json!({"co_owner_ids": [ann]}));
    assert_eq!(told(&of_dog)[0], left, "an owner who goes leaves the dogs that it co-owns");
    let of_dog = alice.get(&format!("{CHANGES}?resource=dog&id={hers}&sort=-seq")).expect(200);
    assert_eq!(told(&of_dog)[0].0, format!("deleted dog {hers}, version 1"));
}

fn a_change_has_the_row_as_it_is_now(app: &App) {
    let alice = app.sign_in("alice");
    let owner = alice.owner("Ann");
    let (dog, gone) = (alice.dog("Rex", owner), alice.task("Walk"));
    alice.delete(&format!("/dogowner/tasks/{gone}")).expect(204);
    alice.patch(&format!("/dogowner/dogs/{dog}"), &json!({"name": "Max"})).expect(200);
    let changes = alice.get(CHANGES).expect(200);
    let shown = |path: String| alice.get(&path).expect(200).json;
    let (owner, dog) = (shown(format!("/dogowner/owners/{owner}")), shown(format!("/dogowner/dogs/{dog}")));
    assert_eq!(changes.all("row"), [owner, dog.clone(), Value::Null, Value::Null, dog]);
}

fn whether_anything_has_changed_is_told_by_the_etag_of_the_book(app: &App) {
    let alice = app.sign_in("alice");
    alice.owner("Ann");
    let book = alice.get(BOOK).expect(200);
    assert_eq!((book.etag(), &book.json), ("\"1\"", &json!({"last": 1, "floor": 0})));
    let tag = book.etag().to_owned();
    let again = || alice.ask("GET", BOOK, &[("If-None-Match", &tag)], None);
    assert_eq!(again().expect(304).etag(), tag);
    alice.owner("Bob");
    assert_eq!(again().expect(200).json, json!({"last": 2, "floor": 0}));
    let tag = alice.get(BOOK).expect(200).etag().to_owned();
    alice.delete(CHANGES).expect(204);
    let forgotten = alice.ask("GET", BOOK, &[("If-None-Match", &tag)], None).expect(200);
    assert_eq!(forgotten.json, json!({"last": 2, "floor": 2}), "what is forgotten is another state, too");
    assert_eq!(
        alice.ask("GET", BOOK, &[("If-None-Match", forgotten.etag())], None).expect(304).etag(),
        forgotten.etag()
    );
}

fn the_history_of_a_row_is_read_from_its_newest_change(app: &App) {
    let alice = app.sign_in("alice");
    let (owner, other) = (alice.owner("Ann"), alice.owner("Bob"));
    for name in ["Anna", "Anne", "Annie"] {
        alice.patch(&format!("/dogowner/owners/{owner}"), &json!({"name": name})).expect(200);
        alice.patch(&format!("/dogowner/owners/{other}"), &json!({"name": name})).expect(200);
    }
    let mut path = format!("{CHANGES}?resource=owner&id={owner}&sort=-seq&limit=3");
    let mut names = Vec::new();
    loop {
        let page = alice.get(&path).expect(200);
        names.extend(page.rows().iter().map(|change| change["was"]["name"].clone()));
        let Some(next) = page.next_page() else { break };
        path = next;
    }
    assert_eq!(names, [json!("Anne"), json!("Anna"), json!("Ann"), Value::Null]);
    assert_eq!(alice.get(&format!("{CHANGES}?resource=dog&id={owner}")).expect(200).json, json!([]));
}

fn a_page_leads_to_the_next(app: &App) {
    let alice = app.sign_in("alice");
    for number in 0..7 {
        alice.owner(&format!("Ann {number}"));
    }
    for start in
        [format!("{CHANGES}?limit=3"), format!("{CHANGES}?limit=3&sort=-seq"), format!("{CHANGES}?after=0&limit=3")]
    {
        let (mut path, mut seqs, mut pages) = (start.clone(), Vec::new(), 0);
        loop {
            let page = alice.get(&path).expect(200);
            seqs.extend(page.all("seq"));
            pages += 1;
            let Some(next) = page.next_page() else { break };
            path = next;
        }
        if start.contains("-seq") {
            seqs.reverse();
        }
        assert_eq!((seqs, pages), ((1..=7).map(Value::from).collect(), 3), "{start}");
    }
    assert_eq!(alice.get(&format!("{CHANGES}?after=7")).expect(200).json, json!([]), "nothing new is no error");
    assert_eq!(alice.get(&format!("{CHANGES}?before=3")).expect(200).all("seq"), [json!(1), json!(2)]);
}

fn the_query_of_changes_is_checked(app: &App) {
    let alice = app.sign_in("alice");
    alice.owner("Ann");
    for wrong in ["-1", "+1", "1.5", "one", "", "9223372036854775808", "%00", "1e3"] {
        for parameter in ["after", "before"] {
            alice.get(&format!("{CHANGES}?{parameter}={wrong}")).parameter_error(parameter, "type");
        }
    }
    alice.get(&format!("{CHANGES}?after=2")).parameter_error("after", "out_of_range");
    alice.get(&format!("{CHANGES}?after=9223372036854775807")).parameter_error("after", "out_of_range");
    alice.get(&format!("{CHANGES}?after=1&after=1")).parameter_error("after", "repeated_parameter");
    alice.get(&format!("{CHANGES}?id=1")).parameter_error("resource", "required");
    alice.get(&format!("{CHANGES}?resource=user")).parameter_error("resource", "unknown_value");
    alice.get(&format!("{CHANGES}?resource=dog&id=0")).parameter_error("id", "type");
    alice.get(&format!("{CHANGES}?sort=at")).parameter_error("sort", "unknown_value");
    alice.get(&format!("{CHANGES}?limit=0")).parameter_error("limit", "too_small");
    alice.get(&format!("{CHANGES}?cursor=x")).parameter_error("cursor", "unknown_parameter");
    assert_eq!(alice.get(&format!("{CHANGES}?limit=100000")).expect(200).rows().len(), 1);
}

fn nobody_sees_the_changes_of_others(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let owner = alice.owner("Ann");
    assert_eq!(bob.get(&format!("{CHANGES}?resource=owner&id={owner}")).expect(200).json, json!([]));
    assert_eq!(bob.get(BOOK).expect(200).json["last"], 0);
    bob.send("POST", &format!("{CHANGES}/1/undo"), &[], None).problem("not-found");
    bob.delete(CHANGES).expect(204);
    assert_eq!(alice.get(CHANGES).expect(200).rows().len(), 1);
}

fn a_key_that_only_reads_reads_changes_and_forgets_none(app: &App) {
    let alice = app.sign_in("alice");
    alice.owner("Ann");
    let (reader, writer) = (alice.with_key("read"), alice.with_key("write"));
    reader.get(BOOK).expect(200);
    reader.get(CHANGES).expect(200);
    reader.delete(CHANGES).problem("insufficient-scope");
    reader.send("POST", &format!("{CHANGES}/1/undo"), &[], None).problem("insufficient-scope");
    writer.send("POST", &format!("{CHANGES}/1/undo"), &[], None).expect(200);
    writer.delete(CHANGES).expect(204);
}

fn what_is_forgotten_is_told_to_whoever_comes_too_late(app: &App) {
    let alice = app.sign_in("alice");
    let owner = alice.owner("Ann");
    alice.patch(&format!("/dogowner/owners/{owner}"), &json!({"name": "Anna"})).expect(200);
    alice.delete(CHANGES).expect(204);
    assert_eq!(app.database.count("changes"), 0, "nothing of it is left");
    assert_eq!(alice.get(CHANGES).expect(200).json, json!([]));
    for seq in [0, 1] {
        let expired = alice.get(&format!("{CHANGES}?after={seq}")).problem("changes-expired");
        assert_eq!((&expired.json["floor"], &expired.json["last"]), (&json!(2), &json!(2)));
    }
    assert_eq!(alice.get(&format!("{CHANGES}?after=2")).expect(200).json, json!([]));
    for seq in [1, 2] {
        alice.send("POST", &format!("{CHANGES}/{seq}/undo"), &[], None).problem("changes-expired");
    }
    alice.patch(&format!("/dogowner/owners/{owner}"), &json!({"name": "Anne"})).expect(200);
    assert_eq!(after(&alice, 2).all("seq"), [json!(3)]);
    alice.delete(CHANGES).expect(204);
    alice.delete(CHANGES).expect(204);
    assert_eq!(alice.get(BOOK).expect(200).json, json!({"last": 3, "floor": 3}));
}

fn old_changes_and_those_beyond_ten_thousand_are_forgotten(database: &Database) {
    let server = Program::on(database).set("CHANGES_KEPT", "1d").serve();
    let (alice, bob) = (server.sign_in("alice"), server.sign_in("bob"));
    for _ in 0..4 {
        alice.owner("Ann");
        bob.owner("Bea");
    }
    let [hers, his] = [alice.id(), bob.id()];
    let tokens = [&alice, &bob].map(|person| person.token().to_owned());
    database.put_back("at", &format!("changes WHERE user_id = {hers} AND seq <= 2"), 24 * 60 * 60 + 1);
    database.put_back("at", &format!("changes WHERE user_id = {hers} AND seq = 3"), 24 * 60 * 60 - 600);
    // As many as are kept, and one more.
    for doubling in 0..12 {
        let columns = "batch, at, resource, row_id, action, version, was";
        let double = format!(
            "INSERT INTO changes (user_id, seq, {columns}) \
             SELECT user_id, seq + 4 * (1 << {doubling}), {columns} FROM changes \
             WHERE user_id = {his} AND seq + 4 * (1 << {doubling}) <= 10001"
        );
        database.execute(&double).expect("they are doubled");
    }
    database.execute(&format!("UPDATE books SET last = 10001 WHERE user_id = {his}")).expect("they are counted");
    assert_eq!(database.count(&format!("changes WHERE user_id = {his}")), 10_001);
    drop(server);
    let server = Program::on(database).set("CHANGES_KEPT", "1d").serve();
    let [alice, bob] = tokens.each_ref().map(|token| server.anon().with_token(token));
    let floors = || [&alice, &bob].map(|actor| actor.get(BOOK).expect(200).json["floor"].clone());
    // Each question waits its turn, and the sweeping comes before most of them. Readers of his book are told of no more
    // than are kept even before its oldest change is gone, so that the floor alone does not tell that it is.
    let swept = || floors() == [json!(2), json!(1)] && database.count("changes") == 2 + 10_000;
    assert!((0..10_000).any(|_| swept()), "{:?}, {} changes", floors(), database.count("changes"));
    assert_eq!(after(&alice, 2).all("seq"), [json!(3), json!(4)]);
    alice.get(&format!("{CHANGES}?after=1")).problem("changes-expired");
    bob.get(&format!("{CHANGES}?after=0")).problem("changes-expired");
    assert_eq!(database.count("owners"), 8, "the rows stay");
}

fn operations_of_thousands_forget_the_oldest_changes_themselves(app: &App) {
    let alice = app.sign_in("alice");
    let owners: Vec<_> = (1..=4000).map(|id| json!({"id": id, "name": "Ann"})).collect();
    alice.post("/me/import", &json!({"kennel": 1, "owners": owners, "dogs": [], "tasks": []})).expect(201);
    for seq in [1, 4001] {
        alice.send("POST", &format!("{CHANGES}/{seq}/undo"), &[], None).expect(200);
    }
    assert_eq!(alice.get(BOOK).expect(200).json, json!({"last": 12_000, "floor": 2_000}));
    assert_eq!(app.database.count("changes"), 10_000);
    alice.get(&format!("{CHANGES}?after=1999")).problem("changes-expired");
    alice.send("POST", &format!("{CHANGES}/2001/undo"), &[], None).problem("changes-expired");
    alice.owner("Bob");
    // Before anybody sweeps.
    assert_eq!(alice.get(BOOK).expect(200).json["floor"], 2_001);
    alice.get(&format!("{CHANGES}?after=2000")).problem("changes-expired");
    assert_eq!(alice.get(CHANGES).expect(200).rows()[0]["seq"], 2_002);
}

fn a_deleted_account_leaves_no_change_behind(app: &App) {
    let alice = app.sign_in("alice");
    alice.owner("Ann");
    alice.delete("/me").expect(204);
    assert_eq!((app.database.count("changes"), app.database.count("books")), (0, 0));
}

fn an_import_is_one_batch(app: &App) {
    let alice = app.sign_in("alice");
    let document = json!({
        "kennel": 1,
        "owners": [{"id": 7, "name": "Ann"}],
        "dogs": [{"id": 9, "name": "Rex", "owner_id": 7}],
        "tasks": [{"name": "Walk", "dog_id": 9}],
    });
    alice.post("/me/import", &document).expect(201);
    let changes = alice.get(CHANGES).expect(200);
    assert_eq!(changes.all("batch"), [1, 1, 1].map(Value::from));
    assert_eq!(changes.all("resource"), ["owner", "dog", "task"].map(Value::from));
    alice.send("POST", &format!("{CHANGES}/2/undo"), &[], None).expect(200);
    for list in ["owners", "dogs", "tasks"] {
        assert_eq!(alice.get(&format!("/dogowner/{list}")).expect(200).json, json!([]));
    }
}
