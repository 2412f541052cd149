//! From a copied stack to the names of its functions.
//!
//! The tables that say how to unwind are in memory anyway, as part of each loaded object (`.eh_frame`); where they are, the loader tells. Names
//! come from the binary's line tables, read from its file the first time that one is asked for.

use std::ffi::c_void;
use std::path::Path;
use std::slice;

use framehop::x86_64::{CacheX86_64, UnwindRegsX86_64, UnwinderX86_64};
use framehop::{ExplicitModuleSectionInfo, Module, Unwinder};

use super::sampling::StackCopy;

/// Functions of a stack that are named.
const FRAME_COUNT_MAX: usize = 64;
/// Here a core begins with a task. Further out is what all of them run in: the executor and the start of the thread.
const OUTERMOST: &str = "poll_future";
/// Parts of a file's path that are told.
const PATH_PART_COUNT: usize = 3;

/// Unwinds stacks of this process and names their functions.
pub(super) struct Stacks {
    unwinder: UnwinderX86_64<&'static [u8]>,
    cache: CacheX86_64,
}

impl Stacks {
    pub(super) fn of_this_process() -> Stacks {
        let mut unwinder = UnwinderX86_64::new();
        loaded_objects().into_iter().for_each(|module| unwinder.add_module(module));
        Stacks { unwinder, cache: CacheX86_64::new() }
    }

    /// The functions, innermost first, inlined ones included.
    pub(super) fn name_functions(&mut self, copy: &StackCopy) -> Vec<String> {
        let mut names = Vec::new();
        for address in self.unwind(copy) {
            // Only to be looked up.
            let address = std::ptr::without_provenance_mut::<c_void>(usize::try_from(address).unwrap_or(0));
            let before = names.len();
            backtrace::resolve(address, |symbol| names.extend(describe(symbol)));
            if names.len() == before {
                names.push(format!("{address:p}"));
            }
            if let Some(outermost) = names[before..].iter().position(|name| is_outermost(name)) {
                names.truncate(before + outermost);
                break;
            }
        }
        names
    }

    /// The addresses to be looked up, innermost first.
    fn unwind(&mut self, copy: &StackCopy) -> Vec<u64> {
        let registers = UnwindRegsX86_64::new(copy.instruction, copy.stack_pointer, copy.frame_pointer);
        let mut read = |address: u64| read_word(copy, address).ok_or(());
        let mut frames = self.unwinder.iter_frames(copy.instruction, registers, &mut self.cache, &mut read);
        let mut addresses = Vec::new();
        while let Ok(Some(frame)) = frames.next() {
            addresses.push(frame.address_for_lookup());
            if addresses.len() == FRAME_COUNT_MAX {
                break;
            }
        }
        addresses
    }
}

fn read_word(copy: &StackCopy, address: u64) -> Option<u64> {
    let start = usize::try_from(address.checked_sub(copy.address)?).ok()?;
    let word = copy.bytes.get(start..start.checked_add(8)?)?;
    Some(u64::from_ne_bytes(word.try_into().ok()?))
}

/// "function (end/of/the/path.rs:line)".
fn describe(symbol: &backtrace::Symbol) -> Option<String> {
    let name = without_type_arguments(&format!("{:#}", symbol.name()?));
    Some(match (symbol.filename(), symbol.lineno()) {
        (Some(path), Some(line)) => format!("{name} ({}:{line})", end_of_path(path)),
        _ => name,
    })
}

fn is_outermost(described: &str) -> bool {
    described.split(" (").next().is_some_and(|name| name.rsplit("::").next() == Some(OUTERMOST))
}

fn end_of_path(path: &Path) -> String {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts[parts.len().saturating_sub(PATH_PART_COUNT)..].join("/")
}

/// `poll<F, runtime::Buffer>` is `poll`, and `<a::B<C> as d::E>::f` is `<a::B as d::E>::f`: the arguments of what runs in an executor
/// are longer than all the rest.
fn without_type_arguments(name: &str) -> String {
    let (mut short, mut depth, mut last) = (String::new(), 0u32, ' ');
    for letter in name.chars() {
        match letter {
            '<' if depth > 0 || last.is_alphanumeric() || matches!(last, '_' | '}' | ':') => depth += 1,
            // Not that of an arrow.
            '>' if depth > 0 && last != '-' => depth -= 1,
            _ if depth == 0 => short.push(letter),
            _ => {}
        }
        last = letter;
    }
    short
}

/// What is loaded: the binary, its libraries, the kernel's page of clocks. None of it is ever unloaded.
fn loaded_objects() -> Vec<Module<&'static [u8]>> {
    let mut modules: Vec<Module<&'static [u8]>> = Vec::new();
    // SAFETY: `note_object` is called with the pointer given here, before this returns, and does not unwind.
    unsafe { libc::dl_iterate_phdr(Some(note_object), (&raw mut modules).cast()) };
    modules
}

unsafe extern "C" fn note_object(object: *mut libc::dl_phdr_info, _: usize, modules: *mut c_void) -> libc::c_int {
    // SAFETY: the loader passes a valid description, and `loaded_objects` its list, which nobody else uses meanwhile.
    let (object, modules) = unsafe { (&*object, &mut *modules.cast::<Vec<Module<&'static [u8]>>>()) };
    // SAFETY: the description says where the program headers are and how many.
    let headers = unsafe { slice::from_raw_parts(object.dlpi_phdr, usize::from(object.dlpi_phnum)) };
    modules.extend(describe_object(object.dlpi_addr, headers));
    0
}

/// `base` is what is added to the object's own addresses.
fn describe_object(base: u64, headers: &[libc::Elf64_Phdr]) -> Option<Module<&'static [u8]>> {
    let loads = || headers.iter().filter(|header| header.p_type == libc::PT_LOAD);
    let start = loads().map(|header| header.p_vaddr).min()?;
    let end = loads().map(|header| header.p_vaddr + header.p_memsz).max()?;
    let index = headers.iter().find(|header| header.p_type == libc::PT_GNU_EH_FRAME)?;
    let index_range = index.p_vaddr..index.p_vaddr + index.p_memsz;
    // SAFETY: the object is loaded for good, and this header says that these bytes of it are the index.
    let index_bytes = unsafe { loaded_bytes(base, &index_range) };
    // Linux Standard Base, .eh_frame_hdr: version 1, then how the place of `.eh_frame` is told; all linkers tell it as
    // four signed bytes, counted from where they stand (0x1b).
    let &[1, 0x1b, _, _, a, b, c, d, ..] = index_bytes else { return None };
    let distance = i64::from(i32::from_le_bytes([a, b, c, d]));
    let tables_start = (index.p_vaddr + 4).checked_add_signed(distance)?;
    let home = loads().find(|header| (header.p_vaddr..header.p_vaddr + header.p_filesz).contains(&tables_start))?;
    // How long they are is not told: to the end of the segment at most.
    let tables_range = tables_start..home.p_vaddr + home.p_filesz;
    // SAFETY: all of the range is in one segment, which is loaded.
    let tables_bytes = unsafe { loaded_bytes(base, &tables_range) };
    let sections = ExplicitModuleSectionInfo {
        eh_frame_svma: Some(tables_range),
        eh_frame: Some(tables_bytes),
        eh_frame_hdr_svma: Some(index_range),
        eh_frame_hdr: Some(index_bytes),
        ..ExplicitModuleSectionInfo::default()
    };
    Some(Module::new(String::new(), base + start..base + end, base, sections))
}

/// # Safety
/// The range is loaded at `base`, readable, and never changed nor unloaded.
unsafe fn loaded_bytes(base: u64, range: &std::ops::Range<u64>) -> &'static [u8] {
    let len = usize::try_from(range.end - range.start).expect("addresses are 64 bits");
    let start = usize::try_from(base + range.start).expect("addresses are 64 bits");
    // SAFETY: the caller's promise.
    unsafe { slice::from_raw_parts(std::ptr::with_exposed_provenance(start), len) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short() {
        let check = |name: &str, expected: &str| assert_eq!(without_type_arguments(name), expected);
        check("core::poll<a::B<C>, fn(D) -> E>", "core::poll");
        check("{async_block#0}<real::x::{closure#0}>", "{async_block#0}");
        check(
            "<alloc::boxed::Box<dyn FnOnce<(), Output = ()>> as core::FnOnce<()>>::call",
            "<alloc::boxed::Box as core::FnOnce>::call",
        );
        check("Vec::<u8>::new", "Vec::::new");
        assert_eq!(end_of_path(Path::new("/a/engine/src/storing.rs")), "engine/src/storing.rs");
        assert!(is_outermost("poll_future (runtime/src/core.rs:1)") && is_outermost("a::poll_future"));
    }
}
