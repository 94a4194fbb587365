//! The command `seakeep-server`: reads options, starts, says where, stops on a signal.
//!
//! Everything else is the library's.

use clap::Parser;
use seakeep_server::http::{start, Options, Sources};
use std::io::Write;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("seakeep-server: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    let running = start(options, Sources::system()).await?;
    let mut out = std::io::stdout();
    writeln!(out, "seakeep-server listening on http://{}", running.address())?;
    out.flush()?;
    if !options.quiet {
        describe(options);
    }
    signal().await?;
    running.stop().await;
    Ok(())
}

fn describe(options: &Options) {
    match &options.db {
        Some(file) => eprintln!("documents are kept in {}", file.display()),
        None => eprintln!("documents are in memory and end with this server (--db FILE keeps them)"),
    }
    if options.faults {
        eprintln!("faults can be ordered under /_faults: for tests only");
    }
}

#[cfg(unix)]
async fn signal() -> std::io::Result<()> {
    use tokio::signal::unix::{signal, SignalKind};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn signal() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
