//! Parses and formats Spark's values: their types, texts, patterns, time zones, JSON and CSV.
//!
//! Casts, literals, the functions of JSON and of dates, and the readers and writers of files all use these parsers
//! and printers, so each rule is written once. Where Spark treats them differently, each has a function of its own.
//! The crate does not depend on queries, files or the clock.
//!
//! ```
//! use thalweg_values::datetime;
//! use thalweg_values::pattern::Pattern;
//! use thalweg_values::zone::Zone;
//!
//! let paris = Zone::named("Europe/Paris")?;
//! let instant = datetime::timestamp("1970-01-01 01:00:00.5").and_then(|read| read.instant(paris));
//! assert_eq!(instant, Some(500_000));
//!
//! let mut text = String::new();
//! Pattern::for_formatting("d MMM yyyy HH:mm z")?.format(paris.to_local(0), 0, paris, &mut text);
//! assert_eq!(text, "1 Jan 1970 01:00 CET");
//! # Ok::<(), thalweg_common::Error>(())
//! ```

pub mod calendar;
pub mod cell;
pub mod charset;
pub mod csv;
pub mod datetime;
pub mod display;
pub mod errors;
pub mod interval;
pub mod json;
pub mod names;
pub mod number;
pub mod pattern;
pub mod print;
pub mod types;
pub mod zone;

mod hexadecimal;
mod shortest;
