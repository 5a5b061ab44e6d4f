//! Passwords and parts of passwords that guessers try first: leaked ones, sayings, everyday and office words, names and
//! well-known numbers.

use std::{
    collections::{BTreeSet, HashSet},
    sync::LazyLock,
};

use passwords::analyzer::is_common_password;

use super::plain::plain;

/// The length of the shortest part that is looked up, in characters: anything shorter is no password here.
const SHORTEST: usize = 8;
/// The length of the longest part that is looked up, in characters: leaked passwords are rarely longer.
const LONGEST: usize = 24;

/// Words that no dictionary ranks high and that half of all office passwords begin with. Passwords are judged as if an
/// attacker tried them first.
pub const OFFICE_WORDS: [&str; 16] = [
    "company", "corp", "acme", "inc", "ltd", "llc", "gmbh", "office", "team", "staff", "prod", "backup", "initech",
    "globex", "contoso", "fabrikam",
];

/// The beginnings of a web or mail address, which cost an attacker next to nothing; several may stand one behind the
/// other.
pub const BEGINNINGS_OF_ADDRESSES: [&str; 7] = ["mailto:", "https://", "http://", "ftp://", "ssh://", "git@", "www."];
/// The top-level domains in which most names are, which cost an attacker next to nothing at the end of a text.
pub const TOP_LEVEL_DOMAINS: [&str; 48] = [
    "com", "net", "org", "edu", "gov", "info", "biz", "io", "dev", "app", "ai", "co", "me", "tv", "us", "uk", "ie",
    "ca", "au", "nz", "in", "de", "at", "ch", "fr", "be", "nl", "lu", "es", "pt", "br", "mx", "ar", "it", "pl", "cz",
    "ru", "ua", "se", "no", "dk", "fi", "tr", "gr", "cn", "jp", "kr", "eu",
];
/// Names with a number in them, and the same names without it.
const NAMES_WITH_NUMBERS: [(&str, &str); 12] = [
    ("covid19", "covid"),
    ("covid-19", "covid"),
    ("ronaldo7", "ronaldo"),
    ("messi10", "messi"),
    ("windows10", "windows"),
    ("windows11", "windows"),
    ("office365", "office"),
    ("bond007", "bond"),
    ("agent007", "agent"),
    ("area51", "area"),
    ("catch22", "catch"),
    ("route66", "route"),
];
/// Equations, without blanks, carets and stars.
const FORMULAS: [&str; 8] = ["e=mc2", "e=mc²", "f=ma", "a2+b2=c2", "pv=nrt", "e=hf", "u=ri", "1+1=2"];
/// The digits of constants of mathematics and physics, and of well-known sequences of numbers.
const CONSTANTS: [&str; 24] = [
    "314159265358979323846264338327950288419716939937510",
    "271828182845904523536028747135266249775724709369995",
    "161803398874989484820458683436563811772",
    "141421356237309504880168872420969807856967",
    "173205080756887729352744634150587236694",
    "223606797749978969640917366873127623544",
    "069314718055994530941723212145817656807",
    "057721566490153286060651209008240243104",
    "299792458",
    "602214076",
    "662607015",
    "1602176634",
    "2357111317192329313741434753596167717379838997",
    "1123581321345589144233377610987",
    "1248163264128256512102420484096819216384",
    "149162536496481100121144169196225256",
    "182764125216343512729",
    "139278124372921876561",
    "123456789101112131415161718192021222324252627282930",
    "2468101214161820222426283032",
    "1357911131517192123252729",
    "5101520253035404550556065",
    "136101521283645556678",
    "89370400440532013000",
];
/// The least digits in which a part of a constant is known again.
const OF_A_CONSTANT: usize = 7;

/// The most common family names of China, as they are spelled abroad, and the syllables of given names.
const FAMILY_NAMES: [&str; 60] = [
    "wang", "li", "zhang", "liu", "chen", "yang", "zhao", "huang", "zhou", "wu", "xu", "sun", "hu", "zhu", "gao",
    "lin", "he", "guo", "ma", "luo", "liang", "song", "zheng", "xie", "han", "tang", "feng", "yu", "dong", "xiao",
    "cheng", "cao", "yuan", "deng", "fu", "shen", "zeng", "peng", "lu", "su", "jiang", "cai", "jia", "ding", "wei",
    "xue", "ye", "yan", "pan", "du", "dai", "xia", "zhong", "tian", "ren", "fan", "fang", "shi", "yao", "tan",
];
const SYLLABLES_OF_NAMES: [&str; 64] = [
    "ming", "wei", "xiao", "hua", "jun", "jie", "lei", "tao", "yan", "fang", "li", "na", "min", "jing", "ying", "hong",
    "mei", "lan", "juan", "xia", "qiang", "yong", "bin", "bo", "chao", "peng", "fei", "gang", "hao", "hui", "jian",
    "kai", "lin", "ling", "long", "ning", "ping", "qing", "rong", "rui", "shan", "ting", "xin", "xiu", "xue", "yang",
    "yi", "yu", "yuan", "yun", "ze", "zhen", "zhi", "guo", "dong", "cheng", "hai", "jia", "mo", "chun", "wen", "zi",
    "ya", "si",
];

/// Words that people of many countries make passwords of, dogs' names, and names of software and clubs: words that do
/// not rank high in lists of English.
static EVERYDAY: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let words =
        include_str!("everyday.txt").lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace);
    words.map(|word| plain(word).to_lowercase()).collect()
});

/// Sayings, lines and titles that every list of passphrases has, by their letters alone.
const SAYINGS: [&str; 122] = [
    "actionsspeaklouder",
    "aintnosunshine",
    "allyourbasearebelongtous",
    "anotherbrickinthewall",
    "areyoukiddingme",
    "avengersassemble",
    "bemyvalentine",
    "billiejean",
    "bohemianrhapsody",
    "breakingbad",
    "carpediem",
    "cogitoergosum",
    "comfortablynumb",
    "correcthorsebatterystaple",
    "dancingqueen",
    "dontstopbelievin",
    "donttellanyone",
    "dontworrybehappy",
    "entersandman",
    "everydoghasitsday",
    "eyeofthetiger",
    "forgetmenot",
    "fourscoreandsevenyears",
    "gameofthrones",
    "givemeliberty",
    "godblessamerica",
    "godsavetheking",
    "godsavethequeen",
    "hakunamatata",
    "happybirthdaytoyou",
    "happynewyear",
    "hastalavista",
    "hastalavistababy",
    "heyjude",
    "heylookatme",
    "highwaytohell",
    "hotelcalifornia",
    "houseofcards",
    "houstonwehaveaproblem",
    "humptydumpty",
    "iamthebest",
    "iamyourfather",
    "icanhascheezburger",
    "ichbineinberliner",
    "illbeback",
    "ilovemydog",
    "ilovemyfamily",
    "ilovemymom",
    "iloveyousomuch",
    "imagineallthepeople",
    "inthebeginning",
    "ithinkthereforeiam",
    "itsybitsyspider",
    "itwasthebestoftimes",
    "iwillsurvive",
    "jackandjill",
    "jesuslovesme",
    "jinglebells",
    "keepcalmandcarryon",
    "knowledgeispower",
    "lassiecomehome",
    "letitbe",
    "letsleepingdogslie",
    "letthedogsout",
    "liberteegalitefraternite",
    "libertyequalityfraternity",
    "likearollingstone",
    "liveandletdie",
    "livelaughlove",
    "livelongandprosper",
    "livingonaprayer",
    "lordoftherings",
    "loremipsumdolorsitamet",
    "losingmyreligion",
    "lukeiamyourfather",
    "mansbestfriend",
    "maryhadalittlelamb",
    "masterofpuppets",
    "maytheforcebewithyou",
    "maythethbewithyou",
    "merrychristmas",
    "myprecious",
    "nevergonnagiveyouup",
    "nothingelsematters",
    "onceuponatime",
    "ourfatherwhoartinheaven",
    "practicemakesperfect",
    "purplerain",
    "rosesareredvioletsareblue",
    "rowrowrowyourboat",
    "shakeitoff",
    "silentnight",
    "smellsliketeenspirit",
    "stairwayheaven",
    "stairwaytoheaven",
    "strangerthings",
    "supercalifragilistic",
    "sweetchildofmine",
    "theempirestrikesback",
    "thequickbrownfox",
    "thereisnospoon",
    "thewalkingdead",
    "thisistheway",
    "tobeornottobe",
    "twinkletwinklelittlestar",
    "venividivici",
    "wearethechampions",
    "welcometothejungle",
    "wewillrockyou",
    "whatsupdoc",
    "wheretheresawill",
    "whoareyou",
    "whoisagoodboy",
    "wholetthedogsout",
    "whosagoodboy",
    "winteriscoming",
    "wishyouwerehere",
    "wonderwall",
    "yellowsubmarine",
    "yeswecan",
    "youaremysunshine",
    "youshallnotpass",
];

/// Sayings, lines and titles in other scripts, by their letters alone.
static FOREIGN_SAYINGS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let sayings = [
        "好好学习天天向上",
        "床前明月光",
        "我爱北京天安门",
        "我爱你一生一世",
        "ありがとうございます",
        "おはようございます",
        "いろはにほへと",
        "대한민국만세",
        "나는너를사랑해",
        "мирутрудмай",
        "яоченьлюблютебя",
        "янепомнюпароль",
        "славаукраїні",
        "съешьжеещёэтихмягких",
        "لاإلهإلاالله",
        "بسماللهالرحمنالرحيم",
        "ฉันรักเธอ",
    ];
    sayings.into_iter().map(|saying| plain(saying).to_lowercase()).collect()
});

/// Whether a password is on a list of leaked ones, as it is, in small letters, or without the signs at its end.
pub fn has_leaked(password: &str) -> bool {
    let bare = password.trim_end_matches(|c: char| !c.is_alphabetic());
    let forms = [password, bare].into_iter().filter(|form| (SHORTEST..=LONGEST).contains(&form.chars().count()));
    let forms: BTreeSet<_> = forms.flat_map(|form| [form.to_owned(), form.to_lowercase()]).collect();
    forms.iter().any(is_common_password)
}

/// Whether a password is a well-known saying, line, title or equation, with few characters more.
pub fn is_saying(password: &str) -> bool {
    let is_little_more = |text: &str, known: &str| {
        text.contains(known) && text.chars().count() < known.chars().count().saturating_add(SHORTEST)
    };
    let letters: String = password.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect();
    let equation: String =
        password.chars().filter(|c| !matches!(c, ' ' | '^' | '*')).collect::<String>().to_lowercase();
    SAYINGS.iter().any(|saying| is_little_more(&letters, saying))
        || FOREIGN_SAYINGS.iter().any(|saying| is_little_more(&letters, saying))
        || FORMULAS.iter().any(|formula| is_little_more(&equation, formula))
}

/// Whether a word, in small letters, is usual in passwords, in whatever language.
pub fn is_everyday_word(word: &str) -> bool {
    EVERYDAY.contains(word)
}

/// The text without the number that belongs to a well-known name in it, so that only the name is judged; `None` if
/// there is none.
pub fn without_number(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    let (with, without) = NAMES_WITH_NUMBERS.iter().find(|(with, _)| lower.contains(with))?;
    let before = lower.find(with)?;
    Some(format!("{}{without}{}", text.get(..before)?, text.get(before + with.len()..)?))
}

/// The digits before and behind the longest part of `digits` that belongs to a well-known constant, such as π; `None`
/// if there is none.
pub fn constant_in(digits: &str) -> Option<(&str, &str)> {
    let longest = |begin: usize| (begin + OF_A_CONSTANT..=digits.len()).rev().map(move |end| (begin, end));
    let parts = (0..digits.len()).filter_map(|begin| {
        longest(begin).find(|(begin, end)| {
            digits.get(*begin..*end).is_some_and(|part| CONSTANTS.iter().any(|constant| constant.contains(part)))
        })
    });
    let (begin, end) = parts.max_by_key(|(begin, end)| end - begin)?;
    Some((digits.get(..begin)?, digits.get(end..)?))
}

/// The text in small letters, if it begins with a Chinese name in Latin letters whose parts have capitals, which would
/// otherwise be judged as separate words.
pub fn name_in_capitals(text: &str) -> Option<String> {
    let end = text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
    let name = text.get(..end)?;
    let has_capitals = name.chars().skip(1).any(char::is_uppercase);
    (has_capitals && syllables_of_name(&name.to_lowercase()).is_some()).then(|| text.to_lowercase())
}

/// The number of syllables, 2 or 3, if a text in small letters is a Chinese name in Latin letters: a family name and
/// one or two syllables more. `None` if it is none.
pub fn syllables_of_name(lower: &str) -> Option<u32> {
    let given = |rest: &str| SYLLABLES_OF_NAMES.contains(&rest);
    let is_two =
        |rest: &str| (1..rest.len()).any(|at| rest.split_at_checked(at).is_some_and(|(a, b)| given(a) && given(b)));
    let rests = || FAMILY_NAMES.iter().filter_map(|family| lower.strip_prefix(family));
    if rests().any(given) {
        Some(2)
    } else if rests().any(is_two) {
        Some(3)
    } else {
        None
    }
}
