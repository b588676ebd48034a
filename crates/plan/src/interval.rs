//! Interval literals as Spark writes them in column names.

const DAY_TIME: [(&str, i64); 4] =
    [("DAY", 86_400_000_000), ("HOUR", 3_600_000_000), ("MINUTE", 60_000_000), ("SECOND", 1_000_000)];

/// `INTERVAL '1 02:03:04.5' DAY TO SECOND`.
pub(crate) fn day_time(micros: i64, start: u8, end: u8) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let mut rest = micros.unsigned_abs();
    let mut text = String::new();
    let (first, last) = (usize::from(start), usize::from(end));
    for (i, (_, unit)) in DAY_TIME.iter().enumerate().skip(first).take(last.saturating_sub(first) + 1) {
        let unit = unit.unsigned_abs();
        let value = rest / unit;
        rest %= unit;
        match i {
            _ if i == first => text.push_str(&if i == 0 { value.to_string() } else { format!("{value:02}") }),
            1 => text.push_str(&format!(" {value:02}")),
            _ => text.push_str(&format!(":{value:02}")),
        }
    }
    if last == 3 && rest > 0 {
        text.push_str(format!(".{rest:06}").trim_end_matches('0'));
    }
    let name = |i: usize| DAY_TIME.get(i).map_or("?", |(n, _)| n);
    format!("INTERVAL '{sign}{text}' {}", range(name(first), name(last)))
}

/// `INTERVAL '1-2' YEAR TO MONTH`.
pub(crate) fn year_month(months: i32, start: u8, end: u8) -> String {
    let sign = if months < 0 { "-" } else { "" };
    let all = months.unsigned_abs();
    match (start, end) {
        (0, 0) => format!("INTERVAL '{sign}{}' YEAR", all / 12),
        (1, 1) => format!("INTERVAL '{sign}{all}' MONTH"),
        _ => format!("INTERVAL '{sign}{}-{}' YEAR TO MONTH", all / 12, all % 12),
    }
}

/// `INTERVAL '1 months 2 days 3 seconds'`.
pub(crate) fn calendar(months: i32, days: i32, micros: i64) -> String {
    let mut parts = vec![];
    let mut part = |value: i64, unit: &str| {
        if value != 0 {
            parts.push(format!("{value} {unit}"));
        }
    };
    part(i64::from(months / 12), "years");
    part(i64::from(months % 12), "months");
    part(i64::from(days), "days");
    part(micros / 3_600_000_000, "hours");
    part(micros / 60_000_000 % 60, "minutes");
    part(micros / 1_000_000 % 60, "seconds");
    if parts.is_empty() {
        parts.push("0 seconds".to_owned());
    }
    format!("INTERVAL '{}'", parts.join(" "))
}

fn range(first: &str, last: &str) -> String {
    if first == last { first.to_owned() } else { format!("{first} TO {last}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_read_as_spark_writes_them() {
        assert_eq!(day_time(86_400_000_000, 0, 0), "INTERVAL '1' DAY");
        assert_eq!(day_time(93_784_500_000, 0, 3), "INTERVAL '1 02:03:04.5' DAY TO SECOND");
        assert_eq!(day_time(-7_200_000_000, 1, 1), "INTERVAL '-02' HOUR");
        assert_eq!(year_month(14, 0, 1), "INTERVAL '1-2' YEAR TO MONTH");
    }
}
