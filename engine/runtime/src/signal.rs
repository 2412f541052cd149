//! Waking a task of the same core: a coalescing [`Signal`], and a [`OneShot`] that carries one value.
//!
//! Both are single-threaded and allocate only when made. Across cores there is `Mesh`, from other threads `Notifier`.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// Any number of notifications before a wait count as one. One task waits at a time; clones are the same signal.
#[derive(Clone, Default)]
pub struct Signal {
    state: Rc<SignalState>,
}

#[derive(Default)]
struct SignalState {
    notified: Cell<bool>,
    waiter: RefCell<Option<Waker>>,
}

impl Signal {
    /// A signal that nobody has notified.
    pub fn new() -> Signal {
        Signal::default()
    }

    /// Wakes the waiter, or lets the next wait pass at once.
    pub fn notify(&self) {
        if !self.state.notified.replace(true) {
            let waiter = self.state.waiter.borrow_mut().take();
            if let Some(waiter) = waiter {
                waiter.wake();
            }
        }
    }

    /// Waits until notified since the last wait, and forgets it. Dropping the future loses nothing.
    pub async fn wait(&self) {
        poll_fn(|context| self.poll_wait(context)).await;
    }

    /// Takes a notification if there is one.
    pub fn take(&self) -> bool {
        self.state.notified.replace(false)
    }

    fn poll_wait(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.take() {
            return Poll::Ready(());
        }
        let replaced = {
            let mut waiter = self.state.waiter.borrow_mut();
            match waiter.as_ref() {
                Some(known) if known.will_wake(context.waker()) => None,
                _ => waiter.replace(context.waker().clone()),
            }
        };
        // Dropped outside the borrow: the last reference to a task may drop the task.
        drop(replaced);
        Poll::Pending
    }
}

/// Makes a pair: the value put in at one end comes out at the other.
pub fn one_shot<T>() -> (OneShotSender<T>, OneShot<T>) {
    let state =
        Rc::new(OneShotState { value: RefCell::new(None), is_sender_gone: Cell::new(false), signal: Signal::new() });
    (OneShotSender { state: state.clone() }, OneShot { state })
}

/// The sending end.
pub struct OneShotSender<T> {
    state: Rc<OneShotState<T>>,
}

/// The receiving end: a future of the value, or of `None` if the sender is dropped without one.
pub struct OneShot<T> {
    state: Rc<OneShotState<T>>,
}

struct OneShotState<T> {
    value: RefCell<Option<T>>,
    is_sender_gone: Cell<bool>,
    signal: Signal,
}

impl<T> OneShotSender<T> {
    /// Delivers `value`. If the receiver is gone the value is dropped.
    pub fn send(self, value: T) {
        let previous = self.state.value.borrow_mut().replace(value);
        assert!(previous.is_none(), "a one-shot carries one value");
    }

    /// Whether the receiver is gone: what is sent is dropped.
    pub fn is_abandoned(&self) -> bool {
        Rc::strong_count(&self.state) == 1
    }
}

impl<T> Drop for OneShotSender<T> {
    fn drop(&mut self) {
        self.state.is_sender_gone.set(true);
        self.state.signal.notify();
    }
}

impl<T> OneShot<T> {
    /// Takes the value if it is there, without a wait.
    pub fn take(&self) -> Option<T> {
        self.state.value.borrow_mut().take()
    }
}

impl<T> Future for OneShot<T> {
    type Output = Option<T>;
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        // The sender's drop notifies, after a value was put in if there is one: the only moment that matters.
        if self.state.is_sender_gone.get() {
            return Poll::Ready(self.state.value.borrow_mut().take());
        }
        self.state.signal.poll_wait(context).map(|()| self.state.value.borrow_mut().take())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll<F: Future>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
        future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn notifications_coalesce_and_none_is_lost() {
        let signal = Signal::new();
        signal.notify();
        signal.clone().notify();
        assert!(poll(&mut Box::pin(signal.wait())).is_ready());
        let mut second = Box::pin(signal.wait());
        assert!(poll(&mut second).is_pending());
        drop(second);
        signal.notify();
        assert!(poll(&mut Box::pin(signal.wait())).is_ready());
        assert!(!signal.take());
    }

    #[test]
    fn a_one_shot_delivers_once_or_reports_the_loss() {
        let (sender, receiver) = one_shot();
        let mut receiver = Box::pin(receiver);
        assert!(poll(&mut receiver).is_pending());
        sender.send(5);
        assert_eq!(poll(&mut receiver), Poll::Ready(Some(5)));
        let (sender, receiver) = one_shot::<u8>();
        drop(sender);
        assert_eq!(poll(&mut Box::pin(receiver)), Poll::Ready(None));
    }

    #[test]
    fn a_one_shot_knows_that_nobody_receives_it_and_gives_what_is_there() {
        let (sender, receiver) = one_shot();
        assert!(!sender.is_abandoned());
        assert_eq!(receiver.take(), None);
        sender.send(5);
        assert_eq!((receiver.take(), receiver.take()), (Some(5), None));
        let (sender, receiver) = one_shot::<u8>();
        drop(receiver);
        assert!(sender.is_abandoned());
    }
}
