//! Formats interval literals as in Spark's column names.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_read_as_spark_writes_them() {
        assert_eq!(calendar(14, 2, 3_000_000), "INTERVAL '1 years 2 months 2 days 3 seconds'");
    }
}
