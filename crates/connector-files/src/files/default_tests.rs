//! Tests that the defaults in the descriptors of file formats are those that the formats have.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::Listing;
use super::format::FileFormat;
use super::stream::StreamConfig;
use crate::testing::{read, write_request};
use std::path::Path;
use thalweg_common::Result;
use thalweg_connectors::WriteMode;
use thalweg_connectors::descriptor::Operation;

/// Everything that the options of an operation decide, as text.
fn effect(format: &FileFormat, operation: Operation, pairs: &[(&str, &str)]) -> Result<String> {
    let request = read(Path::new("/in"), None, pairs);
    let (options, zone) = (&request.options, request.time_zone.as_str());
    Ok(match operation {
        Operation::BatchRead => {
            format!("{:?} {:?}", (format.reading)(&request)?, Listing::from_options(options, zone)?)
        }
        Operation::StreamRead => {
            format!("{:?} {:?}", (format.reading)(&request)?, StreamConfig::from_options(options, zone)?)
        }
        Operation::BatchWrite => {
            let write = write_request(Path::new("/out"), WriteMode::Append, &[], pairs);
            format!("{:?}", (format.writing)(&write)?)
        }
        Operation::StreamWrite => String::new(),
    })
}

#[test]
fn a_documented_default_changes_nothing() {
    let formats = [crate::csv::CSV, crate::json::JSON, crate::parquet::PARQUET];
    let mut checked = 0;
    for format in &formats {
        for operation in Operation::ALL {
            let groups = format.descriptor.options(operation).unwrap_or_default();
            let plain = effect(format, operation, &[]).unwrap();
            for spec in groups.iter().flat_map(|group| *group) {
                let Some(default) = spec.default else { continue };
                let given = effect(format, operation, &[(spec.name, default)]).unwrap();
                assert_eq!(given, plain, "{} {operation} {}", format.descriptor.name, spec.name);
                checked += 1;
            }
        }
    }
    assert!(checked > 80, "{checked}");
}
