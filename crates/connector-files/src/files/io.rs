//! Repeats calls of the system that failed for a reason that passes, and reads files with such calls.
//!
//! A network file system reports a lost connection or a moved file as an error of one call. Without a repetition it would
//! end the query. Threads that may block call this; the wait between two attempts is bounded.

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use std::fs::File;
use std::io::{self, BufReader, ErrorKind as Io, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The attempts of one call, the first one included.
pub(crate) const READ_ATTEMPTS_MAX: u32 = 6;
/// The wait before the second attempt. Each further one is four times as long: together 3.4 seconds.
const FIRST_WAIT: Duration = Duration::from_millis(10);

/// Whether an error may not occur when the call is repeated.
pub(crate) fn is_transient(error: &io::Error) -> bool {
    // Linux's number of EIO, for which the standard library has no kind.
    const EIO: i32 = 5;
    let kinds = [
        Io::Interrupted,
        Io::WouldBlock,
        Io::TimedOut,
        Io::StaleNetworkFileHandle,
        Io::ResourceBusy,
        Io::HostUnreachable,
        Io::NetworkUnreachable,
        Io::ConnectionReset,
    ];
    kinds.contains(&error.kind()) || error.raw_os_error() == Some(EIO)
}

/// Calls `call` until it succeeds, fails for a reason that does not pass, or has failed [`READ_ATTEMPTS_MAX`] times.
pub(crate) fn with_retries<T>(call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    #[allow(clippy::disallowed_methods)]
    repeat(call, std::thread::sleep)
}

fn repeat<T>(mut call: impl FnMut() -> io::Result<T>, wait: impl Fn(Duration)) -> io::Result<T> {
    let mut pause = FIRST_WAIT;
    for _ in 1..READ_ATTEMPTS_MAX {
        match call() {
            Err(e) if is_transient(&e) => wait(pause),
            done => return done,
        }
        pause = pause.saturating_mul(4);
    }
    call()
}

/// A file from a position on, which is opened again if the system has lost it.
#[derive(Debug)]
pub(crate) struct FileReadAt {
    file: Arc<File>,
    path: Arc<Path>,
    position: u64,
}

impl FileReadAt {
    /// Opens a file at a position.
    pub(crate) fn open(path: &Path, position: u64) -> io::Result<Self> {
        let file = Arc::new(with_retries(|| File::open(path))?);
        Ok(Self { file, path: path.into(), position })
    }

    /// The same file at another position.
    fn at(&self, position: u64) -> Self {
        Self { file: Arc::clone(&self.file), path: Arc::clone(&self.path), position }
    }
}

impl Read for FileReadAt {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (path, position) = (Arc::clone(&self.path), self.position);
        let read = with_retries(|| match self.file.read_at(buffer, position) {
            // The handle stays stale; a file of that name may be there again. Whether it is the same is checked after
            // it was read.
            Err(e) if e.kind() == Io::StaleNetworkFileHandle => {
                self.file = Arc::new(File::open(&path)?);
                self.file.read_at(buffer, position)
            }
            done => done,
        })?;
        self.position += read as u64;
        Ok(read)
    }
}

impl Length for FileReadAt {
    fn len(&self) -> u64 {
        with_retries(|| self.file.metadata()).map_or(0, |m| m.len())
    }
}

impl ChunkReader for FileReadAt {
    type T = BufReader<Self>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        Ok(BufReader::new(self.at(start)))
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        let mut bytes = Vec::new();
        self.at(start).take(length as u64).read_to_end(&mut bytes)?;
        if bytes.len() == length {
            return Ok(bytes.into());
        }
        Err(ParquetError::EOF(format!("expected {length} bytes at {start}, found {}", bytes.len())))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::cell::RefCell;

    const EAGAIN: i32 = 11;
    const EACCES: i32 = 13;

    /// Fails with these errors one after the other, then succeeds; returns the result and the waits in milliseconds.
    fn check(errors: &[i32], wanted: Result<(), i32>, waits: &[u64]) {
        let (mut left, waited) = (errors.to_vec(), RefCell::new(vec![]));
        let call = || match left.is_empty() {
            true => Ok(()),
            false => Err(io::Error::from_raw_os_error(left.remove(0))),
        };
        let found = repeat(call, |pause| waited.borrow_mut().push(pause.as_millis() as u64));
        assert_eq!(found.map_err(|e| e.raw_os_error().unwrap()), wanted, "{errors:?}");
        assert_eq!(*waited.borrow(), waits, "{errors:?}");
    }

    #[test]
    fn what_passes_is_repeated_and_nothing_else() {
        // EIO, EINTR, ETIMEDOUT and ESTALE.
        check(&[], Ok(()), &[]);
        check(&[5, 4, EAGAIN, 110, 116], Ok(()), &[10, 40, 160, 640, 2560]);
        check(&[EACCES], Err(EACCES), &[]);
        check(&[5, EACCES, 5], Err(EACCES), &[10]);
        check(&[5; 9], Err(5), &[10, 40, 160, 640, 2560]);
    }

    #[test]
    fn a_file_is_read_from_a_position_to_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, "0123456789").unwrap();
        let mut text = String::new();
        let mut file = FileReadAt::open(&path, 4).unwrap();
        file.read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), file.len()), ("456789", 10));
        assert_eq!(file.get_bytes(1, 3).unwrap(), "123");
        assert!(file.get_bytes(8, 3).is_err());
    }
}
