//! What the public sees: the page of each user who has a profile, and those users' dogs. Read only, for anybody,
//! and nothing private in it: no e-mail address, no user id, no owner.

pub mod handlers;
mod repo;
mod wire;
