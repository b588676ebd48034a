//! A chunk: the unit that travels between operators, and the credits that bound how many do.

use arrow::record_batch::RecordBatch;
use std::sync::Arc;
use thalweg_common::{Error, Result};
use timely::bytes::arc::Bytes;
use timely::container::Accountable;
use timely::dataflow::channels::ContainerBytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes that one credit stands for: a semaphore counts to 2^32 only where `usize` is small.
const BYTES_PER_CREDIT: usize = 1024;

/// Bounds the bytes of input that are inside a query.
#[derive(Debug, Clone)]
pub(crate) struct Credits {
    semaphore: Arc<Semaphore>,
    all: usize,
}

/// Credits of one chunk; given back when nothing refers to it any more.
#[derive(Debug)]
pub(crate) struct Permit {
    pub bytes: usize,
    _held: OwnedSemaphorePermit,
}

impl Credits {
    pub(crate) fn new(bytes_max: usize) -> Self {
        let all = (bytes_max / BYTES_PER_CREDIT).clamp(1, u32::MAX as usize >> 1);
        Self { semaphore: Arc::new(Semaphore::new(all)), all }
    }

    /// Waits until `bytes` more may be inside. A chunk larger than everything waits to be alone.
    pub(crate) async fn take(&self, bytes: usize) -> Result<Arc<Permit>> {
        let credits = bytes.div_ceil(BYTES_PER_CREDIT).clamp(1, self.all);
        let held = Arc::clone(&self.semaphore).acquire_many_owned(credits as u32).await;
        let held = held.map_err(|_| Error::internal("the credits of a stream are gone"))?;
        Ok(Arc::new(Permit { bytes: credits * BYTES_PER_CREDIT, _held: held }))
    }
}

/// Rows on their way. Default is the empty chunk, which timely needs and which never travels.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chunk {
    pub batch: Option<RecordBatch>,
    pub permit: Option<Arc<Permit>>,
}

impl Accountable for Chunk {
    /// Progress tracking counts on it: the sum over the parts of a chunk is that of the chunk.
    fn record_count(&self) -> i64 {
        self.batch.as_ref().map_or(0, |b| b.num_rows() as i64)
    }
}

/// Asked for by the type of the exchange, never called: workers are threads of one process and
/// chunks move as pointers. A network transport has to implement it (Arrow IPC, encoded once).
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
