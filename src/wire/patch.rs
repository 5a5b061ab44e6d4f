//! The three things that a PATCH can do to a field (RFC 7396).

/// The change of a nullable field that a PATCH asks for (RFC 7396).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// The field is absent in the body, and stays as it is.
    #[default]
    Keep,
    /// The field is null in the body, and is cleared.
    Clear,
    /// The field has a value in the body, and is set to it.
    Set(T),
}

impl<T> Patch<T> {
    /// Whether the field stays as it is.
    pub fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }

    /// The new value of a nullable column, as Diesel's changesets take it: `None` keeps it, `Some(None)` sets null.
    pub fn into_change(self) -> Option<Option<T>> {
        match self {
            Self::Keep => None,
            Self::Clear => Some(None),
            Self::Set(value) => Some(Some(value)),
        }
    }
}
