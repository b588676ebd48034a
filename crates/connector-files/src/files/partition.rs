//! Reads the `k=v` folders of a listing as partition columns, and names such folders.
//!
//! All files of a table have the same columns in their paths, or the table is refused. Types are inferred from all
//! values (int, bigint, decimal, double, date, timestamp, else string; void where all are null) unless a schema is
//! given. A value that is not of the given type is an error, never a null.

use super::FileEntry;
use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use datafusion::common::ScalarValue;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_storage::path::uri;
use thalweg_values::cell::{CellBuilder, TextRules};
use thalweg_values::names::same_name;
use thalweg_values::types::simple_name;
use thalweg_values::types::sql_name;
use thalweg_values::zone::Zone;
use thalweg_values::{datetime, number};

/// The folder name of a null.
pub const NULL_FOLDER: &str = "__HIVE_DEFAULT_PARTITION__";

/// Returns the partition columns of a listing. A column of `given` has the type there; others are inferred.
pub(crate) fn fields(files: &[FileEntry], given: Option<&Schema>, zone: Zone) -> Result<Vec<Field>> {
    let Some(first) = files.first() else { return Ok(Vec::new()) };
    let names: Vec<&str> = first.folders.iter().map(|(k, _)| k.as_str()).collect();
    // Otherwise a file would lack a value, or a folder would be lost.
    if let Some(other) =
        files.iter().find(|f| !f.folders.iter().map(|(k, _)| k.as_str()).eq(names.iter().copied()))
    {
        return Err(conflicting(first, other));
    }
    let field = |(index, name): (usize, &&str)| {
        let declared = given.and_then(|s| s.fields().iter().find(|f| same_name(f.name(), name)));
        if let Some(declared) = declared {
            return Field::new(declared.name(), declared.data_type().clone(), true);
        }
        let values = files.iter().filter_map(|f| f.folders.get(index)).map(|(_, v)| unescape(v));
        Field::new(*name, infer(values, zone), true)
    };
    Ok(names.iter().enumerate().map(field).collect())
}

/// Returns the values of one file's partition columns.
pub(crate) fn values(file: &FileEntry, fields: &[Field], zone: Zone) -> Result<Vec<ScalarValue>> {
    let pairs = file.folders.iter().zip(fields);
    pairs.map(|((_, value), field)| scalar(&unescape(value), field, zone)).collect()
}

/// Returns a column of `rows` equal values.
pub(crate) fn column(value: &ScalarValue, rows: usize) -> Result<ArrayRef> {
    value.to_array_of_size(rows).map_err(|e| Error::internal(format!("a partition column: {e}")))
}

/// Returns the value of a folder name as a value of the field's type.
///
/// ```
/// use arrow::datatypes::{DataType, Field};
/// use datafusion::common::ScalarValue;
/// use thalweg_connector_files::files::partition::{NULL_FOLDER, scalar};
/// use thalweg_values::zone::Zone;
///
/// # fn main() -> thalweg_common::Result<()> {
/// let month = Field::new("month", DataType::Int32, true);
/// assert_eq!(scalar("7", &month, Zone::UTC)?, ScalarValue::Int32(Some(7)));
/// assert_eq!(scalar(NULL_FOLDER, &month, Zone::UTC)?, ScalarValue::Int32(None));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// `INVALID_PARTITION_VALUE` if the text is not such a value.
pub fn scalar(text: &str, field: &Field, zone: Zone) -> Result<ScalarValue> {
    let data_type = field.data_type();
    let Some(mut builder) = CellBuilder::new(data_type) else {
        return Err(Error::unsupported(format!(
            "the partition column `{}` of type {}",
            field.name(),
            simple_name(data_type)
        )));
    };
    let appended = if text == NULL_FOLDER {
        builder.append_null();
        true
    } else {
        builder.append(text, &TextRules::in_zone(zone))
    };
    if !appended {
        return Err(Error::new(
            ErrorKind::Runtime,
            "INVALID_PARTITION_VALUE",
            "42846",
            format!(
                "Failed to cast value '{text}' to data type \"{}\" for partition column `{}`.",
                sql_name(data_type),
                field.name()
            ),
        )
        .param("value", text)
        .param("columnName", field.name()));
    }
    ScalarValue::try_from_array(&builder.finish(), 0)
        .map_err(|e| Error::internal(format!("a partition value: {e}")))
}

/// Returns a value as the name of a folder. Characters that a path cannot hold are `%XX`, as in Hive.
pub(crate) fn escape(text: &str) -> String {
    // The list is Hive's, so that other readers find the same value.
    let special = |c: char| c.is_control() || "\"#%'*/:=?\\\u{7F}{[]^".contains(c);
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if special(c) {
            out.push_str(&format!("%{:02X}", c as u32));
        } else {
            out.push(c);
        }
    }
    out
}

fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(&byte) = bytes.get(at) {
        let code =
            text.get(at + 1..at + 3).filter(|_| byte == b'%').and_then(|h| u8::from_str_radix(h, 16).ok());
        out.push(code.unwrap_or(byte));
        at += if code.is_some() { 3 } else { 1 };
    }
    // A `%XX` that is not an escape of ours may make bytes that are no text; then the name is taken as it is.
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

/// Returns the first of Spark's candidate types that all values have.
fn infer(values: impl Iterator<Item = String>, zone: Zone) -> DataType {
    let values: Vec<String> = values.filter(|v| v != NULL_FOLDER).collect();
    if values.is_empty() {
        return DataType::Null;
    }
    let all = |test: &dyn Fn(&str) -> bool| values.iter().all(|v| test(v));
    let is_date = |v: &str| datetime::date(v).is_some() && v.len() == 10;
    // As long as a date at least, so that a year or an hour alone is not one.
    let is_timestamp =
        |v: &str| v.len() > 10 && datetime::timestamp(v).and_then(|t| t.instant(zone)).is_some();
    if all(&|v| number::integer::<i32>(v).is_some()) {
        DataType::Int32
    } else if all(&|v| number::integer::<i64>(v).is_some()) {
        DataType::Int64
    } else if let Some(precision) =
        // Only for whole numbers that no bigint holds: with fractions they are doubles.
        values.iter().map(|v| digits(v)).reduce(|a, b| a?.max(b?).into()).flatten()
    {
        DataType::Decimal128(precision, 0)
    } else if all(&|v| number::double(v).is_some()) {
        DataType::Float64
    } else if all(&is_date) {
        DataType::Date32
    } else if all(&|v| is_date(v) || is_timestamp(v)) {
        DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
    } else {
        DataType::Utf8
    }
}

/// Returns the digits of a whole number as a decimal: those of its integer type, or its own.
fn digits(text: &str) -> Option<u8> {
    if number::integer::<i32>(text).is_some() {
        return Some(10);
    }
    if number::integer::<i64>(text).is_some() {
        return Some(20);
    }
    number::decimal_size(text).filter(|size| size.scale == 0).map(|size| size.precision)
}

fn conflicting(first: &FileEntry, other: &FileEntry) -> Error {
    Error::new(
        ErrorKind::Runtime,
        "CONFLICTING_PARTITION_COLUMN_NAMES",
        "KD009",
        format!(
            "Conflicting partition column names detected: {} and {}.",
            uri(&first.path),
            uri(&other.path)
        ),
    )
    .hint("All files of a table have the same key=value folders in their paths.")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn file(folders: &[(&str, &str)]) -> FileEntry {
        FileEntry {
            path: "/t/x".into(),
            size_bytes: 0,
            modified_us: 0,
            folders: folders.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        }
    }

    #[test]
    fn a_partition_column_has_the_type_of_all_its_values() {
        let utc = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let cases: [(&[&str], DataType); 10] = [
            (&["1", "2"], DataType::Int32),
            (&["1", "3000000000"], DataType::Int64),
            (&["1", "2.5"], DataType::Float64),
            (&["2013-01-01", NULL_FOLDER], DataType::Date32),
            (&["2013-01-01 10%3A00%3A00"], utc()),
            (&["2013-01-01 10%3A00%3A00", "2013-01-02"], utc()),
            (&["1", "99999999999999999999999"], DataType::Decimal128(23, 0)),
            (&["1d", "99999999999999999999999"], DataType::Float64),
            (&["1", "a"], DataType::Utf8),
            (&[NULL_FOLDER], DataType::Null),
        ];
        for (values, wanted) in cases {
            let files: Vec<_> = values.iter().map(|v| file(&[("k", v)])).collect();
            assert_eq!(fields(&files, None, Zone::UTC).unwrap()[0].data_type(), &wanted, "{values:?}");
        }
    }

    #[test]
    fn folders_that_differ_or_do_not_fit_are_refused() {
        let mixed = [file(&[("k", "1")]), file(&[("j", "1")])];
        assert_eq!(
            fields(&mixed, None, Zone::UTC).unwrap_err().class(),
            "CONFLICTING_PARTITION_COLUMN_NAMES"
        );
        let schema = Schema::new(vec![Field::new("K", DataType::Int32, true)]);
        let files = [file(&[("k", "a")])];
        let typed = fields(&files, Some(&schema), Zone::UTC).unwrap();
        assert_eq!(typed[0].name(), "K");
        assert_eq!(values(&files[0], &typed, Zone::UTC).unwrap_err().class(), "INVALID_PARTITION_VALUE");
    }

    #[test]
    fn a_folder_name_survives_its_escape() {
        for text in ["a/b", "x=y", "50%", "a:b", "ümlaut", "plain"] {
            assert!(!escape(text).contains('/'));
            assert_eq!(unescape(&escape(text)), text);
        }
    }
}
