//! What the server says unasked, and for whom it is kept.

use std::collections::{HashMap, VecDeque};

use super::super::fault;
use crate::error::ServerError;
use crate::wire::Malformed;
use crate::wire::message::{Body, tag};

/// A notification that another session has sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// The channel.
    pub channel: String,
    /// What it was sent with.
    pub payload: String,
    /// The process that sent it.
    pub pid: i32,
}

/// What the server says unasked, until somebody takes it.
#[derive(Default)]
pub struct Unasked {
    pub settings: HashMap<String, String>,
    /// Warnings and the like, each with its severity.
    pub notices: VecDeque<(String, ServerError)>,
    pub notifications: VecDeque<Notification>,
    /// The channels that somebody listens to.
    pub channels: Vec<String>,
}

impl Unasked {
    /// The encoding of texts that come, if it is another than ours.
    pub fn encoding(&self) -> Option<&str> {
        let encoding = self.settings.get("client_encoding").map(String::as_str);
        encoding.filter(|encoding| !matches!(*encoding, "UTF8" | "UNICODE"))
    }

    pub fn note(&mut self, kind: u8, body: &[u8]) -> Result<(), Malformed> {
        let mut rest = Body(body);
        match kind {
            tag::SETTING => {
                let name = rest.text()?.into_owned();
                self.settings.insert(name, rest.text()?.into_owned());
            }
            tag::NOTIFICATION => {
                let pid = rest.int32()?;
                let channel = rest.text()?.into_owned();
                let payload = rest.text()?.into_owned();
                // A LISTEN of the caller's own has nobody to take what it brings.
                if self.channels.contains(&channel) {
                    self.notifications.push_back(Notification { channel, payload, pid });
                }
            }
            _ => self.notices.push_back((fault::severity(body), fault::told(body))),
        }
        Ok(())
    }
}
