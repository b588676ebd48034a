//! Tests the processing time of an epoch: one value on all workers, and the same value in a replay.

use super::behaviour::row;
use super::env::*;
use super::kill::Kill;
use crate::{AggregateSpec, OperatorSpec, OutputMode, StatelessStep};
use arrow::array::AsArray;
use arrow::datatypes::{Field, Schema, TimestampMicrosecondType};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::{Volatility, create_udf};
use datafusion::physical_expr::expressions::col;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use thalweg_common::clock::PROCESSING_TIME;
use thalweg_common::fail_point::FailPoint;

const SECOND: i64 = 1_000_000;

fn now() -> Arc<dyn PhysicalExpr> {
    let unbound = |_: &[_]| datafusion::common::internal_err!("evaluated outside of an epoch");
    let function = create_udf(PROCESSING_TIME, vec![], time(), Volatility::Volatile, Arc::new(unbound));
    let field = Arc::new(Field::new(PROCESSING_TIME, time(), false));
    let options = Arc::new(ConfigOptions::default());
    Arc::new(ScalarFunctionExpr::new(PROCESSING_TIME, Arc::new(function), vec![], field, options))
}

/// Queries whose first output column is the processing time of the epoch.
fn queries() -> [(&'static str, Vec<OperatorSpec>); 3] {
    let input = input_schema();
    let fields = vec![Field::new("now", time(), true), input.field(0).clone()];
    let project = |of: &Schema| StatelessStep::Project {
        exprs: vec![now(), col("k", of).unwrap()],
        schema: Arc::new(Schema::new(fields.clone())),
    };
    let whole = aggregate(false);
    let by_now = AggregateSpec { group: vec![now(), col("k", &input).unwrap()], ..aggregate(false) };
    let after = project(&whole.output_schema);
    [
        ("in a projection", vec![OperatorSpec::Stateless(vec![project(&input)])]),
        ("as a key", vec![OperatorSpec::Aggregate(by_now)]),
        ("after an aggregate", vec![OperatorSpec::Aggregate(whole), OperatorSpec::Stateless(vec![after])]),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replayed_epoch_has_the_same_processing_time() {
    let rows: Vec<InputRow> = (0..40).map(|i| row(&format!("k{i}"), 1, 1)).collect();
    for (place, operators) in queries() {
        for workers in 1..=3 {
            let env = TestEnv::new(&rows, &[10, 10, 10, 10]);
            let run = RunOptions {
                mode: OutputMode::Update,
                ..RunOptions::new(operators.clone()).workers(workers)
            };
            env.clock.0.store(5 * SECOND, Ordering::SeqCst);
            // Epoch 0 is in flight, and epoch 1 is only planned.
            let probe = Kill::new(Some(FailPoint::PlanWritten), 1);
            env.run(&RunOptions { probe: Some(probe), ..run.clone() }).await.unwrap_err();
            env.clock.0.store(1000 * SECOND, Ordering::SeqCst);
            env.run(&run.workers(4 - workers)).await.unwrap();
            let mut times: BTreeMap<u64, Vec<i64>> = BTreeMap::new();
            for (epoch, batches) in env.target.epochs() {
                let seen = times.entry(epoch).or_default();
                for batch in &batches {
                    let column = batch.column(0).as_primitive::<TimestampMicrosecondType>();
                    seen.extend(column.values().iter().map(|us| us / SECOND));
                }
            }
            let wanted = [(0, 5), (1, 5), (2, 1000), (3, 1000)];
            let wanted: BTreeMap<u64, Vec<i64>> = wanted.map(|(e, t)| (e, vec![t; 10])).into();
            assert_eq!(times, wanted, "{place}, {workers} workers");
        }
    }
}
