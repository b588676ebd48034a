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

use crate::registry::Family;

/// All entries of this family.
pub(crate) const FAMILIES: &[Family] = &[
    ("Arithmetic", &[arithmetic::ENTRIES]),
    ("Comparison", &[compare::ENTRIES]),
    ("Logic and conditions", &[logic::ENTRIES]),
    ("Bits", &[bits::ENTRIES]),
];
