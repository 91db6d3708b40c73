//! The end of the interpreter, which other threads must not meet inside of this crate.
//!
//! While it finalises, CPython before 3.14 ends a thread that wants the GIL by `pthread_exit`, wherever
//! that thread is: inside of Rust this runs destructors that touch Python's objects without the GIL, or
//! aborts the process. CPython 3.14 lets such a thread wait for ever, and so do we: a callback of
//! `atexit`, which CPython calls before it finalises, lets each thread that works here stop where it
//! would take the GIL the next time, and waits for those that hold it.
//! <https://docs.python.org/3/c-api/interp-lifecycle.html#cautions-regarding-runtime-finalization>

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::IntoPyDict;

use super::gil::{detached, is_finalizing, without};

/// How long the interpreter's end waits for threads that run Python within a verb, such as a generator
/// of rows that sleeps. A thread that takes longer is stopped where CPython would end it.
const WAIT: Duration = Duration::from_millis(250);

/// How long a thread stops before the interpreter finalises. Other callbacks of `atexit` come between, and may wait
/// for a lock that the thread holds: then it goes on once.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often it looks whether the interpreter finalises.
const LOOK: Duration = Duration::from_millis(20);

/// Whether the interpreter is about to end.
static ENDING: AtomicBool = AtomicBool::new(false);

/// How many threads hold the GIL within a verb, or are about to take it.
static ATTACHED: AtomicUsize = AtomicUsize::new(0);

/// Tells the thread that ends the interpreter that another one has stopped.
static STOPPED: (Mutex<()>, Condvar) = (Mutex::new(()), Condvar::new());

thread_local! {
    /// Whether this thread is one of `ATTACHED`.
    static COUNTED: Cell<bool> = const { Cell::new(false) };
    /// Whether this thread has stopped for long enough, and goes on.
    static PASSED: Cell<bool> = const { Cell::new(false) };
    /// Whether this thread ends the interpreter, and so goes on.
    static ENDS: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread ends the interpreter.
pub(super) fn is_ended_here() -> bool {
    ENDS.get()
}

/// Whether another thread ends the interpreter: this one must not touch it any more.
pub(super) fn is_ended_elsewhere() -> bool {
    ENDING.load(Ordering::Relaxed) && !ENDS.get()
}

/// Stops here if another thread ends the interpreter. Asked often where a verb runs Python for long.
#[inline]
pub(super) fn check() {
    if ENDING.load(Ordering::Relaxed) {
        stop();
    }
}

#[cold]
fn stop() {
    if ENDS.get() || PASSED.get() {
        return;
    }
    let before = COUNTED.get();
    without(|| {
        set_counted(false);
        let began = Instant::now();
        while !is_finalizing() {
            if began.elapsed() > PATIENCE {
                PASSED.set(true);
                set_counted(before);
                return;
            }
            std::thread::park_timeout(LOOK);
        }
        loop {
            std::thread::park();
        }
    });
}

/// What a thread is while this lives; afterwards it is what it was before.
struct State {
    before: bool,
}

impl State {
    fn begin(counted: bool) -> Self {
        let before = set_counted(counted);
        if counted {
            // After it was counted: the other thread either waits for this one, or is seen here.
            check_at_once();
        }
        Self { before }
    }
}

impl Drop for State {
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

/// Gives back what the thread was before.
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
            let _told = STOPPED.0.lock().unwrap_or_else(PoisonError::into_inner);
            STOPPED.1.notify_all();
        }
    }
    before
}

/// Runs `work`, which holds the GIL or takes it at once: the interpreter's end waits for it, or this
/// thread stops before.
pub(super) fn delaying_finalization<T>(work: impl FnOnce() -> T) -> T {
    let _state = State::begin(true);
    work()
}

/// Runs `work`, which does not hold the GIL; if the interpreter ends meanwhile, this thread does not
/// go on from there.
pub(super) fn allowing_finalization<T>(work: impl FnOnce() -> T) -> T {
    let state = State::begin(false);
    let result = work();
    drop(state);
    check_at_once();
    result
}

/// Called by `atexit`: lets the other threads stop.
#[pyfunction]
pub(super) fn finalize(py: Python<'_>) {
    ENDS.set(true);
    ENDING.store(true, Ordering::SeqCst);
    detached(py, || {
        let (lock, stopped) = &STOPPED;
        let guard = lock.lock().unwrap_or_else(PoisonError::into_inner);
        let work = |(): &mut ()| ATTACHED.load(Ordering::SeqCst) > 0;
        drop(stopped.wait_timeout_while(guard, WAIT, work));
    });
}

/// Called in the child of a fork, which has none of its parent's other threads.
#[pyfunction]
pub(super) fn forked() {
    ATTACHED.store(usize::from(COUNTED.get()), Ordering::SeqCst);
}

/// Asks Python to call these.
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
