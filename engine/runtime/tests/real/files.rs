//! Files and directories: what is written is read, errors are facts, and a dropped future leaves nothing dangling.

use std::future::poll_fn;
use std::io::Write;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use runtime::{BLOCK_BYTES, Buffer, FileError, ShareClass, Signal};

use crate::world::{on_one_core, pattern};

const BLOCK: u64 = BLOCK_BYTES as u64;

fn filled(len: usize) -> Buffer {
    let mut buffer = Buffer::zeroed(len);
    buffer.as_mut_slice().copy_from_slice(&pattern(len));
    buffer
}

#[test]
fn what_is_written_is_read_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("segment");
    let on_disk = path.clone();
    on_one_core(move |runtime| {
        let path = path.clone();
        async move {
            let file = runtime.create_file(&path, 1 << 20).await.unwrap();
            assert_eq!((file.len_bytes(), file.path()), (1 << 20, path.as_path()));
            let zeros = file.read_at(0, 1 << 20).await.unwrap();
            assert!(zeros.as_slice().iter().all(|byte| *byte == 0));
            let (buffer, outcome) = file.write_at(BLOCK, filled(3 * BLOCK_BYTES)).await;
            outcome.unwrap();
            file.sync().await.unwrap();
            let (buffer, outcome) = file.write_durable_at(10 * BLOCK, buffer).await;
            outcome.unwrap();
            assert!(buffer.as_slice() == pattern(3 * BLOCK_BYTES));
            drop(file);
            let file = runtime.open_file(&path).await.unwrap();
            assert_eq!(file.len_bytes(), 1 << 20);
            for offset in [BLOCK, 10 * BLOCK] {
                let read = file.read_at(offset, 3 * BLOCK_BYTES).await.unwrap();
                assert!(read.as_slice() == pattern(3 * BLOCK_BYTES));
            }
            let error = file.read_at((1 << 20) - BLOCK, 2 * BLOCK_BYTES).await.unwrap_err();
            assert_eq!(error, FileError::PastEnd { path, offset: (1 << 20) - BLOCK, len: 2 * BLOCK_BYTES });
        }
    });
    let bytes = std::fs::read(on_disk).unwrap();
    assert_eq!(bytes.len(), 1 << 20);
    assert!(bytes[BLOCK_BYTES..4 * BLOCK_BYTES] == pattern(3 * BLOCK_BYTES));
}

/// The core computes on, and takes no turn: what is to be durable is on its way all the same.
#[test]
fn a_durable_write_does_not_wait_for_the_turns_end() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    on_one_core(move |runtime| {
        let path = path.clone();
        async move {
            let file = runtime.create_file(&path, 2 * BLOCK).await.unwrap();
            let mut write = pin!(file.write_durable_at(BLOCK, filled(BLOCK_BYTES)));
            poll_fn(|context| {
                assert!(write.as_mut().poll(context).is_pending());
                Poll::Ready(())
            })
            .await;
            let begun = runtime.now();
            while std::fs::read(&path).unwrap()[BLOCK_BYTES..] != pattern(BLOCK_BYTES) {
                assert!(runtime.now().since(begun) < Duration::from_secs(20), "nothing is written");
            }
            write.await.1.unwrap();
        }
    });
}

#[test]
fn a_file_that_is_opened_to_read_is_read_and_not_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    on_one_core(move |runtime| {
        let path = path.clone();
        async move {
            let file = runtime.create_file(&path, 4 * BLOCK).await.unwrap();
            file.write_durable_at(BLOCK, filled(BLOCK_BYTES)).await.1.unwrap();
            let mut permissions = std::fs::metadata(&path).unwrap().permissions();
            permissions.set_readonly(true);
            std::fs::set_permissions(&path, permissions).unwrap();
            let file = runtime.open_file_to_read(&path).await.unwrap();
            assert_eq!(file.len_bytes(), 4 * BLOCK);
            assert!(file.read_at(BLOCK, BLOCK_BYTES).await.unwrap().as_slice() == pattern(BLOCK_BYTES));
            let (_, outcome) = file.write_at(BLOCK, Buffer::zeroed(BLOCK_BYTES)).await;
            assert!(matches!(outcome, Err(FileError::Io { operation: "write", .. })), "{outcome:?}");
            assert!(file.extend_to(8 * BLOCK).await.is_err());
            assert!(file.read_at(BLOCK, BLOCK_BYTES).await.unwrap().as_slice() == pattern(BLOCK_BYTES));
        }
    });
}

#[test]
fn a_new_file_is_this_users_alone_and_any_length_is_read_whole() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let (made, short) = (directory.path().join("made"), directory.path().join("short"));
    std::fs::OpenOptions::new().write(true).create_new(true).open(&short).unwrap().write_all(b"five\n").unwrap();
    let on_disk = made.clone();
    on_one_core(move |runtime| {
        let (made, short) = (made.clone(), short.clone());
        async move {
            runtime.create_file(&made, BLOCK).await.unwrap();
            assert_eq!(runtime.read_whole(&made, BLOCK_BYTES).await.unwrap(), vec![0; BLOCK_BYTES]);
            assert_eq!(runtime.read_whole(&short, 5).await.unwrap(), b"five\n");
            assert!(matches!(runtime.read_whole(&short, 4).await, Err(FileError::Io { operation: "read", .. })));
            let absent = short.with_file_name("absent");
            assert_eq!(runtime.read_whole(&absent, 4).await, Err(FileError::NotFound { path: absent }));
            let (mut first, mut second) = ([0; 300], [0; 300]);
            runtime.fill_secret(&mut first);
            runtime.fill_secret(&mut second);
            assert_ne!(first, second);
        }
    });
    assert_eq!(std::fs::metadata(on_disk).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_file_grows_before_it_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("grown");
    on_one_core(move |runtime| {
        let path = path.clone();
        async move {
            let file = runtime.create_file(&path, 0).await.unwrap();
            assert_eq!(file.len_bytes(), 0);
            for step in 1..=4 {
                file.clone().extend_to(step * 4 * BLOCK).await.unwrap();
                assert_eq!(file.len_bytes(), step * 4 * BLOCK);
                file.write_at((step - 1) * 4 * BLOCK, filled(3 * BLOCK_BYTES)).await.1.unwrap();
            }
            file.sync().await.unwrap();
            drop(file);
            let file = runtime.open_file(&path).await.unwrap();
            assert_eq!(file.len_bytes(), 16 * BLOCK);
            for step in 0..4 {
                let read = file.read_at(step * 4 * BLOCK, 4 * BLOCK_BYTES).await.unwrap();
                assert!(read.as_slice()[..3 * BLOCK_BYTES] == pattern(3 * BLOCK_BYTES));
                assert!(read.as_slice()[3 * BLOCK_BYTES..].iter().all(|byte| *byte == 0), "reserved, not written");
            }
        }
    });
}

/// A file of this length is zeroed in several steps, with background work of its own beside it.
#[test]
fn a_large_file_is_zeroed_while_others_run() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("large");
    let on_disk = path.clone();
    let turns = on_one_core(move |runtime| {
        let path = path.clone();
        async move {
            let done = Signal::new();
            let (background, notify) = (runtime.clone(), done.clone());
            runtime.spawn(ShareClass::Background, async move {
                background.create_file(&path, 5 << 20).await.unwrap();
                notify.notify();
            });
            let mut turns = 0;
            while !done.take() {
                runtime.yield_now().await;
                turns += 1;
            }
            turns
        }
    });
    assert!(turns > 20, "the foreground had {turns} turns meanwhile");
    let metadata = std::fs::metadata(&on_disk).unwrap();
    assert_eq!(metadata.len(), 5 << 20);
    let blocks = std::os::unix::fs::MetadataExt::blocks(&metadata);
    assert!(blocks * 512 >= 5 << 20, "really written: {blocks} blocks of 512 bytes");
    assert!(std::fs::read(on_disk).unwrap().iter().all(|byte| *byte == 0));
}

#[test]
fn many_reads_and_writes_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("parallel");
    on_one_core(move |runtime| {
        let path = path.clone();
        async move {
            let file = runtime.create_file(&path, 256 * BLOCK).await.unwrap();
            let (done, left) = (Signal::new(), std::rc::Rc::new(std::cell::Cell::new(256u64)));
            for block in 0..256u64 {
                let (file, done, left) = (file.clone(), done.clone(), left.clone());
                runtime.spawn(ShareClass::Foreground, async move {
                    let mut buffer = Buffer::zeroed(BLOCK_BYTES);
                    buffer.as_mut_slice()[..8].copy_from_slice(&block.to_be_bytes());
                    let (_, outcome) = file.write_at(block * BLOCK, buffer).await;
                    outcome.unwrap();
                    let read = file.read_at(block * BLOCK, BLOCK_BYTES).await.unwrap();
                    assert_eq!(read.as_slice()[..8], block.to_be_bytes());
                    left.set(left.get() - 1);
                    done.notify();
                });
            }
            while left.get() > 0 {
                done.wait().await;
            }
        }
    });
}

/// The kernel may still be at work on a buffer whose future is gone: the core keeps it, also past its own end.
#[test]
fn dropped_operations_do_no_harm() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dropped");
    on_one_core(move |runtime| {
        let path = path.clone();
        async move {
            let file = runtime.create_file(&path, 64 * BLOCK).await.unwrap();
            for round in 0..100u64 {
                let offset = round % 64 * BLOCK;
                let mut write = Box::pin(file.write_durable_at(offset, filled(BLOCK_BYTES)));
                let mut read = Box::pin(file.read_at(0, 64 * BLOCK_BYTES));
                poll_fn(|context| {
                    assert!(write.as_mut().poll(context).is_pending());
                    assert!(read.as_mut().poll(context).is_pending());
                    Poll::Ready(())
                })
                .await;
                if round % 2 == 0 {
                    runtime.yield_now().await;
                }
            }
            file.sync().await.unwrap();
            let (_, outcome) = file.write_at(0, filled(BLOCK_BYTES)).await;
            outcome.unwrap();
            assert!(file.read_at(0, BLOCK_BYTES).await.unwrap().as_slice() == pattern(BLOCK_BYTES));
            // In flight when the core ends.
            let mut last = pin!(file.read_at(0, 64 * BLOCK_BYTES));
            poll_fn(|context| {
                assert!(last.as_mut().poll(context).is_pending());
                Poll::Ready(())
            })
            .await;
        }
    });
}

#[test]
fn names_are_listed_changed_and_removed() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().to_path_buf();
    on_one_core(move |runtime| {
        let root = root.clone();
        async move {
            let data = root.join("a/b");
            runtime.create_directory(&data).await.unwrap();
            runtime.create_directory(&data).await.unwrap();
            runtime.create_file(&data.join("two"), 2 * BLOCK).await.unwrap();
            runtime.create_file(&data.join("one"), 0).await.unwrap();
            let exists = runtime.create_file(&data.join("one"), BLOCK).await.err().unwrap();
            assert_eq!(exists, FileError::AlreadyExists { path: data.join("one") });
            let missing = runtime.open_file(&data.join("three")).await.err().unwrap();
            assert_eq!(missing, FileError::NotFound { path: data.join("three") });
            let names = |entries: Vec<runtime::DirectoryEntry>| -> Vec<_> {
                entries.into_iter().map(|entry| (entry.name, entry.len_bytes, entry.is_directory)).collect()
            };
            let listed = names(runtime.list_directory(&data).await.unwrap());
            assert_eq!(listed, [("one".to_owned(), 0, false), ("two".to_owned(), 2 * BLOCK, false)]);
            runtime.rename(&data.join("two"), &data.join("one")).await.unwrap();
            runtime.sync_directory(&data).await.unwrap();
            let listed = names(runtime.list_directory(&data).await.unwrap());
            assert_eq!(listed, [("one".to_owned(), 2 * BLOCK, false)]);
            runtime.remove_file(&data.join("one")).await.unwrap();
            let missing = runtime.remove_file(&data.join("one")).await.unwrap_err();
            assert_eq!(missing, FileError::NotFound { path: data.join("one") });
            assert_eq!(names(runtime.list_directory(&root.join("a")).await.unwrap()), [("b".to_owned(), 0, true)]);
            assert!(runtime.list_directory(&root.join("c")).await.is_err());
        }
    });
}

#[test]
fn a_directory_has_one_holder() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_path_buf();
    let again = path.clone();
    on_one_core(move |runtime| {
        let path = path.clone();
        async move {
            let lock = runtime.lock_directory(&path).await.unwrap();
            let error = runtime.lock_directory(&path).await.err().unwrap();
            assert_eq!(error, FileError::Locked { path: path.clone() });
            assert!(error.to_string().contains("in use by another process"), "{error}");
            drop(lock);
            let kept = runtime.lock_directory(&path).await.unwrap();
            // A task that never ends holds it: the end of the core lets it go.
            runtime.spawn(ShareClass::Background, async move {
                let _kept = kept;
                std::future::pending::<()>().await;
            });
            runtime.yield_now().await;
        }
    });
    on_one_core(move |runtime| {
        let path = again.clone();
        async move { drop(runtime.lock_directory(&path).await.unwrap()) }
    });
}

#[test]
fn the_flush_probe_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_path_buf();
    // What a killed process may have left.
    std::fs::write(path.join("flush-probe.tmp"), b"leftover").unwrap();
    on_one_core(move |runtime| {
        let path = path.clone();
        async move {
            let method = runtime.probe_flush_method(&path).await.unwrap();
            println!("flush method here: {method:?}");
            assert_eq!(runtime.list_directory(&path).await.unwrap(), []);
            let file = runtime.create_file(&path.join("after"), BLOCK).await.unwrap();
            file.write_durable_at(0, Buffer::zeroed(BLOCK_BYTES)).await.1.unwrap();
            let missing = runtime.probe_flush_method(&path.join("nowhere")).await.unwrap_err();
            assert!(matches!(missing, FileError::NotFound { .. }), "{missing}");
        }
    });
}

#[test]
fn errors_are_sorted_by_what_to_do() {
    let check = |errno, expect: &str| {
        let error = FileError::from_errno("/data/x".as_ref(), "write", errno);
        assert_eq!(error.to_string(), expect);
    };
    check(libc::ENOENT, "/data/x does not exist");
    check(libc::EEXIST, "/data/x exists already");
    check(libc::ENOSPC, "no space left for write of /data/x");
    check(libc::EDQUOT, "no space left for write of /data/x");
    check(libc::EACCES, "no permission for write of /data/x");
    check(libc::EROFS, "no permission for write of /data/x");
    check(libc::EIO, "write of /data/x failed: Input/output error (os error 5)");
}

/// Descriptors of this process that lead to `path`, removed or not.
fn descriptor_count(path: &std::path::Path) -> usize {
    let links =
        std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    links.filter(|link| link.to_string_lossy().starts_with(&*path.to_string_lossy())).count()
}

#[test]
fn a_file_that_nobody_has_any_more_is_closed_by_others_and_soon() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("removed");
    on_one_core(move |runtime| {
        let path = path.clone();
        async move {
            let file = runtime.create_file(&path, 1 << 20).await.unwrap();
            let other = file.clone();
            drop(file);
            runtime.yield_now().await;
            assert_eq!(descriptor_count(&path), 1, "it is still used");
            runtime.remove_file(&path).await.unwrap();
            drop(other);
            assert_eq!(descriptor_count(&path), 1, "not by the core itself");
            while descriptor_count(&path) > 0 {
                runtime.sleep(std::time::Duration::from_millis(1)).await;
            }
            // What is open when a core ends is closed then.
            let left = runtime.create_file(&path, BLOCK).await.unwrap();
            runtime.spawn(ShareClass::Background, async move {
                let _left = left;
                std::future::pending::<()>().await;
            });
        }
    });
    assert_eq!(descriptor_count(directory.path()), 0, "nothing is left open");
}

/// Blocks of 512 bytes of the file without a name that this process has open.
fn held_blocks(path: &std::path::Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    let name = format!("{} (deleted)", path.display());
    let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten().map(|entry| entry.path());
    let mut held = open.filter(|open| std::fs::read_link(open).is_ok_and(|target| target.as_os_str() == name.as_str()));
    held.find_map(|open| std::fs::metadata(open).ok()).map(|facts| facts.blocks())
}

#[test]
fn a_large_file_that_is_removed_is_there_for_who_reads_it_and_goes_then() {
    const LEN_BYTES: u64 = 32 << 20;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    on_one_core(move |runtime| {
        let path = path.clone();
        async move {
            let file = runtime.create_file(&path, LEN_BYTES).await.unwrap();
            file.write_durable_at(LEN_BYTES - BLOCK, filled(BLOCK_BYTES)).await.1.unwrap();
            let reader = runtime.open_file_to_read(&path).await.unwrap();
            drop(file);
            runtime.remove_file(&path).await.unwrap();
            assert!(!path.exists());
            runtime.sleep(Duration::from_millis(500)).await;
            assert!(held_blocks(&path).unwrap() >= LEN_BYTES / 512);
            let read = reader.read_at(LEN_BYTES - BLOCK, BLOCK_BYTES).await.unwrap();
            assert!(read.as_slice() == pattern(BLOCK_BYTES));
            drop((read, reader));
            let begun = runtime.now();
            while held_blocks(&path).is_some() {
                assert!(runtime.now().since(begun) < Duration::from_secs(20), "its space comes back");
                runtime.sleep(Duration::from_millis(1)).await;
            }
            // Its name is free at once, and what is small is gone with it.
            let file = runtime.create_file(&path, BLOCK).await.unwrap();
            drop(file);
            runtime.remove_file(&path).await.unwrap();
            assert!(!path.exists() && runtime.remove_file(&path).await.is_err());
        }
    });
}
