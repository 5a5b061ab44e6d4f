//! A JSON object on its way into a type: every field is looked at, every error is kept, and an unknown field is an
//! error too.

use serde_json::{Map, Value};

use super::{Patch, names::Names, reference::Reference};
use crate::{
    ids::Id,
    problem::{FieldError, Invalid, MOST_ERRORS},
};

/// Reads `true` or `false` from a body.
///
/// # Errors
/// An [`Invalid`] with the code `type`, when the value is neither.
pub fn boolean(value: &Value) -> Result<bool, Invalid> {
    value.as_bool().ok_or(Invalid::new("type", "This is true or false, not in quotes."))
}

/// A type that is read from a JSON body: it takes its fields one by one from [`Fields`]. The extractor
/// [`Valid`](crate::body::Valid) reads it.
pub trait FromBody: Sized {
    /// The fields that responses have and that a client cannot set: accepted, so that a body can be sent back as it
    /// came, and ignored.
    const READ_ONLY: &'static [&'static str] = &[];
    /// The fields that hold ids of the user's other rows, so that absent ones are told together with other errors.
    const REFERENCES: &'static [Reference] = &[];

    /// Takes all fields of the type, even after one was not acceptable; `None` if one was not, and then `fields` has
    /// kept why.
    fn from_body(fields: &mut Fields) -> Option<Self>;
}

/// The fields of a JSON object, taken one by one, and the errors found so far. Each method but [`Fields::read`] takes
/// one field by its name: it returns `None`, and keeps the error, if the value is not acceptable.
pub struct Fields {
    object: Map<String, Value>,
    errors: Vec<FieldError>,
    /// The fields that can be set.
    known: Names,
}

impl Fields {
    /// Reads a whole body as a `T`. A field that `T` has not taken is an error, too, unless it is read-only.
    ///
    /// # Errors
    /// The [`FieldError`] of every field that is not acceptable, with its place; one at the whole body (an empty
    /// pointer), if that is no object.
    pub fn read<T: FromBody>(body: Value) -> Result<T, Vec<FieldError>> {
        let Value::Object(object) = body else {
            return Err(vec![FieldError::body("", "type", "This is one JSON object.")]);
        };
        let mut fields = Self { object, errors: Vec::new(), known: Names::default() };
        let read = T::from_body(&mut fields);
        for name in std::mem::take(&mut fields.object).keys() {
            if !T::READ_ONLY.contains(&name.as_str()) {
                let detail = format!("There is no such field here. {}", fields.known.told());
                fields.fault(name, Invalid::new("unknown_field", detail));
            }
        }
        match read {
            Some(value) if fields.errors.is_empty() => Ok(value),
            _ => Err(fields.errors),
        }
    }

    /// Takes a field that must be there, read by `read`; null is a value like any other. `None`, with the error kept,
    /// if it is absent or not acceptable.
    pub fn required<T>(&mut self, name: &'static str, read: impl FnOnce(&Value) -> Result<T, Invalid>) -> Option<T> {
        match self.remove(name) {
            Some(value) => self.check(name, read(&value)),
            None => self.check(name, Err(Invalid::new("required", "This field is needed."))),
        }
    }

    /// Takes a field that may be absent or null, `Some(None)` for either, read by `read`. `None`, with the error kept,
    /// if it is not acceptable.
    pub fn optional<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&Value) -> Result<T, Invalid>,
    ) -> Option<Option<T>> {
        match self.remove(name) {
            None | Some(Value::Null) => Some(None),
            Some(value) => self.check(name, read(&value)).map(Some),
        }
    }

    /// Takes a field that may be absent, and then has the value `usual`, read by `read`; null is a value like any
    /// other. `None`, with the error kept, if it is not acceptable.
    pub fn usual<T>(
        &mut self,
        name: &'static str,
        usual: T,
        read: impl FnOnce(&Value) -> Result<T, Invalid>,
    ) -> Option<T> {
        match self.remove(name) {
            None => Some(usual),
            Some(value) => self.check(name, read(&value)),
        }
    }

    /// Takes a field of a PATCH that cannot be cleared, read by `read`: `Some(None)` if it is absent. `None`, with the
    /// error kept, if it is null or not acceptable.
    pub fn change<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&Value) -> Result<T, Invalid>,
    ) -> Option<Option<T>> {
        match self.remove(name) {
            None => Some(None),
            Some(Value::Null) => self.check(name, Err(Invalid::new("not_nullable", "This field cannot be cleared."))),
            Some(value) => self.check(name, read(&value)).map(Some),
        }
    }

    /// Takes a field of a PATCH that null clears (RFC 7396), read by `read`. `None`, with the error kept, if it is not
    /// acceptable.
    pub fn patch<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&Value) -> Result<T, Invalid>,
    ) -> Option<Patch<T>> {
        match self.remove(name) {
            None => Some(Patch::Keep),
            Some(Value::Null) => Some(Patch::Clear),
            Some(value) => self.check(name, read(&value)).map(Patch::Set),
        }
    }

    /// Takes a field that is a list of at most `most` ids, each named once: absent is [`Patch::Keep`], null
    /// [`Patch::Clear`]. `None`, with the error kept, if it is not acceptable. Whether there are such rows is not
    /// looked up.
    pub fn ids<T: PartialEq>(&mut self, name: &'static str, most: usize) -> Option<Patch<Vec<Id<T>>>> {
        let values = match self.remove(name) {
            None => return Some(Patch::Keep),
            Some(Value::Null) => return Some(Patch::Clear),
            Some(Value::Array(values)) => values,
            Some(_) => return self.check(name, Err(Invalid::new("type", "This is a list of ids: [1, 2]."))),
        };
        if values.len() > most {
            return self.check(name, Err(Invalid::new("too_long", format!("At most {most}."))));
        }
        let before = self.errors.len();
        let mut ids = Vec::new();
        for (index, value) in values.iter().enumerate() {
            let id = Id::from_json(value).and_then(|id| {
                if ids.contains(&id) { Err(Invalid::new("repeated", "Name each once.")) } else { Ok(id) }
            });
            match id {
                Ok(id) => ids.push(id),
                Err(fault) => self.refuse(&format!("/{name}/{index}"), fault),
            }
        }
        (self.errors.len() == before).then_some(Patch::Set(ids))
    }

    /// Takes a field that is an object, read as a `T`: `Some(None)` if it is absent or null. `None`, with its errors
    /// kept, each at its place in the object, if it is not acceptable.
    pub fn object<T: FromBody>(&mut self, name: &'static str) -> Option<Option<T>> {
        match self.remove(name) {
            None | Some(Value::Null) => Some(None),
            Some(value) => self.read_at(&format!("/{name}"), value).map(Some),
        }
    }

    /// Takes a field that is a list of at most `most` objects, each read as a `T`; absent is an empty list. `None`, with
    /// the errors kept, each at its place in the list, if it is not acceptable; reading ends when there are more errors
    /// than a response lists.
    pub fn objects<T: FromBody>(&mut self, name: &'static str, most: usize) -> Option<Vec<T>> {
        let values = match self.remove(name) {
            None => return Some(Vec::new()),
            Some(Value::Array(values)) => values,
            Some(_) => return self.check(name, Err(Invalid::new("type", "This is a list of objects: [{…}, {…}]."))),
        };
        if values.len() > most {
            return self.check(name, Err(Invalid::new("too_long", format!("At most {most}."))));
        }
        let before = self.errors.len();
        let mut objects = Vec::new();
        for (index, value) in values.into_iter().enumerate() {
            objects.extend(self.read_at(&format!("/{name}/{index}"), value));
            if self.errors.len() > MOST_ERRORS {
                break;
            }
        }
        (self.errors.len() == before).then_some(objects)
    }

    /// Keeps an error of a field that was taken already. `pointer` is its place in the body, a JSON pointer (RFC 6901).
    pub fn refuse(&mut self, pointer: &str, fault: Invalid) {
        let (code, detail) = fault.into_parts();
        self.errors.push(FieldError::body(pointer, code, detail));
    }

    /// Reads a value that stands at `pointer`.
    fn read_at<T: FromBody>(&mut self, pointer: &str, value: Value) -> Option<T> {
        let read = Self::read(value);
        read.map_err(|errors: Vec<FieldError>| self.errors.extend(errors.into_iter().map(|error| error.below(pointer))))
            .ok()
    }

    fn remove(&mut self, name: &'static str) -> Option<Value> {
        self.known.note(name);
        self.object.remove(name)
    }

    fn check<T>(&mut self, name: &str, result: Result<T, Invalid>) -> Option<T> {
        result.map_err(|fault| self.fault(name, fault)).ok()
    }

    fn fault(&mut self, name: &str, fault: Invalid) {
        self.errors.push(fault.of(name));
    }
}
