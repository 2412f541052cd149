//! Which runs of a set are merged: as few as keep the number of runs that a read looks into small. Pure.
//!
//! Runs are of levels: each level holds runs some times as large as the one below. When there are enough runs of a level, or of levels below it, at the newest
//! end, they are merged into one of the next. So an entry is written again once for each level, and a set has fewer than [`FAN_IN`] runs for each.
//! What is superseded in the oldest run is found by a merge that includes it; when that is worth it for its own sake is the engine's to say.

/// Runs that become one: so many that an entry is written twice until a set has a few hundred flushes, and so few that to ask the filters of all runs, which are
/// fetched together, takes a small part of an operation.
const FAN_IN: usize = 20;

/// How many of the newest runs to merge, given how many entries each has, newest first; 0: none.
pub(crate) fn runs_to_merge(entry_counts: impl Iterator<Item = u64> + Clone) -> usize {
    let highest = entry_counts.clone().map(level_of).max().unwrap_or(0);
    let group = |level: u32| {
        let group = || entry_counts.clone().take_while(|count| level_of(*count) <= level);
        // Only what is of the next level together: a large run is not written again for a few small ones.
        let is_of_next_level = level_of(group().sum()) > level;
        Some(group().count()).filter(|count| is_of_next_level && *count >= FAN_IN)
    };
    (0..=highest).find_map(group).unwrap_or(0)
}

fn level_of(entry_count: u64) -> u32 {
    entry_count.max(1).ilog(FAN_IN as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_one_level_are_merged_and_larger_ones_wait() {
        let to_merge = |parts: &[&[u64]]| runs_to_merge(parts.concat().into_iter());
        assert_eq!(to_merge(&[]), 0);
        assert_eq!(to_merge(&[&[5; 19]]), 0);
        assert_eq!(to_merge(&[&[5; 20]]), 20);
        assert_eq!(to_merge(&[&[5; 20], &[1_000]]), 20);
        assert_eq!(to_merge(&[&[5; 10], &[40; 10]]), 20, "those of two levels make one of the third");
        assert_eq!(to_merge(&[&[5], &[399], &[5; 18]]), 20);
        assert_eq!(to_merge(&[&[1, 300, 300, 300]]), 0);
        assert_eq!(to_merge(&[&[1; 19], &[1_000]]), 0);
    }

    #[test]
    fn flushes_of_one_size_leave_few_runs_and_are_written_a_few_times() {
        let (mut runs, mut written, mut most) = (Vec::new(), 0, 0);
        let flush_count = 4_000;
        for _ in 0..flush_count {
            runs.insert(0, 1_u64);
            let count = runs_to_merge(runs.iter().copied());
            if count > 0 {
                let sum: u64 = runs.drain(..count).sum();
                written += sum;
                runs.insert(0, sum);
            }
            most = most.max(runs.len());
        }
        assert!(most <= 48, "{most} runs");
        assert!(written <= 2 * flush_count, "{written} entries written by merges for {flush_count}");
    }
}
