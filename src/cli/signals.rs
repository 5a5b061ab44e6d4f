//! Signals, on a thread of their own, so that they are heard whatever the rest of the process waits for: a database
//! that does not respond, at the start as at the end.
//!
//! | signal | while it starts | while it serves | while it stops |
//! | --- | --- | --- | --- |
//! | SIGTERM, SIGINT | the end | it stops gracefully | the end |
//! | SIGHUP | the log file is opened again, if there is one | likewise | likewise |
//! | SIGXFSZ | nothing: a write beyond the limit on file sizes fails, and that is handled | likewise | likewise |
//!
//! The commands that make, fill or replace a database handle SIGXFSZ alike; SIGTERM and SIGINT end them in order
//! ([`stop_by`]).

use std::{
    future::{Future, poll_fn},
    io::{self, IsTerminal},
    pin::pin,
    process, thread,
    time::Duration,
};

use futures_util::future::{Either, select};
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
    time::sleep,
};

use super::{
    notify::{STOPPING, notify},
    say,
};
use crate::{app::StartError, log, server::StopHandle};

/// The longest time for the lines of the log, and for the last one, when the process ends at once.
const LAST_LINES: Duration = Duration::from_millis(100);

/// The thread that listens for signals, which knows no server yet.
pub struct SignalThread(oneshot::Sender<(StopHandle, Duration)>);

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    /// Whether the log goes to a file.
    has_log_file: bool,
}

impl SignalThread {
    /// Begins to listen. Until [`SignalThread::serves`] is called, SIGTERM and SIGINT end the process.
    ///
    /// # Errors
    /// The system has no thread to give, or does not let the process listen.
    pub fn start(has_log_file: bool) -> Result<Self, StartError> {
        let failed = |error: io::Error| StartError::Run(format!("cannot listen for signals: {error}"));
        let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let signals = Signals::listen(&runtime, has_log_file).map_err(failed)?;
        let (started, starting) = oneshot::channel();
        let obey = move || runtime.block_on(obey(signals, starting));
        let _it_ends_with_the_process =
            thread::Builder::new().name("signals".to_owned()).spawn(obey).map_err(failed)?;
        Ok(Self(started))
    }

    /// Makes the first signal stop a server gracefully, which ends `longest` later, whatever hangs.
    pub fn serves(self, server: StopHandle, longest: Duration) {
        // Where nothing listens any more, a signal has come, and the process is about to end.
        drop(self.0.send((server, longest)));
    }
}

impl Signals {
    fn listen(runtime: &Runtime, has_log_file: bool) -> io::Result<Self> {
        let _entered = runtime.enter();
        survive_large_files()?;
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            has_log_file,
        })
    }

    /// Waits until the process is told to stop.
    fn stop(&mut self) -> impl Future<Output = ()> {
        poll_fn(|context| {
            while self.hang_up.poll_recv(context).is_ready() {
                if self.has_log_file {
                    log::reopen();
                } else {
                    tracing::info!(
                        "SIGHUP changes nothing: there is no LOG_FILE, and the configuration is read at start"
                    );
                }
            }
            let is_told = [&mut self.terminate, &mut self.interrupt].map(|told| told.poll_recv(context).is_ready());
            if is_told.contains(&true) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
    }
}

/// Lets a write beyond the limit on file sizes fail instead of ending the process. Needs tokio's runtime.
fn survive_large_files() -> io::Result<()> {
    // A signal that was listened for once does not end the process any more.
    signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw())).map(drop)
}

/// Lets SIGTERM and SIGINT call `stop`, on a thread of its own, and a file that grows too large fail in order.
///
/// # Errors
/// The system has no thread to give, or does not let the process listen.
pub fn stop_by(stop: impl Fn() + Send + 'static) -> Result<(), StartError> {
    let failed = |error: io::Error| StartError::Run(format!("cannot listen for signals: {error}"));
    let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let (mut terminate, mut interrupt) = {
        let _entered = runtime.enter();
        survive_large_files().map_err(failed)?;
        (signal(SignalKind::terminate()).map_err(failed)?, signal(SignalKind::interrupt()).map_err(failed)?)
    };
    let obey = move || {
        runtime.block_on(async {
            loop {
                let _either = select(pin!(terminate.recv()), pin!(interrupt.recv())).await;
                stop();
            }
        })
    };
    let _it_ends_with_the_process = thread::Builder::new().name("signals".to_owned()).spawn(obey).map_err(failed)?;
    Ok(())
}

/// Writes the line that says why the process is about to end.
pub fn tell_last(why: &str) {
    // Behind what a terminal shows of the progress, and of Ctrl-C.
    let gap = if io::stderr().is_terminal() { "\n" } else { "" };
    say(io::stderr(), format!("{gap}kennel: {why}\n"), LAST_LINES);
    log::flush(LAST_LINES);
}

/// Ends the process at once, with exit code 1.
#[expect(clippy::exit, reason = "what runs is not waited for")]
pub fn fail_at_once() {
    process::exit(1)
}

/// Does what the signals ask for, in the order in which they come.
async fn obey(mut signals: Signals, starting: oneshot::Receiver<(StopHandle, Duration)>) {
    // A signal may come before this thread has heard of a server that serves by then: of two that are ready, `select`
    // takes the first.
    let (server, longest) = match select(starting, pin!(signals.stop())).await {
        Either::Left((Ok(started), _)) => started,
        // The start has failed, and the process is about to end.
        Either::Left((Err(_), _)) => return,
        // Nothing was served that could be finished.
        Either::Right(_) => end(0),
    };
    signals.stop().await;
    tracing::info!("stopping: requests in flight may finish; a second signal stops at once");
    server.stop();
    notify(STOPPING);
    if let Either::Right(_) = select(pin!(signals.stop()), pin!(sleep(longest))).await {
        say(io::stderr(), "kennel: stopped unfinished: it took longer than SHUTDOWN_TIMEOUT\n".to_owned(), LAST_LINES);
    }
    end(1)
}

/// Ends the process at once. What was committed is on the disk by then.
#[expect(clippy::exit, reason = "what hangs would hang for ever")]
fn end(code: i32) -> ! {
    log::flush(LAST_LINES);
    process::exit(code)
}
