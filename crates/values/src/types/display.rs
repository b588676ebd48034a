//! Writes types as text in the forms that Spark uses.

use super::name::{DAY_TIME, YEAR_MONTH};
use super::{DataType, StructField, StructType};

impl DataType {
    /// Returns Spark's `simpleString`, never shortened: `array<struct<a:int>>`.
    pub fn simple_string(&self) -> String {
        match self {
            Self::Decimal { precision, scale } => format!("decimal({precision},{scale})"),
            Self::Char(n) => format!("char({n})"),
            Self::Varchar(n) => format!("varchar({n})"),
            Self::DayTimeInterval { start, end } => interval_name(&DAY_TIME, *start, *end),
            Self::YearMonthInterval { start, end } => interval_name(&YEAR_MONTH, *start, *end),
            Self::Array { element, .. } => format!("array<{}>", element.simple_string()),
            Self::Map { key, value, .. } => {
                format!("map<{},{}>", key.simple_string(), value.simple_string())
            }
            Self::Struct(s) => {
                let field = |f: &StructField| format!("{}:{}", f.name, f.data_type.simple_string());
                format!("struct<{}>", joined(s, ",", field))
            }
            _ => self.plain_name().to_owned(),
        }
    }

    /// Returns Spark's `sql`: `ARRAY<STRUCT<a: INT>>`.
    pub fn sql(&self) -> String {
        match self {
            Self::Array { element, .. } => format!("ARRAY<{}>", element.sql()),
            Self::Map { key, value, .. } => format!("MAP<{}, {}>", key.sql(), value.sql()),
            Self::Struct(s) => {
                let field = |f: &StructField| format!("{}: {}", quoted(&f.name), f.type_and_rest());
                format!("STRUCT<{}>", joined(s, ", ", field))
            }
            // Names of fields are not uppercased, so nested types are handled above.
            _ => self.simple_string().to_uppercase(),
        }
    }

    /// Returns Spark's `typeName`, as printSchema and JSON write it: `integer`, `decimal(10,2)`, `array`.
    pub fn type_name(&self) -> String {
        match self {
            // The names of integers are the only ones that differ from `simpleString`, besides nested types.
            Self::Byte => "byte".to_owned(),
            Self::Short => "short".to_owned(),
            Self::Integer => "integer".to_owned(),
            Self::Long => "long".to_owned(),
            Self::Array { .. } => "array".to_owned(),
            Self::Map { .. } => "map".to_owned(),
            Self::Struct(_) => "struct".to_owned(),
            _ => self.simple_string(),
        }
    }

    /// Returns the name of a type without parameters.
    fn plain_name(&self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Byte => "tinyint",
            Self::Short => "smallint",
            Self::Integer => "int",
            Self::Long => "bigint",
            Self::Float => "float",
            Self::Double => "double",
            Self::String => "string",
            Self::Binary => "binary",
            Self::Date => "date",
            Self::Timestamp => "timestamp",
            Self::TimestampNtz => "timestamp_ntz",
            Self::CalendarInterval => "interval",
            _ => "void",
        }
    }

    /// Appends the lines below a field of this type in a schema tree.
    fn push_tree(&self, prefix: &str, level: usize, out: &mut String) {
        if level == 0 {
            return;
        }
        let line = |out: &mut String, name: &str, of: &Self, note: &str| {
            out.push_str(&format!("{prefix}-- {name}: {}{note}\n", of.type_name()));
            of.push_tree(&format!("{prefix}    |"), level - 1, out);
        };
        match self {
            Self::Array { element, contains_null } => {
                line(out, "element", element, &format!(" (containsNull = {contains_null})"));
            }
            Self::Map { key, value, value_contains_null } => {
                line(out, "key", key, "");
                line(out, "value", value, &format!(" (valueContainsNull = {value_contains_null})"));
            }
            Self::Struct(s) => {
                for f in &s.fields {
                    line(out, &f.name, &f.data_type, &format!(" (nullable = {})", f.nullable));
                }
            }
            _ => {}
        }
    }
}

impl StructType {
    /// Returns the columns as DDL: ``a INT NOT NULL,`b c` STRING COMMENT 'x'``.
    pub fn ddl(&self) -> String {
        joined(self, ",", StructField::ddl)
    }

    /// Returns the text of printSchema; `level` limits the depth.
    pub fn tree_string(&self, level: Option<usize>) -> String {
        let mut out = "root\n".to_owned();
        DataType::Struct(self.clone()).push_tree(" |", level.unwrap_or(usize::MAX), &mut out);
        out
    }
}

impl StructField {
    /// Returns the column as DDL.
    pub fn ddl(&self) -> String {
        format!("{} {}", quoted(&self.name), self.type_and_rest())
    }

    /// Returns the comment, without the quotes and escapes of its JSON.
    pub fn comment(&self) -> Option<String> {
        serde_json::from_str(self.metadata.get("comment")?).ok()
    }

    /// Returns the type, with NOT NULL and the comment if there are such.
    fn type_and_rest(&self) -> String {
        let mut text = self.data_type.sql();
        if !self.nullable {
            text.push_str(" NOT NULL");
        }
        if let Some(comment) = self.comment() {
            let escaped = comment.replace('\\', "\\\\").replace('\'', "\\'");
            text.push_str(&format!(" COMMENT '{escaped}'"));
        }
        text
    }
}

impl std::fmt::Display for DataType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.simple_string())
    }
}

fn joined(s: &StructType, separator: &str, field: impl Fn(&StructField) -> String) -> String {
    s.fields.iter().map(field).collect::<Vec<_>>().join(separator)
}

fn interval_name(fields: &[&str], start: u8, end: u8) -> String {
    let name = |at: u8| fields.get(usize::from(at)).copied().unwrap_or("?");
    match start == end {
        true => format!("interval {}", name(start)),
        false => format!("interval {} to {}", name(start), name(end)),
    }
}

/// Returns the name, in backquotes unless it is a plain identifier.
fn quoted(name: &str) -> String {
    // Spark quotes names with other characters, and those of digits alone.
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && name.starts_with(|c: char| !c.is_ascii_digit());
    if plain { name.to_owned() } else { format!("`{}`", name.replace('`', "``")) }
}
