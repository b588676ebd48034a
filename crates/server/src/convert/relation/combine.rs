//! Converts relations over several inputs: joins, set operations, subqueries by reference.

use crate::convert::{Converter, invalid, refuse_if, required};
use spark_connect_proto as pb;
use spark_connect_proto::join::JoinType;
use spark_connect_proto::set_operation::SetOpType;
use thalweg_common::Result;
use thalweg_sql::ir;
use thalweg_sql::ir::RelationNode as Node;

impl Converter<'_> {
    /// `join`, `crossJoin`.
    pub(super) fn join(&self, proto: pb::Join) -> Result<Node> {
        let pb::Join { left, right, join_condition, join_type, using_columns, join_data_type } = proto;
        refuse_if(join_data_type.is_some_and(is_join_with), "joinWith")?;
        Ok(Node::Join(ir::Join {
            left: self.input(left)?,
            right: self.input(right)?,
            kind: join_kind(join_type)?,
            condition: join_condition.map(|on| self.expression(on)).transpose()?,
            using: using_columns,
            natural: false,
            lateral: false,
        }))
    }

    /// `lateralJoin`.
    pub(super) fn lateral_join(&self, proto: pb::LateralJoin) -> Result<Node> {
        let pb::LateralJoin { left, right, join_condition, join_type } = proto;
        Ok(Node::Join(ir::Join {
            left: self.input(left)?,
            right: self.input(right)?,
            kind: join_kind(join_type)?,
            condition: join_condition.map(|on| self.expression(on)).transpose()?,
            using: vec![],
            natural: false,
            lateral: true,
        }))
    }

    /// `union`, `unionByName`, `intersect`, `exceptAll`, ….
    pub(super) fn set_operation(&self, proto: pb::SetOperation) -> Result<Node> {
        let pb::SetOperation { left_input, right_input, set_op_type, is_all, by_name, allow_missing_columns } =
            proto;
        let kind = match SetOpType::try_from(set_op_type) {
            Ok(SetOpType::Union) => ir::SetKind::Union,
            Ok(SetOpType::Intersect) => ir::SetKind::Intersect,
            Ok(SetOpType::Except) => ir::SetKind::Except,
            Ok(SetOpType::Unspecified) | Err(_) => {
                return Err(invalid(format!("{set_op_type} is not a set operation.")));
            }
        };
        Ok(Node::SetOperation(ir::SetOperation {
            left: self.input(left_input)?,
            right: self.input(right_input)?,
            kind,
            // A union keeps all rows by default; the others do not.
            all: is_all.unwrap_or(kind == ir::SetKind::Union),
            by_name: by_name.unwrap_or(false),
            allow_missing_columns: allow_missing_columns.unwrap_or(false),
        }))
    }

    /// The relations that subquery expressions refer to, and those that SQL text refers to
    /// (`spark.sql("… {df}", df=df)`): the latter become common table expressions of the text.
    pub(super) fn with_relations(&self, proto: pb::WithRelations) -> Result<Node> {
        let pb::WithRelations { root, references } = proto;
        let root = self.relation(*required(root, "WithRelations.root")?)?;
        self.over_references(root, references)
    }

    /// `root` over the relations that it refers to.
    pub(in crate::convert) fn over_references(
        &self,
        root: ir::Relation,
        references: Vec<pb::Relation>,
    ) -> Result<Node> {
        let is_text = matches!(root.node, Node::SqlQuery { .. });
        let (mut ctes, mut by_id) = (vec![], vec![]);
        for reference in references {
            let relation = self.relation(reference)?;
            match relation.node {
                // A client sends a DataFrame that the text names as an alias. Below another root an alias is part of
                // the referenced plan.
                Node::Alias { input, alias, columns } if is_text => {
                    ctes.push(ir::Cte { name: alias, columns, query: *input });
                }
                _ => by_id.push(relation),
            }
        }
        let root = match ctes.is_empty() {
            true => root,
            false => ir::Relation::new(Node::With { ctes, recursive: false, input: Box::new(root) }),
        };
        Ok(Node::WithRelations { root: Box::new(root), references: by_id })
    }
}

fn is_join_with(proto: pb::join::JoinDataType) -> bool {
    let pb::join::JoinDataType { is_left_struct, is_right_struct } = proto;
    is_left_struct || is_right_struct
}

fn join_kind(join_type: i32) -> Result<ir::JoinKind> {
    match JoinType::try_from(join_type) {
        Ok(JoinType::Inner) => Ok(ir::JoinKind::Inner),
        Ok(JoinType::FullOuter) => Ok(ir::JoinKind::FullOuter),
        Ok(JoinType::LeftOuter) => Ok(ir::JoinKind::LeftOuter),
        Ok(JoinType::RightOuter) => Ok(ir::JoinKind::RightOuter),
        Ok(JoinType::LeftAnti) => Ok(ir::JoinKind::LeftAnti),
        Ok(JoinType::LeftSemi) => Ok(ir::JoinKind::LeftSemi),
        Ok(JoinType::Cross) => Ok(ir::JoinKind::Cross),
        Ok(JoinType::Unspecified) | Err(_) => Err(invalid(format!("{join_type} is not a type of join."))),
    }
}
