//! The tasks of a simulated machine, and the seeded choice of which runs next.
//!
//! Wakers only note a task's number; which of the runnable tasks is polled next is drawn. Owned by the world of one machine.
//! A task's future is outside while it is polled, so that it can spawn and wake others.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};

use super::chance::Chance;
use super::world::Origin;
use crate::ShareClass;

/// How much more often a runnable foreground task is chosen than a background one, when there are both.
const FOREGROUND_PREFERENCE: u64 = 4;

/// One task, unique in its machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TaskId(pub(super) u64);

/// A task's future.
pub(super) type TaskFuture = Pin<Box<dyn Future<Output = ()>>>;

/// Who a task belongs to and where it comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct TaskOwner {
    /// None: the test's own future, which belongs to no node.
    pub(super) origin: Option<Origin>,
    pub(super) class: ShareClass,
    pub(super) spawned_at: &'static Location<'static>,
}

struct Task {
    owner: TaskOwner,
    /// None while it is polled, and always for the test's own future.
    future: Option<TaskFuture>,
    waker: Waker,
    is_runnable: bool,
    poll_count: u64,
    polled_at_ns: u64,
}

/// All tasks of a machine.
pub(super) struct Tasks {
    tasks: BTreeMap<TaskId, Task>,
    foreground: Vec<TaskId>,
    background: Vec<TaskId>,
    woken: Arc<Woken>,
    next_task: u64,
    chance: Chance,
}

/// The numbers of the tasks woken since the scheduler last looked.
#[derive(Default)]
struct Woken {
    tasks: Mutex<Vec<TaskId>>,
}

struct TaskWaker {
    task: TaskId,
    woken: Arc<Woken>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.tasks.lock().expect("no code panics while it holds this lock").push(self.task);
    }
}

impl Tasks {
    pub(super) fn new(chance: Chance) -> Tasks {
        Tasks {
            tasks: BTreeMap::new(),
            foreground: Vec::new(),
            background: Vec::new(),
            woken: Arc::default(),
            next_task: 0,
            chance,
        }
    }

    /// Adds a task, runnable at once. Without a future it is the test's own, which the caller polls itself.
    pub(super) fn add(&mut self, owner: TaskOwner, future: Option<TaskFuture>) -> TaskId {
        let task = TaskId(self.next_task);
        self.next_task += 1;
        let waker = Waker::from(Arc::new(TaskWaker { task, woken: self.woken.clone() }));
        waker.wake_by_ref();
        let entry = Task { owner, future, waker, is_runnable: false, poll_count: 0, polled_at_ns: 0 };
        self.tasks.insert(task, entry);
        task
    }

    /// Draws the next task to poll and takes it out of the runnable ones.
    pub(super) fn choose(&mut self) -> Option<TaskId> {
        self.gather_woken();
        let from_background = match (self.foreground.is_empty(), self.background.is_empty()) {
            (true, true) => return None,
            (false, true) => false,
            (true, false) => true,
            (false, false) => self.chance.below(FOREGROUND_PREFERENCE + 1) == 0,
        };
        let runnable = if from_background { &mut self.background } else { &mut self.foreground };
        let task = runnable.swap_remove(self.chance.index(runnable.len()));
        if let Some(entry) = self.tasks.get_mut(&task) {
            entry.is_runnable = false;
        }
        Some(task)
    }

    /// Lends the future of `task` for one poll, with its waker. The future is None for the test's own task.
    pub(super) fn lend(&mut self, task: TaskId, now_ns: u64) -> (Option<TaskFuture>, Waker) {
        let entry = self.tasks.get_mut(&task).expect("only present tasks are chosen");
        entry.poll_count += 1;
        entry.polled_at_ns = now_ns;
        (entry.future.take(), entry.waker.clone())
    }

    /// Takes a pending future back. Returns it if its task has been removed meanwhile: the caller drops it.
    pub(super) fn give_back(&mut self, task: TaskId, future: TaskFuture) -> Option<TaskFuture> {
        match self.tasks.get_mut(&task) {
            Some(entry) => entry.future.replace(future),
            None => Some(future),
        }
    }

    /// Forgets a task. Returns its future for the caller to drop, outside of any borrow.
    pub(super) fn remove(&mut self, task: TaskId) -> Option<TaskFuture> {
        let entry = self.tasks.remove(&task)?;
        if entry.is_runnable {
            self.foreground.retain(|&runnable| runnable != task);
            self.background.retain(|&runnable| runnable != task);
        }
        entry.future
    }

    /// Forgets the tasks whose origin `is_gone` picks. Returns their futures for the caller to drop.
    pub(super) fn remove_of(&mut self, is_gone: impl Fn(Origin) -> bool) -> Vec<TaskFuture> {
        let gone: Vec<TaskId> = self
            .tasks
            .iter()
            .filter(|(_, entry)| entry.owner.origin.is_some_and(&is_gone))
            .map(|(&task, _)| task)
            .collect();
        gone.into_iter().filter_map(|task| self.remove(task)).collect()
    }

    /// One line for each task: who it is and when it last ran. All of them wait when this is asked for.
    pub(super) fn describe(&self) -> String {
        let mut lines = String::new();
        for (task, entry) in &self.tasks {
            let place = match entry.owner.origin {
                Some(origin) => format!("node {} core {}", origin.node.0, origin.core.0),
                None => "the test".to_string(),
            };
            writeln!(
                lines,
                "  task {} of {place}, {:?}, from {}, polled {} times, last at {} us",
                task.0,
                entry.owner.class,
                entry.owner.spawned_at,
                entry.poll_count,
                entry.polled_at_ns / 1000,
            )
            .expect("writing to a string cannot fail");
        }
        lines
    }

    fn gather_woken(&mut self) {
        let woken = std::mem::take(&mut *self.woken.tasks.lock().expect("no code panics while it holds this lock"));
        for task in woken {
            let Some(entry) = self.tasks.get_mut(&task) else { continue };
            if entry.is_runnable {
                continue;
            }
            entry.is_runnable = true;
            match entry.owner.class {
                ShareClass::Foreground => self.foreground.push(task),
                ShareClass::Background => self.background.push(task),
            }
        }
    }
}
