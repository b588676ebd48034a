//! Lists the English names of months, days of the week, quarters and eras.

/// The months from January.
pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
/// The era before Christ and the one after, each with its short and its full name.
pub(super) const ERAS: [(&str, &str); 2] = [("BC", "Before Christ"), ("AD", "Anno Domini")];

/// Returns the English name of a month from 1 to 12.
pub fn month_name(month: u32) -> &'static str {
    MONTHS.get((month as usize).wrapping_sub(1)).copied().unwrap_or("")
}

/// Returns the English name of a day of the week, from 0 for Monday.
pub fn day_name(weekday: i64) -> &'static str {
    usize::try_from(weekday).ok().and_then(|d| DAYS.get(d)).copied().unwrap_or("")
}

/// Returns the first three letters of a name, which is how Java shortens names in English.
pub fn short(name: &str) -> &str {
    name.get(..3).unwrap_or(name)
}

/// Returns the name of a quarter from 1 to 4.
pub(super) fn quarter_name(quarter: i64) -> &'static str {
    match quarter {
        1 => "1st quarter",
        2 => "2nd quarter",
        3 => "3rd quarter",
        _ => "4th quarter",
    }
}
