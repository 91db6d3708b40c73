//! The classes `_core.Lease` and `_core.AsyncLease`: a connection of the pool that one caller has, for a transaction, a
//! session or a listener. `database/` has their methods.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;

use crate::error::{Error, Result};
use crate::session::pool::PooledSession;

/// A lease, for blocking calls.
#[pyclass(frozen, module = "howdah._core", name = "Lease")]
pub(super) struct Lease(pub LeasedSession);

/// A lease, for asyncio.
#[pyclass(frozen, module = "howdah._core", name = "AsyncLease")]
pub(super) struct AsyncLease(pub LeasedSession);

/// The connection of a lease, until the lease is closed.
pub(super) struct LeasedSession(Mutex<Option<Arc<PooledSession>>>);

impl LeasedSession {
    pub fn new(pooled: Arc<PooledSession>) -> Self {
        Self(Mutex::new(Some(pooled)))
    }

    /// The connection.
    ///
    /// # Errors
    /// When the lease is closed.
    pub fn get(&self) -> Result<Arc<PooledSession>> {
        let pooled = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        pooled.ok_or_else(|| Error::Interface("the transaction has ended".into()))
    }

    /// Closes the lease, and returns its connection.
    pub fn take(&self) -> Option<Arc<PooledSession>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether the lease is not closed.
    pub fn is_open(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Whether a transaction is open on the connection.
    pub fn is_in_transaction(&self) -> bool {
        self.get().is_ok_and(|pooled| pooled.is_in_transaction())
    }
}
