//! `channel set`

use clap::{Args, ValueHint};
use clap_complete::engine::ArgValueCompleter;
use serde_json::Value;

use super::view::{ChangedView, NOT_CONFIGURATION};
use crate::{
    app::App,
    cli::values,
    commands::{complete, input::TextSource},
    domain::{ChannelConfiguration, ChannelKind},
    error::{Error, ErrorKind, Result},
    services::channels,
};

/// Change a channel's configuration: single keys, or the whole configuration from a file.
///
/// Keys of every channel: enabled, ai_backend, model, instructions, data_integrations, agent_mode.
/// Keys of twilio_realtime and twilio_standard: phone_numbers, stream_url, greeting.
/// Keys of retell: agent_id, phone_numbers. Of whatsapp: instance_name, phone_number_id.
/// Keys of web: allowed_origins, greeting.
///
/// Lists are separated by commas; an empty value clears a text or a list.
///
/// A file contains the whole configuration: missing keys get their defaults. The format is the
/// output of `channel show --toml` or `channel show -o json`, with agent_mode and the keys that
/// only some channels have under [settings].
///
/// Examples:
///   tenantctl channel set web greeting='Hello!' allowed_origins=https://www.harbor.example
///   tenantctl channel set retell ai_backend=anthropic_claude data_integrations=internal,opendental
///   tenantctl channel show web --toml >web.toml && tenantctl channel set web --from-file web.toml
///   generate-config | tenantctl channel set web --from-file - --dry-run
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct SetArgs {
    /// The channel.
    #[arg(value_name = "CHANNEL", value_parser = values::channel, add = ArgValueCompleter::new(complete::channels))]
    kind: ChannelKind,

    /// The keys and their new values.
    #[arg(value_name = "KEY=VALUE", value_parser = values::assignment, required_unless_present = "from_file", conflicts_with = "from_file")]
    assignments: Vec<(String, String)>,

    /// The file with the whole configuration, in TOML or JSON; - for stdin.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    from_file: Option<TextSource>,

    /// Fail with exit code 4 unless the channel has this version (see `channel show`).
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = values::positive::<i64>)]
    if_version: Option<i64>,
}

impl SetArgs {
    pub(super) async fn run(self, app: &App) -> Result<ChangedView> {
        let kind = self.kind;
        let whole = match &self.from_file {
            Some(source) => {
                let text = source.read(app).await?;
                Some(document(kind, source, &text)?)
            }
            None => None,
        };
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let change = channels::change(
            &session,
            organization.id,
            kind,
            self.if_version,
            |configuration, organization| match whole {
                Some(whole) => Ok(whole),
                None => configuration.apply(&self.assignments, organization.locale.region()),
            },
        )
        .await?;
        Ok(ChangedView::new(change, "updated"))
    }
}

/// Parses a whole configuration, as JSON if the file name or the first character indicates it.
fn document(kind: ChannelKind, source: &TextSource, text: &str) -> Result<ChannelConfiguration> {
    let is_json = match source.extension().as_deref() {
        Some("json") => true,
        Some("toml") => false,
        _ => text.trim_start().starts_with('{'),
    };
    let read = if is_json {
        serde_json::from_str::<Value>(text)
            .map_err(|error| Error::bad_input(format!("not valid JSON: {error}")))
            .and_then(|json| ChannelConfiguration::from_json(kind, configuration(json)))
    } else {
        ChannelConfiguration::from_document(kind, text)
    };
    read.map_err(|error| error.within(source).of_kind(ErrorKind::BadInput))
}

/// Extracts the configuration from the output of `channel show -o json`. Other JSON stays as it is.
fn configuration(mut json: Value) -> Value {
    if let Value::Object(keys) = &mut json
        && keys.contains_key("schema_version")
    {
        keys.retain(|key, _| !NOT_CONFIGURATION.contains(&key.as_str()));
        if let Some(kind) = keys.remove("channel") {
            keys.insert("kind".to_owned(), kind);
        }
    }
    json
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::CommandFactory;

    use super::*;
    use crate::{commands::root::Cli, domain::channel::key};

    fn read(file: &str, text: &str) -> Result<ChannelConfiguration> {
        document(ChannelKind::Web, &OsString::from(file).into(), text)
    }

    #[test]
    fn toml_and_json_say_the_same() {
        let toml = "model = \"gpt-4o\"\n[settings]\ngreeting = \"Hi\"\n";
        let json = r#" {"model": "gpt-4o", "settings": {"greeting": "Hi"}}"#;
        let read_toml = read("-", toml).unwrap();
        assert_eq!(read("-", json).unwrap(), read_toml);
        assert_eq!(read("a.json", json).unwrap(), read_toml);
        assert_eq!(read("a.toml", toml).unwrap(), read_toml);
        assert_eq!(read("a.conf", toml).unwrap(), read_toml);
    }

    #[test]
    fn a_mistake_names_the_file_and_the_place() {
        for (file, text, message) in [
            (
                "a.toml",
                "x = 1",
                "a.toml: line 1, column 1: unknown field `x`",
            ),
            (
                "a.json",
                "{\n\"x\"",
                "a.json: not valid JSON: EOF while parsing an object at line 2",
            ),
            (
                "-",
                r#"{"enabled": "yes"}"#,
                "stdin: the configuration of channel web:",
            ),
        ] {
            let error = read(file, text).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }

    #[test]
    fn the_help_names_every_key() {
        let mut cli = Cli::command();
        let set = cli
            .find_subcommand_mut("channel")
            .and_then(|channel| channel.find_subcommand_mut("set"))
            .expect("the command is there");
        let help = set.render_long_help().to_string();
        for kind in ChannelKind::ALL {
            for name in key::names(*kind) {
                assert!(help.contains(name), "{name}");
            }
        }
    }
}
