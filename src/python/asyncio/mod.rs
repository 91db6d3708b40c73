//! The asyncio bridge: the event loop's own thread drives the connections, and queries use no worker threads.
//!
//! # From `await` to the socket and back
//!
//! `await db.fetch(sql, 7)` on a pool with an idle connection:
//!
//! ```text
//! task                 OperationFuture        LoopDriver                 event loop          server
//!  │ fetch()                                   (one per connection)
//!  ├─ run ──────────────────────────────────────▶ begin
//!  │     pool.try_acquire                         │ add_reader(fd), once ──▶│
//!  │                                              │ poll the operation: encode Bind
//!  │                                              │ send_now ───────────────────────────────────▶│
//!  │◀──────────────────── OperationFuture ────────┤                         │                    │
//!  │ await                                        │ (add_writer while the socket is full)        │
//!  ├─ __await__, send(None) ─▶│                   │                         │                    │
//!  │◀──── TaskFuture ─────────┤                   │                         │                    │
//!  │ add_done_callback(task.__wakeup, context=)                             │                    │
//!  ┊ suspended                                                              │ select             │
//!  ┊                                              │◀─ ReadableCallback() ───┤◀───────────────────┤
//!  ┊                          │                   │ receive; poll the operation: decode the rows
//!  ┊                          │◀── complete ──────┤ return the connection to the pool
//!  │◀─ context.run(task.__wakeup, TaskFuture) ────┤ (dispatch: after all other work of the callback)
//!  ├─ send(None) ────────────▶│
//!  │◀─ StopIteration(rows) ───┤
//! ```
//!
//! An operation that has its result at once (the first `send` finds it) does not suspend the task. Without an idle
//! connection, [`acquire`] puts a `PendingAcquire` into the pool's queue, and begins the operation when the pool grants a
//! connection. A new connection is opened on a thread, because looking up names and reading files block; that thread
//! and the one that sends a `CancelRequest` reach the loop through a pipe ([`call_queue`]), not by `call_soon_threadsafe`,
//! which would need the GIL of an interpreter that may be about to end.
//!
//! # Who may cancel, and what happens then
//!
//! | who | when | what happens |
//! |---|---|---|
//! | `task.cancel()`, `asyncio.timeout` | waiting for the pool | the caller leaves the queue; a connection that is being opened for it goes to the next caller, or is closed |
//! | the same | waiting for its turn on a shared connection or in a transaction | the operation is dropped; if its statement was sent, it is cancelled once the server reaches it, and earlier statements are not |
//! | the same | the statement runs; it only reads, or is in a transaction | the task gets `CancelledError` in the next round of the loop; a thread sends a `CancelRequest`; the connection goes back to the pool when the server has answered |
//! | the same | the statement runs; it may commit by itself | a `CancelRequest` is sent, and the task waits for the answer, at most `OUTCOME_TIMEOUT`; the exception tells the outcome (`howdah.outcomes`) |
//! | the same | the answer has come, the task has not resumed | the result is dropped, and the exception says that the statement is committed; a notification stays for the next caller |
//! | `statement_timeout_s` | the statement runs | `DeadlineCallback`: a `CancelRequest` as above, and `QueryTimeout` |
//! | `acquire_timeout_s` | waiting for the pool | `AcquireTimeout`: the caller leaves the queue and gets an error |
//! | the loop is closed | at any time | no callback comes any more; the next call that waits for the pool, in any loop, or `db.close()` drops the loop's operations, and their connections are cleaned or closed |
//!
//! # What is called when
//!
//! | callback | registered by | called |
//! |---|---|---|
//! | `ReadableCallback` | `add_reader`, once for each connection and loop | when the socket is readable |
//! | `ResumeCallback` | `add_writer`, while the send buffer is not empty; `call_soon` | when the socket is writable; after [`driver`]'s `MAX_ROUNDS` |
//! | `BusyPoll` | `call_soon` | in each round of the loop during a busy wait |
//! | `DeadlineCallback`, `AbandonedCheck` | `call_later` | at a timeout; 50 ms after a cancellation of an operation that was not the first |
//! | `AcquireTimeout` | `call_later` | at the end of `acquire_timeout_s` |
//! | `QueuedCalls` | `add_reader` of a pipe | when another thread has queued a call |
//! | `HooksDone` | `add_done_callback` of the hooks' task | when the hooks of the pool have ended |
//!
//! # What of asyncio's protocol is used
//!
//! No class of asyncio is inherited from: `asyncio.Future` would resume its task in the next round of the loop, and cost a
//! call of `call_soon` for each statement. These are the parts of the protocol that replace it. The tests that are
//! named, in `tests/python/`, hold them on CPython 3.11, with asyncio's loop and with uvloop. On 3.12 and 3.13 only the
//! programs of `tests.python.exits.runs` were run.
//!
//! | part | who uses it | test |
//! |---|---|---|
//! | `asyncio._get_running_loop()` | [`event_loop`] finds the loop; None outside of one, as under trio | `pool/test_loops.py::test_verb_outside_of_a_loop_says_so`, `session/test_arguments.py::test_verb_awaited_without_a_loop_of_asyncio_is_an_error_of_howdah_s` |
//! | `OperationFuture.__await__`, `__next__`, `send` | the coroutine's `await` | `pool/test_waking.py::test_task_that_is_woken_asks_again_at_once` |
//! | `OperationFuture.throw` | the task throws `CancelledError` into its coroutine | `cancel/test_statements.py::test_cancelled_task_ends_its_statement`, `cancel/test_interrupts.py` |
//! | `OperationFuture.close` | a coroutine that is closed or garbage, as after its loop | `pool/test_loops.py::test_loop_closed_without_cancelling_its_tasks_leaves_a_usable_database` |
//! | `TaskFuture._asyncio_future_blocking` | `Task.__step` takes an object that has it, with the value true, for a future, and sets it to false | `pool/test_waking.py::test_loop_is_not_asked_to_wake_the_task` |
//! | `TaskFuture.get_loop()` | `Task.__step` compares it with its own loop | `pool/test_loops.py::test_loops_in_threads_use_it_at_once` |
//! | `TaskFuture.add_done_callback(callback, *, context)` | `Task.__step` passes `Task.__wakeup` and the task's context; [`task_future`] calls it by `context.run` | `pool/test_waking.py::test_task_goes_on_in_its_own_context` |
//! | `TaskFuture.result()` | `Task.__wakeup` | `pool/test_waking.py::test_what_ends_the_loop_leaves_no_other_task_asleep` |
//! | `TaskFuture.cancel(msg)` | `Task.cancel` | `pool/test_waking.py::test_message_of_a_cancellation_is_told` |
//! | `loop.add_reader`, `add_writer` and their opposites | [`driver`], [`call_queue`] | `pool/test_loops.py::test_call_that_comes_too_late_leaves_the_new_reader_alone`, `cancel/test_statements.py::test_large_parameter_that_is_cancelled_leaves_a_clean_connection` |
//! | `loop.call_soon(…, context=)`, `loop.create_task(…, context=)` | [`task_future`], [`run_hooks`] | `pool/test_hooks.py::test_tasks_at_once_have_their_own_context_in_on_acquire` |
//! | the same under uvloop | | `pool/test_loops.py::test_kinds_of_loop_take_turns`, `cancel/test_statements.py::test_cancelled_task_under_uvloop_ends_its_statement` |

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
