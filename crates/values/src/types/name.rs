//! Parses the names of types that are not nested, with all aliases.

use super::DataType;

/// The fields of day-time intervals, the largest first.
pub(super) const DAY_TIME: [&str; 4] = ["day", "hour", "minute", "second"];
/// The fields of year-month intervals.
pub(super) const YEAR_MONTH: [&str; 2] = ["year", "month"];

/// The precision and scale of `DECIMAL` without digits.
const DECIMAL_DEFAULT: (u8, i8) = (10, 0);

/// Names of types without parameters, aliases included.
const PLAIN: [(&str, DataType); 23] = [
    ("boolean", DataType::Boolean),
    ("tinyint", DataType::Byte),
    ("byte", DataType::Byte),
    ("smallint", DataType::Short),
    ("short", DataType::Short),
    ("int", DataType::Integer),
    ("integer", DataType::Integer),
    ("bigint", DataType::Long),
    ("long", DataType::Long),
    ("float", DataType::Float),
    ("real", DataType::Float),
    ("double", DataType::Double),
    ("string", DataType::String),
    ("binary", DataType::Binary),
    ("date", DataType::Date),
    ("timestamp", DataType::Timestamp),
    ("timestamp_ltz", DataType::Timestamp),
    ("timestamp_ntz", DataType::TimestampNtz),
    ("void", DataType::Null),
    ("null", DataType::Null),
    ("dec", DataType::Decimal { precision: DECIMAL_DEFAULT.0, scale: DECIMAL_DEFAULT.1 }),
    ("decimal", DataType::Decimal { precision: DECIMAL_DEFAULT.0, scale: DECIMAL_DEFAULT.1 }),
    ("numeric", DataType::Decimal { precision: DECIMAL_DEFAULT.0, scale: DECIMAL_DEFAULT.1 }),
];

impl DataType {
    /// The greatest precision of a decimal.
    pub const PRECISION_MAX: u8 = 38;

    /// Returns the type without parameters with this name or alias, in any case.
    pub fn plain(name: &str) -> Option<Self> {
        PLAIN
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, data_type)| data_type.clone())
    }

    /// Returns the decimal type with this precision and scale, or `None` if there is no such type.
    pub fn decimal(precision: u8, scale: i8) -> Option<Self> {
        // Spark allows a scale up to the precision.
        let fits = (1..=Self::PRECISION_MAX).contains(&precision) && i16::from(scale) <= i16::from(precision);
        fits.then_some(Self::Decimal { precision, scale })
    }

    /// Returns the interval type from one field to another, such as `day` to `second`; names in any case.
    pub fn interval(start: &str, end: &str) -> Option<Self> {
        let place = |names: &[&str], name: &str| {
            let at = names.iter().position(|n| n.eq_ignore_ascii_case(name))?;
            u8::try_from(at).ok()
        };
        let between = |names: &[&str]| {
            let (start, end) = (place(names, start)?, place(names, end)?);
            (start <= end).then_some((start, end))
        };
        if let Some((start, end)) = between(&DAY_TIME) {
            return Some(Self::DayTimeInterval { start, end });
        }
        between(&YEAR_MONTH).map(|(start, end)| Self::YearMonthInterval { start, end })
    }

    /// Parses the name of a type in Spark's JSON: `integer`, `decimal(10,2)`, `interval day to second`.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.trim();
        let words: Vec<&str> = name.split_whitespace().collect();
        match words.as_slice() {
            [first, rest @ ..] if first.eq_ignore_ascii_case("interval") => {
                return match rest {
                    [] => Some(Self::CalendarInterval),
                    [one] => Self::interval(one, one),
                    // `day to day` is written as `day`.
                    [start, to, end] if to.eq_ignore_ascii_case("to") && start != end => {
                        Self::interval(start, end)
                    }
                    _ => None,
                };
            }
            _ => {}
        }
        let Some((head, digits)) = name.strip_suffix(')').and_then(|n| n.split_once('(')) else {
            return Self::plain(name);
        };
        let numbers: Vec<&str> = digits.split(',').map(str::trim).collect();
        match (head.trim().to_ascii_lowercase().as_str(), numbers.as_slice()) {
            ("decimal" | "dec" | "numeric", [p]) => Self::decimal(p.parse().ok()?, 0),
            ("decimal" | "dec" | "numeric", [p, s]) => Self::decimal(p.parse().ok()?, s.parse().ok()?),
            ("char" | "character", [n]) => n.parse().ok().map(Self::Char),
            ("varchar", [n]) => n.parse().ok().map(Self::Varchar),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_found_by_each_of_its_names() {
        let good = [
            ("integer", "int"),
            ("LONG", "bigint"),
            ("decimal(10, 2)", "decimal(10,2)"),
            ("dec(12)", "decimal(12,0)"),
            ("varchar(3)", "varchar(3)"),
            ("interval", "interval"),
            ("interval year", "interval year"),
            ("interval day to second", "interval day to second"),
            ("void", "void"),
        ];
        for (name, wanted) in good {
            assert_eq!(
                DataType::from_name(name).map(|t| t.simple_string()).as_deref(),
                Some(wanted),
                "{name}"
            );
        }
        for name in ["", "foo", "int(3)", "decimal(39,1)", "array<int>", "interval day to day", "char"] {
            assert_eq!(DataType::from_name(name), None, "{name}");
        }
    }
}
