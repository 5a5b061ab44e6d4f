//! Sessions: what a login leaves behind, and how its user sees and ends it. One row per login; the gate asks it on
//! every request, so that what has ended is dead on the next one, on every instance. How one begins and goes on,
//! `auth` says.

mod asked;
mod current_user;
pub mod handlers;
mod repo;
mod wire;

pub use asked::{PendingEmail, sweep};
pub use current_user::{CurrentUser, TokenSubject, flow, reauthenticate};
pub(crate) use repo::is_live;
pub use repo::{
    ClientInfo, LiveSession, SessionLifetimes, Sessions, find_current_user, find_live, has_begun_at, require_live,
};
pub use wire::SessionOut;
