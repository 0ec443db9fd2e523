//! The destination and the level of the log.

use tracing_subscriber::EnvFilter;

use super::{App, log_json::JsonLines};
use crate::{config::LogFormat, error::Result, output::LogThread};

impl App {
    /// Sends the log to stderr: warnings by default, more with -v, everything with -vv. RUST_LOG
    /// takes precedence.
    pub fn start_logging(&self) {
        let directives = match self.global.verbose {
            0 => "off",
            1 => "tenantctl=info",
            _ => "tenantctl=debug,sqlx::query=debug",
        };
        let printer = self.printer.clone();
        tracing_subscriber::fmt()
            .with_env_filter(self.filter(directives))
            .with_writer(move || printer.log_writer())
            .with_ansi(false)
            .without_time()
            .init();
        self.log_configuration();
    }

    /// Starts the log of a server, which other people and programs read later. It is written in the
    /// background; the rest of it is written when the thread is dropped.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn start_server_logging(&self) -> Result<LogThread> {
        let directives = match self.global.verbose {
            0 if self.global.quiet => "tenantctl=warn,sqlx=warn",
            0 => "tenantctl=info,sqlx=warn",
            1 => "tenantctl=debug,sqlx=warn",
            _ => "tenantctl=debug,sqlx=info,sqlx::query=debug",
        };
        let (lines, thread) = self.printer.log_lines()?;
        let format = self.loaded.as_ref().map(|loaded| &loaded.config.server);
        let log = tracing_subscriber::fmt()
            .with_env_filter(self.filter(directives))
            .with_writer(lines)
            .with_ansi(false);
        match format.map(|section| section.log_format).unwrap_or_default() {
            LogFormat::Text => log.init(),
            LogFormat::Json => log.event_format(JsonLines(self.clock)).init(),
        }
        self.log_configuration();
        Ok(thread)
    }

    fn filter(&self, directives: &str) -> EnvFilter {
        EnvFilter::new(self.environment.get("RUST_LOG").unwrap_or(directives))
    }

    fn log_configuration(&self) {
        if let Some(loaded) = &self.loaded {
            let file = loaded.path.display();
            match loaded.existed {
                true => tracing::info!("configuration: {file}"),
                false => tracing::info!("configuration: built-in defaults; {file} does not exist"),
            }
        }
    }
}
