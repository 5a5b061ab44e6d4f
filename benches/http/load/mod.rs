//! The mode without a flag: every route of a small database, under loads of several sizes.

mod report;

use super::client::Result;
use super::database::{Cluster, Database, Engine};
use super::load_generator::Part;
use super::options::Options;
use super::points::{self, Point};
use super::process;
use super::rig::Rig;
use super::routes::{self, Route};
use super::server::{Plan, Server};
use report::Life;

/// Loads every route on every database, in rounds that take turns, so that a disturbance falls on all. Tells whether
/// there was no error.
pub fn run(options: &Options) -> Result<bool> {
    let (mut points, mut lives) = (Vec::new(), Vec::new());
    for round in 1..=options.rounds {
        for engine in &options.engines {
            eprintln!("round {round} of {}: {engine}", options.rounds);
            let (new_points, life) = one_round(options, *engine)?;
            points.extend(new_points);
            lives.push(life);
        }
    }
    let points = points::medians(&points);
    report::print(&points, &lives);
    if let Some(file) = &options.json {
        std::fs::write(file, report::to_json(&points, &lives).to_string())?;
    }
    Ok(points.iter().all(|point| point.errors == 0))
}

fn one_round(options: &Options, engine: Engine) -> Result<(Vec<Point>, Life)> {
    let cluster = (engine == Engine::Postgres).then(Cluster::start).transpose()?;
    let database = Database::fresh(cluster.as_ref())?;
    let (home, url) = (database.home(), database.url.as_str());
    let plan = Plan { program: &options.program, under: &[], home, database: url, settings: &[] };
    let server = Server::start(&plan)?;
    let fresh = server.ready_after;
    let routes = routes::seed(server.address)?;
    let rig = Rig { options, engine, server: &server, cluster: cluster.as_ref() };
    let points = rig.load_all(&routes)?;
    let (memory, peak) = process::memory(server.pid())?;
    server.stop()?;
    let again = Server::start(&plan)?;
    let existing = again.ready_after;
    again.stop()?;
    let [fresh, existing] = [fresh, existing].map(|time| time.as_secs_f64() * 1e3);
    Ok((points, Life { engine, fresh, existing, memory, peak }))
}

impl Rig<'_> {
    fn load_all(&self, routes: &[Route]) -> Result<Vec<Point>> {
        let mut points = Vec::new();
        for route in routes.iter().filter(|route| self.options.wants(route.key)) {
            // The first requests find nothing prepared.
            self.load(&[Part { route, clients: self.options.most_clients() }], self.options.warm_up())?;
            for clients in &self.options.clients {
                let part = Part { route, clients: *clients };
                let (outcomes, cpu) = self.load(&[part], self.options.time)?;
                points.push(Point::of(self.engine, route.title.to_owned(), *clients, &outcomes[0], Some(cpu)));
            }
        }
        if self.options.wants("crowd") {
            points.extend(self.load_in_a_crowd(routes)?);
        }
        Ok(points)
    }

    /// Reading while many log in.
    fn load_in_a_crowd(&self, routes: &[Route]) -> Result<Vec<Point>> {
        let found = routes::find(routes, "show_dog").zip(routes::find(routes, "login"));
        let (show, login) = found.ok_or("both routes are in the table")?;
        let (readers, crowd) = (8, self.options.most_clients());
        let parts = [Part { route: show, clients: readers }, Part { route: login, clients: crowd }];
        let (outcomes, _) = self.load(&parts, self.options.time)?;
        let titles =
            [(format!("{} while {crowd} log in", show.title), readers), (format!("{} meanwhile", login.title), crowd)];
        let points = titles.into_iter().zip(&outcomes);
        let points = points.map(|((title, clients), outcome)| Point::of(self.engine, title, clients, outcome, None));
        Ok(points.collect())
    }
}
