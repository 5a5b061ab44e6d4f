//! The settings of a server under load, and under siege.

/// No quota stands in the way, a book may be of any size, and tokens outlast the load.
pub const UNLIMITED: [(&str, &str); 8] = [
    ("LOGIN_RATE", "off"),
    ("SIGNUP_RATE", "off"),
    ("USER_RATE", "off"),
    ("IP_RATE", "off"),
    ("MOST_OWNERS", "off"),
    ("MOST_DOGS", "off"),
    ("MOST_TASKS", "off"),
    ("ACCESS_TOKEN_TTL", "1h"),
];

/// What tokens are signed with. It is none: it guards the throw-away rows of one run.
pub const SECRET: &str = "q3Zt0PfWmJx8y7Vd2nKcLr5GhUeB1sAoT6iYwXvN9Qk";
