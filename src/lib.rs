//! Kennel: a JSON REST service for people who look after dogs.
//!
//! A request comes by its `connection` and goes `routes` → `auth::gate` → a room's `handlers` → its `wire` (what arrives and leaves) → its
//! `repo` (queries on behalf of one user) → `db`, the door to SQLite or PostgreSQL; `problem` if it goes
//! wrong, and `middleware` on its way out. The rooms are the nouns of the product, each with the same drawers:
//! read `owners` first, it is the shortest.

pub mod routes;
pub mod routing;

pub mod auth;
pub mod limits;
pub mod sessions;
pub mod users;

pub mod owners;

pub mod co_owners;
pub mod dogs;
pub mod tasks;

pub mod profiles;
pub mod public;

pub mod book;
pub mod idempotency;
pub mod lists;
pub mod mail;
pub mod problem;
pub mod wire;

pub mod db;
pub mod sweeper;
pub mod workers;

pub mod app;
pub mod cli;
pub mod config;
pub mod connection;
pub mod files;
pub mod log;
pub mod middleware;
pub mod system;
