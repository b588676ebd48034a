//! Marks the functions whose lists may be much larger than their rows.
//!
//! A plan must not compute such lists for a whole batch of rows at a time. It sees a function by its name alone, which
//! a function of a session may have too, so the mark is an alias that no function can be called by.

use datafusion::logical_expr::ScalarUDF;
use std::sync::LazyLock;

/// The aliases of a function whose lists may be much larger than their rows. They contain a blank, which the name of
/// a function cannot.
static LARGE_LISTS: LazyLock<[String; 1]> = LazyLock::new(|| ["makes large lists".to_owned()]);

/// Returns what the `aliases` of such a function are.
pub fn large_list_aliases() -> &'static [String] {
    LARGE_LISTS.as_slice()
}

/// Returns whether a function has the mark.
pub fn makes_large_lists(function: &ScalarUDF) -> bool {
    function.aliases() == large_list_aliases()
}
