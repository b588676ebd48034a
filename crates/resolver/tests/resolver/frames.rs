//! Tests relations that only the DataFrame API sends: plan ids, withColumns, na, pivot, unpivot, local rows.
use super::common;
use super::common::{answer_of, tables};
use thalweg_sql::ir::{
    Aggregate, Expr, ExprNode, GroupKind, Join, JoinKind, Literal, Relation, RelationNode, SortOrder, Unpivot,
};

fn table(name: &str, plan_id: i64) -> Relation {
    let node = RelationNode::Table { name: vec![name.into()], options: vec![], streaming: false };
    Relation { node, plan_id: Some(plan_id), origin: None }
}

fn node(node: RelationNode, plan_id: i64) -> Relation {
    Relation { node, plan_id: Some(plan_id), origin: None }
}

fn of(plan_id: i64, name: &str) -> Expr {
    Expr::new(ExprNode::Attribute { name: vec![name.into()], plan_id: Some(plan_id) })
}

fn named(expr: Expr, name: &str) -> Expr {
    Expr::new(ExprNode::Alias { expr: Box::new(expr), names: vec![name.into()], metadata: None })
}

fn int(value: i32) -> Expr {
    Expr::new(ExprNode::Literal(Literal::Integer(value)))
}

fn joined() -> Relation {
    let right = node(
        RelationNode::Filter {
            input: Box::new(table("u", 2)),
            condition: Expr::call(">", vec![of(2, "k"), int(1)]),
        },
        3,
    );
    let join = Join {
        left: Box::new(table("t", 1)),
        right: Box::new(right),
        kind: JoinKind::Inner,
        condition: Some(Expr::call("==", vec![of(1, "a"), of(3, "k")])),
        using: vec![],
        natural: false,
        lateral: false,
    };
    node(RelationNode::Join(join), 4)
}

fn cases() -> Vec<(&'static str, Relation, &'static str, &'static str)> {
    let boxed = |r: Relation| Box::new(r);
    vec![
        (
            "columns of both sides by their frames",
            node(
                RelationNode::Project {
                    input: boxed(joined()),
                    exprs: vec![of(1, "a"), of(2, "a"), of(3, "n")],
                },
                5,
            ),
            "a INT, a INT, n STRING",
            "2,2,two | 2,NULL,deux",
        ),
        (
            "withColumns replaces and adds",
            node(
                RelationNode::WithColumns {
                    input: boxed(table("u", 1)),
                    columns: vec![
                        named(Expr::call("+", vec![of(1, "k"), int(1)]), "K"),
                        named(of(1, "k"), "z"),
                    ],
                },
                2,
            ),
            "K INT NOT NULL, a INT, n STRING, z INT NOT NULL",
            "10,4,nine,9 | 2,1,one,1 | 3,2,two,2 | 3,NULL,deux,2",
        ),
        (
            "renamed, dropped, named anew",
            node(
                RelationNode::ToDf {
                    input: boxed(node(
                        RelationNode::Drop {
                            input: boxed(node(
                                RelationNode::WithColumnsRenamed {
                                    input: boxed(table("u", 1)),
                                    renames: vec![("A".into(), "q".into())],
                                },
                                2,
                            )),
                            columns: vec![of(1, "n")],
                            names: vec!["nothing".into()],
                        },
                        3,
                    )),
                    names: vec!["x".into(), "y".into()],
                },
                4,
            ),
            "x INT NOT NULL, y INT",
            "1,1 | 2,2 | 2,NULL | 9,4",
        ),
        (
            "groupBy().agg(): the keys come first",
            node(
                RelationNode::Aggregate(Aggregate {
                    input: boxed(table("u", 1)),
                    kind: GroupKind::GroupBy,
                    grouping: vec![of(1, "k")],
                    aggregates: vec![named(Expr::call("count", vec![int(1)]), "count")],
                    output_grouping: true,
                }),
                2,
            ),
            "k INT NOT NULL, count BIGINT NOT NULL",
            "1,1 | 2,2 | 9,1",
        ),
        (
            "sort by a column that the select dropped",
            node(
                RelationNode::Sort {
                    input: boxed(node(
                        RelationNode::Project { input: boxed(table("u", 1)), exprs: vec![of(1, "n")] },
                        2,
                    )),
                    order: vec![
                        SortOrder { expr: of(1, "k"), descending: true, nulls_first: None },
                        SortOrder { expr: of(2, "n"), descending: false, nulls_first: None },
                    ],
                    global: true,
                },
                3,
            ),
            "n STRING",
            "nine | deux | two | one",
        ),
        (
            "filter by a column that the select dropped",
            node(
                RelationNode::Filter {
                    input: boxed(node(
                        RelationNode::Project { input: boxed(table("u", 1)), exprs: vec![of(1, "n")] },
                        2,
                    )),
                    condition: Expr::call(">", vec![of(1, "k"), int(5)]),
                },
                3,
            ),
            "n STRING",
            "nine",
        ),
        (
            "na.fill fills columns of the value's kind",
            node(
                RelationNode::FillNa { input: boxed(table("u", 1)), columns: vec![], values: vec![int(0)] },
                2,
            ),
            "k INT NOT NULL, a INT NOT NULL, n STRING",
            "1,1,one | 2,0,deux | 2,2,two | 9,4,nine",
        ),
        (
            "na.drop drops rows with nulls",
            node(
                RelationNode::DropNa { input: boxed(table("u", 1)), columns: vec![], min_non_nulls: None },
                2,
            ),
            "k INT NOT NULL, a INT, n STRING",
            "1,1,one | 2,2,two | 9,4,nine",
        ),
        (
            "dropDuplicates keeps one row per key",
            node(
                RelationNode::Project {
                    input: boxed(node(
                        RelationNode::Deduplicate {
                            input: boxed(table("u", 1)),
                            columns: vec!["k".into()],
                            within_watermark: false,
                        },
                        2,
                    )),
                    exprs: vec![of(2, "k")],
                },
                3,
            ),
            "k INT NOT NULL",
            "1 | 2 | 9",
        ),
        (
            "tail",
            node(RelationNode::Tail { input: boxed(table("u", 1)), limit: 1 }, 2),
            "k INT NOT NULL, a INT, n STRING",
            "9,4,nine",
        ),
        (
            "pivot with given values",
            node(
                RelationNode::Aggregate(Aggregate {
                    input: boxed(table("u", 1)),
                    kind: GroupKind::Pivot {
                        column: of(1, "n"),
                        values: ["one", "two"]
                            .map(|v| Expr::new(ExprNode::Literal(Literal::String(v.into()))))
                            .to_vec(),
                    },
                    grouping: vec![of(1, "k")],
                    aggregates: vec![Expr::call("sum", vec![of(1, "a")])],
                    output_grouping: true,
                }),
                2,
            ),
            "k INT NOT NULL, one BIGINT, two BIGINT",
            "1,1,NULL | 2,NULL,2 | 9,NULL,NULL",
        ),
        (
            "unpivot",
            node(
                RelationNode::Unpivot(Unpivot {
                    input: boxed(table("u", 1)),
                    ids: vec![of(1, "n")],
                    values: None,
                    variable_column: "var".into(),
                    value_column: "val".into(),
                }),
                2,
            ),
            "n STRING, var STRING NOT NULL, val INT",
            "deux,a,NULL | deux,k,2 | nine,a,4 | nine,k,9 | one,a,1 | one,k,1 | two,a,2 | two,k,2",
        ),
        (
            "SQL text with arguments",
            node(
                RelationNode::SqlQuery {
                    text: MARKED.into(),
                    query: Box::new(thalweg_sql::parse_query(MARKED).unwrap()),
                    positional: vec![int(5), int(9)],
                    named: vec![],
                },
                1,
            ),
            "k INT NOT NULL, p INT NOT NULL",
            "9,5",
        ),
    ]
}

/// A text with two markers and a question mark that is none.
const MARKED: &str = "SELECT k, ? AS p FROM u WHERE k = ? AND n <> '?'";

#[tokio::test]
async fn what_a_client_sends_gives_sparks_columns_and_rows() {
    let t = tables();
    let mut wrong = vec![];
    for (what, relation, schema, rows) in cases() {
        let ordered = matches!(relation.node, RelationNode::Sort { .. });
        let found = answer_of(&t, &relation, ordered).await;
        if found != (schema.to_owned(), rows.to_owned()) {
            wrong.push(format!("{what}\n  found {found:?}\n  not   ({schema:?}, {rows:?})"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn filter(input: Relation, condition: Expr, plan_id: i64) -> Relation {
    node(RelationNode::Filter { input: Box::new(input), condition }, plan_id)
}

fn over(expr: Expr, bound: i32) -> Expr {
    Expr::call(">", vec![expr, int(bound)])
}

/// `u` as frame 1, in frame 2 with `k` negated.
fn negated() -> Relation {
    let columns = vec![named(Expr::call("negative", vec![of(1, "k")]), "k")];
    node(RelationNode::WithColumns { input: Box::new(table("u", 1)), columns }, 2)
}

/// `u` without `k`, as frame 2.
fn without_k() -> Relation {
    let names = vec!["k".to_owned()];
    node(RelationNode::Drop { input: Box::new(table("u", 1)), columns: vec![], names }, 2)
}

fn sorted(input: Relation, key: Expr, plan_id: i64) -> Relation {
    let order = vec![SortOrder { expr: key, descending: true, nulls_first: None }];
    node(RelationNode::Sort { input: Box::new(input), order, global: true }, plan_id)
}

fn select(input: Relation, column: &str, plan_id: i64) -> Relation {
    let exprs = vec![Expr::column(&[column])];
    node(RelationNode::Project { input: Box::new(input), exprs }, plan_id)
}

/// The filters and sorts of columns that their inputs have left out, with Spark's answers.
fn left_out() -> Vec<(&'static str, Relation, &'static str)> {
    let k = || Expr::column(&["k"]);
    let to_df = |input: Relation| {
        let names = ["x", "y", "z"].map(str::to_owned).to_vec();
        node(RelationNode::ToDf { input: Box::new(input), names }, 3)
    };
    let alias = |input: Relation| {
        node(RelationNode::Alias { input: Box::new(input), alias: "q".into(), columns: vec![] }, 4)
    };
    let drop_na = |input: Relation| {
        node(RelationNode::DropNa { input: Box::new(input), columns: vec![], min_non_nulls: None }, 4)
    };
    let limited = |input: Relation| node(RelationNode::Limit { input: Box::new(input), limit: int(3) }, 4);
    vec![
        ("replaced", filter(negated(), over(of(1, "k"), 1), 3), "-2,2,two | -2,NULL,deux | -9,4,nine"),
        (
            "replaced, and the new one",
            filter(filter(negated(), over(of(1, "k"), 1), 3), over(k(), -5), 4),
            "-2,2,two | -2,NULL,deux",
        ),
        ("dropped, by name", filter(without_k(), over(k(), 2), 3), "4,nine"),
        ("dropped, sorted by name", sorted(without_k(), k(), 3), "4,nine | 2,two | NULL,deux | 1,one"),
        (
            "twice",
            filter(filter(select(without_k(), "n", 3), over(k(), 1), 4), over(of(1, "a"), 2), 5),
            "nine",
        ),
        ("two selects", filter(select(select(table("u", 1), "n", 2), "n", 3), over(k(), 2), 4), "nine"),
        ("renamed", filter(to_df(table("u", 1)), over(of(1, "k"), 2), 4), "9,4,nine"),
        ("rows dropped in between", filter(drop_na(select(table("u", 1), "a", 3)), over(k(), 1), 5), "2 | 4"),
        (
            "rows limited in between",
            sorted(limited(sorted(select(table("u", 1), "n", 2), k(), 3)), of(1, "a"), 5),
            "nine | two | deux",
        ),
        (
            "the select above sees no more",
            select(filter(without_k(), over(k(), 2), 3), "k", 4),
            "UNRESOLVED_COLUMN",
        ),
        ("an alias hides it", filter(alias(without_k()), over(k(), 2), 5), "UNRESOLVED_COLUMN"),
        (
            "an alias hides it from frames",
            filter(alias(without_k()), over(of(1, "k"), 2), 5),
            "CANNOT_RESOLVE_DATAFRAME_COLUMN",
        ),
    ]
}

#[tokio::test]
async fn filters_and_sorts_find_the_columns_that_their_inputs_have_left_out() {
    let t = tables();
    let mut wrong = vec![];
    for (what, relation, rows) in left_out() {
        let ordered = matches!(relation.node, RelationNode::Sort { .. });
        let (schema, found) = answer_of(&t, &relation, ordered).await;
        if !(found == rows || schema.is_empty() && found.contains(rows)) {
            wrong.push(format!("{what}\n  found {found:?}\n  not   {rows:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn many_filters_of_a_replaced_column_take_one_resolution_of_each_relation() {
    let mut relation = negated();
    for i in 0..200 {
        relation = filter(relation, over(of(1, "k"), i - 198), i64::from(i) + 3);
    }
    let (schema, rows) = answer_of(&tables(), &relation, false).await;
    assert_eq!(
        (schema.as_str(), rows.as_str()),
        ("k INT NOT NULL, a INT, n STRING", "-2,2,two | -2,NULL,deux | -9,4,nine")
    );
}

/// A chain of `withColumn` calls that adds 1 to the same column.
fn chain(length: usize) -> Relation {
    let mut relation = table("u", 1);
    for _ in 0..length {
        let columns = vec![named(Expr::call("+", vec![Expr::column(&["k"]), int(1)]), "k")];
        relation = Relation::new(RelationNode::WithColumns { input: Box::new(relation), columns });
    }
    relation
}

/// The smallest stack that queries are resolved on: a main thread's.
const STACK_BYTES: usize = 8 << 20;

async fn resolve_chains() {
    let t = tables();
    let short = thalweg_resolver::resolve(&chain(100), &t, &common::context("")).await;
    assert_eq!(short.unwrap().columns.len(), 3);
    let long = thalweg_resolver::resolve(&chain(1_000), &t, &common::context("")).await;
    assert_eq!(long.unwrap_err().class(), "UNSUPPORTED_FEATURE");
}

#[test]
fn a_long_chain_of_frames_is_resolved_or_refused_but_never_ends_the_process() {
    let run = || tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(resolve_chains());
    std::thread::Builder::new().stack_size(STACK_BYTES).spawn(run).unwrap().join().unwrap();
}
