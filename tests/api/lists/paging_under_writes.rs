//! What holds for all of it: whatever is written down and changed, and whoever pages through it meanwhile. The
//! cases are drawn at random, and one that fails is made smaller and printed.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use crate::lists::sorting::{compare, sorts};
use crate::support::property::check;
use crate::support::{Actor, App, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![whoever_pages_misses_nothing_and_sees_nothing_twice_whatever_others_write]
}

/// A list, and how a row comes into it and out of it.
#[derive(Clone, Copy, Debug)]
enum List {
    Owners,
    Dogs,
    Tasks,
    DogsOfOwner,
    CoOwners,
    PublicDogs,
    DogsOfUser,
}

#[derive(Clone, Debug)]
enum Meanwhile {
    Insert(&'static str),
    Delete(Index),
}

#[derive(Clone, Debug)]
struct Paging {
    list: List,
    sort: Index,
    limit: usize,
    rows: Vec<&'static str>,
    /// What happens after each page.
    meanwhile: Vec<Vec<Meanwhile>>,
}

fn name() -> impl Strategy<Value = &'static str> {
    select(&["a", "A", "b", "B", "ab", "c", "_", "1", "zz"][..])
}

fn paging() -> impl Strategy<Value = Paging> {
    use List::{CoOwners, Dogs, DogsOfOwner, DogsOfUser, Owners, PublicDogs, Tasks};
    let list = select(&[Owners, Dogs, Tasks, Owners, Dogs, Tasks, DogsOfOwner, CoOwners, PublicDogs, DogsOfUser][..]);
    let one = prop_oneof![name().prop_map(Meanwhile::Insert), any::<Index>().prop_map(Meanwhile::Delete)];
    let meanwhile = prop::collection::vec(prop::collection::vec(one, 0..4), 0..8);
    (list, any::<Index>(), 1_usize..6, prop::collection::vec(name(), 0..13), meanwhile)
        .prop_map(|(list, sort, limit, rows, meanwhile)| Paging { list, sort, limit, rows, meanwhile })
}

impl List {
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Owners => &["id", "name", "created_at"],
            Self::Dogs => &["id", "name", "born_on", "created_at"],
            Self::Tasks => &["id", "name", "due_on", "created_at"],
            _ => &[],
        }
    }
}

/// Alice's book while she pages through it.
struct Book<'a> {
    alice: Actor<'a>,
    list: List,
    path: String,
    owner: i64,
    dog: i64,
}

impl<'a> Book<'a> {
    /// With nothing in it but what the list belongs to.
    fn new(app: &App, alice: Actor<'a>, list: List) -> Self {
        for table in ["tasks", "dogs", "owners"] {
            app.database.execute(&format!("DELETE FROM {table}")).expect("it is emptied");
        }
        let (mut owner, mut dog) = (0, 0);
        if !matches!(list, List::Owners | List::Tasks) {
            owner = alice.owner("Ann");
        }
        if matches!(list, List::CoOwners) {
            dog = alice.dog("Rex", owner);
        }
        let path = match list {
            List::Owners => "/dogowner/owners".to_owned(),
            List::Dogs => "/dogowner/dogs".to_owned(),
            List::Tasks => "/dogowner/tasks".to_owned(),
            List::DogsOfOwner => format!("/dogowner/owners/{owner}/dogs"),
            List::CoOwners => format!("/dogowner/dogs/{dog}/co-owners"),
            List::PublicDogs => "/dogs".to_owned(),
            List::DogsOfUser => "/users/alice/dogs".to_owned(),
        };
        Self { alice, list, path, owner, dog }
    }

    fn insert(&self, name: &str) -> i64 {
        let day = match name {
            "a" | "c" | "_" => Value::Null,
            "A" | "zz" => json!("9999-12-31"),
            _ => json!("2024-02-29"),
        };
        match self.list {
            List::Owners => self.alice.owner(name),
            List::CoOwners => {
                let owner = self.alice.owner(name);
                self.alice.share(self.dog, owner);
                owner
            }
            List::Tasks => self.alice.post("/dogowner/tasks", &json!({"name": name, "due_on": day})).expect(201).id(),
            List::DogsOfOwner if name.len() == 2 || name == "c" => {
                let dog = self.alice.dog(name, self.alice.owner("Mia"));
                self.alice.share(dog, self.owner);
                dog
            }
            _ => {
                let body = json!({"name": name, "owner_id": self.owner, "born_on": day});
                self.alice.post("/dogowner/dogs", &body).expect(201).id()
            }
        }
    }

    fn delete(&self, id: i64) {
        let room = match self.list {
            List::Owners | List::CoOwners => "owners",
            List::Tasks => "tasks",
            _ => "dogs",
        };
        self.alice.delete(&format!("/dogowner/{room}/{id}")).expect(204);
    }
}

fn whoever_pages_misses_nothing_and_sees_nothing_twice_whatever_others_write(app: &App) {
    app.sign_in("alice").go_public();
    let token = app.log_in("alice").token().to_owned();
    check(40, paging(), |case| {
        let book = Book::new(app, app.anon().with_token(&token), case.list);
        // Rows of one millisecond look as if they had been made at once; as the last key, the id tells them apart.
        let sorts: Vec<_> = sorts(case.list.keys())
            .into_iter()
            .filter(|sort| sort.find("created_at").is_none_or(|at| at + "created_at".len() == sort.len()))
            .collect();
        let sort = if sorts.is_empty() { String::new() } else { case.sort.get(&sorts).clone() };
        let query = if sort.is_empty() { String::new() } else { format!("sort={sort}&") };
        let mut there: BTreeSet<i64> = case.rows.iter().map(|name| book.insert(name)).collect();
        let (mut stayed, mut ever) = (there.clone(), there.clone());

        let mut seen: Vec<Value> = Vec::new();
        let mut meanwhile = case.meanwhile.iter();
        let mut next = Some(format!("{}?{query}limit={}", book.path, case.limit));
        while let Some(path) = next {
            let page = book.alice.get(&path).expect(200);
            assert!(page.rows().len() <= case.limit);
            seen.extend(page.rows().to_vec());
            next = page.next_page();
            for change in meanwhile.next().into_iter().flatten() {
                match change {
                    // A dog has twenty co-owners at most.
                    Meanwhile::Insert(_) if there.len() >= 20 => {}
                    Meanwhile::Insert(name) => {
                        let id = book.insert(name);
                        there.insert(id);
                        ever.insert(id);
                    }
                    Meanwhile::Delete(_) if there.is_empty() => {}
                    Meanwhile::Delete(index) => {
                        let id = *index.get(&there.iter().copied().collect::<Vec<_>>());
                        book.delete(id);
                        there.remove(&id);
                        stayed.remove(&id);
                    }
                }
            }
        }
        let ids: Vec<_> = seen.iter().filter_map(|row| row["id"].as_i64()).collect();
        let once: BTreeSet<_> = ids.iter().copied().collect();
        assert_eq!(once.len(), ids.len(), "none comes twice: {ids:?}");
        assert!(once.is_superset(&stayed), "{stayed:?} stayed, and {ids:?} were seen");
        assert!(once.is_subset(&ever), "{ever:?} were ever there, and {ids:?} were seen");
        let sort = if sort.is_empty() { "id" } else { &sort };
        assert!(seen.is_sorted_by(|one, next| compare(one, next, sort).is_lt()), "{sort}: {seen:?}");
    });
}
