//! The law of filters: whatever a list can be asked for, it shows the rows that are so, all of them and no others, and
//! none of a neighbour's.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::lists::search::encoded;
use crate::support::contract::{Operation, contract};
use crate::support::{App, Book, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        every_filter_shows_the_rows_that_meet_it_and_no_others,
        every_two_filters_show_the_rows_that_meet_both,
        no_filter_shows_a_neighbours_rows_however_well_they_meet_it,
    ]
}

/// Rows in each list: enough for every value of every field.
const ROWS: usize = 6;

/// A parameter with a value, and the ids of the rows that meet it.
struct Filter<'a> {
    parameter: &'a str,
    value: String,
    met_by: Vec<i64>,
}

/// A value as it stands in a query; none for null.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Whether what a row shows in a field meets a filter's value.
pub type Meets = fn(&str, &str) -> bool;

/// Which field a filter looks at, and how, as far as the name of the parameter tells.
pub fn relation(parameter: &str, row: &Value) -> Option<(String, Meets)> {
    let of_time = |kind: &str| {
        let fields = ["on", "at"].map(|suffix| format!("{kind}_{suffix}"));
        fields.into_iter().find(|field| row.get(field).is_some())
    };
    let compared = |suffix: &str, meets: Meets| Some((of_time(parameter.strip_suffix(suffix)?)?, meets));
    let by_time = compared("_after", |shown, asked| shown > asked)
        .or_else(|| compared("_before", |shown, asked| shown < asked))
        .or_else(|| compared("_since", |shown, asked| shown >= asked));
    match parameter {
        "q" => Some(("name".to_owned(), |shown, asked| shown.to_lowercase().contains(&asked.to_lowercase()))),
        "id" => Some(("id".to_owned(), |shown, asked| asked.split(',').any(|id| id == shown))),
        _ if row.get(parameter).is_some() => Some((parameter.to_owned(), |shown, asked| shown == asked)),
        _ => by_time,
    }
}

/// What a parameter can be asked for by its schema alone.
pub fn values_of_schema(list: &Operation, parameter: &str) -> Vec<String> {
    let schema = list.query_schema(parameter);
    match (&schema["enum"], schema["type"].as_str(), schema["format"].as_str()) {
        (Value::Array(values), ..) => values.iter().filter_map(text).collect(),
        (_, Some("boolean"), _) => vec!["true".to_owned(), "false".to_owned()],
        (.., Some("date")) => vec!["0001-01-01".to_owned(), "9999-12-31".to_owned()],
        (.., Some("date-time")) => vec!["2000-01-01T00:00:00.000Z".to_owned(), "2100-01-01T00:00:00.000Z".to_owned()],
        _ => Vec::new(),
    }
}

/// Each filter of a list with each value that these rows suggest, and what of them meets it.
fn filters<'a>(list: &'a Operation, rows: &[Value]) -> Vec<Filter<'a>> {
    let id = |row: &Value| row["id"].as_i64().expect("an id");
    let all = list.filters().into_iter().filter_map(|parameter| Some((parameter, relation(parameter, &rows[0])?)));
    let valued = all.flat_map(|(parameter, (field, meets))| {
        let mut values: BTreeSet<String> = rows.iter().filter_map(|row| text(&row[&field])).collect();
        if parameter == "id" {
            values.insert(values.iter().take(2).cloned().collect::<Vec<_>>().join(","));
        }
        values.extend(values_of_schema(list, parameter));
        values.into_iter().map(move |value| {
            let met = rows.iter().filter(|row| text(&row[&field]).is_some_and(|shown| meets(&shown, &value)));
            Filter { parameter, met_by: met.map(id).collect(), value }
        })
    });
    valued.collect()
}

/// Each list with so many rows of alice's that differ, who is public, and as many of bob's, who is not: her book, the
/// list, her rows and his.
fn each_list(app: &App, mut told: impl FnMut(&Book<'_>, &Operation, &[Value], &[Value])) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let (hers, his) = (Book::of(&alice), Book::of(&bob));
    alice.go_public();
    let mut number = 0;
    for list in contract().lists() {
        // What somebody shows to all is no neighbour's secret, and there is no path to what he does not show.
        let private = crate::support::walk::is_private(list);
        let his_rows = if private { his.fill(list, 0..ROWS) } else { Vec::new() };
        let rows = hers.fill(list, 0..ROWS);
        assert!(rows.len() >= ROWS, "{} shows {} rows", list.id, rows.len());
        let foreign: Vec<_> = rows.iter().filter(|row| his_rows.contains(row)).map(|row| &row["id"]).collect();
        assert!(foreign.is_empty(), "{} shows the neighbour's {foreign:?}", list.id);
        told(&hers, list, &rows, &his_rows);
        number += 1;
    }
    assert!(number > 7, "only {number} lists");
}

#[track_caller]
fn shows(book: &Book<'_>, list: &Operation, query: &str, expected: &[i64]) {
    let shown = book.actor.get(&format!("{}?{query}", book.path(list))).expect(200);
    let ids = shown.ids();
    assert!(ids == expected, "{} with {query} shows rows {ids:?}, and these meet it: {expected:?}; {shown}", list.id);
}

fn every_filter_shows_the_rows_that_meet_it_and_no_others(app: &App) {
    each_list(app, |book, list, rows, _| {
        let all = filters(list, rows);
        for filter in &all {
            shows(book, list, &format!("{}={}", filter.parameter, encoded(&filter.value)), &filter.met_by);
        }
        for parameter in list.filters() {
            let of_it = || all.iter().filter(|filter| filter.parameter == parameter);
            let tells_apart = of_it().any(|filter| filter.met_by.len() < rows.len())
                && of_it().any(|filter| !filter.met_by.is_empty());
            if of_it().next().is_some() {
                assert!(tells_apart, "{parameter} of {} was tried with nothing that tells rows apart", list.id);
            } else {
                choices_tell_all_rows_apart(book, list, parameter, rows);
            }
        }
    });
}

/// A choice of which no field tells: each of its values shows some rows and not all, and together they show all.
fn choices_tell_all_rows_apart(book: &Book<'_>, list: &Operation, parameter: &str, rows: &[Value]) {
    let choices = values_of_schema(list, parameter);
    assert!(choices.len() > 1, "which rows of {} meet {parameter} must be said here", list.id);
    let mut found = BTreeSet::new();
    for choice in choices {
        let shown = book.actor.get(&format!("{}?{parameter}={choice}", book.path(list))).expect(200);
        let some = (1..rows.len()).contains(&shown.rows().len());
        assert!(some, "{} with {parameter}={choice} is to show some of {} rows; it is\n{shown}", list.id, rows.len());
        found.extend(shown.ids());
    }
    let all: BTreeSet<_> = rows.iter().filter_map(|row| row["id"].as_i64()).collect();
    assert_eq!(found, all, "all values of {parameter} together show all rows of {}", list.id);
}

fn every_two_filters_show_the_rows_that_meet_both(app: &App) {
    each_list(app, |book, list, rows, _| {
        let some = |filter: &Filter<'_>| (1..rows.len()).contains(&filter.met_by.len());
        let telling: Vec<_> = filters(list, rows).into_iter().filter(some).collect();
        // Two values of each would do; all of them would take long.
        let by_parameter = telling.chunk_by(|one, next| one.parameter == next.parameter);
        let all: Vec<_> = by_parameter.flat_map(|of_one| of_one.iter().take(2)).collect();
        for (number, one) in all.iter().enumerate() {
            for other in all[number + 1..].iter().filter(|other| other.parameter != one.parameter) {
                let [first, second] =
                    [one, other].map(|filter| format!("{}={}", filter.parameter, encoded(&filter.value)));
                let both: Vec<_> = one.met_by.iter().copied().filter(|id| other.met_by.contains(id)).collect();
                shows(book, list, &format!("{first}&{second}"), &both);
            }
        }
    });
}

fn no_filter_shows_a_neighbours_rows_however_well_they_meet_it(app: &App) {
    each_list(app, |book, list, rows, his| {
        let mine: BTreeSet<_> = rows.iter().filter_map(|row| row["id"].as_i64()).collect();
        let choices = list
            .filters()
            .into_iter()
            .flat_map(|parameter| values_of_schema(list, parameter).into_iter().map(move |value| (parameter, value)));
        let of_his = if his.is_empty() { Vec::new() } else { filters(list, his) };
        for (parameter, value) in of_his.into_iter().map(|filter| (filter.parameter, filter.value)).chain(choices) {
            let query = format!("{parameter}={}", encoded(&value));
            let shown = book.actor.get(&format!("{}?{query}", book.path(list))).expect(200);
            let foreign: Vec<_> = shown.ids().into_iter().filter(|id| !mine.contains(id)).collect();
            assert!(foreign.is_empty(), "{} with {query} shows the neighbour's {foreign:?}:\n{shown}", list.id);
        }
    });
}
