//! The way to a server, which a test can take away: it goes silent with every connection open, as a frozen server and a
//! network that swallows packets do, or it is too narrow for everybody.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use super::watched::Watched;

pub struct Passage {
    pub port: u16,
    inside: Arc<Watched<Inside>>,
}

struct Inside {
    is_silent: bool,
    /// How many connections there may be.
    room: usize,
    open: Vec<Arc<[TcpStream; 2]>>,
    is_over: bool,
}

impl Passage {
    /// A way to the server on this port of 127.0.0.1, with room for everybody.
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let here = listener.local_addr().expect("it listens").port();
        let inside = Inside { is_silent: false, room: usize::MAX, open: Vec::new(), is_over: false };
        let inside = Arc::new(Watched::new(inside));
        let shared = Arc::clone(&inside);
        let _it_ends_with_the_passage = thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if shared.lock().is_over {
                    break;
                }
                if let Err(error) = lead_on(&shared, stream, port) {
                    eprintln!("a connection leads nowhere: {error}");
                }
            }
        });
        Self { port: here, inside }
    }

    /// Passes nothing on any more, in either direction; connections stay open, and new ones are taken.
    pub fn go_silent(&self) {
        self.inside.lock().is_silent = true;
    }

    /// Passes everything on again, and first what has waited.
    pub fn speak(&self) {
        self.inside.lock().is_silent = false;
        self.inside.tell();
    }

    /// Cuts all connections, and takes so many at most from now on; one more is closed at once.
    pub fn narrow_to(&self, room: usize) {
        let mut inside = self.inside.lock();
        inside.room = room;
        inside.open.drain(..).for_each(|ends| hang_up(&ends));
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        self.inside.lock().is_over = true;
        self.narrow_to(0);
        self.inside.tell();
        // So that the listener looks up.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

fn lead_on(shared: &Arc<Watched<Inside>>, stream: TcpStream, port: u16) -> io::Result<()> {
    let mut inside = shared.lock();
    if inside.open.len() >= inside.room {
        return Ok(());
    }
    let ends = Arc::new([stream, TcpStream::connect(("127.0.0.1", port))?]);
    inside.open.push(Arc::clone(&ends));
    drop(inside);
    for (from, to) in [(0, 1), (1, 0)] {
        let (shared, ends) = (Arc::clone(shared), Arc::clone(&ends));
        let _it_ends_with_the_connection = thread::spawn(move || {
            let _either_end_may_be_gone = pass_on(&shared, &ends[from], &ends[to]);
            hang_up(&ends);
            shared.lock().open.retain(|open| !Arc::ptr_eq(open, &ends));
        });
    }
    Ok(())
}

fn pass_on(shared: &Watched<Inside>, mut from: &TcpStream, mut to: &TcpStream) -> io::Result<()> {
    let mut bytes = [0; 8192];
    loop {
        let count = from.read(&mut bytes)?;
        if count == 0 {
            return Ok(());
        }
        drop(shared.wait_while(shared.lock(), |inside| inside.is_silent && !inside.is_over));
        to.write_all(&bytes[..count])?;
    }
}

fn hang_up(ends: &[TcpStream; 2]) {
    for end in ends {
        let _it_may_be_closed = end.shutdown(Shutdown::Both);
    }
}
