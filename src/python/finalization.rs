//! Stops other threads before the interpreter is finalised.
//!
//! During finalisation, CPython before 3.14 ends each thread that takes the GIL by `pthread_exit`. If that happens inside
//! Rust code, destructors touch Python's objects without the GIL, or the process aborts. CPython 3.14 parks such a thread
//! for good, and so does this module: a callback of `atexit`, which CPython calls before finalisation, makes each thread
//! in howdah's code park where it would next take the GIL, and waits for the threads that hold it.
//! <https://docs.python.org/3/c-api/interp-lifecycle.html#cautions-regarding-runtime-finalization>

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::IntoPyDict;

use super::gil::raw::{is_finalizing, without_gil};

/// How long finalisation waits for threads that run Python code within a verb, such as a generator of rows that sleeps. A
/// thread that takes longer is parked where CPython would end it. A process should end within a moment after Ctrl-C.
const WAIT: Duration = Duration::from_millis(250);

/// How long a thread stops if finalisation does not begin. Other callbacks of `atexit` run first, and may wait for a lock
/// that the thread holds, so the thread continues after this time, and does not stop a second time.
const MAX_STOP: Duration = Duration::from_secs(1);

/// How often a stopped thread checks whether finalisation has begun.
const CHECK_INTERVAL: Duration = Duration::from_millis(20);

/// Whether the interpreter is about to be finalised.
static ENDING: AtomicBool = AtomicBool::new(false);

/// Number of threads that hold the GIL within a verb, or are about to take it.
static ATTACHED: AtomicUsize = AtomicUsize::new(0);

/// Notifies the thread that finalises the interpreter when another one has stopped.
static STOPPED: (Mutex<()>, Condvar) = (Mutex::new(()), Condvar::new());

thread_local! {
    /// Whether `ATTACHED` counts this thread.
    static COUNTED: Cell<bool> = const { Cell::new(false) };
    /// Whether this thread has stopped for `MAX_STOP`.
    static HAS_STOPPED: Cell<bool> = const { Cell::new(false) };
    /// Whether this thread finalises the interpreter.
    static ENDS: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread finalises the interpreter.
pub(super) fn is_ended_here() -> bool {
    ENDS.get()
}

/// Whether another thread finalises the interpreter, so that this one must not touch it any more.
pub(super) fn is_ended_elsewhere() -> bool {
    ENDING.load(Ordering::Relaxed) && !ENDS.get()
}

/// Stops this thread if another one is about to finalise the interpreter. Called often where a verb runs Python for long.
#[inline]
pub(super) fn check() {
    if ENDING.load(Ordering::Relaxed) {
        stop();
    }
}

#[cold]
fn stop() {
    if ENDS.get() || HAS_STOPPED.get() {
        return;
    }
    let before = COUNTED.get();
    without_gil(|| {
        set_counted(false);
        let began = Instant::now();
        while !is_finalizing() {
            if began.elapsed() > MAX_STOP {
                HAS_STOPPED.set(true);
                set_counted(before);
                return;
            }
            std::thread::park_timeout(CHECK_INTERVAL);
        }
        loop {
            std::thread::park();
        }
    });
}

/// Counts this thread as attached, or does not, until it is dropped; then the former state returns.
struct CountedState {
    before: bool,
}

impl CountedState {
    fn begin(counted: bool) -> Self {
        let before = set_counted(counted);
        if counted {
            // After the thread was counted: either the finalising thread waits for this one, or this one sees ENDING.
            check_at_once();
        }
        Self { before }
    }
}

impl Drop for CountedState {
    fn drop(&mut self) {
        set_counted(self.before);
        if self.before {
            check_at_once();
        }
    }
}

fn check_at_once() {
    if ENDING.load(Ordering::SeqCst) {
        stop();
    }
}

/// Sets whether this thread is counted; returns whether it was.
fn set_counted(counted: bool) -> bool {
    let before = COUNTED.replace(counted);
    if before == counted {
        return before;
    }
    if counted {
        ATTACHED.fetch_add(1, Ordering::SeqCst);
    } else {
        ATTACHED.fetch_sub(1, Ordering::SeqCst);
        if ENDING.load(Ordering::SeqCst) {
            let _lock = STOPPED.0.lock().unwrap_or_else(PoisonError::into_inner);
            STOPPED.1.notify_all();
        }
    }
    before
}

/// Runs `work`, which holds the GIL or takes it at once. Finalisation waits for it; if it has begun before, this thread
/// stops.
pub(super) fn delaying_finalization<T>(work: impl FnOnce() -> T) -> T {
    let _state = CountedState::begin(true);
    work()
}

/// Runs `work`, which does not hold the GIL. If finalisation begins meanwhile, this thread stops after `work`.
pub(super) fn allowing_finalization<T>(work: impl FnOnce() -> T) -> T {
    let state = CountedState::begin(false);
    let result = work();
    drop(state);
    check_at_once();
    result
}

/// Called by `atexit`: makes the other threads stop, and waits for those that hold the GIL.
#[pyfunction]
pub(super) fn finalize() {
    ENDS.set(true);
    ENDING.store(true, Ordering::SeqCst);
    without_gil(|| {
        allowing_finalization(|| {
            let (lock, stopped) = &STOPPED;
            let guard = lock.lock().unwrap_or_else(PoisonError::into_inner);
            let some_are_attached = |(): &mut ()| ATTACHED.load(Ordering::SeqCst) > 0;
            drop(stopped.wait_timeout_while(guard, WAIT, some_are_attached));
        });
    });
}

/// Called in the child after a fork, which has only the thread that called it.
#[pyfunction]
pub(super) fn forked() {
    ATTACHED.store(usize::from(COUNTED.get()), Ordering::SeqCst);
}

/// Registers the two callbacks with Python.
pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let finalize = pyo3::wrap_pyfunction!(finalize, module)?;
    py.import("atexit")?.call_method1("register", (finalize,))?;
    let os = py.import("os")?;
    if os.hasattr("register_at_fork")? {
        let forked = pyo3::wrap_pyfunction!(forked, module)?;
        let in_child = [("after_in_child", forked)].into_py_dict(py)?;
        os.call_method("register_at_fork", (), Some(&in_child))?;
    }
    Ok(())
}
