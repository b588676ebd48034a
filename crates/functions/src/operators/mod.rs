//! Operators: arithmetic, comparison, logic and bits.
//!
//! What DataFusion does as Spark does stays a native expression, so that its optimizer sees it.

mod arithmetic;
mod bits;
pub(crate) mod compare;
mod decimals;
mod integers;
pub(crate) mod key;
mod logic;
pub(crate) mod temporal;

use crate::registry::Entry;

/// All entries of this family.
pub(crate) const FAMILIES: &[&[Entry]] =
    &[arithmetic::ENTRIES, compare::ENTRIES, logic::ENTRIES, bits::ENTRIES];
