//! Notices and notifications of a connection, for the callers that take them.

use std::sync::OnceLock;
use std::task::Poll;

use super::client::{Client, Notification};
use crate::error::{Error, Result, ServerError};

/// Takes the notices of a connection while an operation runs on it.
static NOTICE_HANDLER: OnceLock<fn(&Client)> = OnceLock::new();

/// Sets the function that takes notices; once for the whole process.
pub fn set_notice_handler(handler: fn(&Client)) {
    // A second call would set the same function.
    let _ = NOTICE_HANDLER.set(handler);
}

impl Client {
    /// Takes the next notice, with its severity.
    #[must_use]
    pub fn notice(&self) -> Option<(String, ServerError)> {
        self.0.protocol().async_messages.take_notice()
    }

    /// Returns how many notices were dropped since the last call, because too many were waiting.
    #[must_use]
    pub fn notices_dropped(&self) -> u64 {
        self.0.protocol().async_messages.take_dropped()
    }

    /// Whether notices should be taken before the response ends, because many are buffered.
    #[must_use]
    pub fn has_many_notices(&self) -> bool {
        self.0.protocol().async_messages.has_many_notices()
    }

    /// Calls the notice handler: at the end of an operation if there are notices, before if there are many.
    pub(super) fn deliver_notices(&self, at_the_end: bool) {
        let is_due = if at_the_end {
            self.0.protocol().async_messages.has_notices()
        } else {
            self.has_many_notices()
        };
        if is_due && let Some(handler) = NOTICE_HANDLER.get() {
            handler(self);
        }
    }

    /// Takes the next notification, if there is one.
    #[must_use]
    pub fn take_notification(&self) -> Option<Notification> {
        self.0.protocol().async_messages.notifications.pop_front()
    }

    /// Waits until there is a notification; fails when the connection is lost.
    pub async fn notified(&self) -> Result<()> {
        std::future::poll_fn(|_| {
            let protocol = self.0.protocol();
            if !protocol.async_messages.notifications.is_empty() {
                return Poll::Ready(Ok(()));
            }
            match protocol.close_reason() {
                Some(reason) => Poll::Ready(Err::<(), Error>(reason.error())),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// Sets the channels whose notifications a listener takes; drops the notifications of before.
    pub fn listen_to(&self, channels: Vec<String>) {
        let mut protocol = self.0.protocol();
        protocol.async_messages.channels = channels;
        protocol.async_messages.notifications.clear();
    }

    /// Whether a listener uses the connection.
    #[must_use]
    pub fn is_listening(&self) -> bool {
        !self.0.protocol().async_messages.channels.is_empty()
    }
}
