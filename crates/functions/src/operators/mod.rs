//! Binds the operators: arithmetic, comparison, logic and bits.
//!
//! An operator for which DataFusion's answer is Spark's stays a native expression, so that the optimizer knows it.

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
