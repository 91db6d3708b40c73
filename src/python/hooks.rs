//! What the caller has called for connections: when one is opened, lent and given back, and for its
//! password. `howdah.hooks` and `howdah.async_hooks` call it; here it is said when.

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
    object: Py<PyAny>,
    is_async: bool,
    on_connect: bool,
    on_acquire: bool,
    on_release: bool,
}

/// A connection as the hooks are given it.
pub(super) enum HookLease {
    Blocking(Py<Lease>),
    Awaited(Py<AsyncLease>),
}

impl HookLease {
    pub fn object(&self, py: Python<'_>) -> Py<PyAny> {
        match self {
            Self::Blocking(lease) => lease.clone_ref(py).into_any(),
            Self::Awaited(lease) => lease.clone_ref(py).into_any(),
        }
    }

    /// Takes the connection back from the hooks.
    pub fn take(&self) -> Option<Arc<PooledSession>> {
        match self {
            Self::Blocking(lease) => lease.get().0.take(),
            Self::Awaited(lease) => lease.get().0.take(),
        }
    }

    /// Takes the connection back from hooks that have come to their end.
    pub fn take_alone(&self) -> Result<PooledSession> {
        let pooled = self.take().and_then(Arc::into_inner);
        pooled.ok_or_else(|| {
            Error::Interface(
                "a hook has left a statement under way on the connection; end it in the hook"
                    .into(),
            )
        })
    }
}

impl PoolHooks {
    /// Reads what there is to be called.
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

    /// Whether a session is one caller's alone, whatever it runs.
    pub fn are_for_each_caller(&self) -> bool {
        self.on_acquire || self.on_release
    }

    /// Whether a session is to be set up before its next borrower has it, and whether it is new.
    pub fn wanted(&self, client: &Client) -> Option<bool> {
        let is_new = self.on_connect && !client.is_set_up();
        (is_new || self.are_for_each_caller()).then_some(is_new)
    }

    pub fn object(&self) -> &Py<PyAny> {
        &self.object
    }

    pub fn lease(&self, py: Python<'_>, pooled: Arc<PooledSession>) -> PyResult<HookLease> {
        Ok(if self.is_async {
            HookLease::Awaited(Py::new(py, AsyncLease(LeasedSession::new(pooled)))?)
        } else {
            HookLease::Blocking(Py::new(py, Lease(LeasedSession::new(pooled)))?)
        })
    }

    /// Sets a session up for its next borrower, on the borrower's thread. One whose hooks fail is closed.
    pub fn prepare(&self, py: Python<'_>, pooled: PooledSession) -> Result<PooledSession> {
        let Some(is_new) = self.wanted(pooled.client()) else { return Ok(pooled) };
        let lease = self.lease(py, Arc::new(pooled)).map_err(from_py_err)?;
        let given = (lease.object(py), is_new).into_pyobject(py).map_err(from_py_err)?;
        match run(py, &self.object, "prepare_here", &given) {
            Ok(_) => lease.take_alone(),
            Err(error) => {
                if let Some(pooled) = lease.take() {
                    pooled.client().give_up(FAILED);
                }
                Err(from_py_err(error))
            }
        }
    }
}

/// Calls a method of hooks, which is Python's code and may run code of the caller's.
pub(super) fn run<'py>(
    py: Python<'py>,
    object: &Py<PyAny>,
    method: &str,
    given: &Bound<'py, PyTuple>,
) -> PyResult<Bound<'py, PyAny>> {
    call(&object.bind(py).getattr(method)?, given)
}

/// Why a connection is closed whose hook has failed.
pub(super) const FAILED: &str = "a hook of the pool failed on the connection";

impl Hooks for PoolHooks {
    fn has_release(&self) -> bool {
        self.on_release
    }

    fn release(&self, pooled: Arc<PooledSession>) {
        attached(|py| {
            let client = pooled.client().clone();
            let detached = self.lease(py, pooled).and_then(|lease| {
                let given = (lease.object(py),).into_pyobject(py)?;
                let detached = run(py, &self.object, "release_here", &given);
                let is_done = detached.and_then(|done| done.is_truthy());
                if !matches!(is_done, Ok(true)) {
                    client.give_up(FAILED);
                }
                drop(lease.take());
                is_done
            });
            if let Err(error) = detached {
                error.write_unraisable(py, Some(self.object.bind(py)));
            }
        });
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Who is asked for the password.
pub(super) fn ask_password(object: Py<PyAny>) -> AskPassword {
    AskPassword(Arc::new(move || {
        attached(|py| {
            let given = run(py, &object, "password_here", &PyTuple::empty(py));
            given.and_then(|given| given.extract()).map_err(from_py_err)
        })
    }))
}
