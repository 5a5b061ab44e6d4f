//! Queries on an open connection, as they run on a database thread.

use diesel::Connection as _;
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use kennel::db::{Atomic, Conn};
use kennel::dogs::Dogs;
use kennel::lists::{List, ListQuery, Page};
use kennel::owners::Owners;
use kennel::problem::Problem;
use kennel::sessions::find_current_user;
use kennel::tasks::Tasks;
use serde_json::json;

use super::park::{Engine, Park, asked, body, engines};

/// Benches the same page again and again.
fn bench_list<L: List, R>(
    bencher: Bencher<'_, '_>,
    park: &mut Park,
    asked: &ListQuery<L>,
    list: impl Fn(&mut Conn, &ListQuery<L>) -> Result<Page<R>, Problem>,
) {
    let rows = list(&mut park.conn, asked).expect("a page").rows.len();
    bencher.counter(ItemsCount::new(rows)).bench_local(|| list(&mut park.conn, black_box(asked)).expect("a page"));
}

#[divan::bench(args = engines())]
fn gate(bencher: Bencher<'_, '_>, engine: Engine) {
    let mut park = Park::on(engine);
    let bearer = park.bearer;
    bencher.bench_local(|| find_current_user(&mut park.conn, black_box(bearer)).expect("a user"));
}

#[divan::bench(args = engines())]
fn owners_20(bencher: Bencher<'_, '_>, engine: Engine) {
    let mut park = Park::on(engine);
    let mine = Owners::of(park.user);
    bench_list(bencher, &mut park, &asked(false), |conn, asked| mine.list(conn, asked));
}

#[divan::bench(args = engines())]
fn dogs_50(bencher: Bencher<'_, '_>, engine: Engine) {
    let mut park = Park::on(engine);
    let mine = Dogs::of(park.user);
    bench_list(bencher, &mut park, &asked(false), |conn, asked| mine.list(conn, asked));
}

#[divan::bench(args = engines())]
fn dogs_by_name_second_20(bencher: Bencher<'_, '_>, engine: Engine) {
    let mut park = Park::on(engine);
    let mine = Dogs::of(park.user);
    let mut asked = asked(true);
    asked.after = mine.list(&mut park.conn, &asked).expect("a page").next;
    bench_list(bencher, &mut park, &asked, |conn, asked| mine.list(conn, asked));
}

#[divan::bench(args = engines())]
fn dogs_of_an_owner(bencher: Bencher<'_, '_>, engine: Engine) {
    let mut park = Park::on(engine);
    let (mine, owner) = (Dogs::of(park.user), park.owner);
    bench_list(bencher, &mut park, &asked(false), |conn, asked| mine.list_of_owner(conn, owner, asked));
}

#[divan::bench(args = engines())]
fn tasks_50(bencher: Bencher<'_, '_>, engine: Engine) {
    let mut park = Park::on(engine);
    let mine = Tasks::of(park.user);
    bench_list(bencher, &mut park, &asked(false), |conn, asked| mine.list(conn, asked));
}

/// In a transaction that does not end.
#[divan::bench(args = engines())]
fn create_owner(bencher: Bencher<'_, '_>, engine: Engine) {
    let mut park = Park::on(engine);
    park.conn.begin_test_transaction().expect("a transaction");
    let new = body(json!({"name": "Charlotte"}));
    bencher
        .bench_local(|| Owners::of(park.user).create(Atomic::on(&mut park.conn), black_box(&new)).expect("an owner"));
}

#[divan::bench(args = engines())]
fn create_dog(bencher: Bencher<'_, '_>, engine: Engine) {
    let mut park = Park::on(engine);
    park.conn.begin_test_transaction().expect("a transaction");
    let new = body(json!({"name": "Bella", "owner_id": park.owner.get(), "born_on": "2024-05-01"}));
    bencher.bench_local(|| Dogs::of(park.user).create(Atomic::on(&mut park.conn), black_box(&new)).expect("a dog"));
}
