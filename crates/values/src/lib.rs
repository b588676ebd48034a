//! Spark's values: their types, their texts and their JSON and CSV, each question answered once.
//!
//! Casts, literals, the functions of JSON and of dates, and the readers and writers of files ask here what a text
//! means and how a value is written; what Spark answers differently from one of them to the other has a function of
//! its own. Knows no query, no file and no clock.
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
#![deny(missing_docs, unreachable_pub)]

pub mod calendar;
pub mod cell;
pub mod csv;
pub mod datetime;
pub mod display;
pub mod errors;
pub mod interval;
pub mod json;
pub mod number;
pub mod pattern;
pub mod print;
pub mod types;
pub mod zone;

mod shortest;
