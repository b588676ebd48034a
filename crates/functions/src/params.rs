//! Holds the parameters that a kernel gets while it is bound, such as a scale or a time zone.
//!
//! Each function has a type of its own for them. They are part of a kernel's identity: the optimizer merges equal
//! expressions, and two kernels that differ only in their parameters are different.

use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use thalweg_common::{Error, Result};
use thalweg_values::zone::Zone;

/// The operations on parameters whose type is erased. Implemented for every type that can be compared and hashed.
trait Params: fmt::Debug + Send + Sync {
    fn as_any(&self) -> &dyn Any;
    fn equals(&self, other: &dyn Any) -> bool;
    // A trait object cannot have the generic `hash`.
    fn hash_into(&self, state: &mut dyn Hasher);
}

impl<T: fmt::Debug + Eq + Hash + Send + Sync + 'static> Params for T {
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn equals(&self, other: &dyn Any) -> bool {
        other.downcast_ref::<T>().is_some_and(|other| self == other)
    }
    fn hash_into(&self, mut state: &mut dyn Hasher) {
        self.hash(&mut state);
    }
}

/// The parameters of a kernel, of the type that its function reads.
#[derive(Clone)]
pub(crate) struct KernelParams(Arc<dyn Params>);

impl KernelParams {
    /// Wraps parameters of one type.
    pub(crate) fn new<T: fmt::Debug + Eq + Hash + Send + Sync + 'static>(params: T) -> Self {
        Self(Arc::new(params))
    }

    /// Returns the parameters as the type that they were made of.
    pub(crate) fn get<T: 'static>(&self) -> Result<&T> {
        let found = self.0.as_ref().as_any().downcast_ref::<T>();
        found.ok_or_else(|| {
            Error::internal(format!(
                "a kernel was bound with {:?}, which is not of the type of its parameters",
                self.0
            ))
        })
    }
}

impl Default for KernelParams {
    fn default() -> Self {
        Self::new(())
    }
}

impl fmt::Debug for KernelParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl PartialEq for KernelParams {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_ref().equals(other.0.as_ref().as_any())
    }
}

impl Eq for KernelParams {}

impl Hash for KernelParams {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_ref().hash_into(state);
    }
}

/// The time zone of a kernel that computes with local times, by name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct InZone(pub Arc<str>);

impl InZone {
    /// Looks the zone up.
    pub(crate) fn zone(&self) -> Result<Zone> {
        Zone::named(&self.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::kernel::{Kernel, Run};
    use arrow::datatypes::DataType;
    use std::hash::DefaultHasher;

    fn hash_of(kernel: &Kernel) -> u64 {
        let mut hasher = DefaultHasher::new();
        kernel.hash(&mut hasher);
        hasher.finish()
    }

    #[test]
    fn kernels_differ_in_the_values_and_types_of_their_parameters() {
        let run: Run = |b| b.array(0);
        let plain = || Kernel::new("f", DataType::Int32, run);
        let numbered = |n: i64| plain().params(n);
        let zoned = |zone: &str| plain().params(InZone(zone.into()));
        for (a, b) in [(plain(), plain()), (numbered(1), numbered(1)), (zoned("UTC"), zoned("UTC"))] {
            assert_eq!(a, b);
            assert_eq!(hash_of(&a), hash_of(&b));
        }
        let others =
            [(plain(), numbered(1)), (numbered(1), numbered(2)), (zoned("UTC"), zoned("Asia/Tokyo"))];
        for (a, b) in others.into_iter().chain([(numbered(1), plain().params(1_i32))]) {
            assert_ne!(a, b);
        }
        assert_ne!(hash_of(&numbered(1)), hash_of(&numbered(2)));
    }

    #[test]
    fn parameters_are_read_as_what_they_are() {
        let params = KernelParams::new(InZone("UTC".into()));
        assert_eq!(params.get::<InZone>().unwrap().0.as_ref(), "UTC");
        assert!(params.get::<i64>().is_err());
    }
}
