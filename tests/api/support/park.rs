//! A place where a test lets the server's threads and handlers wait, until the test has seen what it wanted
//! to see. Nothing sleeps: whoever comes in says so, and goes on when the gate is opened.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use actix_web::rt::task::spawn_blocking;

use super::watched::Watched;

/// Parks by name, since a test's routes are plain functions that cannot hold one.
static PARKS: LazyLock<Mutex<HashMap<String, Arc<Park>>>> = LazyLock::new(Mutex::default);

#[derive(Default)]
pub struct Park {
    inside: Watched<Inside>,
}

#[derive(Default)]
struct Inside {
    came: usize,
    is_open: bool,
}

impl Park {
    pub fn named(name: &str) -> Arc<Self> {
        let mut parks = PARKS.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(parks.entry(name.to_owned()).or_default())
    }

    /// Blocks the thread until the gate is opened.
    pub fn wait(&self) {
        let mut inside = self.inside.lock();
        inside.came += 1;
        self.inside.tell();
        let _open = self.inside.wait_while(inside, |inside| !inside.is_open);
    }

    /// The same for a handler, which must not block its thread.
    pub async fn wait_aside(self: Arc<Self>) {
        spawn_blocking(move || self.wait()).await.expect("it waits");
    }

    /// Blocks the test until so many have come.
    pub fn until_came(&self, count: usize) {
        let inside = self.inside.wait_while(self.inside.lock(), |inside| inside.came < count);
        assert!(inside.came >= count, "only {} of {count} came", inside.came);
    }

    /// Lets everybody go, and everybody who comes later.
    pub fn open(&self) {
        self.inside.lock().is_open = true;
        self.inside.tell();
    }
}

/// Opens the park when the test ends, however it ends, so that the server can end too.
pub struct Keeper(pub Arc<Park>);

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.open();
    }
}
