//! Converts sort keys and windows.

use super::{Converter, invalid, required};
use spark_connect_proto as pb;
use spark_connect_proto::expression::sort_order::{NullOrdering, SortDirection};
use spark_connect_proto::expression::window::WindowFrame;
use spark_connect_proto::expression::window::window_frame::frame_boundary::Boundary;
use spark_connect_proto::expression::window::window_frame::{FrameBoundary, FrameType};
use thalweg_common::Result;
use thalweg_sql::ir;

impl Converter<'_> {
    /// Converts one sort key.
    pub(super) fn sort_order(&self, proto: pb::expression::SortOrder) -> Result<ir::SortOrder> {
        let pb::expression::SortOrder { child, direction, null_ordering } = proto;
        let expr = self.expression(*required(child, "SortOrder.child")?)?;
        let descending = match SortDirection::try_from(direction) {
            Ok(SortDirection::Unspecified | SortDirection::Ascending) => false,
            Ok(SortDirection::Descending) => true,
            Err(_) => return Err(invalid(format!("{direction} is not a sort direction."))),
        };
        let nulls_first = match NullOrdering::try_from(null_ordering) {
            Ok(NullOrdering::SortNullsUnspecified) => None,
            Ok(NullOrdering::SortNullsFirst) => Some(true),
            Ok(NullOrdering::SortNullsLast) => Some(false),
            Err(_) => return Err(invalid(format!("{null_ordering} is not an order of nulls."))),
        };
        Ok(ir::SortOrder { expr, descending, nulls_first })
    }

    /// Converts sort keys.
    pub(super) fn sort_orders(&self, protos: Vec<pb::expression::SortOrder>) -> Result<Vec<ir::SortOrder>> {
        protos.into_iter().map(|order| self.sort_order(order)).collect()
    }

    /// Converts a call over a window.
    pub(super) fn window(&self, proto: pb::expression::Window) -> Result<ir::ExprNode> {
        let pb::expression::Window { window_function, partition_spec, order_spec, frame_spec } = proto;
        let call = ir::WindowCall {
            function: self.expression(*required(window_function, "Window.window_function")?)?,
            partition: self.expressions(partition_spec)?,
            order: self.sort_orders(order_spec)?,
            frame: frame_spec.map(|frame| self.frame(*frame)).transpose()?,
        };
        Ok(ir::ExprNode::Window(Box::new(call)))
    }

    fn frame(&self, proto: WindowFrame) -> Result<ir::WindowFrame> {
        let WindowFrame { frame_type, lower, upper } = proto;
        let rows = match FrameType::try_from(frame_type) {
            Ok(FrameType::Row) => true,
            Ok(FrameType::Range) => false,
            Ok(FrameType::Undefined) | Err(_) => {
                return Err(invalid(format!("{frame_type} is not a type of a window frame.")));
            }
        };
        let lower = self.bound(*required(lower, "WindowFrame.lower")?, ir::FrameBound::UnboundedPreceding)?;
        let upper = self.bound(*required(upper, "WindowFrame.upper")?, ir::FrameBound::UnboundedFollowing)?;
        Ok(ir::WindowFrame { rows, lower, upper })
    }

    fn bound(&self, proto: FrameBoundary, unbounded: ir::FrameBound) -> Result<ir::FrameBound> {
        let FrameBoundary { boundary } = proto;
        match required(boundary, "FrameBoundary.boundary")? {
            Boundary::CurrentRow(_) => Ok(ir::FrameBound::CurrentRow),
            Boundary::Unbounded(_) => Ok(unbounded),
            Boundary::Value(value) => Ok(ir::FrameBound::Value(Box::new(self.expression(*value)?))),
        }
    }
}
