//! Counts what the current thread allocates.

// Every test program uses its own part of this.
#![allow(unsafe_code, dead_code)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

struct Counting;

/// Bytes that a thread allocated, less those it gave back, the most that ever was, and all it ever allocated.
#[derive(Clone, Copy)]
struct Counts {
    live: isize,
    peak: isize,
    total: usize,
}

thread_local! {
    static COUNTS: Cell<Counts> = const { Cell::new(Counts { live: 0, peak: 0, total: 0 }) };
}

fn count(allocated: usize, freed: usize) {
    let Counts { live, peak, total } = COUNTS.get();
    let live = live + allocated as isize - freed as isize;
    COUNTS.set(Counts { live, peak: peak.max(live), total: total + allocated });
}

// SAFETY: hands every call on to the system's allocator, unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller keeps the promises of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: `pointer` came from `alloc` above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What a piece of work took.
#[derive(Debug)]
pub(crate) struct Taken {
    /// Bytes that are still held when it is done.
    pub(crate) live: usize,
    /// The most bytes held at once, above what was held before.
    pub(crate) peak: usize,
    /// All bytes ever allocated.
    pub(crate) total: usize,
}

/// Does `work`, and counts what it takes on this thread.
pub(crate) fn counted<T>(work: impl FnOnce() -> T) -> (T, Taken) {
    let before = COUNTS.get();
    COUNTS.set(Counts { peak: before.live, ..before });
    let done = work();
    let after = COUNTS.get();
    let peak = usize::try_from(after.peak - before.live).unwrap_or(0);
    let live = usize::try_from(after.live - before.live).unwrap_or(0);
    (done, Taken { peak, live, total: after.total - before.total })
}
