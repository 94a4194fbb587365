//! The simulator's allocator: freed blocks are kept by size, per thread, and given out again.
//!
//! A schedule makes and drops some hundred thousand small values; the system's allocator spends a quarter of the time
//! on joining and splitting their blocks. Blocks above the largest class go to the system, and nothing kept is given
//! back before the end, so this is for a program that runs schedules and stops. Not a part of the product.

#![allow(unsafe_code, reason = "an allocator is unsafe by its trait; nothing else in the repository is")]
#![allow(clippy::cast_ptr_alignment, reason = "blocks of a class are aligned to STEP")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;

/// Bytes from one class to the next.
const STEP: usize = 16;
/// Classes: blocks of up to 1,024 bytes.
const CLASSES: usize = 64;

/// Free blocks by class; each holds the address of the next.
struct Kept([*mut u8; CLASSES]);

thread_local! {
    static KEPT: UnsafeCell<Kept> = const { UnsafeCell::new(Kept([std::ptr::null_mut(); CLASSES])) };
}

/// Keeps freed blocks.
pub(crate) struct Keeper;

#[global_allocator]
static KEEPER: Keeper = Keeper;

/// The class of a block, if it is kept at all.
fn class(layout: &Layout) -> Option<usize> {
    let class = layout.size().div_ceil(STEP);
    (class < CLASSES && class > 0 && layout.align() <= STEP).then_some(class)
}

// SAFETY: a block of a class is always `class * STEP` bytes from the system with an alignment of STEP, whoever asks for
// it, so any request of that class may have it. A kept block belongs to nobody, and its first bytes hold the next one.
unsafe impl GlobalAlloc for Keeper {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(class) = class(&layout) else { return System.alloc(layout) };
        let take = |kept: &UnsafeCell<Kept>| {
            let first = &mut (*kept.get()).0[class];
            let block = *first;
            if !block.is_null() {
                *first = block.cast::<*mut u8>().read();
            }
            block
        };
        let block = KEPT.try_with(take).unwrap_or(std::ptr::null_mut());
        if block.is_null() {
            System.alloc(Layout::from_size_align_unchecked(class * STEP, STEP))
        } else {
            block
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(class) = class(&layout) else { return System.dealloc(block, layout) };
        let keep = |kept: &UnsafeCell<Kept>| {
            let first = &mut (*kept.get()).0[class];
            block.cast::<*mut u8>().write(*first);
            *first = block;
        };
        if KEPT.try_with(keep).is_err() {
            System.dealloc(block, Layout::from_size_align_unchecked(class * STEP, STEP));
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let wanted = Layout::from_size_align_unchecked(size, layout.align());
        match (class(&layout), class(&wanted)) {
            (None, None) => System.realloc(block, layout, size),
            (old, new) if old == new => block,
            _ => {
                let moved = self.alloc(wanted);
                if !moved.is_null() {
                    moved.copy_from_nonoverlapping(block, layout.size().min(size));
                    self.dealloc(block, layout);
                }
                moved
            }
        }
    }
}
