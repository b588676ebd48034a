//! Creates the resolver's errors with Spark's classes, SQLSTATEs, parameters and texts.

use crate::scope::{Scope, ScopeColumn};
use thalweg_common::{Error, ErrorKind};
use thalweg_values::names::quoted;

/// The largest number of columns that a message proposes.
const PROPOSALS_MAX: usize = 5;

/// An error of the analysis.
pub(crate) fn analysis(class: &str, sqlstate: &str, message: String) -> Error {
    Error::new(ErrorKind::Analysis, class, sqlstate, message)
}

/// A call in the condition of a join that has no place there.
pub(crate) fn unsupported_in_operator(shown: &str) -> Error {
    let text = format!(
        "A query operator contains one or more unsupported expressions. Consider to rewrite it to avoid window functions, \
         aggregate functions, and generator functions in the WHERE clause. Invalid expressions: [\"{shown}\"]"
    );
    analysis("UNSUPPORTED_EXPR_FOR_OPERATOR", "42K0E", text).param("invalidExprSqls", format!("\"{shown}\""))
}

/// A name that no column has.
pub(crate) fn unresolved_column(name: &[String], scope: &Scope) -> Error {
    let object = quoted(name);
    let proposals = proposals(name, &scope.columns);
    let what = format!("A column, variable, or function parameter with name {object} cannot be resolved.");
    if proposals.is_empty() {
        return analysis("UNRESOLVED_COLUMN.WITHOUT_SUGGESTION", "42703", what).param("objectName", object);
    }
    let proposal = proposals.join(", ");
    let text = format!("{what} Did you mean one of the following? [{proposal}].");
    analysis("UNRESOLVED_COLUMN.WITH_SUGGESTION", "42703", text)
        .param("objectName", object)
        .param("proposal", proposal)
}

/// Returns the columns nearest to `name`, with their qualifier only if the scope has columns of several relations.
fn proposals(name: &[String], columns: &[ScopeColumn]) -> Vec<String> {
    let one_relation = columns.windows(2).all(|w| matches!(w, [a, b] if a.qualifier == b.qualifier));
    let shown = |c: &ScopeColumn| match c.qualifier.last() {
        Some(q) if !one_relation => vec![q.clone(), c.name.clone()],
        _ => vec![c.name.clone()],
    };
    let wanted = name.join(".").to_lowercase();
    let mut ranked: Vec<(usize, String)> = columns
        .iter()
        .map(|c| {
            let parts = shown(c);
            (strsim::levenshtein(&wanted, &parts.join(".").to_lowercase()), quoted(&parts))
        })
        .collect();
    // The sort is stable, so columns that are equally near keep the order of the scope.
    ranked.sort_by_key(|(distance, _)| *distance);
    let mut seen = Vec::new();
    for (_, proposal) in ranked {
        if !seen.contains(&proposal) {
            seen.push(proposal);
        }
    }
    seen.truncate(PROPOSALS_MAX);
    seen
}

/// A name that no column has, where names cannot be qualified.
pub(crate) fn unknown_field_name(name: &str, scope: &Scope) -> Error {
    let names = scope.columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", ");
    let text = format!("Cannot resolve column name \"{name}\" among ({names}).");
    analysis("UNRESOLVED_COLUMN_AMONG_FIELD_NAMES", "42703", text)
        .param("colName", format!("\"{name}\""))
        .param("fieldNames", names)
}

/// A column of `dropDuplicates` that does not exist.
pub(crate) fn unknown_key(name: &str, scope: &Scope) -> Error {
    let unknown = unknown_field_name(name, scope);
    let text = format!("The Spark Connect plan is invalid. {}", unknown.message());
    let class = "CONNECT_INVALID_PLAN.UNRESOLVED_COLUMN_AMONG_FIELD_NAMES";
    analysis(class, "56K00", text).param("colName", format!("\"{name}\""))
}

/// A name that several columns have.
pub(crate) fn ambiguous_reference(name: &[String], columns: &[&ScopeColumn]) -> Error {
    let full = |c: &&ScopeColumn| {
        let mut parts = c.qualifier.clone();
        parts.push(c.name.clone());
        quoted(&parts)
    };
    let candidates = format!("[{}]", columns.iter().map(full).collect::<Vec<_>>().join(", "));
    let text = format!("Reference {} is ambiguous, could be: {candidates}.", quoted(name));
    analysis("AMBIGUOUS_REFERENCE", "42704", text)
        .param("name", quoted(name))
        .param("referenceNames", candidates)
}

/// A `df["x"]` whose relation is not an input.
pub(crate) fn foreign_dataframe_column(name: &[String]) -> Error {
    let shown = format!("\"{}\"", name.join("."));
    let text = format!(
        "Cannot resolve dataframe column {shown}. It's probably because of illegal references like \
         `df1.select(df2.col(\"a\"))`."
    );
    analysis("CANNOT_RESOLVE_DATAFRAME_COLUMN", "42704", text).param("name", shown)
}

/// A `df["x"]` whose relation is an input twice.
pub(crate) fn ambiguous_dataframe_column(name: &str) -> Error {
    let object = format!("\"{name}\"");
    let text = format!(
        "Column {object} is ambiguous. It's because you joined several DataFrame together, and some of these \
         DataFrames are the same. This column points to one of the DataFrames but Spark is unable to figure out \
         which one. Please alias the DataFrames with different names via `DataFrame.alias` before joining them, \
         and specify the column using qualified name, e.g. `df.alias(\"a\").join(df.alias(\"b\"), col(\"a.id\") > \
         col(\"b.id\"))`."
    );
    analysis("AMBIGUOUS_COLUMN_REFERENCE", "42702", text).param("name", object)
}

/// A column outside of aggregates without GROUP BY.
pub(crate) fn missing_group_by() -> Error {
    let text = "The query does not include a GROUP BY clause. Add GROUP BY or turn it into the window functions using \
                OVER clauses.";
    analysis("MISSING_GROUP_BY", "42803", text.to_owned())
}

/// A column outside of aggregates that is not a grouping key.
pub(crate) fn missing_aggregation(expression: &str) -> Error {
    let shown = format!("\"{expression}\"");
    let any = format!("any_value({expression})");
    let text = format!(
        "The non-aggregating expression {shown} is based on columns which are not participating in the GROUP BY \
         clause. Add the columns or the expression to the GROUP BY, aggregate the expression, or use \"{any}\" \
         if you do not care which of the values within a group is returned."
    );
    analysis("MISSING_AGGREGATION", "42803", text)
        .param("expression", shown)
        .param("expressionAnyValue", format!("\"{any}\""))
}

/// A predicate that is not a boolean.
pub(crate) fn filter_not_boolean(filter: &str, data_type: &str) -> Error {
    let text = format!(
        "Cannot resolve \"{filter}\" due to data type mismatch: Filter expression \"{filter}\" of type \
         \"{data_type}\" is not a boolean."
    );
    analysis("DATATYPE_MISMATCH.FILTER_NOT_BOOLEAN", "42K09", text)
        .param("sqlExpr", format!("\"{filter}\""))
        .param("filter", format!("\"{filter}\""))
        .param("type", format!("\"{data_type}\""))
}

/// A mismatch of column counts: `what` names the operation.
pub(crate) fn columns_mismatch(what: &str, left: usize, right: usize) -> Error {
    analysis(
        "NUM_COLUMNS_MISMATCH",
        "42826",
        format!(
            "{what} can only be performed on inputs with the same number of columns, but the first input has \
             {left} columns and the second input has {right} columns."
        ),
    )
    .param("operator", what)
    .param("firstNumColumns", left.to_string())
    .param("invalidOrdinalNum", "second")
    .param("invalidNumColumns", right.to_string())
}
