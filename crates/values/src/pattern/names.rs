//! The English names of months, days of the week, quarters and eras.

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
/// Before Christ and after, in short and in full.
pub(super) const ERAS: [(&str, &str); 2] = [("BC", "Before Christ"), ("AD", "Anno Domini")];

/// The English name of a month from 1 to 12.
pub fn month_name(month: u32) -> &'static str {
    MONTHS.get((month as usize).wrapping_sub(1)).copied().unwrap_or("")
}

/// The English name of a day of the week, Monday 0.
pub fn day_name(weekday: i64) -> &'static str {
    usize::try_from(weekday).ok().and_then(|d| DAYS.get(d)).copied().unwrap_or("")
}

/// The first three letters of a name.
pub fn short(name: &str) -> &str {
    name.get(..3).unwrap_or(name)
}

/// The name of a quarter from 1 to 4.
pub(super) fn quarter_name(quarter: i64) -> &'static str {
    match quarter {
        1 => "1st quarter",
        2 => "2nd quarter",
        3 => "3rd quarter",
        _ => "4th quarter",
    }
}
