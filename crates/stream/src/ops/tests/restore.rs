//! Tests that state of other types than the operator's is refused by name.

use super::super::deduplicate::{Deduplicate, deduplicate_input};
use super::*;
use crate::state::StateLayout;

fn deduplicate() -> Deduplicate {
    let keys = vec![col("v", &schema()).unwrap()];
    let spec = DeduplicateSpec { keys, expiry: Expiry::Never, event_time: None, schema: schema() };
    let input = deduplicate_input(&spec).unwrap();
    Deduplicate::new(&spec, input.schema()).unwrap()
}

#[test]
fn keys_of_another_type_are_refused_by_a_deduplication() {
    let restore = |key: ArrayRef| {
        let layout = StateLayout::new(&[key.data_type().clone()], &[DataType::Int64]);
        let times: ArrayRef = Arc::new(Int64Array::from(vec![i64::MAX; key.len()]));
        let file = layout.batch(vec![0; key.len()], vec![key], Some(vec![times])).unwrap();
        deduplicate().restore("keys", &file, KeyRange::of(0, 1))
    };
    restore(Arc::new(Int64Array::from(vec![1, 2]))).unwrap();
    let error = restore(Arc::new(Int32Array::from(vec![1, 2]))).unwrap_err();
    assert_eq!(error.class(), "STREAM_STATE_INCOMPATIBLE");
    assert!(error.message().contains("a deduplication"), "{error}");
}
