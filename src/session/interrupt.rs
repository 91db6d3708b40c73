//! How callers interrupt a wait.

use std::time::Duration;

use crate::error::Result;

/// A function that is called at least every [`TICK`] while an operation waits; an error of it ends the wait.
pub type Interrupt<'a> = dyn FnMut() -> Result<()> + 'a;

/// The longest time between two checks of the interrupt. Ctrl-C returns without a delay that a person notices, and 20 checks a second
/// cost nothing measurable.
pub(super) const TICK: Duration = Duration::from_millis(50);
