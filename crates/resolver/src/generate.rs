//! Resolves generators: functions that return many rows for one, in a select list, a LATERAL VIEW or FROM.
//!
//! Every generator becomes one list per row, which an unnest expands: a list of values, or of structs whose
//! fields are the generator's columns.

use crate::clause::Clause;
use crate::errors::analysis;
use crate::expr::placeholder;
use crate::expr_scope::{ExprScope, ResolvedExpr};
use crate::function::call_name;
use crate::scope::{Scope, ScopeColumn};
use crate::{ResolvedRelation, Resolver, column, project};
use arrow::datatypes::DataType as Arrow;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, lit};
use std::sync::Arc;
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_functions::once::draws;
use thalweg_functions::{Function, Generator, GeneratorForm, Intervals, Kind, TableForm};
use thalweg_logical::GenerateNode;
use thalweg_sql::ir::{self, ExprNode, FunctionCall, RelationNode};
use thalweg_sql::types::DataType;
use thalweg_values::errors::from_datafusion;
use thalweg_values::types::sql_name;

/// A generator call: the list it expands, and the columns of each element.
pub(crate) struct GeneratedColumns {
    /// The column that holds the list, then its elements.
    id: String,
    list: Expr,
    outer: bool,
    columns: Vec<(ScopeColumn, ResolvedExpr)>,
}

impl GeneratedColumns {
    /// The list that is expanded.
    pub(crate) fn list(&self) -> &Expr {
        &self.list
    }

    /// Rewrites the list that is expanded.
    pub(crate) fn map_list(&mut self, rewrite: impl FnOnce(Expr) -> Result<Expr>) -> Result<()> {
        self.list = rewrite(self.list.clone())?;
        Ok(())
    }

    /// The id of the column of the elements.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The generator's columns and their values above the unnest.
    pub(crate) fn columns(&self) -> Vec<(ScopeColumn, ResolvedExpr)> {
        self.columns.clone()
    }
}

impl Resolver<'_> {
    /// Resolves a select item that is a generator; none if it is not one.
    pub(crate) fn generator(
        &self,
        item: &ir::Expr,
        expr_scope: &ExprScope,
    ) -> Result<Option<GeneratedColumns>> {
        let Some(call) = self.generator_call(item) else { return Ok(None) };
        let names = match &item.node {
            ExprNode::Alias { names, .. } => names.as_slice(),
            _ => &[],
        };
        self.generated(call, names, expr_scope).map(Some).map_err(|e| self.at(e, item.origin))
    }

    /// Returns the call of a select item that is a generator, with or without aliases.
    pub(crate) fn generator_call<'e>(&self, item: &'e ir::Expr) -> Option<&'e FunctionCall> {
        let inner = match &item.node {
            ExprNode::Alias { expr, .. } => expr.as_ref(),
            _ => item,
        };
        match &inner.node {
            ExprNode::Function(call) if self.generator_of(call).is_some() => Some(call),
            _ => None,
        }
    }

    /// The generator that a call names.
    fn generator_of(&self, call: &FunctionCall) -> Option<(Function<'_>, Generator)> {
        let function = self.called(call)?;
        match function.entry().kind() {
            Kind::Generator(generator) => Some((function, generator)),
            _ => None,
        }
    }

    fn generated(
        &self,
        call: &FunctionCall,
        names: &[String],
        expr_scope: &ExprScope,
    ) -> Result<GeneratedColumns> {
        let name = call_name(call);
        let (function, generator) = self.generator_of(call).ok_or_else(|| not_a_table_function(&name))?;
        self.plain(&name, call)?;
        // In a select list the arguments may be aggregates; elsewhere there are none to add to.
        let expr_scope = ExprScope { windows: false, clause: Clause::Generator, ..*expr_scope };
        let args = self.arguments(&call.args, &expr_scope)?;
        require_parameter(generator.form, &name, &args)?;
        function.check_count(args.len())?;
        let id = self.new_id();
        let element = |t: &Arrow, nullable: bool| placeholder(&id, t.clone(), nullable);
        let (list, columns) = match (generator.form, args.as_slice()) {
            (GeneratorForm::Explode, [arg]) => self.exploded(arg, &element)?,
            (GeneratorForm::PosExplode, [arg]) => self.positioned(arg, &element)?,
            (GeneratorForm::Inline, [arg]) => self.inlined(arg, &element)?,
            (GeneratorForm::Stack, [_, ..]) => self.stacked(&args, &element)?,
            (GeneratorForm::JsonTuple, _) => self.tuple_of(&args, &element)?,
            (
                GeneratorForm::Explode
                | GeneratorForm::PosExplode
                | GeneratorForm::Inline
                | GeneratorForm::Stack,
                _,
            ) => {
                let what =
                    format!("a call of {name} has a number of arguments that its entry does not allow");
                return Err(Error::internal(what));
            }
        };
        let outer = generator.outer;
        if !names.is_empty() && names.len() != columns.len() {
            let text = format!(
                "The number of aliases supplied in the AS clause does not match the number of columns output by \
                 the UDTF. Expected {} aliases, but got {}.",
                columns.len(),
                names.join(",")
            );
            return Err(analysis("UDTF_ALIAS_NUMBER_MISMATCH", "42802", text)
                .param("aliasesSize", columns.len().to_string())
                .param("aliasesNames", names.join(",")));
        }
        let made = columns.into_iter().enumerate().map(|(i, (default, resolved))| {
            let name = names.get(i).cloned().unwrap_or(default);
            // With OUTER a row without elements is kept, and its generated columns are null.
            let nullable = resolved.nullable || outer;
            let c = ScopeColumn::new(self.new_id(), name, resolved.spark_type()?, nullable);
            Ok((c, ResolvedExpr { nullable, ..resolved }))
        });
        Ok(GeneratedColumns { id: id.clone(), list, outer, columns: made.collect::<Result<_>>()? })
    }

    fn exploded(&self, arg: &ResolvedExpr, element: &dyn Fn(&Arrow, bool) -> ResolvedExpr) -> Result<Made> {
        match &arg.data_type {
            Arrow::List(field) => {
                let mut value = element(field.data_type(), field.is_nullable());
                let args = std::slice::from_ref(arg);
                value.spark = crate::interval_fields::of_call(Intervals::Widest, field.data_type(), args);
                Ok((arg.expr.clone(), vec![("col".to_owned(), value)]))
            }
            Arrow::Map(_, _) => {
                let entries = self.scalar("map_entries", vec![arg.clone()])?;
                self.fields(entries.expr, &entries.data_type, element)
            }
            _ => Err(not_a_collection("explode", arg)),
        }
    }

    fn positioned(&self, arg: &ResolvedExpr, element: &dyn Fn(&Arrow, bool) -> ResolvedExpr) -> Result<Made> {
        let list = match &arg.data_type {
            Arrow::Map(_, _) => self.scalar("map_entries", vec![arg.clone()])?,
            Arrow::List(_) => arg.clone(),
            _ => return Err(not_a_collection("posexplode", arg)),
        };
        let (numbered, pair) = thalweg_functions::with_positions(list.arg())?;
        let pair = element(&pair, false);
        let mut columns = vec![("pos".to_owned(), self.field(pair.clone(), "pos")?)];
        let value = self.field(pair, "col")?;
        match &value.data_type {
            // Only the entries of a map become two columns; the structs of an array remain one.
            Arrow::Struct(entry) if matches!(arg.data_type, Arrow::Map(..)) => {
                for f in entry {
                    columns.push((f.name().clone(), self.field(value.clone(), f.name())?));
                }
            }
            _ => columns.push(("col".to_owned(), value)),
        }
        Ok((numbered.expr, columns))
    }

    fn inlined(&self, arg: &ResolvedExpr, element: &dyn Fn(&Arrow, bool) -> ResolvedExpr) -> Result<Made> {
        match &arg.data_type {
            Arrow::List(field) if matches!(field.data_type(), Arrow::Struct(_)) => {
                self.fields(arg.expr.clone(), &arg.data_type, element)
            }
            _ => Err(not_a_collection("inline", arg)),
        }
    }

    /// `stack(n, v1, …)`: the values in `n` rows.
    fn stacked(&self, args: &[ResolvedExpr], element: &dyn Fn(&Arrow, bool) -> ResolvedExpr) -> Result<Made> {
        let rows = match args.first().map(|a| &a.expr) {
            Some(Expr::Literal(ScalarValue::Int32(Some(n)), _)) if *n > 0 => *n as usize,
            _ => return Err(Error::unsupported("stack() whose number of rows is not a positive literal")),
        };
        let values = args.get(1..).unwrap_or_default();
        let width = values.len().div_ceil(rows).max(1);
        let mut structs = vec![];
        for row in 0..rows {
            let mut fields = vec![];
            for col in 0..width {
                let null = || ResolvedExpr::new(lit(ScalarValue::Null), Arrow::Null, true);
                let mut value = values.get(row * width + col).cloned().unwrap_or_else(null);
                // A column of the result holds every `width`-th value, so these must have a common type.
                let peers: Vec<Arrow> =
                    values.iter().skip(col).step_by(width).map(|v| v.data_type.clone()).collect();
                let common = thalweg_functions::common_type(&peers)
                    .ok_or_else(|| Error::unsupported("stack() of columns without a common type"))?;
                value = self.coerced(value, &common)?;
                fields.push(ResolvedExpr::new(lit(format!("col{col}")), Arrow::Utf8, false));
                fields.push(value);
            }
            structs.push(self.scalar("named_struct", fields)?);
        }
        let list = self.scalar("array", structs)?;
        self.fields(list.expr, &list.data_type, element)
    }

    fn tuple_of(
        &self,
        args: &[ResolvedExpr],
        element: &dyn Fn(&Arrow, bool) -> ResolvedExpr,
    ) -> Result<Made> {
        let list = thalweg_functions::json_tuple(args.iter().map(ResolvedExpr::arg).collect())?;
        self.fields(list.expr, &list.data_type, element)
    }

    /// The fields of a list's structs as columns.
    fn fields(
        &self,
        list: Expr,
        data_type: &Arrow,
        element: &dyn Fn(&Arrow, bool) -> ResolvedExpr,
    ) -> Result<Made> {
        let of_structs = match data_type {
            Arrow::List(field) => match field.data_type() {
                Arrow::Struct(fields) => Some((field, fields)),
                _ => None,
            },
            _ => None,
        };
        let Some((field, fields)) = of_structs else {
            return Err(Error::unsupported(format!("a generator over {}", sql_name(data_type))));
        };
        let of = element(field.data_type(), field.is_nullable());
        let columns = fields.iter().map(|f| Ok((f.name().clone(), self.field(of.clone(), f.name())?)));
        Ok((list, columns.collect::<Result<_>>()?))
    }

    /// Adds the generator's unnest above its input.
    pub(crate) fn generate(
        &self,
        mut relation: ResolvedRelation,
        generator: GeneratedColumns,
    ) -> Result<ResolvedRelation> {
        let varies = draws(&generator.list);
        relation.plan = self.expanded(relation.plan, &generator.id, generator.list, generator.outer)?;
        // A filter from above that moved below would change which rows draw numbers for the list.
        if varies {
            relation.plan = self.compute_once(relation.plan, relation.streaming);
        }
        // Without OUTER a row without elements is dropped.
        relation.excludes = true;
        Ok(relation)
    }

    /// Returns the rows of `plan` with each element of `list` as the column `id`; rows without elements are dropped,
    /// or kept once with null if `outer`.
    pub(crate) fn expanded(
        &self,
        plan: LogicalPlan,
        id: &str,
        list: Expr,
        outer: bool,
    ) -> Result<LogicalPlan> {
        let mut exprs: Vec<Expr> = plan.schema().columns().into_iter().map(Expr::Column).collect();
        exprs.push(list.alias(id));
        let plan = project(plan, exprs)?;
        let node = GenerateNode::try_new(plan, id.to_owned(), outer).map_err(from_datafusion)?;
        Ok(LogicalPlan::Extension(Extension { node: Arc::new(node) }))
    }

    pub(crate) fn lateral_view(
        &self,
        view: &ir::LateralView,
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        let ir::LateralView { input, generator, outer: keep, alias, columns } = view;
        let ExprNode::Function(call) = &generator.node else {
            return Err(Error::unsupported("LATERAL VIEW of an expression that is not a generator"));
        };
        let relation = self.relation(input, outer)?;
        let expr_scope = ExprScope::new(&relation.scope, outer);
        let mut generated =
            self.generated(call, columns, &expr_scope).map_err(|e| self.at(e, generator.origin))?;
        generated.outer |= keep;
        self.beside(relation, generated, alias.as_deref())
    }

    /// The input's columns and the generator's.
    fn beside(
        &self,
        relation: ResolvedRelation,
        generator: GeneratedColumns,
        alias: Option<&str>,
    ) -> Result<ResolvedRelation> {
        let made = generator.columns();
        let outer = generator.outer;
        let mut relation = self.generate(relation, generator)?;
        let mut exprs: Vec<Expr> =
            relation.scope.columns.iter().chain(&relation.scope.hidden).map(|c| column(&c.id)).collect();
        for (mut c, resolved) in made {
            exprs.push(resolved.expr.alias(&c.id));
            c.nullable |= outer;
            c.qualifier = alias.map(|a| vec![a.to_owned()]).unwrap_or_default();
            relation.scope.columns.push(c);
        }
        relation.plan = project(relation.plan, exprs)?;
        Ok(relation)
    }

    /// A lateral join: of a generator only.
    pub(crate) fn lateral(&self, join: &ir::Join, outer: Option<&ExprScope>) -> Result<ResolvedRelation> {
        let (mut node, mut alias, mut names) = (&join.right.node, None, &[] as &[String]);
        if let RelationNode::Alias { input, alias: given, columns } = node {
            (node, alias, names) = (&input.node, Some(given.as_str()), columns);
        }
        let RelationNode::TableFunction { name, args } = node else {
            return Err(Error::unsupported("a lateral join of a subquery"));
        };
        let outer_join = match (join.kind, &join.condition) {
            (ir::JoinKind::Inner | ir::JoinKind::Cross, None) => false,
            (ir::JoinKind::LeftOuter, None) => true,
            _ => return Err(Error::unsupported("a lateral join with a condition")),
        };
        let relation = self.relation(&join.left, outer)?;
        let expr_scope = ExprScope::new(&relation.scope, outer);
        let call = FunctionCall { name: name.clone(), ..FunctionCall::new("", args.clone()) };
        let mut generated = self.generated(&call, names, &expr_scope)?;
        generated.outer |= outer_join;
        self.beside(relation, generated, alias)
    }

    /// A function in FROM: `range(..)` or a generator over constants.
    pub(crate) fn table_function(
        &self,
        name: &ir::Name,
        args: &[ir::Expr],
        outer: Option<&ExprScope>,
    ) -> Result<ResolvedRelation> {
        let call = FunctionCall { name: name.clone(), ..FunctionCall::new("", args.to_vec()) };
        let shown = call_name(&call);
        let function = self.called(&call).ok_or_else(|| not_a_table_function(&shown))?;
        match function.entry().kind() {
            Kind::Table(TableForm::Range) => {
                function.check_count(args.len())?;
                return self.range_function(args);
            }
            Kind::Generator(_) => {}
            Kind::Scalar | Kind::Aggregate(_) | Kind::Window(_) | Kind::Lambda(_) | Kind::Special(_) => {
                return Err(not_a_table_function(&shown));
            }
        }
        let relation = crate::source::one_row();
        let expr_scope = ExprScope::new(&relation.scope, outer);
        let generated = self.generated(&call, &[], &expr_scope)?;
        self.beside(relation, generated, None)
    }

    fn range_function(&self, args: &[ir::Expr]) -> Result<ResolvedRelation> {
        let number =
            |name: &str, e: &ir::Expr| self.range_argument(name, e).map_err(|error| self.at(error, e.origin));
        let (bounds, partitions) = args.split_at(args.len().min(3));
        for partitions in partitions {
            // The rows do not depend on it, but a number that Spark refuses is refused.
            if number("4th", partitions)? < 1 {
                let text = "Positive number of partitions required".to_owned();
                return Err(Error::new(ErrorKind::IllegalArgument, "INVALID_PARAMETER_VALUE", "22023", text));
            }
        }
        match bounds {
            [end] => self.range(0, number("second", end)?, 1),
            [start, end] => self.range(number("first", start)?, number("second", end)?, 1),
            [start, end, step] => {
                self.range(number("first", start)?, number("second", end)?, number("third", step)?)
            }
            _ => Err(Error::internal(
                "a call of range has a number of arguments that its entry does not allow",
            )),
        }
    }

    /// The value of an argument of `range`, which is cast as Spark casts it.
    fn range_argument(&self, place: &str, expr: &ir::Expr) -> Result<i64> {
        let scope = Scope::default();
        let expr_scope = ExprScope::new(&scope, None);
        let to = if place == "4th" { DataType::Integer } else { DataType::Long };
        let wanted = format!("\"{}\"", to.sql());
        let cast = ExprNode::Cast { expr: Box::new(expr.clone()), to, mode: ir::EvalMode::Ansi };
        match self.constant(&ir::Expr::at(cast, expr.origin), &expr_scope)? {
            Some(ScalarValue::Int64(Some(number))) => Ok(number),
            Some(ScalarValue::Int32(Some(number))) => Ok(number.into()),
            Some(_) => {
                let (shown, given) =
                    (self.name_of(expr, &expr_scope), self.expr(expr, &expr_scope)?.type_name());
                let text = format!(
                    "Parameter {place} of function `range` requires the {wanted} type, however \"{shown}\" has the \
                     type \"{given}\"."
                );
                Err(analysis("UNEXPECTED_INPUT_TYPE", "42K09", text)
                    .param("paramIndex", place)
                    .param("functionName", "`range`")
                    .param("requiredType", wanted)
                    .param("inputSql", format!("\"{shown}\""))
                    .param("inputType", format!("\"{given}\"")))
            }
            None => Err(Error::unsupported("range() of an argument that is not a constant")),
        }
    }
}

/// Refuses a call without the one argument of a generator, which has a name.
fn require_parameter(form: GeneratorForm, function: &str, args: &[ResolvedExpr]) -> Result<()> {
    let parameter = match form {
        GeneratorForm::Explode | GeneratorForm::PosExplode => "collection",
        GeneratorForm::Inline => "input",
        GeneratorForm::Stack | GeneratorForm::JsonTuple => return Ok(()),
    };
    if !args.is_empty() {
        return Ok(());
    }
    let text = format!(
        "Cannot invoke routine `{function}` because the parameter named `{parameter}` is required, but the routine call \
         did not supply a value. Please update the routine call to supply an argument value (either positionally at \
         index 0 or by name) and retry the query again."
    );
    Err(analysis("REQUIRED_PARAMETER_NOT_FOUND", "4274K", text)
        .param("routineName", format!("`{function}`"))
        .param("parameterName", format!("`{parameter}`"))
        .param("index", "0"))
}

fn not_a_table_function(name: &str) -> Error {
    let text = format!(
        "Could not resolve `{name}` to a table-valued function. Please make sure that `{name}` is defined as a \
         table-valued function and that all required parameters are provided correctly."
    );
    analysis("UNRESOLVABLE_TABLE_VALUED_FUNCTION", "42883", text).param("name", format!("`{name}`"))
}

/// A list, and the columns of its elements with their default names.
type Made = (Expr, Vec<(String, ResolvedExpr)>);

fn not_a_collection(name: &str, arg: &ResolvedExpr) -> Error {
    let text = format!(
        "Cannot resolve \"{name}\" due to data type mismatch: The first parameter requires the (\"ARRAY\" or \"MAP\") \
         type, however the argument has the type \"{}\".",
        arg.type_name()
    );
    analysis("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", "42K09", text)
        .param("inputType", format!("\"{}\"", arg.type_name()))
}
