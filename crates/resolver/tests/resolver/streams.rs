//! Streaming plans: the watermark's mark, its way through windows, and the shape that the stream's lowering knows.
use super::common::{Tables, context, texts};
use datafusion::arrow::array::TimestampMicrosecondArray;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::{Optimizer, OptimizerContext};
use std::sync::Arc;
use thalweg_logical::event_time_of;
use thalweg_resolver::{ResolvedQuery, resolve};
use thalweg_sql::ir::{Aggregate, Expr, ExprNode, GroupKind, Literal, Relation, RelationNode};

const HOUR_US: i64 = 3_600_000_000;

fn tables() -> Tables {
    let mut tables = Tables::default();
    let times = TimestampMicrosecondArray::from(vec![Some(0), None]).with_timezone("UTC");
    tables
        .add_columns("ev", vec![("ts", Arc::new(times), true), ("c", texts(&[Some("x"), Some("y")]), true)]);
    tables
}

fn text(value: &str) -> Expr {
    Expr::new(ExprNode::Literal(Literal::String(value.into())))
}

/// `readStream.table("ev").withWatermark("ts", "1 hour").groupBy(window(..), c).count()`.
async fn windowed(sizes: &[&str]) -> ResolvedQuery {
    let table = RelationNode::Table { name: vec!["ev".into()], options: vec![], streaming: true };
    let watermark = RelationNode::WithWatermark {
        input: Box::new(Relation::new(table)),
        event_time: Expr::column(&["ts"]),
        delay: "1 hour".into(),
    };
    let args = std::iter::once(Expr::column(&["ts"])).chain(sizes.iter().map(|s| text(s))).collect();
    let count = Expr::call("count", vec![Expr::new(ExprNode::Literal(Literal::Integer(1)))]);
    let aggregate = RelationNode::Aggregate(Aggregate {
        input: Box::new(Relation::new(watermark)),
        kind: GroupKind::GroupBy,
        grouping: vec![Expr::call("window", args), Expr::column(&["c"])],
        aggregates: vec![count],
        output_grouping: true,
    });
    resolve(&Relation::new(aggregate), &tables(), &context("")).await.unwrap()
}

fn operators(plan: &LogicalPlan) -> Vec<String> {
    let mut names = vec![];
    plan.apply(|p| {
        names.push(p.display().to_string().split([':', ' ']).next().unwrap_or_default().to_owned());
        Ok(TreeNodeRecursion::Continue)
    })
    .unwrap();
    names.dedup();
    names
}

#[tokio::test]
async fn windows_of_an_event_time_carry_its_delay_to_the_output() {
    for sizes in [&["6 hours"][..], &["6 hours", "1 hour"][..]] {
        let resolved = windowed(sizes).await;
        assert!(resolved.streaming);
        let names: Vec<_> = resolved.columns.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["window", "c", "count(1)"]);
        let delay = resolved.columns[0].metadata.get("spark.watermarkDelayMs");
        assert_eq!(delay.map(String::as_str), Some("3600000"), "{sizes:?}");
        let optimizer = Optimizer::with_rules(thalweg_physical::optimizer_rules());
        let optimised =
            optimizer.optimize(resolved.plan.clone(), &OptimizerContext::new(), |_, _| {}).unwrap();
        for plan in [&resolved.plan, &optimised] {
            let fields = plan.schema().fields();
            assert_eq!(event_time_of(&fields[0]), Some(HOUR_US), "{sizes:?}\n{}", plan.display_indent());
            assert_eq!(event_time_of(&fields[1]), None);
        }
    }
}

#[tokio::test]
async fn a_streaming_plan_has_the_shape_that_the_lowering_knows() {
    let tumbling = operators(&windowed(&["6 hours"]).await.plan);
    let sliding = operators(&windowed(&["6 hours", "1 hour"]).await.plan);
    assert_eq!(
        tumbling,
        ["Projection", "Aggregate", "Projection", "Filter", "Watermark", "Projection", "TableScan"]
    );
    assert_eq!(
        sliding,
        [
            "Projection",
            "Aggregate",
            "Projection",
            "Generate",
            "Projection",
            "Filter",
            "Watermark",
            "Projection",
            "TableScan"
        ]
    );
}
