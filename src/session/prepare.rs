//! Has statements described by the server, and keeps them.

use std::sync::Arc;

use postgres_protocol::message::frontend;

use super::client::Client;
use super::protocol::CopyInPolicy;
use super::reply::{OnDrop, Reply};
use super::statements::Statement;
use crate::error::Result;
use crate::wire::message::{Messages, tag};

impl Client {
    /// Describes a statement, and keeps it; tells whether it was kept before.
    ///
    /// # Errors
    /// What the server says.
    pub async fn prepare(&self, sql: &str) -> Result<(Arc<Statement>, bool)> {
        if let Some(statement) = self.recall(sql) {
            self.note_leaves(statement.latency.leaves);
            return Ok((statement, true));
        }
        let changes = self.0.statements().changes();
        let statement = self.prepare_once(sql).await?;
        let pushed_out = self.0.statements().keep(sql, &statement, changes);
        drop(pushed_out);
        Ok((statement, false))
    }

    /// A statement that is prepared here.
    #[must_use]
    pub fn prepared(&self, sql: &str) -> Option<Arc<Statement>> {
        self.recall(sql)
    }

    fn recall(&self, sql: &str) -> Option<Arc<Statement>> {
        let mut statements = self.0.statements();
        if let Some(outdated) = statements.take_outdated() {
            drop(statements);
            drop(outdated);
            statements = self.0.statements();
        }
        statements.recall(sql)
    }

    /// Describes a statement, by a name that is forgotten with it; where no statements are kept,
    /// without one, until another is described.
    ///
    /// # Errors
    /// What the server says.
    pub async fn prepare_once(&self, sql: &str) -> Result<Arc<Statement>> {
        let keeps = self.keeps_statements();
        let name = if keeps { self.new_name("statement") } else { String::new() };
        let reply = self
            .begin_request(OnDrop::Sent, CopyInPolicy::FailAndSync, |out| {
                frontend::parse(&name, sql, [], out)?;
                frontend::describe(b'S', &name, out)?;
                frontend::sync(out);
                Ok(())
            })
            .await?;
        let chunk = reply.complete().await?;
        let statement = Statement::described(&chunk.bytes, sql, name, Arc::downgrade(&self.0))?;
        self.note_leaves(statement.latency.leaves);
        Ok(Arc::new(statement))
    }

    /// Describes a statement without a name. The request stays open: nothing lets a pooler give the
    /// server's process to somebody else before the statement is run.
    ///
    /// # Errors
    /// What the server says.
    pub async fn prepare_unnamed(&self, sql: &str) -> Result<(Arc<Statement>, Reply)> {
        let mut reply = self
            .begin_request(OnDrop::Sync, CopyInPolicy::FailAndSync, |out| {
                frontend::parse("", sql, [], out)?;
                frontend::describe(b'S', "", out)?;
                frontend::flush(out);
                Ok(())
            })
            .await?;
        let mut bytes = Vec::new();
        loop {
            let chunk = reply.next_chunk().await?;
            bytes.extend(chunk.bytes);
            let described = |kind| kind == tag::COLUMNS || kind == tag::NO_DATA;
            if Messages(&bytes).any(|message| described(message.tag)) {
                break;
            }
        }
        let statement = Statement::described(&bytes, sql, String::new(), std::sync::Weak::new())?;
        self.note_leaves(statement.latency.leaves);
        Ok((Arc::new(statement), reply))
    }

    /// Whether statements are kept under names.
    #[must_use]
    pub fn keeps_statements(&self) -> bool {
        self.0.statements().capacity() > 0
    }

    /// Forgets a statement that was kept.
    pub fn forget(&self, sql: &str) {
        let forgotten = self.0.statements().forget(sql);
        drop(forgotten);
    }

    /// Forgets a statement that has become stale, unless it was prepared anew meanwhile.
    pub fn forget_stale(&self, sql: &str, stale: &Arc<Statement>) {
        let forgotten = self.0.statements().forget_one(sql, stale);
        drop(forgotten);
    }

    /// Lets no session of the pool trust what it knows of statements: one has turned out to take or
    /// give something else than it did.
    pub fn statements_changed(&self) {
        self.0.statements().changed();
    }

    /// Leaves a portal whose rows nobody wants: the server forgets it when something is asked next.
    pub fn leave_portal(&self, name: String) {
        self.0.statements().leave_portal(name);
    }
}
