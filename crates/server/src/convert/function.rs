//! Converts function calls, lambdas and subqueries.

use super::{Converter, identifier, refuse_if, required};
use spark_connect_proto as pb;
use thalweg_common::{Error, Result};
use thalweg_sql::ir;

impl Converter<'_> {
    /// Converts a call of a function or an operator.
    pub(super) fn function(&self, proto: pb::expression::UnresolvedFunction) -> Result<ir::ExprNode> {
        let pb::expression::UnresolvedFunction {
            function_name,
            arguments,
            is_distinct,
            is_user_defined_function,
            // In Spark it selects the functions that SQL cannot name; Thalweg has one registry.
            is_internal: _,
        } = proto;
        let mut call = ir::FunctionCall::new(&function_name, self.expressions(arguments)?);
        // The name of a built-in function is taken whole; only that of a registered function may have qualifiers.
        if is_user_defined_function {
            call.name = identifier(&function_name)?;
        }
        call.distinct = is_distinct;
        Ok(ir::ExprNode::Function(call))
    }

    /// `call_function(name, …)`.
    pub(super) fn call_function(&self, proto: pb::CallFunction) -> Result<ir::ExprNode> {
        let pb::CallFunction { function_name, arguments } = proto;
        let mut call = ir::FunctionCall::new("", self.expressions(arguments)?);
        call.name = identifier(&function_name)?;
        Ok(ir::ExprNode::Function(call))
    }

    /// `name => value`.
    pub(super) fn named_argument(&self, proto: pb::NamedArgumentExpression) -> Result<ir::ExprNode> {
        let pb::NamedArgumentExpression { key, value } = proto;
        let value = Box::new(self.expression(*required(value, "NamedArgumentExpression.value")?)?);
        Ok(ir::ExprNode::NamedArgument { name: key, value })
    }

    /// `x -> …`.
    pub(super) fn lambda(&self, proto: pb::expression::LambdaFunction) -> Result<ir::ExprNode> {
        let pb::expression::LambdaFunction { function, arguments } = proto;
        let parameters = arguments.into_iter().map(variable_name).collect();
        let body = Box::new(self.expression(*required(function, "LambdaFunction.function")?)?);
        Ok(ir::ExprNode::Lambda { parameters, body })
    }

    /// Converts a subquery that is in the `references` of a `WithRelations`.
    pub(super) fn subquery(&self, proto: pb::SubqueryExpression) -> Result<ir::ExprNode> {
        use pb::subquery_expression::SubqueryType;
        let pb::SubqueryExpression { plan_id, subquery_type, table_arg_options, in_subquery_values } = proto;
        refuse_if(table_arg_options.is_some(), "a table as an argument (asTable)")?;
        let kind = match SubqueryType::try_from(subquery_type) {
            Ok(SubqueryType::Scalar) => ir::SubqueryKind::Scalar,
            Ok(SubqueryType::Exists) => ir::SubqueryKind::Exists,
            Ok(SubqueryType::In) => ir::SubqueryKind::In { values: self.expressions(in_subquery_values)? },
            Ok(SubqueryType::TableArg) => return Err(Error::unsupported("a table as an argument (asTable)")),
            Ok(SubqueryType::Unknown) | Err(_) => {
                return Err(super::invalid(format!("{subquery_type} is not a kind of subquery.")));
            }
        };
        Ok(ir::ExprNode::SubqueryReference { kind, plan_id })
    }
}

/// Returns the name of a lambda's variable.
pub(super) fn variable_name(proto: pb::expression::UnresolvedNamedLambdaVariable) -> String {
    let pb::expression::UnresolvedNamedLambdaVariable { name_parts } = proto;
    name_parts.join(".")
}
