//! Infers the schema of JSON files, by Spark's rules.
//!
//! Whole numbers are bigint, others double, text is string; fields are in the order of their names; types without a
//! common one are string. Records that are not JSON add the corrupt column in PERMISSIVE mode.

use super::config::JsonConfig;
use super::source::RawRecords;
use crate::files::{FileEntry, Split};
use crate::text::config::{Mode, is_sampled, malformed, unable_to_infer};
use arrow::datatypes::{Schema, SchemaRef};
use std::collections::BTreeSet;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_values::errors::column_already_exists;
use thalweg_values::json::{
    InferRules, InferredFields, InferredType, Json, is_blank, parse, to_fields, widen_members,
};

/// Infers the schema of `files`; class `UNABLE_TO_INFER_SCHEMA` if there are none.
pub(super) fn schema(files: &[FileEntry], config: &JsonConfig) -> Result<SchemaRef> {
    if files.is_empty() {
        return Err(unable_to_infer("JSON"));
    }
    if config.infer_timestamp {
        config.unreadable.check_inference()?;
    }
    let rules = rules(config);
    let (mut fields, mut number, mut corrupt) = (InferredFields::new(), 0, false);
    for file in files {
        let mut records = RawRecords::open(&Split::whole(Arc::new(file.clone())), config)?;
        while let Some(bytes) = records.next()? {
            let sampled = is_sampled(number, config.sampling_ratio);
            number += 1;
            if !sampled {
                continue;
            }
            let value = std::str::from_utf8(bytes).ok().and_then(|text| parse(text, config.lenience));
            let is_blank = || std::str::from_utf8(bytes).is_ok_and(|text| is_blank(text, config.lenience));
            if !take(&mut fields, value.as_ref(), rules) && !is_blank() {
                if config.mode == Mode::FailFast {
                    let text = String::from_utf8_lossy(bytes).into_owned();
                    return Err(malformed(&text, &records.place()));
                }
                corrupt |= config.mode == Mode::Permissive;
            }
        }
    }
    if corrupt {
        fields.entry(config.corrupt_column.clone()).or_insert(InferredType::Text);
    }
    check_names(&fields)?;
    Ok(Arc::new(Schema::new(to_fields(&fields, rules))))
}

fn rules(config: &JsonConfig) -> InferRules<'_> {
    InferRules {
        primitives_as_string: config.primitives_as_string,
        prefers_decimal: config.prefers_decimal,
        timestamps: config.infer_timestamp.then_some(&config.rules),
        drop_if_all_null: config.drop_if_all_null,
    }
}

/// Names that differ by case only can't be told apart in a query.
fn check_names(fields: &InferredFields) -> Result<()> {
    let mut lower = BTreeSet::new();
    match fields.keys().find(|name| !lower.insert(name.to_lowercase())) {
        None => Ok(()),
        Some(name) => Err(column_already_exists(&name.to_lowercase())
            .hint("Its names differ by case only. Give the table a schema with the one that you want.")),
    }
}

/// Widens the fields by a record; false if it is none.
fn take(fields: &mut InferredFields, value: Option<&Json<'_>>, rules: InferRules<'_>) -> bool {
    match value {
        Some(Json::Object(members, _)) => {
            widen_members(fields, members, rules);
            true
        }
        Some(Json::Array(items, _)) => {
            let are_objects = items.iter().all(|item| matches!(item, Json::Object(..)));
            are_objects && items.iter().all(|item| take(fields, Some(item), rules))
        }
        _ => false,
    }
}
