//! The list of everybody's dogs where very many of them are hidden: it is whole, in order, and never read without end.

use crate::laws::query_plans::{hold, set, watched};
use crate::lists::paging::follow;
use crate::support::manners::parse_quota;
use crate::support::{App, Database, Engine, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        public_dogs_are_found_among_any_number_of_hidden_ones,
        where_very_many_are_public_a_page_may_be_short_and_leads_on,
        a_page_that_passed_over_very_many_dogs_weighs_more,
        a_page_of_public_dogs_takes_a_few_statements_served_by_indexes_however_many_are_hidden,
    ]
}

/// More than are walked.
const HIDDEN: usize = 6_000;

/// Hides so many dogs past the server, with ids after those that there are; a gap as wide again comes after them.
fn hide(app: &App, owner: i64, count: usize) {
    let hide = format!(
        "INSERT INTO dogs (user_id, owner_id, name, name_key, created_at, updated_at) \
         SELECT o.user_id, o.id, 'Hidden', 'hidden', o.created_at, o.created_at FROM owners o, \
         (WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) SELECT i FROM n) AS n \
         WHERE o.id = {owner}"
    );
    app.database.execute(&hide).expect("they are hidden");
    let gap = match app.engine {
        Engine::Sqlite => format!("UPDATE sqlite_sequence SET seq = seq + {count} WHERE name = 'dogs'"),
        Engine::Postgres => format!("SELECT setval('dogs_id_seq', (SELECT max(id) FROM dogs) + {count})"),
    };
    app.database.execute(&gap).expect("ids may be left out");
}

/// Two public users with three dogs each, one between the other's, and hidden ones before, between and after.
fn scatter(app: &App) -> Vec<i64> {
    let [alice, carol, bob] = ["alice", "carol", "bob"].map(|name| app.sign_in(name));
    let owners = [&alice, &carol, &bob].map(|actor| actor.owner("Ann"));
    alice.go_public();
    carol.go_public();
    let mut public = Vec::new();
    for number in 0..3 {
        hide(app, owners[2], HIDDEN);
        public.push(alice.dog(&format!("A{number}"), owners[0]));
        public.push(carol.dog(&format!("C{number}"), owners[1]));
    }
    hide(app, owners[2], HIDDEN);
    public
}

fn public_dogs_are_found_among_any_number_of_hidden_ones(app: &App) {
    let public = scatter(app);
    assert_eq!(app.anon().get("/dogs").expect(200).ids(), public);
    for (limit, pages) in [(1, 6), (2, 3), (4, 2), (6, 1), (200, 1)] {
        let found = follow(&app.anon(), &format!("/dogs?limit={limit}"));
        assert_eq!(found.concat(), public, "{limit}");
        assert_eq!(found.len(), pages, "{limit}");
    }
    let names = app.anon().get("/dogs").expect(200).all("adopted_by");
    assert_eq!(names, ["alice", "carol", "alice", "carol", "alice", "carol"]);
    app.log_in("alice").delete("/me/profile").expect(204);
    assert_eq!(follow(&app.anon(), "/dogs?limit=2").concat(), [public[1], public[3], public[5]]);
}

fn a_page_that_passed_over_very_many_dogs_weighs_more(scene: &Database) {
    let app = App::with(Database::fresh(scene.engine), &[("IP_RATE", "1000/24h")]);
    let taken = |path: &str| {
        let left = || {
            let answer = app.anon().get(path).expect(200);
            parse_quota(answer.header("ratelimit"), ["r", "t"]).expect("a quota").1[0]
        };
        left() - left()
    };
    let public = scatter(&app);
    assert_eq!(taken("/dogs?limit=10"), 5);
    assert_eq!(taken(&format!("/dogs/{}", public[0])), 1);
    assert_eq!(taken("/users/alice/dogs"), 1);
}

fn where_very_many_are_public_a_page_may_be_short_and_leads_on(app: &App) {
    let public = scatter(app);
    let many = "INSERT INTO users (username, username_key, email, email_key, password_hash, created_at, updated_at, \
                is_public) SELECT 'public-' || i, 'public-' || i, i || '@b.c', i || '@b.c', password_hash, created_at, \
                updated_at, TRUE FROM users, (WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n \
                WHERE i < 400) SELECT i FROM n) AS n WHERE username = 'alice'";
    app.database.execute(many).expect("they are public");
    let pages = follow(&app.anon(), "/dogs?limit=50");
    assert_eq!(pages.concat(), public);
    assert!(pages.len() > 1 && pages.len() < 20, "{pages:?}");
    assert_eq!(follow(&app.anon(), "/dogs?limit=1").concat(), public);
}

fn a_page_of_public_dogs_takes_a_few_statements_served_by_indexes_however_many_are_hidden(scene: &Database) {
    let (app, recorder) = watched(scene.engine);
    scatter(&app);
    app.log_in("bob");
    set(&app);
    let mut next = Some("/dogs?limit=1".to_owned());
    while let Some(page) = next {
        drop(recorder.take());
        next = app.anon().get(&page).expect(200).next_page();
        let queries = recorder.take();
        let dogs: Vec<_> = queries.into_iter().filter(|query| query.contains("dogs")).collect();
        assert!((1..=4).contains(&dogs.len()), "{dogs:?}");
        hold(&app, &page, &dogs, true);
        // None of them walks on without an end.
        let is_bounded = |query: &String| {
            query.contains(" LIMIT ") || query.contains("json_each") || query.contains("ANY(") || query.contains("min(")
        };
        assert!(dogs.iter().all(is_bounded), "{dogs:?}");
        assert!(dogs[0].contains("<= "), "the walk has an end: {}", dogs[0]);
    }
}
