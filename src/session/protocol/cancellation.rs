//! The cancel requests of one connection that are under way.

/// Cancel requests, each of which is sent on a connection of its own.
///
/// The server cancels whatever the session runs when the request comes through. So no request begins on the session while one is
/// under way.
#[derive(Default)]
pub struct Cancellation {
    in_flight: u32,
    started: u64,
    is_unanswered: bool,
    /// An interrupted operation is polled only to learn its outcome: it must not begin a request.
    pub refuses_requests: bool,
}

impl Cancellation {
    /// Notes that a cancel request begins.
    pub fn begin(&mut self) {
        self.in_flight += 1;
        self.started += 1;
    }

    /// Notes that a cancel request has ended.
    pub fn end(&mut self) {
        self.in_flight -= 1;
    }

    pub fn is_in_flight(&self) -> bool {
        self.in_flight > 0
    }

    /// How many have begun so far.
    pub fn started(&self) -> u64 {
        self.started
    }

    /// Notes that one was sent, and that the server has not confirmed it in time by closing its connection.
    pub fn note_unanswered(&mut self) {
        self.is_unanswered = true;
    }

    /// Whether one may still come through, and cancel a statement of the next caller.
    pub fn is_unanswered(&self) -> bool {
        self.is_unanswered
    }
}
