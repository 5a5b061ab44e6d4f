//! Fields that name other rows. Whether there are such rows the database decides when the row is written; but who
//! has to mend another field anyway is told of these, too.

use actix_web::{HttpMessage, HttpRequest, web::Data};
use serde_json::Value;

use crate::{
    db::{Conn, Db},
    ids::{Id, UserId},
    problem::{FieldError, Problem},
    sessions::CurrentUser,
    wire::{Fields, FromBody},
};

/// A field with the id of a row, or with a list of them.
pub struct Reference {
    pub field: &'static str,
    /// Which of some ids the user has.
    pub find: Find,
    /// What is said of one that the user has not.
    pub absent: &'static str,
}

/// Queries which of some ids a user has.
pub type Find = fn(&mut Conn, UserId, Vec<i64>) -> Result<Vec<i64>, Problem>;

/// A body that a handler takes: how it is read, [`FromBody`] says; which other rows it names, the table here.
pub trait Body: FromBody {
    /// Fields that name other rows of the user's.
    const REFERENCES: &'static [Reference] = &[];
}

/// An id in a body.
struct Named {
    pointer: String,
    id: i64,
    reference: &'static Reference,
}

/// Reads a body.
///
/// # Errors
/// `validation-failed`, with every field that is not acceptable.
pub async fn read_fields<T: Body>(request: &HttpRequest, body: Value) -> Result<T, Problem> {
    let named = named_by::<T>(&body);
    match Fields::read(body) {
        Ok(value) => Ok(value),
        Err(mut errors) => {
            errors.extend(absent(request, named, &errors).await?);
            Err(Problem::validation(errors))
        }
    }
}

/// Those ids in a body that are ids.
fn named_by<T: Body>(body: &Value) -> Vec<Named> {
    let mut named = Vec::new();
    for reference in T::REFERENCES {
        let pointer = format!("/{}", reference.field);
        let mut name = |pointer, value| {
            let id = Id::<()>::from_json(value).map(Id::get);
            named.extend(id.map(|id| Named { pointer, id, reference }));
        };
        match body.get(reference.field) {
            Some(Value::Array(values)) => {
                values.iter().enumerate().for_each(|(index, value)| name(format!("{pointer}/{index}"), value));
            }
            Some(value) => name(pointer, value),
            None => {}
        }
    }
    named
}

/// Which of these rows the user has not, but for those that something else is wrong with.
async fn absent(
    request: &HttpRequest,
    mut named: Vec<Named>,
    errors: &[FieldError],
) -> Result<Vec<FieldError>, Problem> {
    named.retain(|named| errors.iter().all(|error| !error.is_within(&named.pointer)));
    let me = request.extensions().get::<CurrentUser>().copied();
    let (Some(me), Some(db)) = (me.filter(|_| !named.is_empty()), request.app_data::<Data<Db>>()) else {
        return Ok(Vec::new());
    };
    let find = move |conn: &mut Conn| {
        let mut absent = Vec::new();
        for group in named.chunk_by(|one, other| std::ptr::eq(one.reference, other.reference)) {
            let Some(Named { reference, .. }) = group.first() else { continue };
            let found = (reference.find)(conn, me.id, group.iter().map(|named| named.id).collect())?;
            let missing = group.iter().filter(|named| !found.contains(&named.id));
            absent.extend(missing.map(|named| FieldError::body(&named.pointer, "not_found", reference.absent)));
        }
        Ok(absent)
    };
    db.read(find).await
}
