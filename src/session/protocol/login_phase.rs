//! How far a login is, and what a server may say by then that nobody vouches for yet.

use crate::wire::Malformed;
use crate::wire::message::tag;

/// How far a login is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginPhase {
    /// The server has not let us in.
    Login,
    /// It has, and says what we need to know.
    Accepted,
    /// The session has begun.
    Begun,
}

/// The longest message of a login, headers and all: libpq takes no longer error either, and no
/// authentication request of 2 KB (`MAX_ERRLEN` of
/// <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/interfaces/libpq/fe-connect.c>).
const MAX_LOGIN_MESSAGE_BYTES: usize = 30_000;

impl LoginPhase {
    /// Checks the length of a message before there is room for it.
    #[inline]
    pub(super) fn check_length(self, length: usize) -> Result<(), Malformed> {
        if self == Self::Login && length > MAX_LOGIN_MESSAGE_BYTES {
            return Err(Malformed(format!("a message of {length} bytes before the login's end")));
        }
        Ok(())
    }

    /// Notes a message of the login: settings, notices and the like come once we are let in, and
    /// not before.
    pub(super) fn note(&mut self, kind: u8, body: &[u8]) -> Result<(), Malformed> {
        match (*self, kind) {
            (Self::Login, tag::AUTHENTICATION) if body == [0; 4] => *self = Self::Accepted,
            (Self::Login, tag::AUTHENTICATION | tag::ERROR | tag::NEGOTIATE)
            | (Self::Accepted | Self::Begun, _) => {}
            (Self::Login, _) => {
                let kind = char::from(kind);
                return Err(Malformed(format!("a message {kind:?} before the login's end")));
            }
        }
        Ok(())
    }
}
