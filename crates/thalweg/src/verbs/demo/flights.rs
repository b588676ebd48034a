//! Reads the flights of a CSV file in the order of their departure, as raw lines.
//!
//! Departure is `time_hour` (UTC) plus `minute` plus the delay; a cancelled flight counts as if on
//! schedule. Flights that left in the same minute keep the file's order. The lines are passed on
//! untouched.

use crate::report::failed;
use std::path::Path;
use thalweg_common::Result;

const MINUTES_PER_DAY: i64 = 24 * 60;
/// Days from 0000-03-01 to 1970-01-01.
const DAYS_TO_1970: i64 = 719_468;

/// The header and the other lines of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Flights {
    pub header: String,
    pub rows: Vec<String>,
}

/// Reads and orders a file.
pub(super) fn read(file: &Path) -> Result<Flights> {
    let text =
        std::fs::read_to_string(file).map_err(|e| failed(&format!("cannot read {}", file.display()), e))?;
    order(&text).map_err(|what| failed(&format!("{} is not a file of nycflights13", file.display()), what))
}

fn order(text: &str) -> std::result::Result<Flights, String> {
    let mut lines = text.lines();
    let header = lines.next().ok_or("it is empty")?.to_owned();
    let place = |name: &str| {
        header.split(',').position(|c| c == name).ok_or_else(|| format!("it does not have the column {name}"))
    };
    let columns = [place("time_hour")?, place("minute")?, place("dep_delay")?];
    let mut rows: Vec<(i64, &str)> = Vec::new();
    for line in lines.filter(|l| !l.is_empty()) {
        let left = departure(line, columns).ok_or_else(|| format!("it has the line {line}"))?;
        rows.push((left, line));
    }
    rows.sort_by_key(|(left, _)| *left); // Stable: equal minutes keep the file's order.
    Ok(Flights { header, rows: rows.into_iter().map(|(_, line)| line.to_owned()).collect() })
}

/// Returns the departure in minutes since 1970; none if a field is not valid.
fn departure(line: &str, [time_hour, minute, delay]: [usize; 3]) -> Option<i64> {
    let fields: Vec<&str> = line.split(',').collect();
    let scheduled = minutes(fields.get(time_hour)?)? + fields.get(minute)?.parse::<i64>().ok()?;
    let delay = match *fields.get(delay)? {
        "NA" => 0,
        minutes => minutes.parse().ok()?,
    };
    Some(scheduled + delay)
}

/// Minutes since 1970 of `2013-01-01T10:00:00Z`.
fn minutes(timestamp: &str) -> Option<i64> {
    let (date, time) = timestamp.strip_suffix('Z')?.split_once('T')?;
    let mut clock = time.split(':').map(str::parse::<i64>);
    let (hour, minute) = (clock.next()?.ok()?, clock.next()?.ok()?);
    let mut calendar = date.split('-').map(str::parse::<i64>);
    let (year, month, day) = (calendar.next()?.ok()?, calendar.next()?.ok()?, calendar.next()?.ok()?);
    Some(days_since_1970(year, month, day) * MINUTES_PER_DAY + hour * 60 + minute)
}

/// The day's number in the proleptic Gregorian calendar, counted in years that begin in March, so that
/// a leap day is a year's last day.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // In a year that begins in March, `(153 m + 2) / 5` days come before the month `m`.
    year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - DAYS_TO_1970
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn time_is_counted_in_minutes_since_1970() {
        let cases = [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("1970-01-02T01:05:00Z", Some(24 * 60 + 65)),
            ("2013-01-01T10:00:00Z", Some(1_357_034_400 / 60)),
            ("2012-02-29T00:00:00Z", Some(1_330_473_600 / 60)),
            ("2013-01-01 10:00", None),
        ];
        for (text, expected) in cases {
            assert_eq!(minutes(text), expected, "{text}");
        }
    }

    #[test]
    fn flights_come_as_they_left_and_cancelled_ones_as_scheduled() {
        let text = "carrier,dep_delay,minute,time_hour\n\
                    late,90,0,2013-01-01T10:00:00Z\n\
                    early,-5,10,2013-01-01T10:00:00Z\n\
                    cancelled,NA,30,2013-01-01T10:00:00Z\n\
                    second,0,5,2013-01-01T10:00:00Z\n";
        let carriers: Vec<_> =
            order(text).unwrap().rows.iter().map(|r| r.split(',').next().unwrap().to_owned()).collect();
        assert_eq!(carriers, ["early", "second", "cancelled", "late"]);
    }

    #[test]
    fn a_file_of_something_else_is_refused() {
        for text in ["", "a,b\n1,2\n", "dep_delay,minute,time_hour\nx,0,2013-01-01T10:00:00Z\n"] {
            assert!(order(text).is_err(), "{text}");
        }
    }
}
