//! Types and columns as text: `array<struct<a: int NOT NULL>>`, `a INT, b STRING COMMENT 'x'`.

use super::Parser;
use super::lexer::TokenKind;
use crate::types::{DataType, StructField, StructType};
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_values::errors::decimal_precision;

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
            _ => match DataType::plain(&word) {
                // A type without parameters refuses them, as in INT(3).
                Some(data_type) if !self.is_symbol("(") => Ok(data_type),
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
        if let Some(data_type) = DataType::decimal(precision, scale) {
            return Ok(data_type);
        }
        let error = if precision > DataType::PRECISION_MAX {
            decimal_precision(ErrorKind::Parse, precision)
        } else {
            // Spark's error for a scale has no class.
            let text = format!("DECIMAL({precision},{scale}) needs a precision from 1 and a scale up to it.");
            Error::new(ErrorKind::Parse, "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION", "22003", text)
        };
        Err(error.at(self.position(start, self.pos)))
    }

    fn nested_type(&mut self, word: &str, start: usize) -> Result<DataType> {
        // The lexer reads these two characters as an operator.
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
        let start = self.here().to_owned();
        let Some(one) = DataType::interval(&start, &start).filter(|_| self.peek().kind == TokenKind::Word)
        else {
            return Ok(DataType::CalendarInterval);
        };
        self.advance();
        if !self.eat("TO") {
            return Ok(one);
        }
        let end = self.here().to_owned();
        // Spark refuses a range from a field to itself.
        let range = DataType::interval(&start, &end).filter(|range| *range != one);
        let range = range.ok_or_else(|| self.error())?;
        self.advance();
        Ok(range)
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
                // Metadata is JSON text by key, so the comment is quoted.
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
