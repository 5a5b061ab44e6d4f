//! `/me`: the account of whoever asks.

use actix_web::web::{Data, Json};

use super::{UserOut, Users};
use crate::{auth::CurrentUser, db::Db, problem::Problem};

/// `GET /me`
pub async fn show(me: CurrentUser, db: Data<Db>) -> Result<Json<UserOut>, Problem> {
    let user = db.read(move |conn| Users::of(me.id).show(conn)).await?;
    Ok(Json(user.into()))
}
