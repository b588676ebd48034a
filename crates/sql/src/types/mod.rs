//! Text → types: DDL, nested types and JSON.
//!
//! The types and their names are those of `thalweg-values`; they are named here too because the IR is made of them.

use crate::parser::{Parser, Source, empty_statement};
use thalweg_common::Result;

pub use thalweg_values::types::{DataType, StructField, StructType, data_type_from_json, schema_from_json};

use thalweg_values::types::not_a_struct;

/// Parses one type, such as `decimal(10,2)` or `array<struct<a: int>>`, or its JSON.
///
/// # Errors
/// `PARSE_SYNTAX_ERROR`, `UNSUPPORTED_DATATYPE` and the like, with the place in `text`.
pub fn parse_data_type(text: &str) -> Result<DataType> {
    if is_json(text) {
        return data_type_from_json(text);
    }
    let source = Source::new(text);
    let mut parser = Parser::new(&source);
    let data_type = parser.data_type()?;
    parser.finish()?;
    Ok(data_type)
}

/// Parses the columns of a table, such as `a INT, b STRING NOT NULL COMMENT 'x'`; also `struct<…>` and JSON.
///
/// # Errors
/// As [`parse_data_type`].
pub fn parse_ddl_schema(text: &str) -> Result<StructType> {
    if text.trim().is_empty() {
        return Err(empty_statement());
    }
    let source = Source::new(text);
    let mut parser = Parser::new(&source);
    let columns = if is_json(text) {
        None
    } else {
        match parser.columns().and_then(|columns| parser.finish().map(|()| columns)) {
            Ok(columns) => return Ok(columns),
            Err(error) => Some(error),
        }
    };
    // If neither reading succeeds, the error is that of the columns, which the caller has asked for.
    match (parse_data_type(text), columns) {
        (Ok(DataType::Struct(schema)), _) => Ok(schema),
        (_, Some(error)) => Err(error),
        (Err(error), None) => Err(error),
        (Ok(other), None) => Err(not_a_struct(&other)),
    }
}

/// Parses what Spark calls a DDL or JSON type: columns become a struct, anything else is that type.
///
/// # Errors
/// As [`parse_data_type`].
pub fn parse_type_or_schema(text: &str) -> Result<DataType> {
    // A type first: INT is one, while as columns it would be a name without a type.
    parse_data_type(text).or_else(|error| match is_json(text) {
        true => Err(error),
        false => parse_ddl_schema(text).map(DataType::Struct),
    })
}

fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '"'])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn types_read_as_spark_writes_them() {
        let cases = [
            ("int", "int"),
            ("LONG", "bigint"),
            ("byte", "tinyint"),
            ("real", "float"),
            ("dec(12)", "decimal(12,0)"),
            ("numeric(10, 2)", "decimal(10,2)"),
            ("decimal", "decimal(10,0)"),
            ("varchar(3)", "varchar(3)"),
            ("character(4)", "char(4)"),
            ("timestamp_ltz", "timestamp"),
            ("timestamp without time zone", "timestamp_ntz"),
            ("interval day to second", "interval day to second"),
            ("interval year", "interval year"),
            ("interval", "interval"),
            ("void", "void"),
            ("array<array<int>>", "array<array<int>>"),
            (
                "map<string,array<struct<a:int,b:map<int,date>>>>",
                "map<string,array<struct<a:int,b:map<int,date>>>>",
            ),
            ("struct<>", "struct<>"),
            ("struct<a: int, `b c` string NOT NULL>", "struct<a:int,b c:string>"),
            ("\"integer\"", "int"),
        ];
        for (text, expect) in cases {
            assert_eq!(parse_data_type(text).unwrap().simple_string(), expect, "{text}");
        }
    }

    #[test]
    fn bad_types_are_refused_with_sparks_class() {
        let cases = [
            ("foo", "UNSUPPORTED_DATATYPE"),
            ("int(3)", "UNSUPPORTED_DATATYPE"),
            ("time", "UNSUPPORTED_DATATYPE"),
            ("array", "INCOMPLETE_TYPE_DEFINITION.ARRAY"),
            ("varchar", "DATATYPE_MISSING_SIZE"),
            ("decimal(39,1)", "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION"),
            ("array<int", "PARSE_SYNTAX_ERROR"),
            ("int int", "PARSE_SYNTAX_ERROR"),
            ("", "PARSE_SYNTAX_ERROR"),
            ("{\"type\":\"foo\"}", "INVALID_JSON_DATA_TYPE"),
        ];
        for (text, class) in cases {
            assert_eq!(parse_data_type(text).unwrap_err().class(), class, "{text}");
        }
    }

    #[test]
    fn a_schema_reads_from_ddl_from_struct_and_from_json() {
        let expect = "a INT NOT NULL COMMENT 'it\\'s',`b c` ARRAY<STRING>";
        let schema = parse_ddl_schema("a int not null comment 'it\\'s', `b c` array<string>").unwrap();
        assert_eq!(schema.ddl(), expect);
        for text in [schema.ddl(), DataType::Struct(schema.clone()).sql(), schema.to_json()] {
            assert_eq!(parse_ddl_schema(&text).unwrap(), schema, "{text}");
        }
        assert_eq!(parse_ddl_schema(" ").unwrap_err().class(), "PARSE_EMPTY_STATEMENT");
        assert_eq!(parse_ddl_schema("a: int, b: string").unwrap().ddl(), "a INT,b STRING");
        assert_eq!(parse_ddl_schema("a foo").unwrap_err().class(), "UNSUPPORTED_DATATYPE");
        assert_eq!(parse_type_or_schema("a int").unwrap().simple_string(), "struct<a:int>");
        assert_eq!(parse_type_or_schema("int").unwrap(), DataType::Integer);
    }

    #[test]
    fn a_tree_is_drawn_as_print_schema_draws_it() {
        let schema = parse_ddl_schema(
            "a INT NOT NULL, b ARRAY<STRING>, m MAP<STRING, STRUCT<x: BIGINT>>, d DECIMAL(5,2)",
        )
        .unwrap();
        let expect = "root
 |-- a: integer (nullable = false)
 |-- b: array (nullable = true)
 |    |-- element: string (containsNull = true)
 |-- m: map (nullable = true)
 |    |-- key: string
 |    |-- value: struct (valueContainsNull = true)
 |    |    |-- x: long (nullable = true)
 |-- d: decimal(5,2) (nullable = true)
";
        assert_eq!(schema.tree_string(None), expect);
        let top: Vec<&str> = expect.lines().filter(|l| !l.starts_with(" |    ")).collect();
        assert_eq!(schema.tree_string(Some(1)).lines().collect::<Vec<_>>(), top);
    }

    #[test]
    fn sql_and_ddl_name_types_in_capitals() {
        let schema =
            parse_ddl_schema("s STRUCT<a: INT NOT NULL, `b-c`: INTERVAL DAY TO HOUR>, `1` void").unwrap();
        assert_eq!(schema.ddl(), "s STRUCT<a: INT NOT NULL, `b-c`: INTERVAL DAY TO HOUR>,`1` VOID");
    }
}
