//! Defines the parts that all crates share: errors, cancellation, name suggestions, configuration, clocks, locks, ids
//! and fail points.
//!
//! The crate depends on no other crate of the project, and knows nothing of Arrow, DataFusion, protobuf, SQL
//! or sessions.
//!
//! ```
//! use thalweg_common::ids::Epoch;
//! use thalweg_common::{Error, ErrorKind, Result};
//!
//! fn divide(a: i64, b: i64) -> Result<i64> {
//!     a.checked_div(b).ok_or_else(|| {
//!         Error::new(ErrorKind::Arithmetic, "DIVIDE_BY_ZERO", "22012", "Division by zero.")
//!             .hint("Use try_divide to get NULL instead.")
//!     })
//! }
//!
//! let error = divide(1, 0).unwrap_err();
//! assert_eq!(error.to_string(), "[DIVIDE_BY_ZERO] Division by zero. SQLSTATE: 22012");
//! assert_eq!(Epoch(4).next(), Epoch(5));
//! ```

pub mod cancel;
pub mod clock;
pub mod config;
pub mod error;
pub mod fail_point;
pub mod ids;
pub mod injected_bug;
pub mod lock;
pub mod suggest;

pub use error::{Error, ErrorKind, Position, Result};
