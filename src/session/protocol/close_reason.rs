//! Why a connection is closed.

use crate::error::{Error, ServerError};

/// Why a connection is closed.
#[derive(Debug, Clone)]
pub enum CloseReason {
    /// The connection was lost, or was given up here.
    Io(String),
    /// The server ended it with this error.
    ServerError(Box<ServerError>),
    /// A setting was changed so that howdah cannot use it.
    Unsupported(String),
}

impl CloseReason {
    /// The error of an operation on the connection.
    pub fn error(&self) -> Error {
        match self {
            Self::Io(reason) => Error::Connection(reason.clone()),
            Self::ServerError(error) => Error::Server(error.clone()),
            Self::Unsupported(reason) => Error::NotSupported(reason.clone()),
        }
    }
}
