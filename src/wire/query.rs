//! The query of a request: each parameter is read once, every error is kept, and an unknown parameter is an error too.

use std::{
    borrow::Cow,
    future::{Ready, ready},
};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use chrono::NaiveDate;
use percent_encoding::percent_decode_str;

use super::{date, moment, names::Names, text::Rule};
use crate::{
    db::{column::ColumnName, expression::Contains, folded, timestamp::Timestamp},
    ids::Id,
    limits::Limits,
    problem::{FieldError, Invalid, Problem},
};

/// The reason why a query parameter is not acceptable: a code for programs, such as `too_small`, and a detail for
/// people.
pub type Refusal = (&'static str, Cow<'static, str>);

/// The rule of a search text: 0 to 255 characters.
const SEARCHED: Rule = Rule { least: 0, most: 255 };

/// The most ids in the parameter `id`.
pub const MOST_IDS: usize = 100;

/// The further units of its caller's quota ([`Limits`]) that a request takes for each parameter that makes the database
/// look through many rows; a page by itself is found in an index.
pub const MANY_ROWS: u32 = 4;

/// The parameters that are lists of values with commas between them.
const LISTS: [&str; 3] = ["id", "sort", "expand"];

/// The parameters of a query, with each list joined: `sort=a&sort=b`, as some clients write a list, becomes `sort=a,b`.
pub fn listed<'a>(given: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
    let mut parameters: Vec<(Cow<'a, str>, Cow<'a, str>)> = Vec::new();
    for (name, value) in given {
        let is_list = LISTS.contains(&name.as_ref());
        match parameters.iter_mut().find(|(before, _)| is_list && *before == name) {
            Some((_, values)) => *values = format!("{values},{value}").into(),
            None => parameters.push((name, value)),
        }
    }
    parameters
}

/// The parameters of a query, taken one by one; what is left at the end is unknown. Each method that takes a parameter
/// returns `None` if it is absent, or not acceptable: then the error is kept for [`Query::end`].
pub struct Query<'a> {
    request: &'a HttpRequest,
    parameters: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    errors: Vec<FieldError>,
    /// The number of filters taken so far: ids, days and words from a short list. A list in which they and the order do
    /// not fit one index takes more of the caller's quota.
    pub filters: usize,
    weight: u32,
    /// Whether the query has the parameter `id`, and so names rows.
    pub names_rows: bool,
    /// Whether a parameter was taken that no index serves, so that the database looks through the rows.
    pub is_looked_through: bool,
    /// The parameters that have been read.
    known: Names,
}

impl<'a> Query<'a> {
    /// The query of a request, with nothing taken yet. A parameter that is not UTF-8 is kept as an error for
    /// [`Query::end`].
    #[must_use]
    pub fn of(request: &'a HttpRequest) -> Self {
        let text = request.query_string();
        let parameters = listed(form_urlencoded::parse(text.as_bytes()));
        let mut query = Self {
            request,
            parameters,
            errors: Vec::new(),
            filters: 0,
            weight: 0,
            names_rows: false,
            is_looked_through: false,
            known: Names::default(),
        };
        if query.parameters.iter().any(|(_, value)| value.contains(char::REPLACEMENT_CHARACTER)) {
            query.refuse_what_is_not_utf8(text);
        }
        query
    }

    /// Refuses parameters that are not UTF-8: the parser has put U+FFFD in place of their bytes.
    fn refuse_what_is_not_utf8(&mut self, text: &str) {
        for parameter in text.split('&') {
            if percent_decode_str(parameter).decode_utf8().is_ok() {
                continue;
            }
            let Some((name, _)) = form_urlencoded::parse(parameter.as_bytes()).next() else { continue };
            self.parameters.retain(|(given, _)| *given != name);
            self.errors.push(FieldError::query(&name, "not_utf8", "Percent-encode the bytes of UTF-8."));
        }
    }

    /// Adds to the units that the request takes of its caller's quota, because of the work that a parameter makes;
    /// [`Query::end`] takes them.
    pub fn add_weight(&mut self, units: u32) {
        self.weight += units;
    }

    /// Takes the parameter `name`, whose text `read` reads. Given twice it is an error, unless it is a list. `None` if
    /// it is absent, or not acceptable: then the error is kept for [`Query::end`].
    pub fn take<T>(&mut self, name: &'static str, read: impl FnOnce(&str) -> Result<T, Refusal>) -> Option<T> {
        self.known.note(name);
        let position = self.parameters.iter().position(|(given, _)| given == name)?;
        let (_, text) = self.parameters.swap_remove(position);
        if self.parameters.iter().any(|(given, _)| given == name) {
            self.parameters.retain(|(given, _)| given != name);
            self.errors.push(FieldError::query(name, "repeated_parameter", "Give this parameter once."));
            return None;
        }
        read(&text).map_err(|(code, detail)| self.errors.push(FieldError::query(name, code, detail))).ok()
    }

    /// Adds parameters that came in another way than the query, as in a cursor, to be taken like the others.
    pub fn give(&mut self, more: &[(String, String)]) {
        self.parameters.extend(more.iter().map(|(name, value)| (name.clone().into(), value.clone().into())));
    }

    /// Keeps an error of a parameter that was taken already, for [`Query::end`].
    pub fn refuse(&mut self, name: &str, (code, detail): Refusal) {
        self.errors.push(FieldError::query(name, code, detail));
    }

    /// Takes a parameter that is `true` or `false`; it counts as a filter. `None` if it is absent, or not acceptable:
    /// then the error is kept for [`Query::end`].
    pub fn flag(&mut self, name: &'static str) -> Option<bool> {
        self.one_of(name, &[("true", true), ("false", false)])
    }

    /// Takes a parameter that is one of `words`, pairs of a word and its meaning, and returns what the word means; it
    /// counts as a filter. `None` if it is absent, or not acceptable: then the error is kept for [`Query::end`].
    pub fn one_of<T: Copy>(&mut self, name: &'static str, words: &[(&'static str, T)]) -> Option<T> {
        let word = self.take(name, |text| find(text, words));
        self.filters += usize::from(word.is_some());
        word
    }

    /// Takes a parameter that is a list of `words`, pairs of a word and its meaning, with commas between them and each
    /// at most once, and returns what they mean. `None` if it is absent, or not acceptable: then the error is kept for
    /// [`Query::end`].
    pub fn some_of<T: Copy + PartialEq>(&mut self, name: &'static str, words: &[(&'static str, T)]) -> Option<Vec<T>> {
        self.take(name, |text| {
            let mut found = Vec::new();
            for word in text.split(',') {
                let word = find(word, words)?;
                if found.contains(&word) {
                    return Err(("repeated", "Name each once.".into()));
                }
                found.push(word);
            }
            Ok(found)
        })
    }

    /// Takes a parameter that is the id of a row, which need not exist; it counts as a filter. `None` if it is absent,
    /// or not acceptable: then the error is kept for [`Query::end`].
    pub fn id<T>(&mut self, name: &'static str) -> Option<Id<T>> {
        let id = self.take(name, |text| Id::parse(text).ok_or(("type", "An id is a whole number from 1.".into())));
        self.filters += usize::from(id.is_some());
        id
    }

    /// Takes a parameter that is a whole number from 0. `None` if it is absent, or not acceptable: then the error is kept
    /// for [`Query::end`].
    pub fn number(&mut self, name: &'static str) -> Option<i64> {
        self.take(name, |text| {
            let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let number = text.parse().ok().filter(|_| is_plain);
            number.ok_or(("type", "This is a whole number from 0, below 2^63.".into()))
        })
    }

    /// Takes a parameter that is a day, `YYYY-MM-DD`, of the years 1 to 9999; it counts as a filter. `None` if it is
    /// absent, or not acceptable: then the error is kept for [`Query::end`].
    pub fn day(&mut self, name: &'static str) -> Option<NaiveDate> {
        let day = self.take(name, |text| {
            date::parse(text).ok_or(("format", "A date is YYYY-MM-DD, and a day that exists.".into()))
        });
        self.filters += usize::from(day.is_some());
        day
    }

    /// Takes the parameter `id`: at most 100 ids of rows, which need not exist. Returns them sorted and without
    /// repetitions; they count as a filter. `None` if it is absent, or not acceptable: then the error is kept for
    /// [`Query::end`].
    pub fn ids(&mut self) -> Option<Vec<i64>> {
        let ids = self.take("id", |text| {
            let ids = text.split(',').map(|id| Id::<()>::parse(id).map(Id::get)).collect::<Option<Vec<_>>>();
            let mut ids =
                ids.ok_or(("type", "These are ids, whole numbers from 1, with commas between them.".into()))?;
            ids.sort_unstable();
            ids.dedup();
            if ids.len() > MOST_IDS {
                return Err(("too_long", format!("At most {MOST_IDS} ids.").into()));
            }
            Ok(ids)
        });
        self.filters += usize::from(ids.is_some());
        self.names_rows |= ids.is_some();
        ids
    }

    /// Takes a parameter that is a moment (RFC 3339), cut off after the milliseconds. No index serves it, so the rows
    /// are looked through ([`Query::is_looked_through`]). `None` if it is absent, or not acceptable: then the error is
    /// kept for [`Query::end`].
    pub fn moment(&mut self, name: &'static str) -> Option<Timestamp> {
        let moment = self.take(name, moment::read);
        self.is_looked_through |= moment.is_some();
        moment
    }

    /// Takes the parameter `q`, a text of 0 to 255 characters that a name has to contain. It adds [`MANY_ROWS`] units
    /// to what the request takes of the caller's quota. `None` if it is absent, or not acceptable: then the error is
    /// kept for [`Query::end`].
    pub fn search(&mut self) -> Option<Search> {
        let search = self.take("q", |text| {
            SEARCHED.check(text).map_err(Invalid::into_parts)?;
            Ok(Search(folded(text.trim())))
        });
        self.add_weight(search.as_ref().map_or(0, |_| MANY_ROWS));
        search
    }

    /// Ends the reading: takes the units that the query weighs ([`Query::add_weight`]) of the caller's quota, and fails
    /// if a parameter was not acceptable or is left over.
    ///
    /// # Errors
    /// `validation-failed`, with every parameter that is not acceptable or unknown; `too-many-requests`, when the quota
    /// has not so much left.
    pub fn end(mut self) -> Result<(), Problem> {
        for (name, _) in &self.parameters {
            self.errors.push(unknown_parameter(name, &self.known));
        }
        if !self.errors.is_empty() {
            return Err(Problem::validation(self.errors));
        }
        if self.weight == 0 { Ok(()) } else { Limits::of(self.request)?.weigh(self.request, self.weight) }
    }
}

fn find<T: Copy>(text: &str, words: &[(&'static str, T)]) -> Result<T, Refusal> {
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
    found.ok_or_else(|| {
        let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        ("unknown_value", format!("This accepts: {}.", known.join(", ")).into())
    })
}

/// A text that a name has to contain, in any letter case and without accents: the value of the parameter `q`.
#[derive(Clone, Debug)]
pub struct Search(String);

impl Search {
    /// The condition that a column of search keys ([`search_key`](crate::db::search_key())) contains the text.
    #[must_use]
    pub fn in_column(&self, column: ColumnName) -> Contains {
        Contains { column, part: self.0.clone() }
    }
}

/// The error of a parameter that a route does not have; `known` are those that it has.
#[must_use]
pub fn unknown_parameter(name: &str, known: &Names) -> FieldError {
    FieldError::query(name, "unknown_parameter", format!("There is no such parameter here. {}", known.told()))
}

/// A type that is read from a query: for [`ValidQuery`], and for the filters of a list.
pub trait FromQuery: Sized {
    /// Takes the parameters of the type; `query` keeps the errors, so that it always returns a value.
    fn from_query(query: &mut Query<'_>) -> Self;
}

/// The extractor of a whole query as a `T` that was found acceptable. Refuses the request with `validation-failed`,
/// which lists every parameter that is unknown or not acceptable, or with `too-many-requests`, when the query is more
/// work than the quota has left.
pub struct ValidQuery<T>(
    /// The query as it was read.
    pub T,
);

impl<T: FromQuery> FromRequest for ValidQuery<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let mut query = Query::of(request);
        let value = T::from_query(&mut query);
        ready(query.end().map(|()| Self(value)))
    }
}
