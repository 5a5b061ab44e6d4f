//! A server under load, and what it and its database computed meanwhile.

use std::time::Duration;

use super::client::Result;
use super::database::{Cluster, Engine};
use super::load_generator::{self, Outcome, Part};
use super::options::Options;
use super::process;
use super::server::Server;

/// What is loaded, and watched meanwhile.
pub struct Rig<'a> {
    pub options: &'a Options,
    pub engine: Engine,
    pub server: &'a Server,
    pub cluster: Option<&'a Cluster>,
}

impl Rig<'_> {
    /// Also the seconds that the server and PostgreSQL computed meanwhile.
    pub fn load(&self, parts: &[Part<'_>], time: Duration) -> Result<(Vec<Outcome>, (f64, f64))> {
        let pid = self.server.pid();
        let cpu = || {
            let database = self.cluster.map(|cluster| process::cpu_of_children(cluster.pid)).transpose()?;
            Ok((process::cpu(pid)?, database.unwrap_or_default()))
        };
        let (outcomes, [before, after]) =
            load_generator::run(self.server.address, parts, self.options.threads, time, cpu)?;
        let seconds = |before: Duration, after: Duration| after.saturating_sub(before).as_secs_f64();
        Ok((outcomes, (seconds(before.0, after.0), seconds(before.1, after.1))))
    }
}
