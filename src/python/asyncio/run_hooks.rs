//! Runs a pool's hooks on a connection in a task, before the operation that the connection was acquired for.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;

use super::super::gil::from_py_err;
use super::super::hooks::{FAILED, HookLease, PoolHooks, call_hook};
use super::super::session::Checkout;
use super::event_loop::{EventLoop, cancel};
use super::future::Completion;
use crate::error::{Error, Result};
use crate::session::pool::Pool;

/// What is done with the connection, in the loop's thread.
pub(super) type Start = Box<dyn FnOnce(Python<'_>, &EventLoop, Checkout) -> Result<()> + Send>;

/// Returns a function that runs the hooks of a pool, in a copy of the caller's context, and then calls `start`.
pub(super) fn after_hooks(
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
        let Some(is_new) = hooks.needed_for(checkout.client()) else {
            return start(py, event_loop, checkout);
        };
        let pooled = checkout.into_pooled();
        let begun = hooks.lease(py, pooled).and_then(|lease| {
            let arguments = (lease.object(py), is_new).into_pyobject(py)?;
            let coroutine = call_hook(py, hooks.object(), "prepare", &arguments)?;
            let task = event_loop.create_task(&coroutine, &context)?;
            let event_loop = event_loop.clone_ref(py);
            let next = AfterHooks { start, lease, completion: Arc::clone(&completion), event_loop };
            let done = Py::new(py, HooksDone(Mutex::new(Some(next))))?;
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
struct AfterHooks {
    start: Start,
    lease: HookLease,
    completion: Arc<Completion>,
    event_loop: EventLoop,
}

/// Called by the task of the hooks when it is done.
#[pyclass(frozen, module = "howdah._core", name = "HooksDone")]
struct HooksDone(Mutex<Option<AfterHooks>>);

#[pymethods]
impl HooksDone {
    fn __call__(&self, py: Python<'_>, task: &Bound<'_, PyAny>) {
        let next = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(AfterHooks { start, lease, completion, event_loop }) = next else { return };
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
        let started = lease.take_exclusive().and_then(|pooled| {
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
