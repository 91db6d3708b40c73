//! Statements that a session has prepared, kept for the next time.

use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::{Mutex, PoisonError};

use tokio_postgres::{Client, Statement};

use crate::error::Result;

/// How many statements of howdah's own a session keeps.
const KEPT: usize = 64;

/// The statements, the last used first.
#[derive(Default)]
pub(super) struct Statements(Mutex<VecDeque<(String, Statement)>>);

/// A client with the memory of what its session has prepared.
#[derive(Clone, Copy)]
pub struct Remembering<'s> {
    pub(super) client: &'s Client,
    pub(super) statements: &'s Statements,
}

impl Deref for Remembering<'_> {
    type Target = Client;

    fn deref(&self) -> &Client {
        self.client
    }
}

impl Remembering<'_> {
    /// A statement that is used again and again, such as a COPY or a question to the catalogue.
    ///
    /// # Errors
    /// What the server says.
    pub async fn prepare(&self, sql: &str) -> Result<Statement> {
        if let Some(statement) = self.statements.recall(sql) {
            return Ok(statement);
        }
        let statement = self.client.prepare(sql).await?;
        self.statements.keep(sql, &statement);
        Ok(statement)
    }
}

impl Statements {
    fn recall(&self, sql: &str) -> Option<Statement> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let index = kept.iter().position(|(known, _)| known == sql)?;
        let found = kept.remove(index)?;
        let statement = found.1.clone();
        kept.push_front(found);
        Some(statement)
    }

    fn keep(&self, sql: &str, statement: &Statement) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_front((sql.to_owned(), statement.clone()));
        kept.truncate(KEPT);
    }
}
