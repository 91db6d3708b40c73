//! Prepares statements, and caches them.

use std::sync::{Arc, Weak};

use postgres_protocol::message::frontend;

use super::client::Client;
use super::protocol::CopyInPolicy;
use super::reply::{OnDrop, Reply};
use super::statements::Statement;
use crate::error::Result;
use crate::wire::message::{Messages, tag};

impl Client {
    /// Prepares a statement, or takes it from the cache; returns also whether it was cached.
    pub async fn prepare(&self, sql: &str) -> Result<(Arc<Statement>, bool)> {
        if let Some(statement) = self.prepared(sql) {
            self.note_session_effect(statement.latency.session_effect);
            return Ok((statement, true));
        }
        let changes = self.0.statements().changes();
        let statement = self.prepare_once(sql).await?;
        let displaced = self.0.statements().insert(sql, &statement, changes);
        drop(displaced);
        Ok((statement, false))
    }

    /// The cached statement.
    #[must_use]
    pub fn prepared(&self, sql: &str) -> Option<Arc<Statement>> {
        let mut statements = self.0.statements();
        if let Some(outdated) = statements.take_outdated() {
            drop(statements);
            drop(outdated);
            statements = self.0.statements();
        }
        statements.get(sql)
    }

    /// Prepares a statement without caching it. The server closes it after the result is dropped; without a cache it is the unnamed
    /// statement, which the next one replaces.
    pub async fn prepare_once(&self, sql: &str) -> Result<Arc<Statement>> {
        let is_named = self.keeps_statements();
        let name = if is_named { self.new_name("statement") } else { String::new() };
        let reply = self
            .begin_request(OnDrop::Sent, CopyInPolicy::FailAndSync, |out| {
                frontend::parse(&name, sql, [], out)?;
                frontend::describe(b'S', &name, out)?;
                frontend::sync(out);
                Ok(())
            })
            .await?;
        let chunk = reply.complete().await?;
        let unused_names = Arc::downgrade(&self.0.unused_names);
        let statement = Statement::described(&chunk.bytes, sql, name, unused_names)?;
        self.note_session_effect(statement.latency.session_effect);
        Ok(Arc::new(statement))
    }

    /// Prepares the unnamed statement, and leaves the request open, so that a transaction pooler does not give the server process
    /// to another client before the statement is run.
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
            let is_description = |kind| kind == tag::COLUMNS || kind == tag::NO_DATA;
            if Messages(&bytes).any(|message| is_description(message.tag)) {
                break;
            }
        }
        let statement = Statement::described(&bytes, sql, String::new(), Weak::new())?;
        self.note_session_effect(statement.latency.session_effect);
        Ok((Arc::new(statement), reply))
    }

    /// Whether statements are cached.
    #[must_use]
    pub fn keeps_statements(&self) -> bool {
        self.0.statements().capacity() > 0
    }

    /// Removes a statement from the cache.
    pub fn forget(&self, sql: &str) {
        let removed = self.0.statements().remove(sql);
        drop(removed);
    }

    /// Removes a statement that is outdated from the cache, unless it was prepared again meanwhile.
    pub fn forget_stale(&self, sql: &str, stale: &Arc<Statement>) {
        let removed = self.0.statements().remove_if_same(sql, stale);
        drop(removed);
    }

    /// Makes all sessions of the pool prepare their statements again, after one had other parameters or columns than before.
    pub fn statements_changed(&self) {
        self.0.statements().note_pool_change();
    }

    /// Closes a portal with the next request.
    pub fn close_portal_later(&self, name: String) {
        self.0.unused_names.add_portal(name);
    }
}
