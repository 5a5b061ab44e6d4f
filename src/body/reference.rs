//! The check of fields that hold ids of other rows. Whether there are such rows the database decides when the row is
//! written; only where another field has an error are they looked up here, so that the response names all errors at
//! once.

use actix_web::{HttpMessage, HttpRequest, web::Data};
use serde_json::Value;

use crate::{
    current_user::CurrentUser,
    db::{Conn, Db},
    ids::Id,
    problem::{FieldError, Problem},
    wire::{Fields, FromBody, Reference},
};

/// An id in a body.
struct Named {
    pointer: String,
    id: i64,
    reference: &'static Reference,
}

/// Reads the fields of a JSON body as a `T`, on behalf of the user of `request`. If one is not acceptable, ids of rows
/// that the user does not have ([`FromBody::REFERENCES`]) are looked up and listed as well, so that the response names
/// all errors at once; otherwise only the write finds them.
///
/// # Errors
/// `validation-failed`, with every field that is not acceptable; the database's errors.
pub async fn read_fields<T: FromBody>(request: &HttpRequest, body: Value) -> Result<T, Problem> {
    let named = named_by::<T>(&body);
    match Fields::read(body) {
        Ok(value) => Ok(value),
        Err(mut errors) => {
            errors.extend(absent(request, named, &errors).await?);
            Err(Problem::validation(errors))
        }
    }
}

/// The valid ids in a body that name other rows.
fn named_by<T: FromBody>(body: &Value) -> Vec<Named> {
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

/// The errors for ids that the user does not have, except where a field has another error already.
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
