//! The threads that encode. A forked child has none of its parent's, and makes its own.

use std::sync::{Arc, Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::{Error, Result};

static POOL: Mutex<Option<(u32, Arc<ThreadPool>)>> = Mutex::new(None);

/// The pool of this process; none where who sends had better encode, too: one core is for the server,
/// if that is near, and even one thread encodes several times as fast as a server takes rows.
pub(super) fn pool() -> Result<Option<Arc<ThreadPool>>> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if cores <= 2 {
        return Ok(None);
    }
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    let process = std::process::id();
    if let Some((owner, threads)) = pool.as_ref()
        && *owner == process
    {
        return Ok(Some(Arc::clone(threads)));
    }
    let threads = ThreadPoolBuilder::new()
        .num_threads(cores - 1)
        .thread_name(|index| format!("howdah-{index}"))
        .build()
        .map_err(|error| Error::Internal(format!("cannot start threads: {error}")))?;
    let threads = Arc::new(threads);
    if let Some((_, parents)) = pool.replace((process, Arc::clone(&threads))) {
        // Its threads live in the parent: to drop it would be to wait for them.
        std::mem::forget(parents);
    }
    Ok(Some(threads))
}
