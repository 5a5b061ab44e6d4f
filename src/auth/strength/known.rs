//! What is tried first because it is known: passwords that leaked, sayings, and words of offices.

use std::collections::BTreeSet;

use passwords::analyzer::is_common_password;

/// Characters of the shortest part that is looked up: anything shorter is no password here.
const SHORTEST: usize = 8;
/// Characters of the longest one that is looked up: what people type again and again is no longer.
const LONGEST: usize = 24;

/// Words that no dictionary ranks high and that half of all office passwords begin with.
pub const OFFICE_WORDS: [&str; 16] = [
    "company", "corp", "acme", "inc", "ltd", "llc", "gmbh", "office", "team", "staff", "prod", "backup", "initech",
    "globex", "contoso", "fabrikam",
];

/// Sayings, lines and titles that every list of passphrases has, by their letters alone.
const SAYINGS: [&str; 49] = [
    "aintnosunshine",
    "allyourbasearebelongtous",
    "areyoukiddingme",
    "bemyvalentine",
    "carpediem",
    "correcthorsebatterystaple",
    "dontworrybehappy",
    "donttellanyone",
    "forgetmenot",
    "fourscoreandsevenyears",
    "gameofthrones",
    "givemeliberty",
    "godblessamerica",
    "godsavethequeen",
    "godsavetheking",
    "hakunamatata",
    "happybirthdaytoyou",
    "heylookatme",
    "houstonwehaveaproblem",
    "icanhascheezburger",
    "ilovemydog",
    "iloveyousomuch",
    "illbeback",
    "inthebeginning",
    "itwasthebestoftimes",
    "ithinkthereforeiam",
    "jesuslovesme",
    "keepcalmandcarryon",
    "letitbe",
    "liveandletdie",
    "livelaughlove",
    "livelongandprosper",
    "loremipsumdolorsitamet",
    "lukeiamyourfather",
    "maytheforcebewithyou",
    "maythethbewithyou",
    "nevergonnagiveyouup",
    "onceuponatime",
    "ourfatherwhoartinheaven",
    "rosesareredvioletsareblue",
    "thequickbrownfox",
    "thisistheway",
    "tobeornottobe",
    "twinkletwinklelittlestar",
    "wearethechampions",
    "wewillrockyou",
    "whoareyou",
    "winteriscoming",
    "yeswecan",
];

/// Whether a password is on a list of leaked ones, as it is, in small letters, or but for the signs at its end.
pub fn has_leaked(password: &str) -> bool {
    let bare = password.trim_end_matches(|c: char| !c.is_alphabetic());
    let forms = [password, bare].into_iter().filter(|form| (SHORTEST..=LONGEST).contains(&form.chars().count()));
    let forms: BTreeSet<_> = forms.flat_map(|form| [form.to_owned(), form.to_lowercase()]).collect();
    forms.iter().any(is_common_password)
}

/// Whether there is little in a password but a saying that everybody knows.
pub fn is_saying(password: &str) -> bool {
    let letters: String = password.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect();
    SAYINGS.iter().any(|saying| letters.contains(saying) && letters.len() < saying.len() + SHORTEST)
}
