//! Names of prepared statements and portals that the server may close.

use std::sync::{Mutex, PoisonError};

/// Names to close with the next request: that needs no round trip of its own.
#[derive(Default)]
pub(super) struct UnusedNames(Mutex<Names>);

#[derive(Default)]
struct Names {
    statements: Vec<String>,
    portals: Vec<String>,
}

impl UnusedNames {
    pub fn add_statement(&self, name: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).statements.push(name);
    }

    pub fn add_portal(&self, name: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).portals.push(name);
    }

    /// Takes the names of statements, and those of portals.
    pub fn take(&self) -> (Vec<String>, Vec<String>) {
        let names = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        (names.statements, names.portals)
    }
}
