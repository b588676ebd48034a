//! Types and columns as text: `array<struct<a: int NOT NULL>>`, `a INT, b STRING COMMENT 'x'`.

use super::Parser;
use super::lexer::TokenKind;
use crate::types::{DataType, StructField, StructType};
use thalweg_common::{Error, ErrorKind, Result};

/// Spark's default for `DECIMAL` without digits.
const DECIMAL_DEFAULT: (u8, i8) = (10, 0);
const DECIMAL_PRECISION_MAX: u8 = 38;

/// Names of types without parameters, aliases included.
const PLAIN: [(&str, DataType); 23] = [
    ("BOOLEAN", DataType::Boolean),
    ("TINYINT", DataType::Byte),
    ("BYTE", DataType::Byte),
    ("SMALLINT", DataType::Short),
    ("SHORT", DataType::Short),
    ("INT", DataType::Integer),
    ("INTEGER", DataType::Integer),
    ("BIGINT", DataType::Long),
    ("LONG", DataType::Long),
    ("FLOAT", DataType::Float),
    ("REAL", DataType::Float),
    ("DOUBLE", DataType::Double),
    ("STRING", DataType::String),
    ("BINARY", DataType::Binary),
    ("DATE", DataType::Date),
    ("TIMESTAMP", DataType::Timestamp),
    ("TIMESTAMP_LTZ", DataType::Timestamp),
    ("TIMESTAMP_NTZ", DataType::TimestampNtz),
    ("VOID", DataType::Null),
    ("NULL", DataType::Null),
    ("DEC", DataType::Decimal { precision: DECIMAL_DEFAULT.0, scale: DECIMAL_DEFAULT.1 }),
    ("DECIMAL", DataType::Decimal { precision: DECIMAL_DEFAULT.0, scale: DECIMAL_DEFAULT.1 }),
    ("NUMERIC", DataType::Decimal { precision: DECIMAL_DEFAULT.0, scale: DECIMAL_DEFAULT.1 }),
];

/// Fields of the interval types in order of size.
const DAY_TIME: [&str; 4] = ["DAY", "HOUR", "MINUTE", "SECOND"];
const YEAR_MONTH: [&str; 2] = ["YEAR", "MONTH"];

impl Parser<'_> {
    /// A type.
    pub(crate) fn data_type(&mut self) -> Result<DataType> {
        self.deeper(Self::data_type_body)
    }

    fn data_type_body(&mut self) -> Result<DataType> {
        let start = self.pos;
        if self.peek().kind != TokenKind::Word {
            return Err(self.error());
        }
        let word = self.here().to_ascii_uppercase();
        self.advance();
        match word.as_str() {
            "ARRAY" | "MAP" | "STRUCT" => self.nested_type(&word, start),
            "INTERVAL" => self.interval_type(),
            "CHAR" | "CHARACTER" => Ok(DataType::Char(self.length(&word, start)?)),
            "VARCHAR" => Ok(DataType::Varchar(self.length(&word, start)?)),
            "DEC" | "DECIMAL" | "NUMERIC" if self.is_symbol("(") => self.decimal_type(start),
            "TIMESTAMP" if self.is_words("WITH LOCAL TIME ZONE") => {
                self.pos += 4;
                Ok(DataType::Timestamp)
            }
            "TIMESTAMP" if self.is_words("WITHOUT TIME ZONE") => {
                self.pos += 3;
                Ok(DataType::TimestampNtz)
            }
            "STRING" if self.is_word("COLLATE") => Err(self.unsupported("COLLATE")),
            _ => match PLAIN.iter().find(|(name, _)| *name == word) {
                Some((_, data_type)) if !self.is_symbol("(") => Ok(data_type.clone()),
                _ => Err(self.unsupported_type(start)),
            },
        }
    }

    fn unsupported_type(&self, start: usize) -> Error {
        let name = self.text_of(self.token_at(start)).to_ascii_uppercase();
        Error::new(
            ErrorKind::Parse,
            "UNSUPPORTED_DATATYPE",
            "0A000",
            format!("Unsupported data type \"{name}\"."),
        )
        .param("typeName", format!("\"{name}\""))
        .at(self.position(start, self.pos))
    }

    fn length(&mut self, word: &str, start: usize) -> Result<u32> {
        if !self.eat_symbol("(") {
            return Err(Error::new(
                ErrorKind::Parse,
                "DATATYPE_MISSING_SIZE",
                "42K01",
                format!("DataType \"{word}\" requires a length parameter, for example \"{word}\"(10). Please specify the length."),
            )
            .param("type", format!("\"{word}\""))
            .at(self.position(start, self.pos)));
        }
        let length = self.integer()?;
        self.expect_symbol(")")?;
        Ok(length)
    }

    fn decimal_type(&mut self, start: usize) -> Result<DataType> {
        self.expect_symbol("(")?;
        let precision: u8 = self.integer()?;
        let mut scale: i8 = 0;
        if self.eat_symbol(",") {
            scale = self.integer()?;
        }
        self.expect_symbol(")")?;
        let fits =
            (1..=DECIMAL_PRECISION_MAX).contains(&precision) && i16::from(scale) <= i16::from(precision);
        if fits {
            return Ok(DataType::Decimal { precision, scale });
        }
        Err(Error::new(
            ErrorKind::Parse,
            "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION",
            "22003",
            format!("DECIMAL({precision},{scale}) needs a precision from 1 to {DECIMAL_PRECISION_MAX} and a scale up to the precision."),
        )
        .at(self.position(start, self.pos)))
    }

    fn nested_type(&mut self, word: &str, start: usize) -> Result<DataType> {
        if word == "STRUCT" && self.eat_symbol("<>") {
            return Ok(DataType::Struct(StructType::default()));
        }
        if !self.eat_symbol("<") {
            let example = match word {
                "ARRAY" => "ARRAY<INT>",
                "MAP" => "MAP<STRING, INT>",
                _ => "STRUCT<name: STRING>",
            };
            return Err(Error::new(
                ErrorKind::Parse,
                format!("INCOMPLETE_TYPE_DEFINITION.{word}"),
                "42K01",
                format!("Incomplete complex type: the definition of \"{word}\" must state its parts, for example: \"{example}\"."),
            )
            .at(self.position(start, self.pos)));
        }
        let found = match word {
            "ARRAY" => DataType::Array { element: Box::new(self.data_type()?), contains_null: true },
            "MAP" => {
                let key = Box::new(self.data_type()?);
                self.expect_symbol(",")?;
                DataType::Map { key, value: Box::new(self.data_type()?), value_contains_null: true }
            }
            _ if self.is_symbol(">") => DataType::Struct(StructType::default()),
            _ => DataType::Struct(StructType { fields: self.list(Self::column_definition)? }),
        };
        self.expect_symbol(">")?;
        Ok(found)
    }

    fn interval_type(&mut self) -> Result<DataType> {
        let field = |p: &Self, names: &[&str]| names.iter().position(|n| p.is_word(n));
        for (names, is_day) in [(DAY_TIME.as_slice(), true), (YEAR_MONTH.as_slice(), false)] {
            let Some(start) = field(self, names) else { continue };
            self.advance();
            let mut end = start;
            if self.eat("TO") {
                end = field(self, names).filter(|end| *end > start).ok_or_else(|| self.error())?;
                self.advance();
            }
            let byte = |n: usize| u8::try_from(n).map_err(|_| self.error());
            let (start, end) = (byte(start)?, byte(end)?);
            return Ok(match is_day {
                true => DataType::DayTimeInterval { start, end },
                false => DataType::YearMonthInterval { start, end },
            });
        }
        Ok(DataType::CalendarInterval)
    }

    /// `name[:] type [NOT NULL] [COMMENT 'text']`.
    pub(crate) fn column_definition(&mut self) -> Result<StructField> {
        let name = self.identifier()?;
        self.eat_symbol(":");
        let data_type = self.data_type()?;
        let mut field = StructField::new(name, data_type, true);
        loop {
            let again = (self.is_word("NOT") && !field.nullable)
                || (self.is_word("COMMENT") && field.metadata.contains_key("comment"));
            if again {
                return Err(self.error_at(self.pos, ": it is given twice".to_owned()));
            }
            if self.eat("NOT") {
                self.expect("NULL")?;
                field.nullable = false;
            } else if self.eat("COMMENT") {
                let comment = serde_json::Value::String(self.text()?).to_string();
                field.metadata.insert("comment".to_owned(), comment);
            } else if self.is_any_word(&["DEFAULT", "GENERATED", "PRIMARY", "REFERENCES", "CHECK", "UNIQUE"])
            {
                return Err(self.unsupported(&format!("{} of a column", self.here().to_uppercase())));
            } else {
                return Ok(field);
            }
        }
    }

    /// The columns of a table, without parentheses.
    pub(crate) fn columns(&mut self) -> Result<StructType> {
        Ok(StructType { fields: self.list(Self::column_definition)? })
    }
}
