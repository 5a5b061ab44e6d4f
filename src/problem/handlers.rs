//! The handlers of `/problems`: the `type` of a problem is an address (RFC 9457 §3.1.1), and these respond there with
//! its meaning.

use actix_web::web::{Json, Path};
use serde::{Serialize, Serializer};

use super::{FieldError, Kind, Problem};

/// The id of the samples' request.
const REQUEST_ID: &str = "5f0c1e7a9b3d4c62";

/// A kind of problem in the response to `GET /problems`: its `type`, title, status, meaning and remedy.
#[derive(Serialize)]
pub struct KindOut {
    r#type: String,
    title: &'static str,
    status: u16,
    meaning: &'static str,
    remedy: &'static str,
}

/// The response to `GET /problems/{problem}`: a kind of problem ([`KindOut`]) with the body of a sample.
#[derive(Serialize)]
pub struct KindShown {
    #[serde(flatten)]
    kind: KindOut,
    #[serde(serialize_with = "as_a_document")]
    sample: Problem,
}

impl From<Kind> for KindOut {
    fn from(kind: Kind) -> Self {
        Self {
            r#type: kind.uri(),
            title: kind.title(),
            status: kind.status().as_u16(),
            meaning: kind.meaning(),
            remedy: kind.remedy(),
        }
    }
}

/// `GET /problems`: lists every kind of problem.
pub async fn list() -> Json<Vec<KindOut>> {
    Json(Kind::ALL.iter().map(|kind| KindOut::from(*kind)).collect())
}

/// `GET /problems/{problem}`: shows a kind of problem by its slug, such as `not-found`, with a sample.
///
/// # Errors
/// `not-found`, when there is no such kind.
pub async fn show(slug: Path<String>) -> Result<Json<KindShown>, Problem> {
    let kind = Kind::named(&slug).ok_or(Kind::NotFound)?;
    Ok(Json(KindShown { kind: kind.into(), sample: sample(kind) }))
}

fn as_a_document<S: Serializer>(sample: &Problem, serializer: S) -> Result<S::Ok, S::Error> {
    sample.document(None, REQUEST_ID).serialize(serializer)
}

/// The body of a sample problem of this kind, as JSON with line breaks, for the page about it.
#[must_use]
pub fn sample_document(kind: Kind) -> String {
    // Strings and numbers always serialize.
    serde_json::to_string_pretty(&sample(kind).document(None, REQUEST_ID)).unwrap_or_default()
}

/// A sample problem of a kind.
fn sample(kind: Kind) -> Problem {
    match kind {
        Kind::ValidationFailed => Problem::validation(vec![
            FieldError::body("/name", "required", "This field is needed."),
            FieldError::query("limit", "too_small", "A limit is a whole number from 1."),
        ]),
        Kind::UsernameTaken => {
            Problem::new(kind).at("/username", "taken", "Another account has this username. Choose another one.")
        }
        _ => Problem::new(kind),
    }
}
