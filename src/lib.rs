//! Kennel: a JSON REST service for people who look after dogs.
//!
//! A request comes by its `connection` and goes `routes` → `auth::gate` → the `handlers` of a room → its `wire`
//! (bodies, in and out) → its `repo` (queries on behalf of one user) → `db`, the door to SQLite or PostgreSQL;
//! `problem` if it goes wrong, and `middleware` on its way out. A *room* is the module of a noun of the product, such
//! as `dogs`, and all have these same files: read `owners` first, it is the shortest.

// The route table on one screen, and the types that it is written in.
pub mod routes;
pub mod routing;

// The rooms, the shortest first: each has `wire` (bodies), `repo` (queries on behalf of one user), `handlers` (thin).
pub mod profiles;

pub mod owners;

pub mod dogs;

pub mod co_owners;
pub mod tasks;

pub mod public;

// A whole book or account, with every room: the log of its changes; shown and changed, deleted, exported, imported.
pub mod changes;
pub mod export;
pub mod import;
pub mod me;

// Pages for people, in a browser.
pub mod pages;

// Authentication: users, their sessions and API keys, what a login is checked against, and all about tokens and
// passwords.
pub mod accounts;
pub mod api_keys;
pub mod auth;
pub mod credentials;
pub mod current_user;
pub mod sessions;
pub mod users;

// The rooms' common parts: lists a page at a time, bodies and their errors, creating once, the limits of a book.
pub mod body;
pub mod book_limits;
pub mod idempotency;
pub mod lists;
pub mod wire;

// Mails, and the queue that they wait in.
pub mod mail;

// The door to the database, and the threads behind everything that blocks.
pub mod db;
pub mod sweeper;
pub mod workers;

// Around every request: its connection, its quota, the completion of its response.
pub mod connection;
pub mod cors;
pub mod limits;
pub mod middleware;

// The program: its configuration and command line, the app put together, its backups, its log and its
// metrics, whether it is well.
pub mod app;
pub mod backups;
pub mod cli;
pub mod config;
pub mod log;
pub mod metrics;
pub mod server;
pub mod system;

// The ground, which everything stands on and which knows nothing above it: problems, the ids of rows, keys and
// signatures, files, and small things that are read.
pub mod crypto;
pub mod duration;
pub mod files;
pub mod headers;
pub mod histogram;
pub mod ids;
pub mod letters;
pub mod problem;
pub mod urls;
