//! PostgreSQL's wire formats: binary values, binary COPY and protocol messages. No I/O and no
//! Arrow.

pub mod array;
pub mod cells;
pub mod copy;
pub mod copy_rows;
pub mod float_text;
pub mod geometry;
pub mod inet;
pub mod json;
pub mod message;
pub mod numeric;
pub mod range;
pub mod record;
pub mod time;
pub mod vector;
pub mod wkb;

/// Bytes from the server that are not valid for their type or message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub String);

impl Malformed {
    /// The error of a value with a wrong length.
    #[must_use]
    pub fn length(expected: usize, got: usize) -> Self {
        Self(format!("expected {expected} bytes from the server, got {got}"))
    }
}

/// Converts the bytes of a value of fixed length to an array.
#[inline]
pub fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Malformed> {
    bytes.try_into().map_err(|_| Malformed::length(N, bytes.len()))
}
