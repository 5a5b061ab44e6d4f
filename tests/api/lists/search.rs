//! Lists of what somebody looks for: by a part of the name, in any letter case, and by what a row belongs to.

use serde_json::json;
use unicode_normalization::UnicodeNormalization;

use crate::lists::paging::follow;
use crate::support::contract::contract;
use crate::support::walk::{body, rows};
use crate::support::{Actor, App, Sentence, sentences};

pub fn sentences() -> Vec<Sentence> {
    sentences![
        a_part_of_a_name_finds_it_wherever_it_is,
        names_are_found_in_any_letter_case_beyond_ascii_too,
        a_name_is_found_however_its_accents_are_composed,
        what_is_a_wildcard_elsewhere_is_only_text,
        names_are_found_without_their_accents_and_however_signs_are_set,
        nothing_finds_everything_and_white_space_around_it_does_not_count,
        a_query_that_is_not_utf_8_is_refused,
        what_is_looked_for_has_255_characters_at_most_and_no_control_characters,
        sql_in_any_parameter_is_only_text,
        what_was_renamed_is_found_by_its_new_name,
        a_search_finds_nothing_of_a_strangers,
        a_search_comes_in_pages_and_in_any_order,
        the_total_is_told_to_those_who_ask,
    ]
}

/// The lists that can be searched.
fn lists() -> impl Iterator<Item = &'static str> {
    let searched = contract().lists().filter(|list| list.parameters("query").contains(&"q"));
    searched.map(|list| list.path.as_str())
}

/// Those that the sentences below look into.
const LISTS: [&str; 3] = ["/dogowner/owners", "/dogowner/dogs", "/dogowner/tasks"];

/// No row on any of them.
const NOTHING: [Vec<i64>; 3] = [Vec::new(), Vec::new(), Vec::new()];

/// Any text as the value of a parameter.
pub fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Makes an owner, a dog and a task of this name; the ids, in the order of the lists.
fn all_three(actor: &Actor<'_>, name: &str) -> [i64; 3] {
    let owner = actor.owner(name);
    [owner, actor.dog(name, owner), actor.task(name)]
}

/// What each of the lists finds.
fn found(actor: &Actor<'_>, q: &str) -> [Vec<i64>; 3] {
    LISTS.map(|list| actor.get(&format!("{list}?q={}", encoded(q))).expect(200).ids())
}

/// Whether each of the lists finds the row of these.
fn finds(actor: &Actor<'_>, q: &str, ids: [i64; 3]) -> bool {
    found(actor, q).iter().zip(ids).all(|(found, id)| found.contains(&id))
}

fn a_part_of_a_name_finds_it_wherever_it_is(app: &App) {
    let alice = app.sign_in("alice");
    let rex = all_three(&alice, "Rex the First");
    let ivy = all_three(&alice, "Ivy");
    let both = |one: [i64; 3], other: [i64; 3]| [0, 1, 2].map(|list| vec![one[list], other[list]]);
    for part in ["Rex the First", "Rex", "First", "ex the F", "x t", "R", "Rex  the"] {
        assert_eq!(found(&alice, part), rex.map(|id| vec![id]), "{part}");
    }
    assert_eq!(found(&alice, "I"), both(rex, ivy));
    for no_part in ["Rexy", "tsriF", "RexFirst", "Rex*", "^Rex", "Rex|Ivy", "Rex Ivy"] {
        assert_eq!(found(&alice, no_part), NOTHING, "{no_part}");
    }
}

fn names_are_found_in_any_letter_case_beyond_ascii_too(app: &App) {
    let alice = app.sign_in("alice");
    let names = [
        "Rex",
        "Élan",
        "ÄÖÜ äöü",
        "Straße",
        "Ягода",
        "Ελλάδα",
        "Σίσυφος",
        "ÆØÅ",
        "Łódź",
        "İzmir",
        "ñandú",
        "Ｆｕｌｌ",
        "Ђорђе",
        "Ångström",
        "Việt",
        "한국",
        "日本",
        "🐕 Dog",
        "ǅ",
    ];
    for name in names {
        let ids = all_three(&alice, name);
        for spelling in [name.to_owned(), name.to_lowercase(), name.to_uppercase(), name.to_uppercase().to_lowercase()]
        {
            assert!(finds(&alice, &spelling, ids), "{spelling} finds {name}");
        }
    }
    for (name, spelling) in
        [("Straße", "STRASSE"), ("Straße", "strasse"), ("Straße", "sSe"), ("Σίσυφος", "ΟΣ"), ("Élan", "éLAN")]
    {
        let ids = all_three(&alice, name);
        assert!(finds(&alice, spelling, ids), "{spelling} finds {name}");
    }
    let ids = all_three(&alice, "STRASSE");
    assert!(finds(&alice, "straße", ids) && finds(&alice, "aß", ids));
}

fn a_name_is_found_however_its_accents_are_composed(app: &App) {
    let alice = app.sign_in("alice");
    for name in ["Élan", "Việt", "Ångström", "\u{212b}ngström", "각하", "q\u{323}\u{307}", "q\u{307}\u{323}", "ΐ"]
    {
        let ids = all_three(&alice, name);
        let (composed, taken_apart): (String, String) = (name.nfc().collect(), name.nfd().collect());
        for spelling in [&composed, &taken_apart, &taken_apart.to_uppercase(), &composed.to_lowercase()] {
            assert!(finds(&alice, spelling, ids), "{spelling:?} finds {name:?}");
        }
    }
    let shown = alice.get("/dogowner/owners?limit=1").expect(200);
    assert_eq!(shown.rows()[0]["name"], "Élan", "what is shown is what was written");
}

fn what_is_a_wildcard_elsewhere_is_only_text(app: &App) {
    let alice = app.sign_in("alice");
    let names = ["100%", "100 per cent", "a_b", "a-b", "back\\slash", "backslash", "a*b", "a?b", "[ab]", "\\%", "%_"];
    let ids = names.map(|name| all_three(&alice, name));
    let expect = |q: &str, places: &[usize]| {
        let expected = [0, 1, 2].map(|list| places.iter().map(|place| ids[*place][list]).collect::<Vec<_>>());
        assert_eq!(found(&alice, q), expected, "{q}");
    };
    expect("%", &[0, 9, 10]);
    expect("100%", &[0]);
    expect("_", &[2, 10]);
    expect("a_b", &[2]);
    expect("\\", &[4, 9]);
    expect("\\\\", &[]);
    expect("\\%", &[9]);
    expect("\\_", &[]);
    expect("%%", &[]);
    expect("a%b", &[]);
    expect("*", &[6]);
    expect("?", &[7]);
    expect("[ab]", &[8]);
    expect("%_", &[10]);
}

fn names_are_found_without_their_accents_and_however_signs_are_set(app: &App) {
    let alice = app.sign_in("alice");
    for (name, spellings) in [
        ("Zoë", &["zoe", "ZOE", "zoë", "Zoé", "oe"][..]),
        ("Łódź", &["lodz", "LÓDZ", "łodz"]),
        ("Señor Wuff", &["senor", "SEÑOR", "or wu"]),
        ("Smørrebrød", &["smorrebrod", "ØRRE"]),
        ("O’Malley", &["o'malley", "O’M", "'"]),
        ("D'Artagnan", &["d’art", "d‘art"]),
        ("„Max“", &["\"max\"", "“max"]),
        ("Rex – II", &["rex - ii", "Rex — II"]),
        ("GROẞ", &["gross", "groß", "GROSS"]),
        ("Ёлка", &["елка", "ЁЛКА"]),
        ("A\u{a0}B", &["a b"]),
    ] {
        let ids = all_three(&alice, name);
        for spelling in spellings {
            assert!(finds(&alice, spelling, ids), "{spelling} finds {name}");
        }
        assert!(!finds(&alice, &format!("{name}x"), ids), "{name}x does not find {name}");
    }
    let kana = all_three(&alice, "かき");
    assert!(!finds(&alice, "がき", kana), "a mark that makes another letter counts");
}

fn nothing_finds_everything_and_white_space_around_it_does_not_count(app: &App) {
    let alice = app.sign_in("alice");
    let (one, two) = (all_three(&alice, "Rex"), all_three(&alice, "Old Rex"));
    let all = [0, 1, 2].map(|list| vec![one[list], two[list]]);
    for everywhere in ["", " ", "\u{a0}", "Rex ", " Rex", " rex\u{2003}"] {
        assert_eq!(found(&alice, everywhere), all, "{everywhere:?}");
    }
    for inside in ["d R", "old rex ", " Old Rex"] {
        assert_eq!(found(&alice, inside), two.map(|id| vec![id]), "{inside:?}");
    }
    assert_eq!(found(&alice, "OldRex"), NOTHING);
    assert_eq!(alice.get("/dogowner/owners?q=Old+Rex").ids(), [two[0]]);
    assert_eq!(alice.get("/dogowner/owners?q").ids(), [one[0], two[0]]);
}

fn a_query_that_is_not_utf_8_is_refused(app: &App) {
    let alice = app.sign_in("alice");
    let owner = alice.owner("\u{fffd}");
    for list in lists() {
        for bytes in ["%ff", "%ff%fe", "Re%e4x", "%c3", "a%ed%a0%80"] {
            alice.get(&format!("{list}?q={bytes}")).parameter_error("q", "not_utf8");
            alice.get(&format!("{list}?sort={bytes}")).parameter_error("sort", "not_utf8");
            alice.get(&format!("{list}?limit=1&cursor={bytes}")).parameter_error("cursor", "not_utf8");
        }
    }
    assert_eq!(alice.get("/dogowner/owners?q=%ef%bf%bd").expect(200).ids(), [owner], "U+FFFD itself is a character");
}

fn what_is_looked_for_has_255_characters_at_most_and_no_control_characters(app: &App) {
    let alice = app.sign_in("alice");
    let longest = "🐕".repeat(255);
    let owner = alice.owner(&longest);
    assert_eq!(alice.get(&format!("/dogowner/owners?q={}", encoded(&longest))).expect(200).ids(), [owner]);
    for list in lists() {
        for long in ["a".repeat(255), " ".repeat(255), "ΐ".repeat(255), "ß".repeat(255), "%".repeat(255)] {
            alice.get(&format!("{list}?q={}", encoded(&long))).expect(200);
            alice.get(&format!("{list}?q={}a", encoded(&long))).parameter_error("q", "too_long");
        }
        alice.get(&format!("{list}?q={}", "a".repeat(5000))).parameter_error("q", "too_long");
        for control in ["\0", "Re\0x", "\n", "\t", "\u{1b}", "\u{7f}", "\u{85}", "\u{9f}"] {
            alice.get(&format!("{list}?q={}", encoded(control))).parameter_error("q", "control_character");
        }
        alice.get(&format!("{list}?q=a&q=a")).parameter_error("q", "repeated_parameter");
    }
}

fn sql_in_any_parameter_is_only_text(app: &App) {
    let alice = app.sign_in("alice");
    let bob = app.sign_in("bob");
    all_three(&alice, "Rex");
    all_three(&bob, "Ivy");
    let rows = app.database.rows();
    for text in [
        "'",
        "' OR '1'='1",
        "'; DROP TABLE owners; --",
        "\") OR 1=1 --",
        "1 OR 1=1",
        "%' OR '%'='",
        "?1",
        "$1",
        ":a",
        "1;2",
        "--",
        "/*",
    ] {
        let text = encoded(text);
        for list in lists() {
            assert_eq!(alice.get(&format!("{list}?q={text}")).expect(200).json, json!([]), "{text}");
            for (parameter, code) in
                [("sort", "unknown_value"), ("cursor", "invalid_cursor"), ("count", "unknown_value")]
            {
                alice.get(&format!("{list}?{parameter}={text}")).parameter_error(parameter, code);
            }
        }
        for (parameter, code) in [("owner_id", "type"), ("expand", "unknown_value")] {
            alice.get(&format!("/dogowner/dogs?{parameter}={text}")).parameter_error(parameter, code);
        }
        for (parameter, code) in [("dog_id", "type"), ("completed", "unknown_value"), ("due_before", "format")] {
            alice.get(&format!("/dogowner/tasks?{parameter}={text}")).parameter_error(parameter, code);
        }
        let status = app.anon().get(&format!("/users/{}", text.replace('+', "%20"))).status;
        assert!([400, 404].contains(&status), "{status}");
    }
    assert_eq!(app.database.rows(), rows);
}

fn what_was_renamed_is_found_by_its_new_name(app: &App) {
    let alice = app.sign_in("alice");
    for list in lists() {
        let create = contract().find("POST", list).expect("a row can be added");
        let mut new = body(create, rows(&alice)).expect("a body");
        new["name"] = json!("Pip");
        let id = alice.post(list, &new).expect(201).id();
        assert_eq!(alice.get(&format!("{list}?q=pip")).ids(), [id]);
        let path = format!("{list}/{id}");
        alice.patch(&path, &json!({"name": "Élan"})).expect(200);
        assert_eq!(alice.get(&format!("{list}?q=pip")).json, json!([]));
        assert_eq!(alice.get(&format!("{list}?q={}", encoded("éLAN"))).ids(), [id]);
        let mut body = alice.get(&path).json;
        body["name"] = json!("Ivy");
        alice.put(&path, &body).expect(200);
        assert_eq!(alice.get(&format!("{list}?q=IV")).ids(), [id]);
    }
}

fn a_search_finds_nothing_of_a_strangers(app: &App) {
    let (alice, bob) = (app.sign_in("alice"), app.sign_in("bob"));
    let hers = all_three(&alice, "Rex");
    all_three(&bob, "Rex");
    for q in ["", "rex", "e"] {
        assert_eq!(found(&alice, q), hers.map(|id| vec![id]));
    }
}

fn a_search_comes_in_pages_and_in_any_order(app: &App) {
    let alice = app.sign_in("alice");
    let mut ids = Vec::new();
    for number in 0..7 {
        ids.push(alice.owner(&format!("Rex & Co = {}%", 9 - number)));
        alice.owner("Ivy");
    }
    let q = encoded("x & Co = ");
    assert_eq!(follow(&alice, &format!("/dogowner/owners?q={q}&limit=2")).concat(), ids);
    ids.reverse();
    for limit in [1, 3, 7] {
        let first = format!("/dogowner/owners?limit={limit}&sort=name&q={q}");
        assert_eq!(follow(&alice, &first).concat(), ids);
    }
}

fn the_total_is_told_to_those_who_ask(app: &App) {
    let alice = app.sign_in("alice");
    app.sign_in("bob").owner("Ben");
    for name in ["Rex", "Rexy", "Ivy"] {
        all_three(&alice, name);
    }
    for list in LISTS {
        let total = |query: &str| alice.get(&format!("{list}?{query}")).expect(200).header("x-total-count").to_owned();
        assert_eq!(total("count=true"), "3");
        assert_eq!(total("count=true&limit=1"), "3");
        assert_eq!(total("count=true&q=rex"), "2");
        assert_eq!(total("count=true&q=nobody"), "0");
        let next = alice.get(&format!("{list}?limit=1&count=true")).next_page().expect("there is more");
        assert_eq!(alice.get(&next).header("x-total-count"), "3", "on every page");
        for silent in ["", "count=false", "limit=1"] {
            let answer = alice.get(&format!("{list}?{silent}")).expect(200);
            assert!(answer.header_if_any("x-total-count").is_none(), "{answer}");
        }
        for no_boolean in ["", "1", "yes", "True", "null"] {
            alice.get(&format!("{list}?count={no_boolean}")).parameter_error("count", "unknown_value");
        }
    }
}
