//! A value that arrives once from a browser event and is awaited by one task.
//!
//! A later value replaces one that was not taken yet: the last word of a transaction is what counts. Nothing here knows
//! what the value means.

use core::cell::{Cell, RefCell};
use core::fmt;
use core::future::poll_fn;
use core::task::{Poll, Waker};

/// Where an event leaves its news.
pub(super) struct Signal<T> {
    value: RefCell<Option<T>>,
    waker: Cell<Option<Waker>>,
}

impl<T> Default for Signal<T> {
    fn default() -> Self {
        Self { value: RefCell::new(None), waker: Cell::new(None) }
    }
}

impl<T> fmt::Debug for Signal<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Signal")
    }
}

impl<T> Signal<T> {
    /// Leaves a value and wakes the task.
    pub(super) fn set(&self, value: T) {
        self.value.replace(Some(value));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Waits for a value and takes it.
    pub(super) async fn wait(&self) -> T {
        poll_fn(|context| {
            let value = self.value.borrow_mut().take();
            value.map_or_else(
                || {
                    self.waker.set(Some(context.waker().clone()));
                    Poll::Pending
                },
                Poll::Ready,
            )
        })
        .await
    }
}
