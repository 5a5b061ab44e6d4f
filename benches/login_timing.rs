//! Can one tell by the time whether an account exists? Logs in 600 times by turns: with an unknown name, with a wrong
//! password, and with a wrong password of an account whose hash has other parameters. Asks how well the best threshold
//! on the time tells the unknown from each of the others: the area under its ROC curve, which is 0.5 for somebody who
//! guesses. Fails outside of 0.44 to 0.56.
//!
//! `cargo bench --bench login_timing`, on a machine that does nothing else: by chance alone one run in twelve is
//! outside. Why the times are the same is tested in `tests/api/operations/overload.rs`.

use std::error::Error;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use actix_web::rt::System;
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use diesel::connection::SimpleConnection;
use kennel::config::Config;
use kennel::db;
use kennel::server::Server;

const SAMPLES: usize = 600;
const WARM_UP: usize = 60;
/// Unknown, wrong, and wrong where the hash is another.
const KINDS: usize = 3;

fn main() -> Result<ExitCode, Box<dyn Error + Send + Sync>> {
    let directory = tempfile::tempdir()?;
    let database = directory.path().join("kennel.db").display().to_string();
    let config = Config::from_lookup(|name| match name {
        "DATABASE_URL" => Some(database.clone()),
        "PORT" => Some("0".to_owned()),
        "IP_RATE" | "LOGIN_RATE" | "SIGNUP_RATE" => Some("off".to_owned()),
        _ => None,
    })?;
    let (tell, told) = mpsc::channel();
    let server = thread::spawn(move || {
        System::new().block_on(async move {
            let server = Server::start(config).await.map_err(|error| error.to_string())?;
            tell.send((server.addr(), server.stop_handle())).map_err(|error| error.to_string())?;
            server.wait().await.map_err(|error| error.to_string())
        })
    });
    let (address, stop) = told.recv()?;

    let client: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().into();
    let post = |path: &str, body: &str| -> Result<u16, ureq::Error> {
        let request = client.post(format!("http://{address}{path}")).header("Content-Type", "application/json");
        let mut answer = request.send(body)?;
        answer.body_mut().read_to_vec()?;
        Ok(answer.status().as_u16())
    };
    // After a wrong password an account waits, so every sample is about another one.
    for number in 0..(WARM_UP + SAMPLES) / KINDS * 2 {
        let account = format!(
            r#"{{"username":"somebody{number}","email":"{number}@example.com","password":"three wet dogs on one sofa"}}"#
        );
        if post("/auth/signup", &account)? != 201 {
            return Err("the account cannot be made".into());
        }
    }

    let hash = earlier_hash()?;
    let mut conn = db::connect(&database.parse()?)?;
    conn.batch_execute(&format!(
        "UPDATE users SET password_hash = '{hash}' WHERE substr(username, -1) IN ('0', '2', '4', '6', '8')"
    ))?;

    let mut times = [const { Vec::new() }; KINDS];
    for sample in 0..WARM_UP + SAMPLES {
        let (round, kind) = (sample / KINDS, sample % KINDS);
        // The even ones have the other hash.
        let name = match kind {
            0 => format!("stranger{round}"),
            1 => format!("somebody{}", 2 * round + 1),
            _ => format!("somebody{}", 2 * round),
        };
        let body = format!(r#"{{"username":"{name}","password":"not her password"}}"#);
        let began = Instant::now();
        if post("/auth/login", &body)? != 401 {
            return Err("a login with a wrong password is not refused".into());
        }
        if let Some(times) = times.get_mut(kind).filter(|_| sample >= WARM_UP) {
            times.push(began.elapsed());
        }
    }
    client.shutdown();
    stop.stop();
    server.join().map_err(|_| "the server panicked")??;

    let [unknown, wrong, other] = times;
    let areas = [area(&unknown, &wrong), area(&unknown, &other)];
    println!("area under the curve (0.5: nothing to be told; from 0.44 to 0.56 is well)");
    println!("unknown and wrong: {:.3}; unknown and wrong with another hash: {:.3}", areas[0], areas[1]);
    let is_well = areas.iter().all(|area| (0.44..=0.56).contains(area));
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How often one of the first took longer than one of the others.
fn area(some: &[Duration], others: &[Duration]) -> f64 {
    let pairs = some.iter().flat_map(|one| others.iter().map(move |other| one.cmp(other)));
    let (greater, equal, all) = pairs.fold((0, 0, 0), |(greater, equal, all), order| {
        (greater + u32::from(order.is_gt()), equal + u32::from(order.is_eq()), all + 1)
    });
    (f64::from(greater) + f64::from(equal) / 2.0) / f64::from(all)
}

/// A hash under the parameters of an earlier version.
fn earlier_hash() -> Result<String, Box<dyn Error + Send + Sync>> {
    let (salt, mut hash) = (b"sixteen bytes...", [0; 32]);
    let params = Params::new(19_456, 2, 1, Some(32)).map_err(|error| error.to_string())?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_into(b"three wet dogs on one sofa", salt, &mut hash).map_err(|error| error.to_string())?;
    let [salt, hash] = [STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash)];
    Ok(format!("$argon2id$v=19$m=19456,t=2,p=1${salt}${hash}"))
}
