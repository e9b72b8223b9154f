//! Load generator of the bench: `bench-load MODE` reads one JSON object from standard input and prints
//! one as its last line.
//!
//! `limit` is the bare loop that the server is measured against; `sink` counts what it sends and how long
//! that took; `forward` is publishers and subscribers for a server.

mod config;
mod forward;
mod limit;
mod scenario;
mod sink;
mod sys;

use std::io::Read;
use std::process::ExitCode;

fn run(mode: &str, input: &str) -> Result<String, Box<dyn std::error::Error>> {
    match mode {
        "limit" => Ok(serde_json::to_string(&limit::run(&serde_json::from_str(
            input,
        )?)?)?),
        "sink" => Ok(serde_json::to_string(&sink::run(&serde_json::from_str(
            input,
        )?)?)?),
        "forward" => Ok(serde_json::to_string(&forward::run(
            &serde_json::from_str(input)?,
        )?)?),
        _ => Err(format!("unknown mode {mode:?}: use limit, sink or forward").into()),
    }
}

fn main() -> ExitCode {
    let mode = std::env::args().nth(1).unwrap_or_default();
    let mut input = String::new();
    let result = std::io::stdin()
        .read_to_string(&mut input)
        .map_err(Into::into)
        .and_then(|_| run(&mode, &input));
    match result {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bench-load {mode}: {error}");
            ExitCode::FAILURE
        }
    }
}
