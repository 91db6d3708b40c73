//! The phase of a login, and which messages of a server that is not authenticated yet are accepted in it.

use crate::wire::Malformed;
use crate::wire::message::tag;

/// The phase of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginPhase {
    /// Before `AuthenticationOk`.
    Login,
    /// After `AuthenticationOk`: the server sends its settings and the key for cancel requests.
    Accepted,
    /// After the first `ReadyForQuery`.
    Begun,
}

/// The longest message of a login, with its header. libpq accepts no longer error either, and authentication requests of up to
/// 2,000 bytes (`MAX_ERRLEN` of
/// <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/interfaces/libpq/fe-connect.c>).
const MAX_LOGIN_MESSAGE_BYTES: usize = 30_000;

impl LoginPhase {
    /// Checks the length of a message before memory is allocated for it.
    #[inline]
    pub(super) fn check_length(self, length: usize) -> Result<(), Malformed> {
        if self == Self::Login && length > MAX_LOGIN_MESSAGE_BYTES {
            return Err(Malformed(format!("a message of {length} bytes before the login's end")));
        }
        Ok(())
    }

    /// Notes a message of the login. Settings, notices and the like are refused before `AuthenticationOk`.
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
