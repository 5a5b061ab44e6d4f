//! The database threads: what a queue and another thread add to a query, and for writes a commit that is on the disk.

use std::sync::Arc;

use actix_web::rt::System;
use divan::{Bencher, black_box};
use kennel::dogs::Dogs;
use kennel::owners::Owners;
use kennel::sessions::find_current_user;
use serde_json::json;

use super::fixture::{Engine, Fixture, body, engines};

#[divan::bench(args = engines())]
fn gate(bencher: Bencher<'_, '_>, engine: Engine) {
    let fixture = Fixture::on(engine);
    let (system, db, bearer) = (System::new(), fixture.db(), fixture.bearer);
    bencher.bench_local(|| {
        let reading = db.read(move |conn| find_current_user(conn, black_box(bearer)));
        system.block_on(reading).expect("a user")
    });
}

#[divan::bench(args = engines())]
fn create_owner_durably(bencher: Bencher<'_, '_>, engine: Engine) {
    let fixture = Fixture::on(engine);
    let (system, db, user) = (System::new(), fixture.db(), fixture.user);
    let new = Arc::new(body(json!({"name": "Charlotte"})));
    bencher.bench_local(|| {
        let new = Arc::clone(&new);
        let writing = db.create_in_book(user, move |entry| Owners::of(user).create(entry, &new));
        system.block_on(writing).expect("an owner")
    });
}

#[divan::bench(args = engines())]
fn create_dog_durably(bencher: Bencher<'_, '_>, engine: Engine) {
    let fixture = Fixture::on(engine);
    let (system, db, user) = (System::new(), fixture.db(), fixture.user);
    let new = Arc::new(body(json!({"name": "Bella", "owner_id": fixture.owner.get(), "born_on": "2024-05-01"})));
    bencher.bench_local(|| {
        let new = Arc::clone(&new);
        let writing = db.create_in_book(user, move |entry| Dogs::of(user).create(entry, &new));
        system.block_on(writing).expect("a dog")
    });
}
