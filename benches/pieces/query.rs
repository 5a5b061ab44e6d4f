//! Queries on an open connection, as they run on a database thread.

use diesel::Connection as _;
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use kennel::db::{BookEntry, Conn};
use kennel::dogs::Dogs;
use kennel::lists::{List, ListQuery, Page};
use kennel::owners::Owners;
use kennel::problem::Problem;
use kennel::sessions::find_current_user;
use kennel::tasks::Tasks;
use serde_json::json;

use super::fixture::{Engine, Fixture, body, engines, list_query};

/// Benches the same page again and again.
fn bench_list<L: List, R>(
    bencher: Bencher<'_, '_>,
    fixture: &mut Fixture,
    query: &ListQuery<L>,
    list: impl Fn(&mut Conn, &ListQuery<L>) -> Result<Page<R>, Problem>,
) {
    let rows = list(&mut fixture.conn, query).expect("a page").rows.len();
    bencher.counter(ItemsCount::new(rows)).bench_local(|| list(&mut fixture.conn, black_box(query)).expect("a page"));
}

#[divan::bench(args = engines())]
fn gate(bencher: Bencher<'_, '_>, engine: Engine) {
    let mut fixture = Fixture::on(engine);
    let bearer = fixture.bearer;
    bencher.bench_local(|| find_current_user(&mut fixture.conn, black_box(bearer)).expect("a user"));
}

#[divan::bench(args = engines())]
fn owners_20(bencher: Bencher<'_, '_>, engine: Engine) {
    let mut fixture = Fixture::on(engine);
    let mine = Owners::of(fixture.user);
    bench_list(bencher, &mut fixture, &list_query(false), |conn, query| mine.list(conn, query));
}

#[divan::bench(args = engines())]
fn dogs_50(bencher: Bencher<'_, '_>, engine: Engine) {
    let mut fixture = Fixture::on(engine);
    let mine = Dogs::of(fixture.user);
    bench_list(bencher, &mut fixture, &list_query(false), |conn, query| mine.list(conn, query));
}

#[divan::bench(args = engines())]
fn dogs_by_name_second_20(bencher: Bencher<'_, '_>, engine: Engine) {
    let mut fixture = Fixture::on(engine);
    let mine = Dogs::of(fixture.user);
    let mut query = list_query(true);
    query.after = mine.list(&mut fixture.conn, &query).expect("a page").next;
    bench_list(bencher, &mut fixture, &query, |conn, query| mine.list(conn, query));
}

#[divan::bench(args = engines())]
fn dogs_of_an_owner(bencher: Bencher<'_, '_>, engine: Engine) {
    let mut fixture = Fixture::on(engine);
    let (mine, owner) = (Dogs::of(fixture.user), fixture.owner);
    bench_list(bencher, &mut fixture, &list_query(false), |conn, query| mine.list_of_owner(conn, owner, query));
}

#[divan::bench(args = engines())]
fn tasks_50(bencher: Bencher<'_, '_>, engine: Engine) {
    let mut fixture = Fixture::on(engine);
    let mine = Tasks::of(fixture.user);
    bench_list(bencher, &mut fixture, &list_query(false), |conn, query| mine.list(conn, query));
}

/// In a transaction that does not end.
#[divan::bench(args = engines())]
fn create_owner(bencher: Bencher<'_, '_>, engine: Engine) {
    let mut fixture = Fixture::on(engine);
    fixture.conn.begin_test_transaction().expect("a transaction");
    let new = body(json!({"name": "Charlotte"}));
    bencher.bench_local(|| {
        Owners::of(fixture.user)
            .create(BookEntry::on(&mut fixture.conn, fixture.user), black_box(&new))
            .expect("an owner")
    });
}

#[divan::bench(args = engines())]
fn create_dog(bencher: Bencher<'_, '_>, engine: Engine) {
    let mut fixture = Fixture::on(engine);
    fixture.conn.begin_test_transaction().expect("a transaction");
    let new = body(json!({"name": "Bella", "owner_id": fixture.owner.get(), "born_on": "2024-05-01"}));
    bencher.bench_local(|| {
        Dogs::of(fixture.user).create(BookEntry::on(&mut fixture.conn, fixture.user), black_box(&new)).expect("a dog")
    });
}
