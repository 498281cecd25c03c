//! Locking without poison.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks. Nothing here leaves a value half changed, so a panic elsewhere does not spoil it.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
