//! Can one tell by the time whether an account exists? Logs in 400 times, with an unknown name and with a wrong
//! password by turns, and asks how well the best threshold on the time tells one from the other: the area under
//! its ROC curve, which is 0.5 for somebody who guesses. Fails outside of 0.44 to 0.56.
//!
//! `cargo bench --bench login_timing`, on a machine that does nothing else: by chance alone one run in twenty-five
//! is outside. Why the times are the same is tested in `tests/api/overload.rs`.

use std::error::Error;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use actix_web::rt::System;
use kennel::app::{Server, nothing_extra};
use kennel::config::Config;

const SAMPLES: usize = 400;
const WARM_UP: usize = 40;

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
            let server = Server::start(config, nothing_extra).await.map_err(|error| error.to_string())?;
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
    for number in 0..usize::midpoint(WARM_UP, SAMPLES) {
        let account = format!(
            r#"{{"username":"somebody{number}","email":"{number}@example.com","password":"three wet dogs on one sofa"}}"#
        );
        if post("/auth/signup", &account)? != 201 {
            return Err("the account cannot be made".into());
        }
    }

    let (mut unknown, mut wrong) = (Vec::new(), Vec::new());
    for sample in 0..WARM_UP + SAMPLES {
        let (name, times) = if sample % 2 == 0 { ("stranger", &mut unknown) } else { ("somebody", &mut wrong) };
        let number = sample / 2;
        let body = format!(r#"{{"username":"{name}{number}","password":"not her password"}}"#);
        let began = Instant::now();
        if post("/auth/login", &body)? != 401 {
            return Err("a login with a wrong password is not refused".into());
        }
        if sample >= WARM_UP {
            times.push(began.elapsed());
        }
    }
    client.shutdown();
    stop.stop();
    server.join().map_err(|_| "the server panicked")??;

    let pairs = unknown.iter().flat_map(|one| wrong.iter().map(move |other| one.cmp(other)));
    let (less, equal, all) = pairs.fold((0, 0, 0), |(less, equal, all), order| {
        (less + u32::from(order.is_lt()), equal + u32::from(order.is_eq()), all + 1)
    });
    let area = (f64::from(less) + f64::from(equal) / 2.0) / f64::from(all);
    println!("area under the curve: {area:.3} (0.5: nothing to be told; from 0.44 to 0.56 is well)");
    Ok(if (0.44..=0.56).contains(&area) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
