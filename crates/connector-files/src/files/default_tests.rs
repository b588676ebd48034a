//! The defaults that the descriptors of file formats document are those that the formats have.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::Listing;
use super::format::FileFormat;
use super::stream::StreamConfig;
use crate::testing::read;
use std::path::Path;
use thalweg_common::Result;
use thalweg_connectors::descriptor::Operation;
use thalweg_connectors::{WriteMode, WriteRequest};

/// Everything that the options of an operation decide, as text.
fn effect(format: &dyn FileFormat, operation: Operation, pairs: &[(&str, &str)]) -> Result<String> {
    let request = read(Path::new("/in"), None, pairs);
    let (options, zone) = (&request.options, request.time_zone.as_str());
    Ok(match operation {
        Operation::BatchRead => {
            format!("{:?} {:?}", format.reading(&request)?, Listing::from_options(options, zone)?)
        }
        Operation::StreamRead => {
            format!("{:?} {:?}", format.reading(&request)?, StreamConfig::from_options(options, zone)?)
        }
        Operation::BatchWrite => {
            let write = WriteRequest {
                path: "/out".to_owned(),
                mode: WriteMode::Append,
                partition_by: vec![],
                replace: false,
                options: options.clone(),
                time_zone: zone.to_owned(),
            };
            format!("{:?}", format.writing(&write)?)
        }
        Operation::StreamWrite => String::new(),
    })
}

#[test]
fn a_documented_default_changes_nothing() {
    let formats: [Box<dyn FileFormat>; 3] =
        [Box::new(crate::csv::Csv), Box::new(crate::json::Json), Box::new(crate::parquet::Parquet)];
    let mut checked = 0;
    for format in &formats {
        for operation in Operation::ALL {
            let groups = format.descriptor().options(operation).unwrap_or_default();
            let plain = effect(format.as_ref(), operation, &[]).unwrap();
            for spec in groups.iter().flat_map(|group| *group) {
                let Some(default) = spec.default else { continue };
                let given = effect(format.as_ref(), operation, &[(spec.name, default)]).unwrap();
                assert_eq!(given, plain, "{} {operation} {}", format.descriptor().name, spec.name);
                checked += 1;
            }
        }
    }
    assert!(checked > 80, "{checked}");
}
