//! Time: the calendar, zones, texts, patterns, intervals and event-time windows.
//!
//! Everything counts microseconds or days since 1970-01-01 in the proleptic Gregorian calendar.
//! Nothing here reads the clock.

pub(crate) mod civil;
pub(crate) mod event;
pub(crate) mod interval;
pub(crate) mod parse;
pub(crate) mod pattern;
pub(crate) mod zone;
