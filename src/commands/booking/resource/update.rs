//! `update`

use clap::{Args, builder::PossibleValuesParser};
use clap_complete::engine::ArgValueCompleter;

use super::{More as _, Noun, clearable, flag, given_names, view::ChangedView};
use crate::{
    app::App,
    error::{Error, Result},
    run,
    services::booking::resources::{self, Update},
};

/// Arguments of `update`.
#[derive(Args, Debug)]
pub struct UpdateArgs<R: Noun> {
    #[arg(value_name = R::PLACEHOLDER, help = R::WHOLE_REFERENCE, add = ArgValueCompleter::new(R::complete))]
    reference: String,

    #[command(flatten)]
    fields: R::Fields,

    #[command(flatten)]
    more: R::More,

    /// Fields to clear.
    #[arg(long, value_name = "FIELD", value_delimiter = ',',
        value_parser = PossibleValuesParser::new(clearable::<R::Fields>()))]
    clear: Vec<String>,

    #[arg(long, conflicts_with = "restore", help = format!("Archive the {}", R::NOUN.one))]
    archive: bool,

    #[arg(long, help = format!("Restore an archived {}", R::NOUN.one))]
    restore: bool,
}

impl<R: Noun> UpdateArgs<R> {
    /// Updates a row.
    pub async fn run(self, app: &App) -> Result<ChangedView<R>> {
        let mut fields = self.fields;
        self.more.add_to(app, &mut fields).await?;
        let given = given_names(&fields, flag, |name| {
            format!("use --clear {name} to clear it")
        })?;
        if let Some(name) = given
            .iter()
            .find(|name| self.clear.iter().any(|one| one == *name))
        {
            let problem = format!("{} and --clear {name} are mutually exclusive", flag(name));
            return Err(Error::usage(problem).hint("use only one of them"));
        }
        let archived = match (self.archive, self.restore) {
            (false, false) => None,
            (archive, _) => Some(archive),
        };
        if given.is_empty() && self.clear.is_empty() && archived.is_none() {
            return Err(Error::usage("no change is specified")
                .hint(run![R::NOUN.one, "update", "--help"].labeled("list the fields")));
        }
        let update = Update {
            fields,
            clear: self.clear,
            archived,
        };
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let id = R::resolve_whole(&session, &organization, &self.reference).await?;
        let updated = resources::update::<R>(&session, organization.id, id, &update).await?;
        Ok(ChangedView::new(updated, &organization))
    }
}
