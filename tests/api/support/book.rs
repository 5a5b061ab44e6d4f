//! A book that is filled as the contract says: rows that differ in every field, in each list, so that a law sees
//! whether a filter looks at a field and whether an edit changes it. What a new kind of row is like need not be said.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Actor;
use super::contract::{Operation, contract};
use super::walk::{call, creation_of, path, row};

/// What one actor fills.
pub struct Book<'a> {
    pub actor: &'a Actor<'a>,
    /// Rows that others are about, by what a parameter or field calls them and by a number.
    about: RefCell<BTreeMap<(String, usize), Value>>,
}

impl<'a> Book<'a> {
    pub fn of(actor: &'a Actor<'a>) -> Self {
        Self { actor, about: RefCell::default() }
    }

    /// The row that is called so and has this number, made when it is first asked for. Number 0 is the one in paths.
    pub fn id(&self, name: &str, number: usize) -> Value {
        if name == "username" {
            // That may have changed.
            return row(self.actor, name);
        }
        let mut about = self.about.borrow_mut();
        about.entry((name.to_owned(), number)).or_insert_with(|| row(self.actor, name)).clone()
    }

    /// The operation's path, always about the same rows.
    pub fn path(&self, operation: &Operation) -> String {
        path(operation, |name| self.id(name, 0))
    }

    /// What a field can be sent as: values that differ, null the last of them where the contract has it.
    pub fn values(&self, operation: &Operation, field: &str) -> Vec<Value> {
        let ids = || [1, 2].map(|number| self.id(field, number)).to_vec();
        let mut values = if field.ends_with("_ids") {
            ids().into_iter().map(|id| json!([id])).collect()
        } else if field.ends_with("_id") {
            ids()
        } else {
            plain_values(operation, field)
        };
        values.extend(operation.takes(field, &Value::Null).then_some(Value::Null));
        values
    }

    /// A body with every field that can be written; those of different numbers differ in as many as they can.
    pub fn body(&self, operation: &Operation, number: usize) -> Value {
        let value = |field: &String| {
            let values = self.values(operation, field);
            values[number % values.len()].clone()
        };
        operation.writable().into_iter().map(|field| (field.clone(), value(&field))).collect()
    }

    /// A new row, the same for the same number but for its id.
    pub fn create(&self, create: &Operation, number: usize) -> i64 {
        call(self.actor, create, &self.path(create), Some(&self.body(create, number))).expect(201).id()
    }

    /// Adds a row to a list: by the POST that is there; where rows belong to one in the path, about that one, in one
    /// way or another; where they are only put there, put there; and where they are sessions, by a login.
    pub fn add(&self, list: &Operation, number: usize) {
        let above = list.path_parameters();
        if let Some(link) = link_of(list) {
            let linked = |name: &str| {
                let create = creation_of(name).unwrap_or_else(|| panic!("openapi.yaml has no POST for {name}"));
                json!(self.create(create, number))
            };
            let path = path(link, |name| if above.contains(&name) { self.id(name, 0) } else { linked(name) });
            call(self.actor, link, &path, None).expect(204);
        } else if let Some(create) = adding_to(list) {
            let mut body = self.body(create, number);
            let ways = id_ways(create, &above);
            if let Some((field, parameter)) = ways.get(number % ways.len().max(1)) {
                let id = self.id(parameter, 0);
                body[field] = if field.ends_with("_ids") { json!([id]) } else { id };
            }
            call(self.actor, create, &self.path(create), Some(&body)).expect(201);
        } else if list.path == "/me/sessions" {
            self.actor.once_more();
        } else {
            panic!("how a row comes into {} must be said here", list.path);
        }
    }

    /// Makes rows that name this one, one for each field that can; where they are, and in which field.
    pub fn hang_on(&self, name: &str, id: i64) -> Vec<(String, String)> {
        let ways = contract()
            .creations()
            .flat_map(|create| id_ways(create, &[name]).into_iter().map(move |(field, _)| (create, field)));
        let hung = ways.map(|(create, field)| {
            let mut body = self.body(create, 0);
            body[&field] = if field.ends_with("_ids") { json!([id]) } else { json!(id) };
            let made = call(self.actor, create, &self.path(create), Some(&body)).expect(201);
            (made.header("location").to_owned(), field)
        });
        hung.collect()
    }

    /// Adds the rows of these numbers, and tells what the list shows then.
    pub fn fill(&self, list: &Operation, numbers: std::ops::Range<usize>) -> Vec<Value> {
        numbers.for_each(|number| self.add(list, number));
        self.actor.get(&self.path(list)).expect(200).rows().to_vec()
    }
}

/// The operation that puts a row into a list without making one.
fn link_of(list: &Operation) -> Option<&'static Operation> {
    let into = |one: &&Operation| one.path.strip_prefix(&list.path).is_some_and(|rest| rest.starts_with("/{"));
    contract().operations.iter().filter(into).find(|one| one.method == "PUT" && one.body_schema().is_none())
}

/// The operation that makes rows of a list: at its own path, or at that of another list of the same name.
fn adding_to(list: &Operation) -> Option<&'static Operation> {
    let name = list.path.rsplit('/').next();
    let mut creations = contract().creations();
    contract().find("POST", &list.path).or_else(|| creations.find(|one| one.path.rsplit('/').next() == name))
}

/// The fields of a new row that name one of those in the path, each with that parameter.
fn id_ways<'b>(create: &Operation, above: &[&'b str]) -> Vec<(String, &'b str)> {
    let made_by = |name: &str| creation_of(name).map(|create| create.path.as_str());
    let ways = create.id_fields().into_iter().filter_map(|field| {
        let same = above.iter().find(|name| made_by(name).is_some() && made_by(name) == made_by(&field));
        same.map(|parameter| (field, *parameter))
    });
    ways.collect()
}

/// Texts, numbers and flags that a field of a body can be: what the examples have, here and in other bodies of the same
/// kind of row, some that are like it, and what many a field takes. Two at least, unless the contract names the only
/// one.
fn plain_values(operation: &Operation, field: &str) -> Vec<Value> {
    if let Some(only) = operation.field(field).get("const") {
        return vec![only.clone()];
    }
    let collection = |path: &str| path.split("/{").next().unwrap_or_default().to_owned();
    let alike = contract().operations.iter().filter(|one| collection(&one.path) == collection(&operation.path));
    let mut values: Vec<Value> =
        alike.flat_map(Operation::body_examples).map(|example| example[field].clone()).collect();
    values.extend(operation.field(field)["enum"].as_array().into_iter().flatten().cloned());
    let texts: Vec<_> = values.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    values.extend(
        texts.iter().flat_map(|text| [format!("{text} 2"), format!("2{text}"), format!("{text}-3")]).map(Value::from),
    );
    let usual = json!([
        true,
        false,
        1,
        2,
        0.5,
        "2026-11-30",
        "2026-12-07",
        "2026-11-20T09:30:00Z",
        "2026-12-20T09:30:00Z",
        "Ann",
        "Mia",
    ]);
    values.extend(usual.as_array().into_iter().flatten().cloned());
    let mut different: Vec<Value> = Vec::new();
    for value in values {
        if !value.is_null() && !different.contains(&value) && operation.takes(field, &value) {
            different.push(value);
        }
    }
    assert!(
        different.len() > 1,
        "two values of {field} for {} must be said here, or in examples of the contract",
        operation.id
    );
    different.truncate(4);
    different
}
