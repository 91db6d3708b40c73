//! The caller's say in a wait.

use std::time::Duration;

use crate::error::Result;

/// Asks the caller, every [`TICK`] at the latest, whether to go on.
pub type Interrupt<'a> = dyn FnMut() -> Result<()> + 'a;

/// The longest wait between two looks at the interrupt.
pub(super) const TICK: Duration = Duration::from_millis(50);
