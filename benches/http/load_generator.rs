//! The load: connections that are kept alive, each sending its next request when it has the last answer. They are
//! served by few threads that do nothing else, so that the server has the rest of the machine.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use super::client::{Head, Result};
use super::routes::Route;

/// So many clients of one route.
pub struct Part<'a> {
    pub route: &'a Route,
    pub clients: usize,
}

/// What came of a part.
#[derive(Default)]
pub struct Outcome {
    /// How long each request took that was answered well; those among them that were under way at the end, or the
    /// slowest would be missed.
    pub latencies: Vec<Duration>,
    /// How many of them were answered before the end.
    pub in_time: usize,
    /// Answers with another status, and connections that broke.
    pub errors: usize,
    /// Of the whole load.
    pub elapsed: Duration,
}

impl Outcome {
    fn add(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.in_time += other.in_time;
        self.errors += other.errors;
    }

    pub fn per_second(&self) -> f64 {
        count(self.in_time) / self.elapsed.as_secs_f64()
    }

    /// The latency that this share of the requests stays below, in milliseconds.
    pub fn percentile(&self, share: f64) -> f64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a list")]
        let place = (count(self.latencies.len()) * share) as usize;
        self.latencies.get(place).or(self.latencies.last()).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e3)
    }
}

#[expect(clippy::cast_precision_loss, reason = "nobody sends that many requests")]
pub fn count(number: usize) -> f64 {
    number as f64
}

/// Loads a server for so long, all parts at once. `around` is asked at the beginning and at the end, so that what it
/// reads belongs to the same time; its two answers are returned with the outcomes.
pub fn run<T>(
    address: SocketAddr,
    parts: &[Part<'_>],
    threads: usize,
    time: Duration,
    around: impl Fn() -> Result<T>,
) -> Result<(Vec<Outcome>, [T; 2])> {
    let (stop, start) = (Arc::new(AtomicBool::new(false)), Arc::new(Barrier::new(threads + 1)));
    thread::scope(|scope| {
        let share = |thread| {
            let mut clients = Vec::new();
            for (number, part) in parts.iter().enumerate() {
                clients.extend((0..part.clients).map(|client| (number, part.route.clone(), client)));
            }
            clients.into_iter().skip(thread).step_by(threads).collect::<Vec<_>>()
        };
        let started: Vec<_> = (0..threads)
            .map(|thread| {
                let (share, stop, start) = (share(thread), Arc::clone(&stop), Arc::clone(&start));
                scope.spawn(move || serve(address, share, &stop, &start))
            })
            .collect();
        start.wait();
        let (before, began) = (around(), Instant::now());
        thread::sleep(time);
        let elapsed = began.elapsed();
        let after = around();
        stop.store(true, Ordering::Relaxed);
        let mut outcomes: Vec<_> = parts.iter().map(|_| Outcome { elapsed, ..Outcome::default() }).collect();
        for thread in started {
            for (part, seen) in thread.join().map_err(|_| "a thread of the load panicked")?? {
                outcomes[part].add(seen);
            }
        }
        for outcome in &mut outcomes {
            outcome.latencies.sort_unstable();
        }
        Ok((outcomes, [before?, after?]))
    })
}

/// What one connection saw, of its part.
type Seen = (usize, Outcome);

/// One thread's connections: they are opened first, and begin together.
fn serve(
    address: SocketAddr,
    share: Vec<(usize, Route, usize)>,
    stop: &Arc<AtomicBool>,
    start: &Barrier,
) -> Result<Vec<Seen>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let tasks = LocalSet::new();
    let opened: Result<Vec<_>> = runtime.block_on(async {
        let mut clients = Vec::new();
        for (part, route, number) in share {
            clients.push((part, route, number, connect(address).await?));
        }
        Ok(clients)
    });
    // All wait here, whether it went well or not: nobody is to wait for us in vain.
    start.wait();
    tasks.block_on(&runtime, async {
        let started: Vec<_> = opened?
            .into_iter()
            .map(|(part, route, number, stream)| {
                let client = Client { address, stream, buffer: Vec::with_capacity(64 * 1024) };
                tokio::task::spawn_local(client.load(part, route, number, Arc::clone(stop)))
            })
            .collect();
        let mut seen = Vec::new();
        for task in started {
            seen.push(task.await?);
        }
        Ok(seen)
    })
}

async fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

struct Client {
    address: SocketAddr,
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    /// `number` is where it begins among the route's requests, so that not all clients ask for the same.
    async fn load(mut self, part: usize, route: Route, number: usize, stop: Arc<AtomicBool>) -> Seen {
        let mut seen = Outcome { latencies: Vec::with_capacity(4096), ..Outcome::default() };
        for request in route.requests.iter().cycle().skip(number % route.requests.len()) {
            let began = Instant::now();
            let status = self.send(request).await;
            let is_late = stop.load(Ordering::Relaxed);
            match status {
                Ok(status) if status == route.status => {
                    seen.latencies.push(began.elapsed());
                    seen.in_time += usize::from(!is_late);
                }
                Ok(_) => seen.errors += 1,
                Err(_) => {
                    seen.errors += 1;
                    let Ok(stream) = connect(self.address).await else { break };
                    self.stream = stream;
                }
            }
            if is_late {
                break;
            }
        }
        (part, seen)
    }

    /// The status of the answer, once all of it is there.
    async fn send(&mut self, request: &[u8]) -> std::io::Result<u16> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let mut head = None;
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            head = head.or_else(|| Head::of(&self.buffer));
            if let Some(head) = head.filter(|head| self.buffer.len() >= head.whole()) {
                return Ok(head.status);
            }
        }
    }
}
