//! Reads that lie close together in a file become one, which costs the kernel and the disk about as much as any of them. Pure.
//!
//! A query of items that were written one after the other finds them side by side in the journal, several to a block; and the blocks of a file that it
//! walks through lie in a row.

use partition::FileName;
use runtime::FileSpan;

/// Bytes between two reads that are read with them: they cost less than a read.
const GAP_BYTES_MAX: u64 = 8 << 10;
/// Bytes of a read of several.
const JOINT_BYTES_MAX: u64 = 128 << 10;

/// What is to be read for a load.
pub(crate) struct Wanted {
    pub(crate) file: FileName,
    pub(crate) span: FileSpan,
    /// The load, by its place.
    pub(crate) load: u32,
}

/// A part of a read that is for a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// The load, by its place.
    pub(crate) load: u32,
    /// Where in the read it begins, and how long it is, in bytes.
    begin: usize,
    len_bytes: usize,
}

impl Part {
    /// What the load has asked for, of all the bytes of the read.
    pub(crate) fn of<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        &bytes[self.begin..][..self.len_bytes]
    }
}

/// Takes out what is wanted and gives it to `begin` as reads, each with the parts that it is for.
pub(crate) fn join(wanted: &mut Vec<Wanted>, mut begin: impl FnMut(FileSpan, &[Part])) {
    wanted.sort_unstable_by_key(|wanted| (wanted.file, wanted.span.offset, wanted.load));
    let mut parts = Vec::new();
    let mut rest = wanted.drain(..).peekable();
    while let Some(Wanted { file, mut span, load }) = rest.next() {
        parts.push(Part { load, begin: 0, len_bytes: span.len_bytes });
        while let Some(next) = rest.next_if(|next| next.file == file && reaches(&span, &next.span)) {
            let inside = usize::try_from(next.span.offset - span.offset).expect("a read is bounded");
            parts.push(Part { load: next.load, begin: inside, len_bytes: next.span.len_bytes });
            span.len_bytes = span.len_bytes.max(inside + next.span.len_bytes);
        }
        begin(span, &parts);
        parts.clear();
    }
}

/// Whether the next span, which does not begin before the first, is read with it.
fn reaches(span: &FileSpan, next: &FileSpan) -> bool {
    let (end, next_end) = (span.offset + span.len_bytes as u64, next.offset + next.len_bytes as u64);
    next.offset <= end + GAP_BYTES_MAX && next_end.max(end) - span.offset <= JOINT_BYTES_MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use partition::FileName::{Segment, Table};
    use runtime::simulated::Machine;
    use std::path::Path;

    const KIB: u64 = 1 << 10;

    /// Where a read begins and how long it is, in KiB; its loads, and where their parts begin.
    type Joined = (u64, usize, Vec<(u32, usize)>);

    /// The reads that these spans, in KiB, become.
    fn joined(spans: &[(FileName, u64, u64)]) -> Vec<Joined> {
        let machine = Machine::new(1);
        let file = machine.run(machine.runtime().create_file(Path::new("/file"), 4096)).expect("up").expect("room");
        let spans = (0..).zip(spans).map(|(load, (name, offset, len))| {
            let len_bytes = usize::try_from(len * KIB).expect("short");
            Wanted { file: *name, span: FileSpan { file: file.clone(), offset: offset * KIB, len_bytes }, load }
        });
        let mut reads = Vec::new();
        let mut wanted: Vec<_> = spans.collect();
        join(&mut wanted, |span, parts| {
            let parts = parts.iter().map(|part| (part.load, part.begin / 1024)).collect();
            reads.push((span.offset / KIB, span.len_bytes / 1024, parts));
        });
        assert!(wanted.is_empty());
        reads
    }

    #[test]
    fn what_lies_close_together_in_a_file_is_one_read() {
        let spans = [
            (Segment(1), 64, 4),
            (Segment(1), 8, 8),
            (Segment(2), 8, 4),
            (Table(1), 8, 4),
            (Segment(1), 8, 4),
            (Segment(1), 12, 4),
            (Segment(1), 24, 4),
            (Segment(1), 40, 4),
        ];
        let reads = joined(&spans);
        let expected = [
            (8, 4, vec![(3, 0)]),
            (8, 20, vec![(1, 0), (4, 0), (5, 4), (6, 16)]),
            (40, 4, vec![(7, 0)]),
            (64, 4, vec![(0, 0)]),
            (8, 4, vec![(2, 0)]),
        ];
        assert_eq!(reads, expected);
    }

    #[test]
    fn a_read_of_several_is_of_a_bounded_length_and_a_long_one_is_alone() {
        let spans: Vec<_> = (0..40).map(|number| (Segment(1), number * 4, 4)).chain([(Segment(1), 160, 400)]).collect();
        let reads = joined(&spans);
        let lengths: Vec<_> = reads.iter().map(|(offset, length, parts)| (*offset, *length, parts.len())).collect();
        assert_eq!(lengths, [(0, 128, 32), (128, 32, 8), (160, 400, 1)]);
    }

    #[test]
    fn a_part_is_what_its_load_has_asked_for() {
        let part = Part { load: 1, begin: 2, len_bytes: 3 };
        assert_eq!(part.of(&[0, 1, 2, 3, 4, 5, 6]), [2, 3, 4]);
    }
}
