//! `create`

use clap::{ArgMatches, Args, Command, FromArgMatches};

use super::{More as _, Noun, flag, given_names, view::ChangedView};
use crate::{
    app::App,
    commands::missing,
    domain::booking::{fields::Fields, text},
    error::Result,
    services::booking::resources,
};

/// Arguments of `create`.
#[derive(Args, Debug)]
pub struct CreateArgs<R: Noun> {
    #[command(flatten)]
    fields: NewFields<R>,

    #[command(flatten)]
    more: R::More,

    #[arg(long, requires = "external_id",
        help = format!("If {} with this external ID exists, show it instead of failing", R::NOUN.a))]
    if_not_exists: bool,
}

impl<R: Noun> CreateArgs<R> {
    /// Adds a row, and prompts for missing required fields.
    pub async fn run(self, app: &App) -> Result<ChangedView<R>> {
        let mut fields = self.fields.0;
        let argument = |name: &str| match R::POSITIONAL == Some(name) {
            true => format!("the argument {}", name.to_uppercase()),
            false => flag(name),
        };
        for name in R::Fields::REQUIRED {
            if let Some(value) = fields.required(name) {
                let label = label(name);
                let check = |answer: &str| text::name(&label, answer);
                *value = Some(missing::text(
                    app,
                    value.take(),
                    &label,
                    &argument(name),
                    check,
                )?);
            }
        }
        self.more.add_to(app, &mut fields).await?;
        given_names(&fields, argument, |name| {
            match R::Fields::REQUIRED.contains(&name) {
                true => "it is required".to_owned(),
                false => "omit the flag to have none".to_owned(),
            }
        })?;
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let created = resources::create(&session, organization.id, &fields, self.if_not_exists);
        Ok(ChangedView::new(created.await?, &organization))
    }
}

/// `First name` for `first_name`.
fn label(name: &str) -> String {
    let words = name.replace('_', " ");
    let (first, rest) = words.split_at(1);
    first.to_uppercase() + rest
}

/// The fields, one of them without a flag.
#[derive(Debug)]
struct NewFields<R: Noun>(R::Fields);

impl<R: Noun> Args for NewFields<R> {
    fn augment_args(command: Command) -> Command {
        let command = R::Fields::augment_args(command);
        match R::POSITIONAL {
            Some(name) => command.mut_arg(name, |arg| arg.long(None::<&str>)),
            None => command,
        }
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<R: Noun> FromArgMatches for NewFields<R> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        R::Fields::from_arg_matches(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}
