//! Kennel: a JSON REST service for people who look after dogs.
//!
//! A request comes by its `connection` and goes `routes` → `auth::gate` → a room's `handlers` → its `wire` (what arrives and leaves) → its
//! `repo` (queries on behalf of one user) → `db`, the door to SQLite or PostgreSQL; `problem` if it goes
//! wrong, and `middleware` on its way out. The rooms are the nouns of the product, each with the same drawers:
//! read `owners` first, it is the shortest.

// The whole surface on one screen, and what it is written in.
pub mod routes;
pub mod routing;

// The rooms, the shortest first: each has `wire` (bodies), `repo` (queries on behalf of one user), `handlers` (thin).
pub mod profiles;

pub mod owners;

pub mod dogs;

pub mod co_owners;
pub mod tasks;

pub mod public;

// Who is asking: accounts, what a login leaves behind, and everything about tokens and passwords.
pub mod auth;
pub mod sessions;
pub mod users;

// What the rooms share: lists a page at a time, bodies and their faults, creating once, how many rows a book may have.
pub mod book;
pub mod idempotency;
pub mod lists;
pub mod wire;

// What can go wrong, and the one way to say so.
pub mod problem;

// What goes out by mail, and the queue that it waits in.
pub mod mail;

// The door to the database, and the threads behind everything that blocks.
pub mod db;
pub mod sweeper;
pub mod workers;

// Around every request: its connection, its quota, the response that is completed whoever made it.
pub mod connection;
pub mod limits;
pub mod middleware;

// The program: its configuration and command line, the app put together, its log and its files, whether it is well.
pub mod app;
pub mod cli;
pub mod config;
pub mod files;
pub mod log;
pub mod system;
