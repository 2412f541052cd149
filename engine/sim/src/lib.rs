//! Whole nodes in one thread on a simulated machine: faults, workloads, checkers, seeds.
