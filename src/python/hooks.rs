//! The hooks of a pool: `on_connect`, `on_acquire`, `on_release` and the password. `_async/hooks.py` and `_sync/hooks.py` call
//! the caller's functions; this file decides when.

use std::any::Any;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::gil::{attached, call, from_py_err};
use super::lease::{AsyncLease, Lease, LeasedSession};
use crate::error::{Error, Result};
use crate::session::Client;
use crate::session::config::AskPassword;
use crate::session::pool::{Hooks, Pool, PooledSession};

/// The hooks of a pool.
#[expect(clippy::struct_excessive_bools, reason = "each is there or not whatever the others are")]
pub(super) struct PoolHooks {
    /// The Python object that calls the caller's functions.
    object: Py<PyAny>,
    is_async: bool,
    on_connect: bool,
    on_acquire: bool,
    on_release: bool,
}

/// The lease that hooks get.
pub(super) enum HookLease {
    Blocking(Py<Lease>),
    Asyncio(Py<AsyncLease>),
}

impl HookLease {
    pub fn object(&self, py: Python<'_>) -> Py<PyAny> {
        match self {
            Self::Blocking(lease) => lease.clone_ref(py).into_any(),
            Self::Asyncio(lease) => lease.clone_ref(py).into_any(),
        }
    }

    /// Takes the connection back from the hooks.
    pub fn take(&self) -> Option<Arc<PooledSession>> {
        match self {
            Self::Blocking(lease) => lease.get().0.take(),
            Self::Asyncio(lease) => lease.get().0.take(),
        }
    }

    /// Takes the connection back from hooks that have ended, if nothing else refers to it.
    pub fn take_exclusive(&self) -> Result<PooledSession> {
        let pooled = self.take().and_then(Arc::into_inner);
        pooled.ok_or_else(|| {
            Error::Interface(
                "a hook ended while one of its statements was still running; wait for the statement in the hook"
                    .into(),
            )
        })
    }
}

impl PoolHooks {
    /// Finds out which hooks there are.
    pub fn new(object: &Bound<'_, PyAny>, is_async: bool) -> PyResult<Self> {
        let has = |name: &str| object.getattr(name).map(|hook| !hook.is_none());
        Ok(Self {
            is_async,
            on_connect: has("on_connect")?,
            on_acquire: has("on_acquire")?,
            on_release: has("on_release")?,
            object: object.clone().unbind(),
        })
    }

    pub fn of(pool: &Pool) -> Option<&Self> {
        pool.hooks()
    }

    /// Whether hooks run for each caller of a session, so that callers cannot share one.
    pub fn run_for_each_caller(&self) -> bool {
        self.on_acquire || self.on_release
    }

    /// Whether hooks must run before the next caller gets a session: `None` if not, else whether `on_connect` must.
    pub fn needed_for(&self, client: &Client) -> Option<bool> {
        let is_new = self.on_connect && !client.is_set_up();
        (is_new || self.run_for_each_caller()).then_some(is_new)
    }

    pub fn object(&self) -> &Py<PyAny> {
        &self.object
    }

    pub fn lease(&self, py: Python<'_>, pooled: Arc<PooledSession>) -> PyResult<HookLease> {
        Ok(if self.is_async {
            HookLease::Asyncio(Py::new(py, AsyncLease(LeasedSession::new(pooled)))?)
        } else {
            HookLease::Blocking(Py::new(py, Lease(LeasedSession::new(pooled)))?)
        })
    }

    /// Runs the hooks before the next caller gets a session, on that caller's thread. If they fail, the session is closed.
    pub fn prepare(&self, py: Python<'_>, pooled: PooledSession) -> Result<PooledSession> {
        let Some(is_new) = self.needed_for(pooled.client()) else { return Ok(pooled) };
        let lease = self.lease(py, Arc::new(pooled)).map_err(from_py_err)?;
        let arguments = (lease.object(py), is_new).into_pyobject(py).map_err(from_py_err)?;
        match call_hook(py, &self.object, "prepare_here", &arguments) {
            Ok(_) => lease.take_exclusive(),
            Err(error) => {
                if let Some(pooled) = lease.take() {
                    pooled.client().give_up(FAILED);
                }
                Err(from_py_err(error))
            }
        }
    }
}

/// Calls a method of the hooks' object, which may run code of the caller's.
pub(super) fn call_hook<'py>(
    py: Python<'py>,
    object: &Py<PyAny>,
    method: &str,
    arguments: &Bound<'py, PyTuple>,
) -> PyResult<Bound<'py, PyAny>> {
    call(&object.bind(py).getattr(method)?, arguments)
}

/// Why the connection of a failed hook is closed.
pub(super) const FAILED: &str = "a hook of the pool failed on the connection";

impl Hooks for PoolHooks {
    fn has_release(&self) -> bool {
        self.on_release
    }

    fn release(&self, pooled: Arc<PooledSession>) {
        attached(|py| {
            let client = pooled.client().clone();
            let released = self.lease(py, pooled).and_then(|lease| {
                let arguments = (lease.object(py),).into_pyobject(py)?;
                let released = call_hook(py, &self.object, "release_here", &arguments);
                let is_done = released.and_then(|done| done.is_truthy());
                if !matches!(is_done, Ok(true)) {
                    client.give_up(FAILED);
                }
                drop(lease.take());
                is_done
            });
            if let Err(error) = released {
                error.write_unraisable(py, Some(self.object.bind(py)));
            }
        });
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The function that returns the password, from the object of the hooks.
pub(super) fn ask_password(object: Py<PyAny>) -> AskPassword {
    AskPassword(Arc::new(move || {
        attached(|py| {
            let password = call_hook(py, &object, "password_here", &PyTuple::empty(py));
            password.and_then(|password| password.extract()).map_err(from_py_err)
        })
    }))
}
