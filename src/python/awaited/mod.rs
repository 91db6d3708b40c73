//! The verbs under asyncio: the running loop watches the sockets and goes on with the operations in
//! its own thread. No other thread has a part in a query; one opens connections, and one asks the
//! server to cancel.

mod call_queue;
mod carrier;
pub(super) mod database;
pub(super) mod event_loop;
pub(super) mod pipeline;
mod preparing;
mod queue;
mod waiting;
mod wake;
