//! How to run the server: the command line, which is also the way tests start it in their own process.
//!
//! Reads no environment and no configuration file but the schemas it is pointed at.

use axum::http::HeaderValue;
use clap::Parser;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use crate::core::{Rules, Schema};

/// The reference server of Seakeep's REST profile, with its database built in.
#[derive(Clone, Debug, Parser)]
#[command(name = "seakeep-server", version)]
pub struct Options {
    /// Port to listen on; 0 takes any free one.
    #[arg(long, default_value_t = 8787, value_name = "PORT")]
    pub port: u16,

    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1", value_name = "ADDRESS")]
    pub host: IpAddr,

    /// Database file to keep documents in, made when absent. Without it everything is in memory and
    /// ends with the server.
    #[arg(long, value_name = "FILE")]
    pub db: Option<PathBuf>,

    /// Folder of static files served at `/`, never cached.
    #[arg(long, value_name = "DIR")]
    pub www: Option<PathBuf>,

    /// Path the API lives under; `/` serves it at the root (then without --www).
    #[arg(long, default_value = "/api", value_name = "PATH", value_parser = api_base)]
    pub api_base: String,

    /// Origin that pages of other servers may call from, or `*` for any; may be repeated.
    #[arg(long, value_name = "ORIGIN|*")]
    pub cors: Vec<HeaderValue>,

    /// JSON file with text fields by collection, added to the built-in ones:
    /// {"notes":{"title":{"required":true,"min":1,"max":100}}}.
    #[arg(long, value_name = "FILE")]
    pub schemas: Option<PathBuf>,

    /// Refuse changes of existing documents that carry no If-Match (428).
    #[arg(long)]
    pub require_if_match: bool,

    /// Largest request body in bytes.
    #[arg(long, default_value_t = 1 << 20, value_name = "BYTES")]
    pub body_limit: usize,

    /// For tests: faults can be ordered, and everything deleted, under `/_faults`.
    #[arg(long)]
    pub faults: bool,

    /// Print nothing but the line that says where the server listens.
    #[arg(long)]
    pub quiet: bool,
}

impl Options {
    /// What is meant by the command line's defaults, listening on any free port.
    pub fn for_tests() -> Self {
        Self { port: 0, quiet: true, ..Self::parse_from(["seakeep-server"]) }
    }

    /// The core's rules these options ask for.
    pub fn rules(&self) -> Result<Rules, String> {
        let mut rules =
            Rules { body_limit: self.body_limit, require_precondition: self.require_if_match, ..Rules::default() };
        rules.schemas.extend(self.read_schemas()?);
        Ok(rules)
    }

    fn read_schemas(&self) -> Result<BTreeMap<String, Schema>, String> {
        let Some(file) = &self.schemas else {
            return Ok(BTreeMap::new());
        };
        let text = std::fs::read(file).map_err(|error| format!("--schemas: {error}"))?;
        serde_json::from_slice(&text).map_err(|error| format!("--schemas: {error}"))
    }
}

fn api_base(text: &str) -> Result<String, String> {
    let base = text.trim_end_matches('/');
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.');
    if base.is_empty() || (base.starts_with('/') && base.chars().all(plain)) {
        Ok(base.to_owned())
    } else {
        Err("starts with `/` and has letters, digits, `-`, `_`, `.` only".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn api_bases_are_plain_paths() {
        assert_eq!(api_base("/"), Ok(String::new()));
        assert_eq!(api_base("/api/v1/"), Ok("/api/v1".to_owned()));
        assert!(api_base("api").is_err());
        assert!(api_base("/{x}").is_err());
    }
}
