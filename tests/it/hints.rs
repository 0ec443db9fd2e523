//! Commands that are shown for pasting exist, and mean the same database, organization and user.

use std::{fs, path::Path};

use clap::CommandFactory;
use tenantctl::{
    cli::Scope,
    commands::root::{Cli as CommandLine, scope_of},
};

use crate::common::{Cli, TestDb};

/// Where a command of ours may stand in a text: what is shown there is not a hint.
const NOT_HINTS: &[(&str, &str)] = &[
    ("cli/help.rs", "the examples of --help"),
    (
        "commands/root/usage.rs",
        "the command line could not be read, so there is nothing to repeat",
    ),
    ("commands/serve.rs", "the actor of a server"),
    ("audit/session.rs", "the application name of the audit"),
    ("audit/render/junit.rs", "the name of a test suite"),
    ("audit/report/baseline/file.rs", "the heading of a file"),
    ("db/migrate.rs", "the name of a lock"),
];

fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
            let name = path.strip_prefix(root).expect("below src").to_owned();
            let text = fs::read_to_string(&path).expect("a source file");
            found.push((name.to_string_lossy().into_owned(), without_tests(&text)));
        }
    }
}

/// The code without comments and without the tests at its end.
fn without_tests(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn code() -> Vec<(String, String)> {
    let mut found = Vec::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut found,
    );
    found.retain(|(name, _)| !name.ends_with("_tests.rs"));
    found
}

#[test]
fn no_text_shows_a_command() {
    let nouns = CommandLine::command();
    let nouns: Vec<&str> = nouns
        .get_subcommands()
        .map(|noun| noun.get_name())
        .collect();
    let mut shown = Vec::new();
    for (name, text) in code() {
        if NOT_HINTS.iter().any(|(allowed, _)| name == *allowed) {
            continue;
        }
        for (at, found) in text.match_indices("tenantctl ") {
            let rest = &text[at + found.len()..];
            let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '-');
            let word = &rest[..end.unwrap_or(rest.len())];
            if nouns.contains(&word) || word.starts_with("--") || rest.starts_with('{') {
                let line: String = rest.chars().take(40).collect();
                shown.push(format!("{name}: tenantctl {line}"));
            }
        }
    }
    assert!(
        shown.is_empty(),
        "use run![] instead:\n{}",
        shown.join("\n")
    );
}

/// The arguments of each `run![…]` whose noun is written there; what is computed is a placeholder.
fn written_commands(text: &str) -> Vec<(Vec<String>, &str)> {
    let mut found = Vec::new();
    for (at, start) in text.match_indices("run![") {
        let rest = &text[at + start.len()..];
        let Some(end) = closing_bracket(rest) else {
            continue;
        };
        let words: Vec<String> = arguments(&rest[..end])
            .into_iter()
            .map(
                |word| match word.strip_prefix('"').and_then(|w| w.strip_suffix('"')) {
                    Some(literal) => literal.to_owned(),
                    None => "1".to_owned(),
                },
            )
            .collect();
        if words.first().is_some_and(|noun| noun != "1") {
            found.push((words, &rest[end..]));
        }
    }
    found
}

fn closing_bracket(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, character) in text.char_indices() {
        match character {
            '[' | '(' | '{' => depth += 1,
            ']' if depth == 0 => return Some(at),
            ']' | ')' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

fn arguments(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut depth, mut quoted, mut start) = (0_usize, false, 0);
    for (at, character) in text.char_indices() {
        match character {
            '"' => quoted = !quoted,
            '[' | '(' | '{' if !quoted => depth += 1,
            ']' | ')' | '}' if !quoted => depth = depth.saturating_sub(1),
            ',' if !quoted && depth == 0 => {
                found.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(text[start..].trim());
    found.retain(|word| !word.is_empty());
    found
}

/// Whether clap itself reads the command. Values are placeholders, and what is required may be left
/// to the reader.
fn clap_reads(words: &[String]) -> Result<(), String> {
    use clap::error::ErrorKind::{
        ArgumentConflict, InvalidSubcommand, TooFewValues, TooManyValues, UnknownArgument,
        WrongNumberOfValues,
    };
    let line = std::iter::once("tenantctl").chain(words.iter().map(String::as_str));
    match CommandLine::command().try_get_matches_from(line) {
        Err(error) => match error.kind() {
            ArgumentConflict | InvalidSubcommand | TooFewValues | TooManyValues
            | UnknownArgument | WrongNumberOfValues => Err(error.kind().to_string()),
            _ => Ok(()),
        },
        Ok(_) => Ok(()),
    }
}

/// Computed nouns and verbs are judged when they are printed: a debug build panics.
#[test]
fn every_command_that_the_source_shows_exists() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (name, text) in code() {
        for (words, after) in written_commands(&text) {
            let goes_on = after.lines().take(4).any(|line| line.contains(".args("));
            let has_computed_verb = words.iter().take(3).any(|word| word == "1");
            count += 1;
            if let Err(reason) = scope_of(&words).and_then(|_| clap_reads(&words))
                && !goes_on
                && !has_computed_verb
            {
                wrong.push(format!("{name}: {}: {reason}", words.join(" ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 150, "{count} commands: are they still found?");
}

/// Every command line in what a run said, by the label before it.
fn shown(said: &str) -> Vec<&str> {
    let labels = ["next: ", "undo: ", "hint: ", "warning: ", "note: "];
    said.lines()
        .filter(|line| labels.iter().any(|label| line.contains(label)))
        .flat_map(|line| {
            line.match_indices("tenantctl ")
                .map(move |(at, _)| &line[at..])
        })
        .collect()
}

/// The noun of a command line, past the flags before it, and whether the profile stands there.
fn noun(line: &str) -> (Option<String>, bool) {
    let words: Vec<&str> = line.split_whitespace().skip(1).collect();
    let mut rest = words.as_slice();
    let mut names_profile = false;
    while let [flag, value, more @ ..] = rest
        && flag.starts_with("--")
    {
        names_profile |= *flag == "--profile" && *value == "shop";
        rest = more;
    }
    let noun = rest.first().map(|word| {
        let end = word.find(|c: char| !c.is_ascii_lowercase() && c != '-');
        word[..end.unwrap_or(word.len())].to_owned()
    });
    (noun, names_profile)
}

/// A practice where something is done with every noun, well and badly.
const SCENARIO: &[&str] = &[
    "org create Harbor --slug harbor",
    "org create Harbor --slug harbor",
    "org list --search nothing",
    "org show harbour",
    "org suspend harbor --yes",
    "org resume harbor",
    "org update harbor --name Harbour",
    "org delete tide --yes",
    "org current",
    "user sign-up --email maria@harbor.example --name Maria",
    "user sign-up --email maria@harbor.example --name Other",
    "user list --search nobody",
    "user show nobody@harbor.example",
    "--org harbor member add maria@harbor.example --role owner",
    "--org harbor member add maria@harbor.example --role admin",
    "--org harbor member role maria@harbor.example admin",
    "--org harbor member show maria@harbor.example",
    "--org harbor member remove nobody@harbor.example --yes",
    "--org harbor member list --role viewer",
    "--org harbor invite create sam@harbor.example --role member",
    "--org harbor invite create sam@harbor.example --role member",
    "--org harbor invite resend sam@harbor.example",
    "--org harbor invite revoke sam@harbor.example",
    "--org harbor invite show nobody@harbor.example",
    "--org harbor outbox list",
    "--org harbor outbox send",
    "--org harbor outbox show 01890000-0000-7000-8000-000000000000",
    "--org harbor access check maria@harbor.example --permission channels.edit",
    "--org harbor access check nobody@harbor.example --permission channels.edit",
    "--org harbor channel set web greeting=Hello",
    "--org harbor channel set web colour=red",
    "--org harbor channel enable web",
    "--org harbor channel instructions get web",
    "--org harbor agent set receptionist_instructions Answer",
    "--org harbor agent set receptionist_instructions ''",
    "agent system set receptionist_instructions Answer",
    "--org harbor provider create Keller",
    "--org harbor provider list --search nobody",
    "--org harbor provider show 01890000-0000-7000-8000-000000000000",
    "--org harbor operatory create Room",
    "--org harbor operatory show 01890000-0000-7000-8000-000000000000",
    "--org harbor schedule list",
    "--org harbor schedule defaults",
    "--org harbor schedule show 01890000-0000-7000-8000-000000000000",
    "--org harbor patient list",
    "--org harbor patient create --first-name Ana --last-name Berger",
    "--org harbor patient show 01890000-0000-7000-8000-000000000000",
    "--org harbor appointment list",
    "--org harbor appointment show 01890000-0000-7000-8000-000000000000",
    "--org harbor booking call GetPatient --params {}",
    "--org harbor import jobs",
    "--org harbor import patients patients.csv",
    "--org harbor import patients wrong.csv",
    "--org harbor webhook endpoint list",
    "--org harbor webhook endpoint rotate 01890000-0000-7000-8000-000000000000",
    "--org harbor webhook events show 01890000-0000-7000-8000-000000000000",
    "webhook sign-ups discard 01890000-0000-7000-8000-000000000000",
    "--org harbor activity show 9999",
    "activity show 9999 --platform",
    "db status",
    "db protect --label shop",
    "org purge harbor --now --yes",
    "doctor",
    "config show",
    "audit --only catalog",
    "role show owner",
    "serve --listen 256.0.0.1:1",
];

#[test]
fn what_is_shown_under_a_profile_names_it() {
    let db = TestDb::new();
    let cli = Cli::new();
    fs::create_dir_all(cli.config_file().parent().expect("a folder")).expect("it is made");
    let profile = format!("[profiles.shop]\ndatabase_url = {:?}\n", db.url);
    fs::write(cli.config_file(), profile).expect("the file is written");
    let csv = "first_name,last_name\nBea,Frei\n";
    fs::write(cli.home().join("patients.csv"), csv).expect("the file is written");
    fs::write(cli.home().join("wrong.csv"), "first_name\n\n").expect("the file is written");

    let mut commands = 0;
    for line in SCENARIO {
        let words = shell_words::split(line).expect("a line of a shell");
        let mut all = vec!["--profile", "shop"];
        all.extend(words.iter().map(String::as_str));
        let outcome = cli.run(&all);
        assert!(
            !outcome.stderr.contains("panicked"),
            "{line}\n{}",
            outcome.stderr
        );
        for shown in shown(&outcome.stderr) {
            let (Some(noun), names_profile) = noun(shown) else {
                continue;
            };
            let Ok(scope) = scope_of_noun(&noun, shown) else {
                continue;
            };
            commands += 1;
            assert_eq!(names_profile, scope.takes().database, "{line}\n{shown}");
            let takes_organization = line.starts_with("--org") && scope.takes().organization;
            let names_organization = shown.contains(" --org harbor");
            assert!(!takes_organization || names_organization, "{line}\n{shown}");
        }
    }
    assert!(commands > 40, "{commands} commands were shown");
}

/// The scope of a command as it is shown: the words up to the first that is not a subcommand.
fn scope_of_noun(noun: &str, shown: &str) -> Result<Scope, String> {
    let rest = shown.split_once(noun).map_or("", |(_, rest)| rest);
    let line = format!("{noun}{rest}");
    // A remark may follow the command.
    let line = line.split(" (").next().unwrap_or_default();
    let line = line.split(", then").next().unwrap_or_default();
    let words =
        shell_words::split(line.trim_end_matches('`')).map_err(|error| error.to_string())?;
    scope_of(&words)
}

#[test]
fn a_user_and_a_configuration_file_are_repeated() {
    let db = TestDb::new();
    let cli = Cli::new();
    let file = cli.home().join("my config.toml");
    let profile = format!("[profiles.shop]\ndatabase_url = {:?}\n", db.url);
    fs::write(&file, profile).expect("the file is written");
    let file = file.to_string_lossy().into_owned();
    let run = |words: &[&str]| {
        let all = [&["--config", &file, "--profile", "shop"], words].concat();
        cli.run(&all)
    };
    let email = "maria@harbor.example";
    run(&["user", "sign-up", "--email", email, "--name", "Maria"]);
    run(&["org", "create", "Harbor", "--slug", "harbor"]);
    run(&["--org", "harbor", "member", "add", email, "--role", "owner"]);
    let said = run(&[
        "--org",
        "harbor",
        "--as",
        email,
        "channel",
        "set",
        "web",
        "greeting=Hi",
    ]);
    let expected = format!(
        "next: undo: tenantctl --config '{file}' --profile shop channel set web greeting= \
         --org harbor --as {email}\n"
    );
    assert!(said.stderr.ends_with(&expected), "{}", said.stderr);

    // A hint about the user who was not found does not act as them.
    let said = run(&["--as", "nobody@harbor.example", "org", "list"]);
    assert!(
        said.stderr.contains("--profile shop user list"),
        "{}",
        said.stderr
    );
    assert!(!said.stderr.contains("user list --as"), "{}", said.stderr);
}

#[test]
fn a_password_is_not_repeated() {
    let db = TestDb::new();
    let cli = Cli::new();
    let url = db.url.replacen("postgres@", "postgres:hunter2@", 1);
    let said = cli.run(&["--database-url", &url, "org", "show", "nothing"]);
    assert!(!said.stderr.contains("hunter2"), "{}", said.stderr);
    assert!(
        said.stderr
            .contains("tenantctl --database-url URL org list"),
        "{}",
        said.stderr
    );
}
