//! Sessions: one row for each login, which its user sees and ends. The gate (`auth::gate`) looks it up at every
//! request, so that the tokens of an ended session are refused at once, on every instance. Sessions begin and are
//! renewed in `auth`.

mod asked;
pub mod handlers;
mod repo;
mod wire;

pub use asked::{PendingEmail, sweep};
pub(crate) use repo::is_live;
pub use repo::{
    ClientInfo, LiveSession, SessionLifetimes, Sessions, find_current_user, find_live, has_begun_at, require_live,
};
pub use wire::SessionOut;
