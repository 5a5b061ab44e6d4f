//! The three things that a PATCH can do to a field (RFC 7396).

/// Absent keeps, null clears, a value sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    #[default]
    Keep,
    Clear,
    Set(T),
}

impl<T> Patch<T> {
    /// The new value of a column that may be empty: none keeps it, some of none clears it. This is how
    /// Diesel's changesets read.
    pub fn into_change(self) -> Option<Option<T>> {
        match self {
            Self::Keep => None,
            Self::Clear => Some(None),
            Self::Set(value) => Some(Some(value)),
        }
    }
}

/// What a PATCH may change: each field by itself, and by default none.
pub trait Changes: Default + PartialEq {
    /// Whether nothing is to be changed.
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
