//! Converts expressions.

use super::{Converter, function, identifier, literal, refuse_if, required, types};
use spark_connect_proto as pb;
use spark_connect_proto::expression::ExprType;
use spark_connect_proto::expression::cast::{CastToType, EvalMode};
use thalweg_common::{Error, Result};
use thalweg_sql::ir::{self, Expr, ExprNode, Literal};
use thalweg_sql::types::parse_data_type;

impl Converter<'_> {
    /// Converts an expression.
    pub(crate) fn expression(&self, proto: pb::Expression) -> Result<Expr> {
        // `common` is the place of the call in the client's program, which only the client's traces show.
        let pb::Expression { common: _, expr_type } = proto;
        let node = match required(expr_type, "Expression.expr_type")? {
            ExprType::Literal(value) => ExprNode::Literal(literal::literal(value)?),
            ExprType::UnresolvedAttribute(attribute) => attribute_node(attribute)?,
            ExprType::UnresolvedFunction(call) => self.function(call)?,
            ExprType::ExpressionString(pb::expression::ExpressionString { expression }) => {
                return parsed(&expression);
            }
            ExprType::UnresolvedStar(star) => star_node(star)?,
            ExprType::Alias(alias) => self.alias(*alias)?,
            ExprType::Cast(cast) => self.cast(*cast)?,
            ExprType::UnresolvedRegex(regex) => regex_node(regex)?,
            ExprType::LambdaFunction(lambda) => self.lambda(*lambda)?,
            ExprType::Window(window) => self.window(*window)?,
            ExprType::UnresolvedExtractValue(extract) => self.extract(*extract)?,
            ExprType::UpdateFields(update) => self.update_fields(*update)?,
            ExprType::UnresolvedNamedLambdaVariable(variable) => {
                ExprNode::LambdaVariable(function::variable_name(variable))
            }
            ExprType::CallFunction(call) => self.call_function(call)?,
            ExprType::NamedArgumentExpression(argument) => self.named_argument(*argument)?,
            ExprType::SubqueryExpression(subquery) => self.subquery(subquery)?,
            refused => return Err(Error::unsupported(refused_name(&refused))),
        };
        Ok(Expr::new(node))
    }

    /// Converts a list of expressions.
    pub(super) fn expressions(&self, protos: Vec<pb::Expression>) -> Result<Vec<Expr>> {
        protos.into_iter().map(|proto| self.expression(proto)).collect()
    }

    /// Converts the expression of a boxed field, which is required.
    pub(super) fn boxed(&self, proto: Option<Box<pb::Expression>>, field: &str) -> Result<Box<Expr>> {
        Ok(Box::new(self.expression(*required(proto, field)?)?))
    }

    /// Converts an alias.
    pub(super) fn alias(&self, proto: pb::expression::Alias) -> Result<ExprNode> {
        let pb::expression::Alias { expr, name, metadata } = proto;
        Ok(ExprNode::Alias { expr: self.boxed(expr, "Alias.expr")?, names: name, metadata })
    }

    fn cast(&self, proto: pb::expression::Cast) -> Result<ExprNode> {
        let pb::expression::Cast { expr, eval_mode, cast_to_type } = proto;
        let expr = self.boxed(expr, "Cast.expr")?;
        let to = match required(cast_to_type, "Cast.cast_to_type")? {
            CastToType::Type(data_type) => types::from_proto(data_type)?,
            CastToType::TypeStr(text) => parse_data_type(&text)?,
        };
        let mode = match EvalMode::try_from(eval_mode) {
            // A cast without a mode follows `spark.sql.ansi.enabled`, of which only `true` is supported.
            Ok(EvalMode::Unspecified | EvalMode::Ansi) => ir::EvalMode::Ansi,
            Ok(EvalMode::Try) => ir::EvalMode::Try,
            Ok(EvalMode::Legacy) => return Err(Error::unsupported("casts in legacy (not ANSI) mode")),
            Err(_) => return Err(super::invalid(format!("{eval_mode} is not a mode of a cast."))),
        };
        Ok(ExprNode::Cast { expr, to, mode })
    }

    fn extract(&self, proto: pb::expression::UnresolvedExtractValue) -> Result<ExprNode> {
        let pb::expression::UnresolvedExtractValue { child, extraction } = proto;
        let child = self.boxed(child, "UnresolvedExtractValue.child")?;
        Ok(ExprNode::Extract {
            child,
            extraction: self.boxed(extraction, "UnresolvedExtractValue.extraction")?,
        })
    }

    fn update_fields(&self, proto: pb::expression::UpdateFields) -> Result<ExprNode> {
        let pb::expression::UpdateFields { struct_expression, field_name, value_expression } = proto;
        let child = self.boxed(struct_expression, "UpdateFields.struct_expression")?;
        let value = value_expression.map(|value| self.expression(*value)).transpose()?.map(Box::new);
        Ok(ExprNode::UpdateField { child, field: field_name, value })
    }
}

/// Parses the text of `expr("a + 1")`. Its places are removed: they do not refer to the statement's text.
fn parsed(text: &str) -> Result<Expr> {
    let mut expr = thalweg_sql::parse_expression(text)?;
    expr.clear_origins();
    Ok(expr)
}

/// Converts a literal to an expression.
pub(super) fn literal_expr(proto: pb::expression::Literal) -> Result<Expr> {
    Ok(Expr::new(ExprNode::Literal(literal::literal(proto)?)))
}

/// Converts a count to an expression.
pub(super) fn integer(value: i32) -> Expr {
    Expr::new(ExprNode::Literal(Literal::Integer(value)))
}

fn attribute_node(proto: pb::expression::UnresolvedAttribute) -> Result<ExprNode> {
    let pb::expression::UnresolvedAttribute { unparsed_identifier, plan_id, is_metadata_column } = proto;
    refuse_if(is_metadata_column == Some(true), "metadata columns (df.metadataColumn)")?;
    Ok(ExprNode::Attribute { name: identifier(&unparsed_identifier)?, plan_id })
}

fn star_node(proto: pb::expression::UnresolvedStar) -> Result<ExprNode> {
    let pb::expression::UnresolvedStar { unparsed_target, plan_id } = proto;
    let target = match unparsed_target.as_deref() {
        None => None,
        // Clients send the star with its target, as `a.*`.
        Some(text) => Some(identifier(text.strip_suffix(".*").unwrap_or(text))?),
    };
    Ok(ExprNode::Star { target, plan_id, except: vec![] })
}

fn regex_node(proto: pb::expression::UnresolvedRegex) -> Result<ExprNode> {
    let pb::expression::UnresolvedRegex { col_name, plan_id } = proto;
    match col_name.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')) {
        Some(pattern) => {
            refuse_if(is_possessive(pattern), "possessive quantifiers (?+, *+, ++) in colRegex")?;
            Ok(ExprNode::Regex { pattern: pattern.to_owned(), plan_id })
        }
        // Without quotes it is a plain name, as in Spark.
        None => Ok(ExprNode::Attribute { name: identifier(&col_name)?, plan_id }),
    }
}

/// Java reads `x?+` as one possessive quantifier; our regular expressions would read two quantifiers.
fn is_possessive(pattern: &str) -> bool {
    let mut escaped = false;
    let mut after_quantifier = false;
    for c in pattern.chars() {
        if after_quantifier && c == '+' {
            return true;
        }
        after_quantifier = !escaped && matches!(c, '?' | '*' | '+' | '}');
        escaped = !escaped && c == '\\';
    }
    false
}

/// Returns the user's name of an expression that is refused.
fn refused_name(expr: &ExprType) -> &'static str {
    match expr {
        ExprType::CommonInlineUserDefinedFunction(_) => "user-defined functions in Python",
        ExprType::TypedAggregateExpression(_) => "user-defined aggregates of the JVM",
        ExprType::MergeAction(_) => "MERGE INTO",
        ExprType::SortOrder(_) => "an ordering (asc, desc) outside an ORDER BY",
        ExprType::DirectShufflePartitionId(_) => "repartitionById",
        ExprType::Extension(_) => "expressions of a plugin",
        ExprType::Literal(_)
        | ExprType::UnresolvedAttribute(_)
        | ExprType::UnresolvedFunction(_)
        | ExprType::ExpressionString(_)
        | ExprType::UnresolvedStar(_)
        | ExprType::Alias(_)
        | ExprType::Cast(_)
        | ExprType::UnresolvedRegex(_)
        | ExprType::LambdaFunction(_)
        | ExprType::Window(_)
        | ExprType::UnresolvedExtractValue(_)
        | ExprType::UpdateFields(_)
        | ExprType::UnresolvedNamedLambdaVariable(_)
        | ExprType::CallFunction(_)
        | ExprType::NamedArgumentExpression(_)
        | ExprType::SubqueryExpression(_) => "this expression at this place",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn convert(expr_type: ExprType) -> Result<ExprNode> {
        let converter = Converter::new(&|_| None);
        Ok(converter.expression(pb::Expression { common: None, expr_type: Some(expr_type) })?.node)
    }

    fn attribute(name: &str) -> ExprType {
        ExprType::UnresolvedAttribute(pb::expression::UnresolvedAttribute {
            unparsed_identifier: name.into(),
            plan_id: Some(4),
            is_metadata_column: None,
        })
    }

    fn name(parts: &[&str]) -> Vec<String> {
        parts.iter().map(|p| (*p).to_owned()).collect()
    }

    fn regex(pattern: &str) -> ExprType {
        let col_name = pattern.to_owned();
        ExprType::UnresolvedRegex(pb::expression::UnresolvedRegex { col_name, plan_id: None })
    }

    #[test]
    fn a_message_becomes_its_node() {
        let star = |target: &str| {
            let unparsed_target = Some(target.to_owned());
            ExprType::UnresolvedStar(pb::expression::UnresolvedStar { unparsed_target, plan_id: None })
        };
        for (expr_type, expect) in [
            (attribute("a.`b.c`"), ExprNode::Attribute { name: name(&["a", "b.c"]), plan_id: Some(4) }),
            (
                star("s.t.*"),
                ExprNode::Star { target: Some(name(&["s", "t"])), plan_id: None, except: vec![] },
            ),
            (regex("`a.*`"), ExprNode::Regex { pattern: "a.*".into(), plan_id: None }),
            (regex(r"`a\++`"), ExprNode::Regex { pattern: r"a\++".into(), plan_id: None }),
            (regex("a"), ExprNode::Attribute { name: name(&["a"]), plan_id: None }),
        ] {
            assert_eq!(convert(expr_type).unwrap(), expect);
        }
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        let cast = pb::expression::Cast {
            expr: Some(Box::new(pb::Expression { common: None, expr_type: Some(attribute("a")) })),
            eval_mode: EvalMode::Legacy.into(),
            cast_to_type: Some(CastToType::Type(types::to_proto(&thalweg_sql::types::DataType::Long))),
        };
        for (expr_type, name) in [
            (ExprType::CommonInlineUserDefinedFunction(Default::default()), "Python"),
            (ExprType::SortOrder(Default::default()), "ORDER BY"),
            (regex("`(a)?+.+`"), "possessive"),
            (ExprType::Cast(Box::new(cast)), "legacy"),
        ] {
            let error = convert(expr_type).unwrap_err();
            assert_eq!(error.class(), "UNSUPPORTED_FEATURE");
            assert!(error.message().contains(name), "{name}: {error}");
        }
    }
}
