//! Time for connections: a timer whose deadline is cheap to move, and the header `Date`.

use std::{
    cell::RefCell,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::{SystemTime, UNIX_EPOCH},
};

use actix_web::http::header::HttpDate;
use tokio::time::{Instant, Sleep, sleep_until};

/// A timer for time-outs that are moved further away with each byte: moving the deadline costs nothing until the timer
/// would go off.
pub struct Timer {
    sleep: Pin<Box<Sleep>>,
    set_to: Instant,
}

impl Timer {
    /// A timer whose deadline is `deadline`.
    pub fn new(deadline: Instant) -> Self {
        Self { sleep: Box::pin(sleep_until(deadline)), set_to: deadline }
    }

    /// Moves the deadline to `deadline`, earlier or later, and is ready once that has passed.
    pub fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        if deadline < self.set_to {
            self.set(deadline);
        }
        while self.sleep.as_mut().poll(cx).is_ready() {
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            self.set(deadline);
        }
        Poll::Pending
    }

    fn set(&mut self, deadline: Instant) {
        self.sleep.as_mut().reset(deadline);
        self.set_to = deadline;
    }
}

thread_local! {
    static DATE: RefCell<(u64, String)> = const { RefCell::new((u64::MAX, String::new())) };
}

/// Appends the header line `Date` (RFC 9110 §6.6.1), with its line break, to the head of a response that is being
/// written. The time is formatted once a second on each thread.
pub fn write_date(head: &mut Vec<u8>) {
    let now = SystemTime::now();
    let second = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    DATE.with_borrow_mut(|(made_at, line)| {
        if *made_at != second {
            *line = format!("date: {}\r\n", HttpDate::from(now));
            *made_at = second;
        }
        head.extend_from_slice(line.as_bytes());
    });
}
