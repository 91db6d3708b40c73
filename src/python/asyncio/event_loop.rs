//! The methods of an event loop that the bridge calls.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyTuple};

use super::super::gil::{call, call_with, from_py_err};
use crate::error::{Error, Result};

/// An event loop of asyncio, or one with the same interface, such as uvloop's.
pub(super) struct EventLoop(Py<PyAny>);

/// The error of an `await` without a running event loop of asyncio.
pub(in super::super) const NO_EVENT_LOOP: &str = "no event loop of asyncio is running; await this within asyncio.run(), not within trio.run(), or use Database";

static RUNNING: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

impl EventLoop {
    /// The loop that runs in this thread.
    pub fn running(py: Python<'_>) -> Result<Self> {
        let running = RUNNING.import(py, "asyncio", "_get_running_loop").map_err(from_py_err)?;
        let found = running.call0().map_err(from_py_err)?;
        if found.is_none() {
            return Err(Error::Interface(NO_EVENT_LOOP.into()));
        }
        Ok(Self(found.unbind()))
    }

    pub fn clone_ref(&self, py: Python<'_>) -> Self {
        Self(self.0.clone_ref(py))
    }

    pub fn is(&self, other: &Self) -> bool {
        self.0.is(&other.0)
    }

    pub fn is_closed(&self, py: Python<'_>) -> bool {
        let closed = self.0.bind(py).call_method0(pyo3::intern!(py, "is_closed"));
        closed.and_then(|closed| closed.is_truthy()).unwrap_or(false)
    }

    pub fn object(&self, py: Python<'_>) -> Py<PyAny> {
        self.0.clone_ref(py)
    }

    pub fn add_reader(&self, py: Python<'_>, fd: i32, callback: &Bound<'_, PyAny>) -> PyResult<()> {
        self.call(py, pyo3::intern!(py, "add_reader"), (fd, callback)).map(|_| ())
    }

    pub fn remove_reader(&self, py: Python<'_>, fd: i32) -> PyResult<()> {
        self.call(py, pyo3::intern!(py, "remove_reader"), (fd,)).map(|_| ())
    }

    pub fn add_writer(&self, py: Python<'_>, fd: i32, callback: &Bound<'_, PyAny>) -> PyResult<()> {
        self.call(py, pyo3::intern!(py, "add_writer"), (fd, callback)).map(|_| ())
    }

    pub fn remove_writer(&self, py: Python<'_>, fd: i32) -> PyResult<()> {
        self.call(py, pyo3::intern!(py, "remove_writer"), (fd,)).map(|_| ())
    }

    /// Schedules a call in the loop's next round.
    pub fn call_soon(&self, py: Python<'_>, callback: &Bound<'_, PyAny>) -> PyResult<()> {
        self.call(py, pyo3::intern!(py, "call_soon"), (callback,)).map(|_| ())
    }

    /// As [`EventLoop::call_soon`], with an argument and a context.
    pub fn call_soon_in(
        &self,
        py: Python<'_>,
        callback: &Bound<'_, PyAny>,
        argument: &Bound<'_, PyAny>,
        context: Option<&Py<PyAny>>,
    ) -> PyResult<()> {
        let options = PyDict::new(py);
        options.set_item(pyo3::intern!(py, "context"), context)?;
        let method = self.0.bind(py).getattr(pyo3::intern!(py, "call_soon"))?;
        let arguments = (callback, argument).into_pyobject(py)?;
        call_with(&method, &arguments, Some(&options)).map(|_| ())
    }

    /// Starts a task in a context.
    pub fn create_task<'py>(
        &self,
        coroutine: &Bound<'py, PyAny>,
        context: &Py<PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = coroutine.py();
        let options = PyDict::new(py);
        options.set_item(pyo3::intern!(py, "context"), context)?;
        let method = self.0.bind(py).getattr(pyo3::intern!(py, "create_task"))?;
        call_with(&method, &(coroutine,).into_pyobject(py)?, Some(&options))
    }

    /// Schedules a call; returns its handle, for [`cancel`].
    pub fn call_later(
        &self,
        py: Python<'_>,
        seconds: f64,
        callback: &Bound<'_, PyAny>,
    ) -> PyResult<Py<PyAny>> {
        self.call(py, pyo3::intern!(py, "call_later"), (seconds, callback)).map(Bound::unbind)
    }

    /// Calls a method of the loop, which may be Python code, so that the interpreter may end meanwhile.
    fn call<'py>(
        &self,
        py: Python<'py>,
        method: &Bound<'py, PyString>,
        arguments: impl IntoPyObject<'py, Target = PyTuple, Output = Bound<'py, PyTuple>, Error = PyErr>,
    ) -> PyResult<Bound<'py, PyAny>> {
        call(&self.0.bind(py).getattr(method)?, &arguments.into_pyobject(py)?)
    }
}

/// Cancels a timer handle or a task.
pub(super) fn cancel(handle: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = handle.py();
    let method = handle.getattr(pyo3::intern!(py, "cancel"))?;
    call(&method, &PyTuple::empty(py)).map(|_| ())
}
