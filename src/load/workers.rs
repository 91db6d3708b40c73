//! The thread pool that encodes rows. A forked child does not inherit its parent's threads, and
//! creates its own pool.

use std::sync::{Arc, Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::{Error, Result};

static POOL: Mutex<Option<(u32, Arc<ThreadPool>)>> = Mutex::new(None);

/// The pool of this process; `None` on up to two cores, where the sender encodes itself: one core
/// is for the server, if it is local, and a single thread encodes several times as fast as a server
/// stores rows.
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
        // Its threads only exist in the parent process: dropping the pool would wait for them
        // forever.
        std::mem::forget(parents);
    }
    Ok(Some(threads))
}
