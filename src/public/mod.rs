//! The public pages: the page of each user who has a profile, and those users' dogs. Read only, without a login,
//! and nothing private in them: no e-mail address, no user id, no owner.

pub mod handlers;
mod repo;
mod wire;
