//! The verbs under asyncio: the running loop watches the sockets and goes on with the operations in
//! its own thread. No other thread has a part in a query; one opens connections, and one asks the
//! server to cancel.

mod acquire;
mod call_queue;
pub(super) mod cursor;
pub(super) mod database;
mod driver;
pub(super) mod event_loop;
mod future;
pub(super) mod pipeline;
mod run;
mod run_hooks;
mod task_future;
