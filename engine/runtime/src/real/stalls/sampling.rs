//! Taking the stack of a core's thread: a signal interrupts it, and the handler copies registers and stack.
//!
//! The handler runs between any two instructions of the thread: while it allocates, holds a lock, or is in the allocator. So it allocates nothing,
//! locks nothing and calls nothing: it copies bytes into memory that was set aside. What they mean is worked out later, elsewhere.
//!
//! ```text
//! detector                         handler, on the core's thread
//! EMPTY -> WANTED, signal
//!                                  WANTED -> TAKING, copies, -> TAKEN
//! TAKEN: reads the copy, -> EMPTY
//! WANTED for too long: -> EMPTY    finds EMPTY: does nothing
//! ```

use std::cell::{Cell, UnsafeCell};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use super::times::ThreadClock;
use super::watch::{Doing, TurnWatch};

/// How much of a stack is copied, from its end: some ten times what a core's tasks use.
const STACK_BYTES_MAX: usize = 128 << 10;
/// Below the stack pointer the interrupted function may keep values as well (System V ABI, AMD64: the red zone).
const RED_ZONE_BYTES: usize = 128;

const EMPTY: u8 = 0;
const WANTED: u8 = 1;
const TAKING: u8 = 2;
const TAKEN: u8 = 3;

/// Where the handler puts what it copies. `copy` is the handler's while TAKING, the detector's otherwise.
pub(super) struct StackSample {
    state: AtomicU8,
    /// Where the thread's stack begins: its highest address. 0 until a thread is attached.
    stack_top: AtomicUsize,
    copy: UnsafeCell<Copied>,
}

// SAFETY: `state` says whose `copy` is, and changes hands with Release and Acquire.
unsafe impl Sync for StackSample {}

struct Copied {
    instruction: u64,
    stack_pointer: u64,
    frame_pointer: u64,
    doing: Doing,
    len: usize,
    bytes: Box<[MaybeUninit<u8>]>,
}

/// A stack as it was, registers included.
pub(super) struct StackCopy {
    pub(super) instruction: u64,
    pub(super) stack_pointer: u64,
    pub(super) frame_pointer: u64,
    /// What the core was at.
    pub(super) doing: Doing,
    /// Where `bytes` were.
    pub(super) address: u64,
    pub(super) bytes: Vec<u8>,
}

thread_local! {
    /// The core of this thread. Initialised by the loader and without a destructor: the handler can read it at any time.
    static WATCH: Cell<*const TurnWatch> = const { Cell::new(ptr::null()) };
}

/// The signal: a real-time one, which nothing else here uses.
fn signal_number() -> libc::c_int {
    libc::SIGRTMIN() + 1
}

/// The calling thread can be sampled from now on, for `watch`.
pub(super) fn attach(watch: &'static TurnWatch) {
    static HANDLER: Once = Once::new();
    HANDLER.call_once(install_handler);
    watch.sample().stack_top.store(stack_top_of_caller(), Ordering::Relaxed);
    WATCH.set(watch);
}

impl StackSample {
    pub(super) fn new() -> StackSample {
        let copy = Copied {
            instruction: 0,
            stack_pointer: 0,
            frame_pointer: 0,
            doing: Doing::default(),
            len: 0,
            bytes: Box::new_uninit_slice(STACK_BYTES_MAX + RED_ZONE_BYTES),
        };
        let (state, stack_top) = (AtomicU8::new(EMPTY), AtomicUsize::new(0));
        StackSample { state, stack_top, copy: UnsafeCell::new(copy) }
    }

    /// Interrupts the thread; [`StackSample::take`] brings its stack as soon as it has been on its CPU again.
    pub(super) fn ask(&self, clock: &ThreadClock) {
        self.give_up();
        // Release: pairs with the Acquire in `fill`; the last copy has been read.
        if self.state.compare_exchange(EMPTY, WANTED, Ordering::Release, Ordering::Relaxed).is_err() {
            return;
        }
        // SAFETY: a system call without addresses. The thread has the handler, or is gone, or is another of this process by now, which
        // has no watch then and does nothing.
        unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), clock.thread, signal_number()) };
    }

    /// The stack, once it has been taken.
    pub(super) fn take(&self) -> Option<StackCopy> {
        // Acquire: pairs with the Release in `fill`.
        if self.state.load(Ordering::Acquire) != TAKEN {
            return None;
        }
        // SAFETY: TAKEN, so the handler has done with it and leaves it alone.
        let copied = unsafe { &*self.copy.get() };
        let mut bytes = Vec::with_capacity(copied.len);
        // SAFETY: the handler has filled `len` bytes, and there is room for as many.
        unsafe {
            ptr::copy_nonoverlapping(copied.bytes.as_ptr().cast::<u8>(), bytes.as_mut_ptr(), copied.len);
            bytes.set_len(copied.len);
        }
        let copy = StackCopy {
            instruction: copied.instruction,
            stack_pointer: copied.stack_pointer,
            frame_pointer: copied.frame_pointer,
            doing: copied.doing,
            address: copied.stack_pointer.saturating_sub(RED_ZONE_BYTES as u64),
            bytes,
        };
        self.state.store(EMPTY, Ordering::Relaxed);
        Some(copy)
    }

    /// What has not been taken is not wanted any more.
    pub(super) fn give_up(&self) {
        // If both fail there is nothing to give up, or the handler is at it: then the next `ask` gives it up.
        let _ = self.state.compare_exchange(WANTED, EMPTY, Ordering::Relaxed, Ordering::Relaxed);
        let _ = self.state.compare_exchange(TAKEN, EMPTY, Ordering::Acquire, Ordering::Relaxed);
    }

    /// In the handler, on the thread that is sampled.
    fn fill(&self, doing: Doing, registers: &[libc::greg_t; 23]) {
        // Acquire: pairs with the Release in `ask`.
        if self.state.compare_exchange(WANTED, TAKING, Ordering::Acquire, Ordering::Relaxed).is_err() {
            return;
        }
        // SAFETY: TAKING, so it is ours.
        let copied = unsafe { &mut *self.copy.get() };
        // An index of libc, and registers that hold addresses: neither is negative.
        #[allow(clippy::cast_sign_loss, reason = "registers are bits")]
        let register = |index: libc::c_int| registers[index as usize] as u64;
        copied.instruction = register(libc::REG_RIP);
        copied.stack_pointer = register(libc::REG_RSP);
        copied.frame_pointer = register(libc::REG_RBP);
        copied.doing = doing;
        let start = usize::try_from(copied.stack_pointer).unwrap_or(0).saturating_sub(RED_ZONE_BYTES);
        let used = self.stack_top.load(Ordering::Relaxed).saturating_sub(start);
        copied.len = used.min(copied.bytes.len());
        // SAFETY: from the stack pointer up to the top all of the thread's stack is mapped, and the red zone below it lies on the same or on the
        // next page, which the kernel has grown into to run this handler. It is this thread's own memory and nothing runs beside the handler; what is not
        // initialised in it is copied as such.
        unsafe {
            let from = ptr::with_exposed_provenance::<MaybeUninit<u8>>(start);
            ptr::copy_nonoverlapping(from, copied.bytes.as_mut_ptr(), copied.len);
        }
        // Release: pairs with the Acquire in `take`.
        self.state.store(TAKEN, Ordering::Release);
    }
}

extern "C" fn handle_signal(_: libc::c_int, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: null, or a watch that lives for good.
    let Some(watch) = (unsafe { WATCH.get().as_ref() }) else { return };
    // SAFETY: the kernel passes the interrupted thread's context to a handler with SA_SIGINFO.
    let context = unsafe { &*context.cast::<libc::ucontext_t>() };
    watch.sample().fill(watch.doing(), &context.uc_mcontext.gregs);
}

fn install_handler() {
    // SAFETY: all bits zero is a valid `sigaction`: no flags, an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handle_signal as *const () as usize;
    // On the thread's own stack, below what it uses: the alternate one is for its overflow.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
    // SAFETY: the handler does nothing that is forbidden in one, and errno is not touched by it.
    let outcome = unsafe { libc::sigaction(signal_number(), &raw const action, ptr::null_mut()) };
    assert_eq!(outcome, 0, "real-time signals can be handled");
}

fn stack_top_of_caller() -> usize {
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let (mut lowest, mut len) = (ptr::null_mut(), 0);
    // SAFETY: the calling thread is alive; the attributes are read and destroyed only after they were filled.
    unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return 0;
        }
        libc::pthread_attr_getstack(attributes.as_ptr(), &raw mut lowest, &raw mut len);
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
    }
    lowest.addr() + len
}
