//! The same rows in several shapes, and a call over each of them.
//!
//! A shape is how rows come to a kernel: as constants, in one batch, as a slice of a larger one, one by one, from
//! several partitions. The answer must not depend on it.

use crate::query::{Kind, Query, parse, plain};
use arrow::array::{ArrayRef, Int32Array, RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::ipc::writer::StreamWriter;
use std::sync::Arc;
use thalweg_common::Error;
use thalweg_engine::{Output, Session, display};
use thalweg_functions::{FunctionRegistry, Kind as FunctionKind};
use thalweg_sql::ir::{
    ChildMut, EvalMode, Expr, ExprNode, FrameBound, FunctionCall, Literal, Relation, RelationNode, SetKind,
    SetOperation, SortOrder, WindowCall, WindowFrame,
};
use thalweg_sql::types::{StructField, StructType};
use thalweg_values::types::interval_fields;

type Lines = Vec<String>;

/// The shapes that calls of a kind run in.
pub(crate) fn of_kind(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Scalar => &["constants", "columns", "nulls", "slices", "batches"],
        Kind::Generator => &["constants", "nulls", "slices", "batches"],
        Kind::Aggregate => {
            &["nulls", "slices", "batches", "partitions", "filter", "groups", "window", "frames"]
        }
        Kind::Window => &["nulls", "slices", "batches", "partitions"],
    }
}

/// The rows of a query as a batch, and what makes other shapes of them.
pub(crate) struct Shapes<'a> {
    session: &'a Session,
    query: &'a Query,
    batch: RecordBatch,
    schema: StructType,
}

impl<'a> Shapes<'a> {
    pub(crate) async fn new(session: &'a Session, query: &'a Query) -> Result<Self, Error> {
        let relation = parse(&query.values).expect("a table");
        let output = session.query_with(&relation, None, true).await?;
        let schema = output.schema.clone();
        let batches = output.collect().await?;
        let batch = concat_batches(&batches[0].schema(), &batches).unwrap();
        Ok(Self { session, query, batch, schema })
    }

    /// The answer over a shape, and what is expected of it.
    pub(crate) async fn run(&self, shape: &str) -> Result<(Lines, Lines), Error> {
        let expected = self.query.expected.clone();
        let got = match (shape, self.query.kind) {
            ("constants", _) => self.constants().await?,
            ("columns", _) => return self.columns().await,
            ("nulls", _) => self.over(local(std::slice::from_ref(&self.batch), &self.schema), true).await?,
            ("slices", _) => self.over(self.slice(), false).await?,
            ("batches", _) => self.over(local(&self.single_rows(), &self.schema), true).await?,
            ("partitions", Kind::Aggregate) if self.query.depends_on_order() => {
                return Err(Error::unsupported("an order of the partitions"));
            }
            ("partitions", Kind::Aggregate) => self.over(self.partitions(), true).await?,
            ("partitions", _) => return self.partitioned().await,
            ("filter", _) => self.filtered().await?,
            ("groups", _) => {
                let got = self.grouped(&self.two_groups()).await?;
                return Ok((got, vec![expected[0].clone(); 2]));
            }
            ("window", _) => {
                let got = self.over_windows(&self.two_groups(), None).await?;
                return Ok((got, vec![expected[0].clone(); 2 * self.batch.num_rows()]));
            }
            ("frames", _) => return self.frames().await,
            (shape, _) => panic!("no shape is called {shape}"),
        };
        Ok((got, expected))
    }

    fn rows(&self) -> usize {
        self.batch.num_rows()
    }

    /// Each row by itself, as constants of the columns' types.
    async fn constants(&self) -> Result<Lines, Error> {
        let call = parse(&self.query.over_t).expect("a query");
        // A select list holds one generator, and one window of time.
        if self.query.kind == Kind::Generator || self.query.over_t.contains("window(") {
            let mut lines = vec![];
            for row in &self.query.literals {
                let mut relation = call.clone();
                self.replace_columns(&mut relation, row);
                *source(&mut relation) = Relation::new(RelationNode::OneRow);
                lines.extend(self.answer(&relation, true).await?);
            }
            return Ok(lines);
        }
        // All rows are columns of one query, which is planned once.
        let mut all = Relation::new(RelationNode::OneRow);
        let mut exprs = vec![];
        for row in &self.query.literals {
            let mut relation = call.clone();
            self.replace_columns(&mut relation, row);
            let RelationNode::Project { exprs: mut made, .. } = relation.node else {
                panic!("not a projection")
            };
            exprs.append(&mut made);
        }
        all = Relation::new(RelationNode::Project { input: Box::new(all), exprs });
        let rows = cells(self.session.query_with(&all, None, true).await?).await?;
        Ok(rows.into_iter().flatten().map(|cell| plain(&cell)).collect())
    }

    /// The rows without a null, in one batch.
    async fn columns(&self) -> Result<(Lines, Lines), Error> {
        let full = |row: &usize| self.batch.columns().iter().all(|c| c.is_valid(*row));
        let rows: Vec<usize> = (0..self.rows()).filter(full).collect();
        let expected = rows.iter().map(|row| self.query.expected[*row].clone()).collect();
        Ok((self.over(local(&[self.picked(&rows)], &self.schema), true).await?, expected))
    }

    /// The rows as a slice of a batch with others before and after them.
    fn slice(&self) -> Relation {
        let others: Vec<usize> = (0..self.rows()).rev().collect();
        let all: Vec<usize> = others.iter().copied().chain(0..self.rows()).chain(others.clone()).collect();
        let number = |n: usize| Expr::new(ExprNode::Literal(Literal::Integer(i32::try_from(n).unwrap())));
        let input = Box::new(local(&[self.picked(&all)], &self.schema));
        let offset = RelationNode::Offset { input, offset: number(self.rows()) };
        let input = Box::new(Relation::new(offset));
        Relation::new(RelationNode::Limit { input, limit: number(self.rows()) })
    }

    /// A batch for each row, and empty ones between them.
    fn single_rows(&self) -> Vec<RecordBatch> {
        (0..self.rows()).flat_map(|row| [self.batch.slice(row, 1), self.batch.slice(row, 0)]).collect()
    }

    /// A partition for each row.
    fn partitions(&self) -> Relation {
        let parts = (0..self.rows()).map(|row| local(&[self.batch.slice(row, 1)], &self.schema));
        parts
            .reduce(|left, right| {
                Relation::new(RelationNode::SetOperation(SetOperation {
                    left: Box::new(left),
                    right: Box::new(right),
                    kind: SetKind::Union,
                    all: true,
                    by_name: false,
                    allow_missing_columns: false,
                }))
            })
            .expect("rows")
    }

    /// The rows beside as many that the call's FILTER leaves out.
    async fn filtered(&self) -> Result<Lines, Error> {
        let rows: Vec<usize> = (0..self.rows()).flat_map(|row| [self.rows() - 1 - row, row]).collect();
        let kept: Vec<i32> = (0..rows.len()).map(|i| i32::from(i % 2 == 1)).collect();
        let table = self.numbered(&rows, &kept);
        self.changed(table, "", &|call| {
            let kept = Expr::call("=", vec![Expr::column(&["g"]), integer(1)]);
            ExprNode::Function(FunctionCall { filter: Some(Box::new(kept)), ..call })
        })
        .await
    }

    /// The rows twice, mixed, in groups 1 and 2.
    fn two_groups(&self) -> Relation {
        let rows: Vec<usize> = (0..self.rows()).flat_map(|row| [row, row]).collect();
        let groups: Vec<i32> = (0..rows.len()).map(|i| i32::from(i % 2 == 0) + 1).collect();
        self.numbered(&rows, &groups)
    }

    async fn grouped(&self, table: &Relation) -> Result<Lines, Error> {
        self.changed(table.clone(), " GROUP BY g ORDER BY g", &ExprNode::Function).await
    }

    /// The call over a window: of all rows of a group, or a frame of one partition in the order of the groups.
    async fn over_windows(&self, table: &Relation, frame: Option<WindowFrame>) -> Result<Lines, Error> {
        let g = || Expr::column(&["g"]);
        let key = SortOrder { expr: g(), descending: false, nulls_first: None };
        let (partition, order) = if frame.is_some() { (vec![], vec![key]) } else { (vec![g()], vec![]) };
        let window = |call| {
            let function = Expr::new(ExprNode::Function(call));
            let (partition, order, frame) = (partition.clone(), order.clone(), frame.clone());
            ExprNode::Window(Box::new(WindowCall { function, partition, order, frame }))
        };
        self.changed(table.clone(), "", &window).await
    }

    /// A frame of two rows that moves over the rows, against the groups of the same two rows.
    async fn frames(&self) -> Result<(Lines, Lines), Error> {
        let rows: Vec<usize> =
            (0..self.rows()).flat_map(|row| [row.saturating_sub(1), row]).skip(1).collect();
        let number = |row: usize| i32::try_from(row).unwrap();
        let groups: Vec<i32> = (0..self.rows()).flat_map(|row| [number(row); 2]).skip(1).collect();
        let expected = self.grouped(&self.numbered(&rows, &groups)).await?;
        let rows: Vec<usize> = (0..self.rows()).collect();
        let groups: Vec<i32> = rows.iter().map(|row| number(*row)).collect();
        let lower = FrameBound::Value(Box::new(integer(-1)));
        let frame = WindowFrame { rows: true, lower, upper: FrameBound::CurrentRow };
        Ok((self.over_windows(&self.numbered(&rows, &groups), Some(frame)).await?, expected))
    }

    /// A window function over two partitions of the same rows.
    async fn partitioned(&self) -> Result<(Lines, Lines), Error> {
        let mut relation = parse(&self.query.over_t).expect("a query");
        *source(&mut relation) = aliased(self.two_groups(), &self.names_and_g());
        change(&mut relation, &|expr| {
            if let ExprNode::Window(call) = &mut expr.node {
                call.partition.push(Expr::column(&["g"]));
            }
        });
        let twice = self.query.expected.iter().flat_map(|line| [line.clone(), line.clone()]);
        Ok((self.answer(&relation, true).await?, twice.collect()))
    }

    fn names_and_g(&self) -> Vec<String> {
        self.query.columns.iter().cloned().chain(["g".to_owned()]).collect()
    }

    fn picked(&self, rows: &[usize]) -> RecordBatch {
        let rows = UInt32Array::from_iter_values(rows.iter().map(|row| u32::try_from(*row).unwrap()));
        take_record_batch(&self.batch, &rows).unwrap()
    }

    /// Some of the rows in one batch, with a column `g` after the others.
    fn numbered(&self, rows: &[usize], g: &[i32]) -> Relation {
        let picked = self.picked(rows);
        let mut fields: Vec<_> = picked.schema().fields().iter().cloned().collect();
        fields.push(Arc::new(Field::new("g", DataType::Int32, true)));
        let g: ArrayRef = Arc::new(Int32Array::from(g.to_vec()));
        let columns = picked.columns().iter().cloned().chain([g]).collect();
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
        let mut schema = self.schema.clone();
        schema.fields.push(StructField::new("g", thalweg_sql::types::DataType::Integer, true));
        local(&[batch], &schema)
    }

    /// The call over a table with `g`, where each aggregate in it is replaced.
    async fn changed(
        &self,
        table: Relation,
        clauses: &str,
        replace: &dyn Fn(FunctionCall) -> ExprNode,
    ) -> Result<Lines, Error> {
        let mut relation = parse(&format!("{}{clauses}", self.query.over_t)).expect("a query");
        *source(&mut relation) = aliased(table, &self.names_and_g());
        change(&mut relation, &|expr| {
            if let ExprNode::Function(call) = &expr.node
                && is_aggregate(call)
            {
                expr.node = replace(call.clone());
            }
        });
        self.answer(&relation, true).await
    }

    async fn over(&self, table: Relation, optimize: bool) -> Result<Lines, Error> {
        let mut relation = parse(&self.query.over_t).expect("a query");
        *source(&mut relation) = aliased(table, &self.query.columns);
        self.answer(&relation, optimize).await
    }

    async fn answer(&self, relation: &Relation, optimize: bool) -> Result<Lines, Error> {
        let rows = cells(self.session.query_with(relation, None, optimize).await?).await?;
        Ok(rows.into_iter().map(|cells| plain(&cells.join(" "))).collect())
    }

    /// Puts constants of the columns' types in the place of the columns.
    fn replace_columns(&self, relation: &mut Relation, row: &[Expr]) {
        let constant = |name: &str| {
            let at = self.query.columns.iter().position(|column| column == name)?;
            let to = self.schema.fields[at].data_type.clone();
            Some(Expr::new(ExprNode::Cast { expr: Box::new(row[at].clone()), to, mode: EvalMode::Ansi }))
        };
        change(relation, &|expr| {
            let ExprNode::Attribute { name, .. } = &expr.node else { return };
            let Some(whole) = name.first().and_then(|name| constant(name)) else { return };
            let field = |child, name: &String| {
                let extraction = Box::new(Expr::new(ExprNode::Literal(Literal::String(name.clone()))));
                Expr::new(ExprNode::Extract { child: Box::new(child), extraction })
            };
            *expr = name.iter().skip(1).fold(whole, field);
        });
    }
}

fn is_aggregate(call: &FunctionCall) -> bool {
    let name = call.name.last().map(String::as_str).unwrap_or_default();
    FunctionRegistry::built_in(name).is_some_and(|f| matches!(f.entry().kind(), FunctionKind::Aggregate(_)))
}

fn integer(n: i32) -> Expr {
    Expr::new(ExprNode::Literal(Literal::Integer(n)))
}

/// The rows of an answer as texts.
async fn cells(output: Output) -> Result<Vec<Lines>, Error> {
    let fields = output.schema.fields.clone();
    let texts = |column: &ArrayRef, field: &StructField| {
        display::intervals_as_texts(column, &mut interval_fields(&field.data_type).into_iter())
    };
    let mut rows = vec![];
    for batch in output.collect().await? {
        let columns: Vec<_> = batch.columns().iter().zip(&fields).map(|(c, f)| texts(c, f)).collect();
        rows.extend((0..batch.num_rows()).map(|row| columns.iter().map(|c| cell(c, row)).collect()));
    }
    Ok(rows)
}

fn cell(array: &ArrayRef, row: usize) -> String {
    let text = display::cell(array.as_ref(), row, "UTC");
    if text.trim().is_empty() { "(empty)".to_owned() } else { text.replace('\n', "\\n") }
}

/// Rows from a client.
fn local(batches: &[RecordBatch], schema: &StructType) -> Relation {
    let mut writer = StreamWriter::try_new(vec![], &batches[0].schema()).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    let ipc = Some(writer.into_inner().unwrap());
    Relation::new(RelationNode::Local { ipc, schema: Some(schema.clone()) })
}

fn aliased(table: Relation, columns: &[String]) -> Relation {
    let (input, columns) = (Box::new(table), columns.to_vec());
    Relation::new(RelationNode::Alias { input, alias: "t".into(), columns })
}

/// The relation that a query reads, `t`.
fn source(relation: &mut Relation) -> &mut Relation {
    match relation {
        Relation { node: RelationNode::Project { input, .. } | RelationNode::Sort { input, .. }, .. } => {
            source(input)
        }
        Relation { node: RelationNode::Aggregate(aggregate), .. } => source(&mut aggregate.input),
        table => table,
    }
}

/// Changes all expressions of a relation, the outer ones first; what a change makes is left as it is.
fn change(relation: &mut Relation, f: &dyn Fn(&mut Expr)) {
    relation.for_each_child_mut(&mut |child| match child {
        ChildMut::Relation(relation) => change(relation, f),
        ChildMut::Expr(expr) => change_expr(expr, f),
    });
}

fn change_expr(expr: &mut Expr, f: &dyn Fn(&mut Expr)) {
    let before = expr.clone();
    f(expr);
    if *expr != before {
        return;
    }
    expr.for_each_child_mut(&mut |child| match child {
        ChildMut::Relation(relation) => change(relation, f),
        ChildMut::Expr(expr) => change_expr(expr, f),
    });
}
