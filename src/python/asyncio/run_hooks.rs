//! Sets a connection up for its next borrower by the caller's hooks, which are awaited in a task.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;

use super::super::gil::from_py_err;
use super::super::hooks::{FAILED, HookLease, PoolHooks, run};
use super::super::session::Checkout;
use super::event_loop::{EventLoop, cancel};
use super::future::Completion;
use crate::error::{Error, Result};
use crate::session::pool::Pool;

/// What is done with the connection, in the loop's thread.
pub(super) type Start = Box<dyn FnOnce(Python<'_>, &EventLoop, Checkout) -> Result<()> + Send>;

/// Puts the hooks of a pool before what is done with a connection. They run in the context of the caller,
/// whatever the loop does then.
pub(super) fn prepared(
    py: Python<'_>,
    pool: &Arc<Pool>,
    completion: &Arc<Completion>,
    start: Start,
) -> Result<Start> {
    let context = py.import(pyo3::intern!(py, "contextvars")).map_err(from_py_err)?;
    let context =
        context.call_method0(pyo3::intern!(py, "copy_context")).map_err(from_py_err)?.unbind();
    let (pool, completion) = (Arc::clone(pool), Arc::clone(completion));
    Ok(Box::new(move |py, event_loop, checkout| {
        let Some(hooks) = PoolHooks::of(&pool) else { return start(py, event_loop, checkout) };
        let Some(is_new) = hooks.wanted(checkout.client()) else {
            return start(py, event_loop, checkout);
        };
        let pooled = checkout.into_pooled();
        let begun = hooks.lease(py, pooled).and_then(|lease| {
            let given = (lease.object(py), is_new).into_pyobject(py)?;
            let coroutine = run(py, hooks.object(), "prepare", &given)?;
            let task = event_loop.create_task(&coroutine, &context)?;
            let event_loop = event_loop.same(py);
            let next = Next { start, lease, completion: Arc::clone(&completion), event_loop };
            let done = Py::new(py, Prepared(Mutex::new(Some(next))))?;
            task.call_method1(pyo3::intern!(py, "add_done_callback"), (done,))?;
            Ok(task.unbind())
        });
        let task = begun.map_err(from_py_err)?;
        completion.on_cancel(move |py, _| {
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
    completion: Arc<Completion>,
    event_loop: EventLoop,
}

/// `_core.Prepared`: called when the hooks have come to their end.
#[pyclass(frozen, module = "howdah._core", name = "Prepared")]
struct Prepared(Mutex<Option<Next>>);

#[pymethods]
impl Prepared {
    fn __call__(&self, py: Python<'_>, task: &Bound<'_, PyAny>) {
        let next = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Next { start, lease, completion, event_loop }) = next else { return };
        let cancelled = task.call_method0(pyo3::intern!(py, "cancelled"));
        let is_cancelled = cancelled.and_then(|cancelled| cancelled.is_truthy()).unwrap_or(true);
        let failed = if is_cancelled {
            Some(Error::Interrupted)
        } else {
            task.call_method0(pyo3::intern!(py, "result")).err().map(from_py_err)
        };
        if let Some(error) = failed {
            if let Some(pooled) = lease.take() {
                pooled.client().give_up(FAILED);
            }
            completion.complete(py, Err(error));
            return;
        }
        let started = lease.take_alone().and_then(|pooled| {
            if completion.is_abandoned() {
                return Ok(());
            }
            start(py, &event_loop, Checkout::Pooled(pooled))
        });
        if let Err(error) = started {
            completion.complete(py, Err(error));
        }
    }
}
