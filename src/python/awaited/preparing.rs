//! Sets a connection up for its next borrower by the caller's hooks, which are awaited in a task.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;

use super::super::gil::raised;
use super::super::hooks::{FAILED, HookLease, PoolHooks, run};
use super::super::session::Home;
use super::event_loop::EventLoop;
use super::queue::{Start, cancel};
use super::waiting::Slot;
use crate::error::{Error, Result};
use crate::session::pool::Pool;

/// Puts the hooks of a pool before what is done with a connection. They run in the context of the caller,
/// whatever the loop does then.
pub(super) fn prepared(
    py: Python<'_>,
    pool: &Arc<Pool>,
    slot: &Arc<Slot>,
    start: Start,
) -> Result<Start> {
    let context = py.import(pyo3::intern!(py, "contextvars")).map_err(raised)?;
    let context = context.call_method0(pyo3::intern!(py, "copy_context")).map_err(raised)?.unbind();
    let (pool, slot) = (Arc::clone(pool), Arc::clone(slot));
    Ok(Box::new(move |py, event_loop, home| {
        let Some(hooks) = PoolHooks::of(&pool) else { return start(py, event_loop, home) };
        let Some(is_new) = hooks.wanted(home.client()) else {
            return start(py, event_loop, home);
        };
        let lent = home.into_lent();
        let begun = hooks.lease(py, lent).and_then(|lease| {
            let given = (lease.object(py), is_new).into_pyobject(py)?;
            let coroutine = run(py, hooks.object(), "prepare", &given)?;
            let task = event_loop.create_task(&coroutine, &context)?;
            let event_loop = event_loop.same(py);
            let next = Next { start, lease, slot: Arc::clone(&slot), event_loop };
            let done = Py::new(py, Prepared(Mutex::new(Some(next))))?;
            task.call_method1(pyo3::intern!(py, "add_done_callback"), (done,))?;
            Ok(task.unbind())
        });
        let task = begun.map_err(raised)?;
        slot.on_stop(move |py, _| {
            if let Err(error) = cancel(task.bind(py)) {
                error.write_unraisable(py, None);
            }
            false
        });
        Ok(())
    }))
}

/// What follows the hooks.
struct Next {
    start: Start,
    lease: HookLease,
    slot: Arc<Slot>,
    event_loop: EventLoop,
}

/// `_core.Prepared`: called when the hooks have come to their end.
#[pyclass(frozen, module = "howdah._core", name = "Prepared")]
struct Prepared(Mutex<Option<Next>>);

#[pymethods]
impl Prepared {
    fn __call__(&self, py: Python<'_>, task: &Bound<'_, PyAny>) {
        let next = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Next { start, lease, slot, event_loop }) = next else { return };
        let cancelled = task.call_method0(pyo3::intern!(py, "cancelled"));
        let is_cancelled = cancelled.and_then(|cancelled| cancelled.is_truthy()).unwrap_or(true);
        let failed = if is_cancelled {
            Some(Error::Interrupted)
        } else {
            task.call_method0(pyo3::intern!(py, "result")).err().map(raised)
        };
        if let Some(error) = failed {
            if let Some(lent) = lease.take() {
                lent.client().give_up(FAILED);
            }
            slot.settle(py, Err(error));
            return;
        }
        let started = lease.take_alone().and_then(|lent| {
            if slot.is_gone() {
                return Ok(());
            }
            start(py, &event_loop, Home::Pool(lent))
        });
        if let Err(error) = started {
            slot.settle(py, Err(error));
        }
    }
}
