//! Buffers the responses of an execution until the client has released them.
//!
//! An operation runs in a task of its own and puts numbered responses into a buffer; streams of
//! any number of RPCs read them. These invariants hold:
//! - a response's id contains its number, so a client may continue after one that was dropped;
//! - a response leaves the buffer only when the client has released it, or, once it was sent, when
//!   the buffer holds more than [`SENT_BYTES_MAX`];
//! - the producer waits while [`UNSENT_BYTES_MAX`] are unread, so a slow client slows its query;
//! - only the newest stream of an operation gets responses.
//!
//! This module knows no plans, batches or engines.

use crate::error::{canceled, invalid_cursor, status};
use futures::Stream;
use spark_connect_proto::ExecutePlanResponse;
use spark_connect_proto::execute_plan_response::ResponseType;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use thalweg_common::lock::lock;
use thalweg_common::{Error, Result};
use tokio::sync::watch;
use tokio::time::Instant;
use tonic::Status;
use uuid::Uuid;

/// The largest size of unread responses in bytes; beyond it the producer waits.
pub(crate) const UNSENT_BYTES_MAX: usize = 32 << 20;
/// The largest size in bytes of responses that were sent but not released, kept for a client that reattaches.
pub(crate) const SENT_BYTES_MAX: usize = 32 << 20;

/// How an operation ended.
#[derive(Debug, Clone)]
enum End {
    Complete,
    Failed(Error, String),
}

/// The ids that every response repeats.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub session_id: String,
    pub server_side_session_id: String,
    pub operation_id: String,
}

/// The options of an execution.
#[derive(Debug, Clone, Default)]
pub(crate) struct ExecuteOptions {
    pub tags: Vec<String>,
    pub reattachable: bool,
    /// The largest size of a chunk of a batch in bytes; none if batches must not be split.
    pub chunk_bytes: Option<usize>,
}

/// Numbers count from 0. `sent` is the number after the last one that a stream took.
#[derive(Debug, Default)]
struct Buffer {
    first: u64,
    sent: u64,
    responses: VecDeque<(ExecutePlanResponse, usize)>,
    sent_bytes: usize,
    unsent_bytes: usize,
    end: Option<End>,
    /// Counts streams; the newest one is served.
    stream: u64,
    /// When the last stream ended; none while there is one.
    detached: Option<Instant>,
}

/// One execution.
#[derive(Debug)]
pub(crate) struct ExecuteOperation {
    pub identity: Identity,
    pub options: ExecuteOptions,
    /// The prefix of every response id, which distinguishes it from those of other operations.
    token: String,
    buffer: Mutex<Buffer>,
    /// Counts changes of the buffer.
    changes: watch::Sender<u64>,
    canceled: watch::Sender<bool>,
}

impl ExecuteOperation {
    /// An operation without responses.
    pub(crate) fn new(identity: Identity, options: ExecuteOptions) -> Arc<Self> {
        // A response id of another operation must not be taken for a position in this one.
        let token = Uuid::new_v4().simple().to_string();
        let buffer = Mutex::new(Buffer { detached: Some(Instant::now()), ..Buffer::default() });
        let (changes, canceled) = (watch::Sender::new(0), watch::Sender::new(false));
        Arc::new(Self { identity, options, token, buffer, changes, canceled })
    }

    /// Requests that the operation end with `OPERATION_CANCELED`; returns whether it was running.
    pub(crate) fn cancel(&self) -> bool {
        let running = self.is_running();
        // Kept, so that whoever waits later sees it too.
        self.canceled.send_replace(true);
        running
    }

    /// Waits for [`ExecuteOperation::cancel`].
    pub(crate) async fn canceled(&self) -> Error {
        // The sender lives in `self`, so waiting ends by a cancel only.
        let _ = self.canceled.subscribe().wait_for(|canceled| *canceled).await;
        canceled(&self.identity.operation_id)
    }

    /// Returns whether the operation has not ended.
    pub(crate) fn is_running(&self) -> bool {
        lock(&self.buffer).end.is_none()
    }

    /// Returns the error that it ended with.
    pub(crate) fn failure(&self) -> Option<Error> {
        match &lock(&self.buffer).end {
            Some(End::Failed(error, _)) => Some(error.clone()),
            Some(End::Complete) | None => None,
        }
    }

    /// Returns since when no stream has been reading.
    pub(crate) fn detached_since(&self) -> Option<Instant> {
        lock(&self.buffer).detached
    }

    /// Adds a response; waits while too much is unread. After the end nothing is added.
    pub(crate) async fn push(&self, mut response: ExecutePlanResponse) {
        let mut changes = self.changes.subscribe();
        let bytes = prost::Message::encoded_len(&response);
        loop {
            {
                let mut buffer = lock(&self.buffer);
                // A cancelled operation may still have rows on their way.
                if buffer.end.is_some() {
                    return;
                }
                // One response always fits, so that a row larger than the bound is sent.
                if buffer.unsent_bytes == 0 || buffer.unsent_bytes + bytes <= UNSENT_BYTES_MAX {
                    self.label(&mut response, buffer.first + buffer.responses.len() as u64);
                    buffer.responses.push_back((response, bytes));
                    buffer.unsent_bytes += bytes;
                    break;
                }
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
        self.changed();
    }

    /// Adds a response of one kind.
    pub(crate) async fn answer(&self, response_type: ResponseType) {
        self.push(ExecutePlanResponse { response_type: Some(response_type), ..Default::default() }).await;
    }

    fn label(&self, response: &mut ExecutePlanResponse, number: u64) {
        response.session_id.clone_from(&self.identity.session_id);
        response.server_side_session_id.clone_from(&self.identity.server_side_session_id);
        response.operation_id.clone_from(&self.identity.operation_id);
        response.response_id = format!("{}_{number}", self.token);
    }

    /// Sets the end: nothing follows. The first end stays.
    pub(crate) fn finish(&self, result: Result<(), (Error, String)>) {
        {
            let mut buffer = lock(&self.buffer);
            let end = result.map_or_else(|(error, id)| End::Failed(error, id), |()| End::Complete);
            // The client has perhaps seen the first end already.
            buffer.end.get_or_insert(end);
        }
        self.changed();
    }

    fn changed(&self) {
        self.changes.send_modify(|n| *n = n.wrapping_add(1));
    }

    /// Returns the number of the response with this id.
    fn number(&self, response_id: &str) -> Result<u64> {
        // PySpark releases responses asynchronously, so the release of a response may arrive before the request to
        // continue after it. The number is in the id, and not only in the buffer that has dropped the response.
        let number = response_id.rsplit_once('_').filter(|(token, _)| *token == self.token);
        number.and_then(|(_, number)| number.parse().ok()).ok_or_else(|| {
            let why = format!("The cursor position id {response_id} is not found.");
            invalid_cursor("POSITION_NOT_FOUND", &why).param("responseId", response_id)
        })
    }

    /// Drops all responses up to this id. One that was dropped before is not an error.
    pub(crate) fn release_until(&self, response_id: &str) -> Result<()> {
        let number = self.number(response_id)?;
        {
            let mut buffer = lock(&self.buffer);
            while buffer.first <= number && buffer.forget_first() {}
        }
        self.changed();
        Ok(())
    }

    /// Returns the responses after this id, or all, as a stream that ends the one before it.
    pub(crate) fn stream(
        self: &Arc<Self>,
        after: Option<&str>,
        messages_max: Option<u64>,
    ) -> Result<impl Stream<Item = Result<ExecutePlanResponse, Status>> + Send + use<>> {
        // The position is the id that the client names, and not what was sent: a sent response may be lost.
        let next = after.map(|id| self.number(id).map(|n| n + 1)).transpose()?.unwrap_or(0);
        let stream = {
            let mut buffer = lock(&self.buffer);
            buffer.stream += 1;
            buffer.detached = None;
            // The client has not seen what comes after its cursor, even if it was sent.
            buffer.unsend(next);
            buffer.stream
        };
        self.changed();
        let cursor = Cursor { operation: self.clone(), next, stream, left: messages_max, over: false };
        Ok(futures::stream::unfold(cursor, |mut cursor| async move {
            let item = cursor.next().await?;
            Some((item, cursor))
        }))
    }
}

impl Buffer {
    /// Drops the oldest response; returns whether there was one.
    fn forget_first(&mut self) -> bool {
        let Some((_, bytes)) = self.responses.pop_front() else { return false };
        if self.first < self.sent {
            self.sent_bytes -= bytes;
        } else {
            self.unsent_bytes -= bytes;
            self.sent += 1;
        }
        self.first += 1;
        true
    }

    /// Counts the responses from `next` on as unsent again.
    fn unsend(&mut self, next: u64) {
        let next = next.max(self.first);
        while self.sent > next {
            self.sent -= 1;
            let bytes = self.bytes(self.sent);
            self.sent_bytes -= bytes;
            self.unsent_bytes += bytes;
        }
    }

    fn at(&self, number: u64) -> Option<&(ExecutePlanResponse, usize)> {
        let offset = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.responses.get(offset)
    }

    fn bytes(&self, number: u64) -> usize {
        self.at(number).map_or(0, |(_, bytes)| *bytes)
    }

    /// Takes the response with this number for sending.
    fn take(&mut self, number: u64, keep: bool) -> Option<ExecutePlanResponse> {
        let response = self.at(number)?.0.clone();
        while self.sent <= number {
            let bytes = self.bytes(self.sent);
            self.sent += 1;
            self.unsent_bytes -= bytes;
            self.sent_bytes += bytes;
        }
        // Only a reattaching client can ask for a response again, so for other clients none is kept once it is sent.
        let limit = if keep { SENT_BYTES_MAX } else { 0 };
        while self.sent_bytes > limit && self.first < self.sent && self.forget_first() {}
        Some(response)
    }
}

/// The position of one stream.
struct Cursor {
    operation: Arc<ExecuteOperation>,
    next: u64,
    stream: u64,
    left: Option<u64>,
    over: bool,
}

enum Step {
    Item(Box<Result<ExecutePlanResponse, Status>>),
    End,
    Wait,
}

impl Cursor {
    async fn next(&mut self) -> Option<Result<ExecutePlanResponse, Status>> {
        let mut changes = self.operation.changes.subscribe();
        loop {
            match self.step() {
                Step::Item(item) => return Some(*item),
                Step::End => return None,
                Step::Wait => changes.changed().await.ok()?,
            }
        }
    }

    fn step(&mut self) -> Step {
        if self.over || self.left == Some(0) {
            return Step::End;
        }
        let operation = self.operation.clone();
        let mut buffer = lock(&operation.buffer);
        if buffer.stream != self.stream {
            // PySpark retries after this class, so an old stream that still has a reader reattaches from its own
            // cursor.
            let why = "The cursor has been disconnected by the server: a newer stream reads the operation.";
            return self.fail(&invalid_cursor("DISCONNECTED", why), "");
        }
        // The client released it, or did not ask for it until the buffer was full.
        if self.next < buffer.first {
            let why = "The cursor position is no longer available.";
            return self.fail(&invalid_cursor("POSITION_NOT_AVAILABLE", why), "");
        }
        // Responses come before the end: rows that were produced before a failure reach the client before its error.
        if let Some(response) = buffer.take(self.next, operation.options.reattachable) {
            self.next += 1;
            // The stream ends after as many messages, and the client continues with another one.
            self.left = self.left.map(|n| n - 1);
            drop(buffer);
            // The producer may be waiting for room.
            operation.changed();
            return Step::Item(Box::new(Ok(response)));
        }
        match &buffer.end {
            None => Step::Wait,
            Some(End::Complete) => Step::End,
            Some(End::Failed(error, id)) => {
                let (error, id) = (error.clone(), id.clone());
                self.fail(&error, &id)
            }
        }
    }

    fn fail(&mut self, error: &Error, id: &str) -> Step {
        self.over = true;
        Step::Item(Box::new(Err(status(error, id))))
    }
}

impl Drop for Cursor {
    fn drop(&mut self) {
        let mut buffer = lock(&self.operation.buffer);
        if buffer.stream != self.stream {
            return;
        }
        buffer.detached = Some(Instant::now());
        let running = buffer.end.is_none();
        drop(buffer);
        // No client can reattach to it.
        if running && !self.operation.options.reattachable {
            self.operation.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use futures::StreamExt;
    use spark_connect_proto::execute_plan_response::{ArrowBatch, ResultComplete};

    fn operation(reattachable: bool) -> Arc<ExecuteOperation> {
        let identity =
            Identity { session_id: "s".into(), server_side_session_id: "x".into(), operation_id: "o".into() };
        ExecuteOperation::new(identity, ExecuteOptions { reattachable, ..ExecuteOptions::default() })
    }

    async fn push(operation: &ExecuteOperation, n: i64, bytes: usize) {
        let data = vec![0; bytes].into();
        operation
            .answer(ResponseType::ArrowBatch(ArrowBatch { row_count: n, data, ..Default::default() }))
            .await;
    }

    async fn complete(operation: &ExecuteOperation) {
        operation.answer(ResponseType::ResultComplete(ResultComplete {})).await;
        operation.finish(Ok(()));
    }

    /// Reads as the client does: every stream is cut after `messages` and taken up after the last response.
    async fn read_cut(operation: &Arc<ExecuteOperation>, messages: u64, release: bool) -> Vec<i64> {
        let (mut rows, mut last) = (vec![], None::<String>);
        loop {
            let mut stream = Box::pin(operation.stream(last.as_deref(), Some(messages)).unwrap());
            while let Some(response) = stream.next().await {
                let response = response.unwrap();
                if release {
                    operation.release_until(&response.response_id).unwrap();
                }
                last = Some(response.response_id);
                match response.response_type.unwrap() {
                    ResponseType::ArrowBatch(batch) => rows.push(batch.row_count),
                    _ => return rows,
                }
            }
        }
    }

    #[tokio::test]
    async fn a_stream_cut_after_every_few_messages_loses_and_repeats_nothing() {
        for messages in 1..=4 {
            for release in [false, true] {
                let operation = operation(true);
                let producer = operation.clone();
                let task = tokio::spawn(async move {
                    for n in 0..20 {
                        push(&producer, n, 10).await;
                    }
                    complete(&producer).await;
                });
                let expect: Vec<i64> = (0..20).collect();
                assert_eq!(read_cut(&operation, messages, release).await, expect, "{messages} {release}");
                task.await.unwrap();
            }
        }
    }

    #[tokio::test]
    async fn a_response_that_was_sent_and_lost_is_sent_again() {
        let operation = operation(true);
        push(&operation, 1, 1).await;
        push(&operation, 2, 1).await;
        let first = Box::pin(operation.stream(None, None).unwrap()).next().await.unwrap().unwrap();
        let again = Box::pin(operation.stream(None, None).unwrap()).next().await.unwrap().unwrap();
        assert_eq!(first, again);
    }

    #[tokio::test]
    async fn a_release_may_overtake_the_reattach_that_goes_on_after_it() {
        let operation = operation(true);
        push(&operation, 1, 1).await;
        push(&operation, 2, 1).await;
        complete(&operation).await;
        let first = Box::pin(operation.stream(None, None).unwrap()).next().await.unwrap().unwrap();
        operation.release_until(&first.response_id).unwrap();
        operation.release_until(&first.response_id).unwrap();
        let rest: Vec<_> = operation.stream(Some(&first.response_id), None).unwrap().collect().await;
        assert_eq!(rest.len(), 2);
        // A released response is no longer available.
        let gone = Box::pin(operation.stream(None, None).unwrap()).next().await.unwrap().unwrap_err();
        assert!(gone.message().contains("INVALID_CURSOR.POSITION_NOT_AVAILABLE"), "{gone}");
    }

    #[tokio::test]
    async fn a_newer_stream_ends_the_older_one() {
        let operation = operation(true);
        let mut old = Box::pin(operation.stream(None, None).unwrap());
        let mut new = Box::pin(operation.stream(None, None).unwrap());
        push(&operation, 1, 1).await;
        assert!(old.next().await.unwrap().unwrap_err().message().contains("INVALID_CURSOR.DISCONNECTED"));
        assert!(old.next().await.is_none());
        drop(old);
        assert!(operation.detached_since().is_none());
        assert!(new.next().await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn the_producer_waits_for_a_reader_and_memory_stays_bounded() {
        let operation = operation(true);
        let producer = operation.clone();
        let half = UNSENT_BYTES_MAX / 2 - 1_000;
        let task = tokio::spawn(async move {
            for n in 0..8 {
                push(&producer, n, half).await;
            }
            complete(&producer).await;
        });
        let mut stream = Box::pin(operation.stream(None, None).unwrap());
        let mut seen = 0;
        while let Some(response) = stream.next().await {
            response.unwrap();
            let buffer = lock(&operation.buffer);
            assert!(buffer.unsent_bytes <= UNSENT_BYTES_MAX && buffer.sent_bytes <= SENT_BYTES_MAX);
            drop(buffer);
            seen += 1;
        }
        task.await.unwrap();
        assert_eq!(seen, 9);
    }

    #[tokio::test]
    async fn an_error_ends_the_stream_and_is_told_again() {
        let operation = operation(true);
        operation.finish(Err((canceled("o"), "e1".into())));
        operation.finish(Ok(()));
        for _ in 0..2 {
            let items: Vec<_> = operation.stream(None, None).unwrap().collect().await;
            assert_eq!(items.len(), 1);
            assert!(items[0].as_ref().unwrap_err().message().contains("OPERATION_CANCELED"));
        }
    }

    #[tokio::test]
    async fn an_operation_that_nobody_can_come_back_to_ends_with_its_stream() {
        for (reattachable, expect) in [(true, false), (false, true)] {
            let operation = operation(reattachable);
            drop(operation.stream(None, None).unwrap());
            assert_eq!(*operation.canceled.borrow(), expect);
        }
    }

    #[test]
    fn the_id_of_another_operation_is_no_place_here() {
        let error = operation(true).release_until("other_3").unwrap_err();
        assert_eq!(error.class(), "INVALID_CURSOR.POSITION_NOT_FOUND");
    }
}
