//! Defines the chunk, the unit that operators exchange, and the credits that bound the bytes in flight.

use arrow::record_batch::RecordBatch;
use std::sync::Arc;
use thalweg_common::{Error, Result};
use timely::bytes::arc::Bytes;
use timely::container::Accountable;
use timely::dataflow::channels::ContainerBytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes per credit. A permit holds at most 2^32 - 1 credits, which with one byte each would be 4 GiB.
const BYTES_PER_CREDIT: usize = 1024;

/// Bounds the bytes of input inside a query.
#[derive(Debug, Clone)]
pub(crate) struct Credits {
    semaphore: Arc<Semaphore>,
    all: usize,
}

/// The credits of one chunk. They are returned when the last reference is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    pub bytes: usize,
    _held: OwnedSemaphorePermit,
}

impl Credits {
    pub(crate) fn new(bytes_max: usize) -> Self {
        // A semaphore has a largest number of permits, and without one no row could pass.
        let all = (bytes_max / BYTES_PER_CREDIT).clamp(1, u32::MAX as usize >> 1);
        Self { semaphore: Arc::new(Semaphore::new(all)), all }
    }

    /// Waits until `bytes` more may be in flight. A chunk larger than the bound waits until it is the only
    /// one.
    pub(crate) async fn take(&self, bytes: usize) -> Result<Arc<Permit>> {
        // A chunk that is larger than the bound would otherwise wait for ever.
        let credits = bytes.div_ceil(BYTES_PER_CREDIT).clamp(1, self.all);
        let held = Arc::clone(&self.semaphore).acquire_many_owned(credits as u32).await;
        let held = held.map_err(|_| Error::internal("the credits of a streaming query are closed"))?;
        Ok(Arc::new(Permit { bytes: credits * BYTES_PER_CREDIT, _held: held }))
    }
}

/// Rows in flight. The default, an empty chunk, is required by timely and is never sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chunk {
    pub batch: Option<RecordBatch>,
    pub permit: Option<Arc<Permit>>,
}

impl Accountable for Chunk {
    /// Timely's progress tracking requires that the shares of a split chunk add up to the count of the chunk.
    fn record_count(&self) -> i64 {
        self.batch.as_ref().map_or(0, |b| b.num_rows() as i64)
    }
}

/// Required by the type of the exchange and never called: workers are threads of one process, and chunks move
/// as pointers. A network transport would have to implement it.
impl ContainerBytes for Chunk {
    fn from_bytes(_: Bytes) -> Self {
        unreachable!("chunks never leave the process")
    }
    fn length_in_bytes(&self) -> usize {
        unreachable!("chunks never leave the process")
    }
    fn into_bytes<W: std::io::Write>(&self, _: &mut W) {
        unreachable!("chunks never leave the process")
    }
}
