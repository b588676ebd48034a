//! The exchange: every row goes to the worker that owns its key group.

use super::chunk::Chunk;
use super::workers::Outlet;
use crate::ops::KeyHasher;
use timely::communication::Push;
use timely::dataflow::channels::Message;
use timely::dataflow::channels::pushers::exchange::Distributor;

/// Splits chunks by key group. With one worker timely does not call it.
pub(crate) struct ByKey {
    pub hasher: KeyHasher,
    pub outlet: Outlet,
}

impl Distributor<Chunk> for ByKey {
    fn partition<T: Clone, P: Push<Message<T, Chunk>>>(&mut self, chunk: &mut Chunk, time: &T, to: &mut [P]) {
        let chunk = std::mem::take(chunk);
        let Some(batch) = &chunk.batch else { return };
        let parts = match self.hasher.split(batch, to.len()) {
            Ok(parts) => parts,
            Err(error) => {
                // The rows still count for progress; what becomes of them does not matter any more.
                self.outlet.fail(error);
                vec![(0, batch.clone())]
            }
        };
        for (worker, batch) in parts {
            let mut part = Chunk { batch: Some(batch), permit: chunk.permit.clone() };
            if let Some(pusher) = to.get_mut(worker) {
                Message::push_at(&mut part, time.clone(), pusher);
            }
        }
    }

    fn flush<T: Clone, P: Push<Message<T, Chunk>>>(&mut self, _: &T, _: &mut [P]) {}
}
