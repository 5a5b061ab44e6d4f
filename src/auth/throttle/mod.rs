//! Failed logins: how long the next try waits after them, and the queries that count them.

pub mod attempt;
pub mod lock;
pub mod repo;
