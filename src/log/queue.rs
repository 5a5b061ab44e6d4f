//! The lines of the log that wait for the thread that writes them. Whoever logs puts a line into memory and goes on:
//! a pipe that is full because its reader stalls, or a disk that hangs, stops that thread and nothing else.

use std::{
    io::{self, Write},
    mem,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use super::{LogFormat, line::lines_were_lost};

/// The most bytes of lines that wait, some fourteen thousand lines; as many may be with the thread that writes.
const MOST_WAITING: usize = 4 * 1024 * 1024;
/// The largest buffer, in bytes, that is kept when it is empty.
const KEPT: usize = 64 * 1024;
/// The time in which lines gather after some were written, so that not every line wakes the thread.
const GATHERING: Duration = Duration::from_millis(2);
/// The pause before a stream that never blocks, and takes nothing now, is tried again.
const PAUSE: Duration = Duration::from_millis(10);

/// Lines that wait to be written. Lines that do not fit are counted, and the count is a line once there is room.
pub struct LineQueue {
    most: usize,
    state: Mutex<QueueState>,
    /// Told when the thread, which sleeps, has something to do.
    work: Condvar,
    /// Told when nothing is left to write.
    idle: Condvar,
}

struct QueueState {
    lines: Vec<u8>,
    /// The lines that did not fit or could not be written, since the start.
    lost: u64,
    /// Whether the sink is to be opened again.
    reopens: bool,
    /// Whether the thread sleeps, or has not begun.
    is_idle: bool,
}

/// The place where lines end up.
pub type Sink = Box<dyn Write + Send>;

/// The work that the thread took on, beside the lines.
struct Taken {
    /// The lines that were lost before these, since the start.
    lost: u64,
    reopens: bool,
}

impl LineQueue {
    /// An empty queue of at most 4 MiB.
    pub const fn new() -> Self {
        Self::of_at_most(MOST_WAITING)
    }

    const fn of_at_most(most: usize) -> Self {
        let state = QueueState { lines: Vec::new(), lost: 0, reopens: false, is_idle: true };
        Self { most, state: Mutex::new(state), work: Condvar::new(), idle: Condvar::new() }
    }

    /// Starts the thread that writes the lines to what `open` gives; it ends with the process.
    ///
    /// # Errors
    /// The errors of `open`; the system has no more threads to give.
    pub fn start<F>(&'static self, open: F, format: LogFormat) -> io::Result<()>
    where
        F: Fn() -> io::Result<Sink> + Send + 'static,
    {
        let sink = open()?;
        let thread = thread::Builder::new().name("log".to_owned());
        thread.spawn(move || self.write_for_ever(sink, &open, format)).map(drop)
    }

    /// Opens the sink again before the next line is written.
    pub fn reopen(&self) {
        self.lock().reopens = true;
        self.work.notify_one();
    }

    /// The lines that did not fit or could not be written, since the start.
    pub fn lost(&self) -> u64 {
        self.lock().lost
    }

    /// Waits until every line is written, but no longer than `longest`.
    pub fn flush(&self, longest: Duration) {
        let is_writing = |state: &mut QueueState| !(state.is_idle && state.lines.is_empty());
        drop(self.idle.wait_timeout_while(self.lock(), longest, is_writing));
    }

    fn write_for_ever(&self, mut sink: Sink, open: &dyn Fn() -> io::Result<Sink>, format: LogFormat) {
        let (mut lines, mut told) = (Vec::new(), 0);
        loop {
            let Taken { lost, reopens } = self.take(&mut lines);
            if reopens {
                match open() {
                    Ok(opened) => sink = opened,
                    Err(error) => tracing::warn!(%error, "LOG_FILE cannot be opened again; the one that is open stays"),
                }
            }
            let unwritten = write(&mut sink, &lines);
            if unwritten > 0 {
                self.lock().lost += unwritten;
            } else if lost > told && write(&mut sink, lines_were_lost(format, lost - told).as_bytes()) == 0 {
                told = lost;
            }
            lines.clear();
            lines.shrink_to(KEPT);
            thread::sleep(GATHERING);
        }
    }

    /// Waits for something to do, and puts the lines that are there into `lines`, which is empty.
    fn take(&self, lines: &mut Vec<u8>) -> Taken {
        let mut state = self.lock();
        while state.lines.is_empty() && !state.reopens {
            state.is_idle = true;
            self.idle.notify_all();
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.is_idle = false;
        mem::swap(&mut state.lines, lines);
        Taken { lost: state.lost, reopens: mem::take(&mut state.reopens) }
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a line at each call, and never waits.
impl Write for &LineQueue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut state = self.lock();
        if state.lines.len() + line.len() > self.most {
            state.lost += 1;
            return Ok(line.len());
        }
        state.lines.extend_from_slice(line);
        // A wake-up is a system call; a busy thread looks again by itself.
        if mem::take(&mut state.is_idle) {
            drop(state);
            self.work.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes lines, as far as they can be written; returns how many are left.
fn write(sink: &mut Sink, mut lines: &[u8]) -> u64 {
    while !lines.is_empty() {
        match sink.write(lines) {
            Ok(count @ 1..) => lines = lines.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(PAUSE),
            Ok(0) | Err(_) => break,
        }
    }
    lines.iter().map(|byte| u64::from(*byte == b'\n')).sum()
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader, Write},
        ops::Range,
        time::Duration,
    };

    use super::{LineQueue, LogFormat};

    const PATIENCE: Duration = Duration::from_secs(60);

    /// A queue for 64 lines of 16 bytes.
    fn small() -> &'static LineQueue {
        Box::leak(Box::new(LineQueue::of_at_most(1024)))
    }

    fn put(mut queue: &LineQueue, lines: Range<u32>) {
        lines.for_each(|number| queue.write_all(format!("line {number:>10}\n").as_bytes()).expect("no failure"));
    }

    #[test]
    fn lines_that_do_not_fit_are_counted_and_told_of_once_the_reader_goes_on() {
        let queue = small();
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        // A full pipe: the thread that writes waits for its reader.
        writer.write_all(&b"\n".repeat(64 * 1024)).expect("a pipe holds so much");
        queue.start(move || Ok(Box::new(writer.try_clone()?)), LogFormat::Text).expect("a thread");
        put(queue, 0..1_000);
        queue.flush(Duration::ZERO);
        let lost = queue.lost();
        assert!((1_000 - 2 * 64..1_000).contains(&lost), "{lost}");

        let mut lines = BufReader::new(reader).lines().map_while(Result::ok).filter(|line| !line.is_empty());
        let (mut read, mut told) = (0, 0);
        while read + told < 1_000 {
            let line = lines.next().expect("the pipe is open");
            match line.split_once(" lines=") {
                None => read += u64::from(line.starts_with("line ")),
                Some((_, lines)) => told += lines.parse::<u64>().expect("a number"),
            }
        }
        assert_eq!(told, lost);
        queue.flush(PATIENCE);
        put(queue, 0..1);
        assert_eq!(lines.next().as_deref(), Some("line          0"));
    }
}
