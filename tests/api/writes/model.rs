//! Whatever two people write into their books, one thing after another: what they read is what a simple model
//! says, and the database is within its constraints. Whoever follows the changes has what they read; and whatever was
//! done can be taken back. The histories are drawn at random.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::{Index, subsequence};
use serde_json::{Value, json};

use crate::support::invariants::hold;
use crate::support::property::check;
use crate::support::{Actor, App, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        any_history_of_writes_leaves_what_it_says_and_nothing_that_must_not_be,
        a_copy_from_any_time_comes_to_what_there_is_by_the_changes_since,
        taking_back_the_last_operations_leaves_what_was_before_them,
    ]
}

/// Which row: one of those that there are, counted round and round.
type Which = Index;

#[derive(Clone, Debug)]
enum Write {
    CreateOwner(String),
    RenameOwner(&'static str, Which, String),
    DeleteOwner(Which, bool),
    CreateDog(String, Which, Vec<usize>, Option<&'static str>),
    ReplaceDog(Which, String, Which, Vec<usize>, Option<&'static str>),
    GiveDog(Which, Which),
    ShareDog(Which, Vec<usize>),
    DeleteDog(Which),
    AddCoOwner(Which, Which),
    RemoveCoOwner(Which, Which),
    CreateTask(String, Option<Which>, bool),
    ReplaceTask(Which, String, Option<Which>, bool),
    CompleteTask(Which, bool),
    DeleteTask(Which),
    Describe(String),
    Hide,
}

fn name() -> impl Strategy<Value = String> {
    let text = prop_oneof![3 => "[a-zA-Z%_' é🐕]{1,8}", 1 => "\\PC{0,10}[a-z]\\PC{0,9}"];
    text.prop_filter_map("a name has a visible character", |text| {
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    })
}

fn day() -> impl Strategy<Value = Option<&'static str>> {
    prop::sample::select(&[None, Some("0001-01-01"), Some("2024-02-29"), Some("9999-12-31")][..])
}

fn write() -> impl Strategy<Value = Write> {
    use Write::{
        AddCoOwner, CompleteTask, CreateDog, CreateOwner, CreateTask, DeleteDog, DeleteOwner, DeleteTask, Describe,
        GiveDog, Hide, RemoveCoOwner, RenameOwner, ReplaceDog, ReplaceTask, ShareDog,
    };
    let which = any::<Which>;
    let some = || subsequence(vec![0, 1, 2, 3], 0..4);
    let maybe = || prop::option::of(any::<Which>());
    let rename = prop::sample::select(&["PATCH", "PUT"][..]);
    prop_oneof![
        2 => name().prop_map(CreateOwner),
        1 => (rename, which(), name()).prop_map(|(method, which, name)| RenameOwner(method, which, name)),
        1 => (which(), any::<bool>()).prop_map(|(which, force)| DeleteOwner(which, force)),
        3 => (name(), which(), some(), day()).prop_map(|(name, owner, co, day)| CreateDog(name, owner, co, day)),
        1 => (which(), name(), which(), some(), day())
            .prop_map(|(which, name, owner, co, day)| ReplaceDog(which, name, owner, co, day)),
        4 => (which(), which()).prop_map(|(dog, owner)| GiveDog(dog, owner)),
        1 => (which(), some()).prop_map(|(dog, co)| ShareDog(dog, co)),
        1 => which().prop_map(DeleteDog),
        4 => (which(), which()).prop_map(|(dog, owner)| AddCoOwner(dog, owner)),
        1 => (which(), which()).prop_map(|(dog, owner)| RemoveCoOwner(dog, owner)),
        2 => (name(), maybe(), any::<bool>()).prop_map(|(name, dog, done)| CreateTask(name, dog, done)),
        1 => (which(), name(), maybe(), any::<bool>())
            .prop_map(|(which, name, dog, done)| ReplaceTask(which, name, dog, done)),
        1 => (which(), any::<bool>()).prop_map(|(which, done)| CompleteTask(which, done)),
        1 => which().prop_map(DeleteTask),
        1 => name().prop_map(Describe),
        1 => Just(Hide),
    ]
}

#[derive(Clone, Debug, PartialEq)]
struct Dog {
    name: String,
    owner: i64,
    co_owners: BTreeSet<i64>,
    born_on: Value,
}

#[derive(Clone, Debug, PartialEq)]
struct Task {
    name: String,
    dog: Option<i64>,
    completed: bool,
}

/// What should be in somebody's book.
#[derive(Clone, Debug, Default, PartialEq)]
struct Book {
    owners: BTreeMap<i64, String>,
    dogs: BTreeMap<i64, Dog>,
    tasks: BTreeMap<i64, Task>,
    profile: Option<String>,
}

fn one<T>(rows: &BTreeMap<i64, T>, which: Which) -> Option<i64> {
    (!rows.is_empty()).then(|| *which.get(&rows.keys().copied().collect::<Vec<_>>()))
}

impl Book {
    /// The first few owners, but for this one.
    fn co_owners(&self, places: &[usize], but: i64) -> BTreeSet<i64> {
        let owners: Vec<_> = self.owners.keys().copied().collect();
        places.iter().filter_map(|place| owners.get(*place).copied()).filter(|owner| *owner != but).collect()
    }

    fn forget_dog(&mut self, dog: i64) {
        self.dogs.remove(&dog);
        self.tasks.retain(|_, task| task.dog != Some(dog));
    }

    /// Writes it down here and there. What names a row where there is none is left out.
    fn write(&mut self, actor: &Actor<'_>, write: &Write) -> Option<()> {
        match write.clone() {
            Write::CreateOwner(name) => drop(self.owners.insert(actor.owner(&name), name)),
            Write::RenameOwner(method, which, name) => {
                let owner = one(&self.owners, which)?;
                actor.send_json(method, &format!("/dogowner/owners/{owner}"), &json!({ "name": name })).expect(200);
                self.owners.insert(owner, name);
            }
            Write::DeleteOwner(which, force) => {
                let owner = one(&self.owners, which)?;
                let dogs: Vec<_> = self.dogs.iter().filter(|(_, dog)| dog.owner == owner).map(|(id, _)| *id).collect();
                let may = force || dogs.is_empty();
                let answer = actor.delete(&format!("/dogowner/owners/{owner}?force={force}"));
                answer.expect(if may { 204 } else { 409 });
                if may {
                    for dog in dogs {
                        self.forget_dog(dog);
                    }
                    self.owners.remove(&owner);
                    for dog in self.dogs.values_mut() {
                        dog.co_owners.remove(&owner);
                    }
                }
            }
            Write::CreateDog(name, owner, co_owners, day) => {
                let (owner, body) = self.dog_body(&name, owner, &co_owners, day)?;
                let id = actor.post("/dogowner/dogs", &body).expect(201).id();
                self.dogs.insert(id, dog_of(&body, owner));
            }
            Write::ReplaceDog(which, name, owner, co_owners, day) => {
                let dog = one(&self.dogs, which)?;
                let (owner, body) = self.dog_body(&name, owner, &co_owners, day)?;
                actor.put(&format!("/dogowner/dogs/{dog}"), &body).expect(200);
                self.dogs.insert(dog, dog_of(&body, owner));
            }
            Write::GiveDog(which, owner) => {
                let (dog, owner) = (one(&self.dogs, which)?, one(&self.owners, owner)?);
                actor.patch(&format!("/dogowner/dogs/{dog}"), &json!({ "owner_id": owner })).expect(200);
                let dog = self.dogs.get_mut(&dog)?;
                dog.owner = owner;
                dog.co_owners.remove(&owner);
            }
            Write::ShareDog(which, places) => {
                let dog = one(&self.dogs, which)?;
                let co_owners = self.co_owners(&places, self.dogs[&dog].owner);
                actor.patch(&format!("/dogowner/dogs/{dog}"), &json!({ "co_owner_ids": co_owners })).expect(200);
                self.dogs.get_mut(&dog)?.co_owners = co_owners;
            }
            Write::DeleteDog(which) => {
                let dog = one(&self.dogs, which)?;
                actor.delete(&format!("/dogowner/dogs/{dog}")).expect(204);
                self.forget_dog(dog);
            }
            Write::AddCoOwner(which, owner) => {
                let (dog, owner) = (one(&self.dogs, which)?, one(&self.owners, owner)?);
                let is_primary = self.dogs[&dog].owner == owner;
                let answer = actor.send("PUT", &format!("/dogowner/dogs/{dog}/co-owners/{owner}"), &[], None);
                answer.expect(if is_primary { 409 } else { 204 });
                if !is_primary {
                    self.dogs.get_mut(&dog)?.co_owners.insert(owner);
                }
            }
            Write::RemoveCoOwner(which, owner) => {
                let (dog, owner) = (one(&self.dogs, which)?, one(&self.owners, owner)?);
                actor.delete(&format!("/dogowner/dogs/{dog}/co-owners/{owner}")).expect(204);
                self.dogs.get_mut(&dog)?.co_owners.remove(&owner);
            }
            Write::CreateTask(name, dog, completed) => {
                let dog = dog.and_then(|dog| one(&self.dogs, dog));
                let body = json!({"name": name, "dog_id": dog, "completed": completed});
                let id = actor.post("/dogowner/tasks", &body).expect(201).id();
                self.tasks.insert(id, Task { name, dog, completed });
            }
            Write::ReplaceTask(which, name, dog, completed) => {
                let (task, dog) = (one(&self.tasks, which)?, dog.and_then(|dog| one(&self.dogs, dog)));
                let body = json!({"name": name, "dog_id": dog, "completed": completed});
                actor.put(&format!("/dogowner/tasks/{task}"), &body).expect(200);
                self.tasks.insert(task, Task { name, dog, completed });
            }
            Write::CompleteTask(which, completed) => {
                let task = one(&self.tasks, which)?;
                actor.patch(&format!("/dogowner/tasks/{task}"), &json!({ "completed": completed })).expect(200);
                self.tasks.get_mut(&task)?.completed = completed;
            }
            Write::DeleteTask(which) => {
                let task = one(&self.tasks, which)?;
                actor.delete(&format!("/dogowner/tasks/{task}")).expect(204);
                self.tasks.remove(&task);
            }
            Write::Describe(text) => {
                let answer = actor.put("/me/profile", &json!({ "description": text }));
                answer.expect(if self.profile.is_some() { 200 } else { 201 });
                self.profile = Some(text);
            }
            Write::Hide => {
                actor.delete("/me/profile").expect(if self.profile.take().is_some() { 204 } else { 404 });
            }
        }
        Some(())
    }

    fn dog_body(&self, name: &str, owner: Which, co: &[usize], day: Option<&str>) -> Option<(i64, Value)> {
        let owner = one(&self.owners, owner)?;
        let co_owners = self.co_owners(co, owner);
        Some((owner, json!({"name": name, "owner_id": owner, "co_owner_ids": co_owners, "born_on": day})))
    }

    /// What the server shows.
    fn shown(actor: &Actor<'_>) -> Self {
        let rows = |list: &str| {
            let page = actor.get(&format!("{list}?limit=200")).expect(200);
            page.ids().into_iter().zip(page.rows().to_vec()).collect::<Vec<_>>()
        };
        let text = |row: &Value| row["name"].as_str().expect("a name").to_owned();
        let owners = rows("/dogowner/owners").into_iter().map(|(id, row)| (id, text(&row)));
        let dogs = rows("/dogowner/dogs")
            .into_iter()
            .map(|(id, row)| (id, dog_of(&row, row["owner_id"].as_i64().expect("an owner"))));
        let tasks = rows("/dogowner/tasks").into_iter().map(|(id, row)| {
            let completed = row["completed"] == true;
            assert_eq!(row["completed_at"].is_string(), completed, "{row}");
            (id, Task { name: text(&row), dog: row["dog_id"].as_i64(), completed })
        });
        let profile = actor.get("/me/profile");
        let profile = (profile.status == 200).then(|| profile.text("description").to_owned());
        Self { owners: owners.collect(), dogs: dogs.collect(), tasks: tasks.collect(), profile }
    }
}

fn dog_of(row: &Value, owner: i64) -> Dog {
    let co_owners = row["co_owner_ids"].as_array().expect("a list").iter().filter_map(Value::as_i64).collect();
    Dog { name: row["name"].as_str().expect("a name").to_owned(), owner, co_owners, born_on: row["born_on"].clone() }
}

/// Writes of two people, fewer than `most`.
fn history(most: usize) -> impl Strategy<Value = Vec<(usize, Write)>> {
    prop::collection::vec((0_usize..2, write()), 0..most)
}

/// Leaves nothing but the accounts.
fn empty(app: &App) {
    for table in ["tasks", "dogs", "owners", "profiles", "books", "changes"] {
        app.database.execute(&format!("DELETE FROM {table}")).expect("it is emptied");
    }
    app.database.execute("UPDATE users SET is_public = FALSE").expect("nobody is public");
}

fn any_history_of_writes_leaves_what_it_says_and_nothing_that_must_not_be(app: &App) {
    let people = [app.sign_in("alice"), app.sign_in("bob")];
    let tokens = people.map(|person| person.token().to_owned());
    check(32, history(45), |history| {
        empty(app);
        let people = tokens.each_ref().map(|token| app.anon().with_token(token));
        let mut books = [Book::default(), Book::default()];
        for (who, write) in &history {
            let _nothing_to_write_to = books[*who].write(&people[*who], write);
        }
        for (person, book) in people.iter().zip(&books) {
            assert_eq!(Book::shown(person), *book);
        }
        hold(app);
        let public = books.iter().filter(|book| book.profile.is_some()).map(|book| book.dogs.len()).sum::<usize>();
        assert_eq!(app.anon().get("/dogs?limit=200").expect(200).ids().len(), public);
    });
}

/// The rows of a book, by their kind and id.
type Rows = BTreeMap<(String, i64), Value>;

fn rows_of(actor: &Actor<'_>) -> Rows {
    let mut rows = Rows::new();
    for (resource, list) in [("owner", "owners"), ("dog", "dogs"), ("task", "tasks")] {
        let page = actor.get(&format!("/dogowner/{list}?limit=200")).expect(200);
        rows.extend(page.ids().into_iter().zip(page.rows()).map(|(id, row)| ((resource.to_owned(), id), row.clone())));
    }
    rows
}

fn last_of(actor: &Actor<'_>) -> i64 {
    actor.get("/dogowner/book").expect(200).json["last"].as_i64().expect("a number")
}

/// Applies the changes after a number to a copy of the rows, page by page; each is the next one.
fn follow(actor: &Actor<'_>, copy: &mut Rows, mut after: i64) {
    loop {
        let page = actor.get(&format!("/dogowner/changes?after={after}&limit=7")).expect(200);
        for change in page.rows() {
            after += 1;
            assert_eq!(change["seq"], after);
            let resource = change["resource"].as_str().expect("a text").to_owned();
            let key = (resource, change["id"].as_i64().expect("an id"));
            match &change["row"] {
                Value::Null => drop(copy.remove(&key)),
                row => drop(copy.insert(key, row.clone())),
            }
        }
        if page.next_page().is_none() {
            break;
        }
    }
}

fn a_copy_from_any_time_comes_to_what_there_is_by_the_changes_since(app: &App) {
    let people = [app.sign_in("alice"), app.sign_in("bob")];
    let tokens = people.map(|person| person.token().to_owned());
    check(16, history(30), |history| {
        empty(app);
        let people = tokens.each_ref().map(|token| app.anon().with_token(token));
        let mut books = [Book::default(), Book::default()];
        let mut copies = vec![(0, 0, Rows::new()), (1, 0, Rows::new())];
        for (who, write) in &history {
            let _nothing_to_write_to = books[*who].write(&people[*who], write);
            copies.push((*who, last_of(&people[*who]), rows_of(&people[*who])));
        }
        for (who, seq, mut copy) in copies {
            follow(&people[who], &mut copy, seq);
            assert_eq!(copy, rows_of(&people[who]));
        }
        hold(app);
    });
}

/// The rows without what taking back does not restore.
fn lasting(mut rows: Rows) -> Rows {
    for row in rows.values_mut() {
        row.as_object_mut().expect("a row").remove("updated_at");
    }
    rows
}

fn taking_back_the_last_operations_leaves_what_was_before_them(app: &App) {
    let token = app.sign_in("alice").token().to_owned();
    let case = (history(30), any::<Index>());
    check(24, case, |(history, which)| {
        empty(app);
        let alice = app.anon().with_token(&token);
        let mut book = Book::default();
        let mut states = vec![(0, lasting(rows_of(&alice)))];
        for (_, write) in &history {
            let _nothing_to_write_to = book.write(&alice, write);
            states.push((last_of(&alice), lasting(rows_of(&alice))));
        }
        let (then, before) = which.get(&states).clone();
        let (now, after) = states.last().expect("the first at least").clone();
        let undo = |batch: i64| {
            alice.send("POST", &format!("/dogowner/changes/{batch}/undo"), &[], None).expect(200);
        };
        let batches = |after: i64| {
            let mut batches: BTreeSet<i64> = BTreeSet::new();
            let mut path = format!("/dogowner/changes?after={after}&limit=200");
            loop {
                let page = alice.get(&path).expect(200);
                batches.extend(page.all("batch").iter().filter_map(Value::as_i64));
                let Some(next) = page.next_page() else { break batches };
                path = next;
            }
        };
        batches(then).into_iter().rev().for_each(undo);
        assert_eq!(lasting(rows_of(&alice)), before);
        batches(now).into_iter().rev().for_each(undo);
        assert_eq!(lasting(rows_of(&alice)), after);
        hold(app);
    });
}
