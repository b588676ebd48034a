//! The exchange: sends each row to the worker that owns its key group.

use super::chunk::Chunk;
use super::workers::Reporter;
use crate::ops::KeyEncoder;
use timely::communication::Push;
use timely::dataflow::channels::Message;
use timely::dataflow::channels::pushers::exchange::Distributor;

/// Splits chunks by key group. With one worker timely does not call it.
pub(crate) struct KeyDistributor {
    pub keys: KeyEncoder,
    pub reporter: Reporter,
}

impl Distributor<Chunk> for KeyDistributor {
    fn partition<T: Clone, P: Push<Message<T, Chunk>>>(&mut self, chunk: &mut Chunk, time: &T, to: &mut [P]) {
        let chunk = std::mem::take(chunk);
        let Some(batch) = &chunk.batch else { return };
        let batches = match self.keys.split(batch, to.len()) {
            Ok(batches) => batches,
            Err(error) => {
                // The generation ends. Timely still counts these rows as sent, so some worker has to get
                // them.
                self.reporter.fail(error);
                vec![(0, batch.clone())]
            }
        };
        for (worker, batch) in batches {
            let mut share = Chunk { batch: Some(batch), permit: chunk.permit.clone() };
            if let Some(pusher) = to.get_mut(worker) {
                Message::push_at(&mut share, time.clone(), pusher);
            }
        }
    }

    fn flush<T: Clone, P: Push<Message<T, Chunk>>>(&mut self, _: &T, _: &mut [P]) {}
}
