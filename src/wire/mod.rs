//! Bytes as PostgreSQL puts them on the wire: no network here, and no Arrow.

pub mod array;
pub mod cells;
pub mod copy;
pub mod inet;
pub mod json;
pub mod message;
pub mod numeric;
pub mod range;
pub mod time;
pub mod vector;

/// Bytes that are not what the type's binary form demands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub String);

impl Malformed {
    /// A value of a wrong length.
    #[must_use]
    pub fn length(expected: usize, got: usize) -> Self {
        Self(format!("expected {expected} bytes from the server, got {got}"))
    }
}

/// The bytes of a value of a fixed length.
///
/// # Errors
/// When the value has another length.
#[inline]
pub fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Malformed> {
    bytes.try_into().map_err(|_| Malformed::length(N, bytes.len()))
}
