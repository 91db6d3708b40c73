//! Undoes the state that callers leave in a session, so that the next one finds it clean.

use std::sync::Arc;

use bytes::BytesMut;
use postgres_protocol::message::frontend;

use super::client::Client;
use super::latency::LatencyStats;
use super::names::NameEffect;
use super::protocol::CopyInPolicy;
use super::reply::OnDrop;
use super::request::whole_script;
use super::state::{Reset, SessionEffect, Undo};
use crate::error::Result;

impl Client {
    /// The script that undoes the state left in the session; `None` if there is none.
    #[must_use]
    pub fn undo_wanted(&self, reset: &Reset) -> Option<Undo> {
        reset.undo(self.0.protocol().state.left())
    }

    /// Undoes the state left in the session.
    pub async fn undo_state(&self, undo: Undo) -> Result<()> {
        // With `NameEffect::Nothing` the command tag RESET would make all statements outdated, which only some resets require.
        let latency = Arc::new(LatencyStats::with_name_effect(NameEffect::Stage));
        let write = |out: &mut BytesMut| Ok(frontend::query(undo.sql, out)?);
        let reply =
            self.begin_request_with(&latency, OnDrop::Sent, CopyInPolicy::Fail, write).await?;
        whole_script(reply).await?;
        self.note_undone(undo);
        Ok(())
    }

    fn note_undone(&self, undo: Undo) {
        let changes = self.0.statements().changes().0;
        // Where names meant something else meanwhile, so did the statements that were prepared then.
        if undo.forgets_statements || self.0.protocol().state.has_changed_names(changes) {
            self.0.statements().note_session_change();
        }
        self.settle_state();
    }

    /// Notes that the session is clean.
    pub fn settle_state(&self) {
        let changes = self.0.statements().changes().0;
        self.0.protocol().state.settle(changes);
    }

    /// Notes that the session has been set up for every caller (`on_connect`), and is clean in that state.
    pub fn note_set_up(&self) {
        self.settle_state();
        self.0.protocol().state.note_set_up();
    }

    /// Whether the session has been set up, and not reset since.
    #[must_use]
    pub fn is_set_up(&self) -> bool {
        self.0.protocol().state.is_set_up()
    }

    /// Notes what a statement may leave in the session.
    pub(super) fn note_session_effect(&self, session_effect: SessionEffect) {
        if session_effect != SessionEffect::Nothing {
            self.0.protocol().state.note(session_effect);
        }
    }
}
