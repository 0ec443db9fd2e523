//! `appointment create`

use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use super::changed::ChangedView;
use crate::{
    app::App,
    cli::values,
    commands::{
        booking::{names::Names, notes::NotesArgs, references},
        complete, missing,
    },
    domain::booking::{Moment, Operatory, Provider, parameters::CreateAppointment},
    error::{Error, ErrorKind, Result},
    services::booking::appointments,
};

/// Book an appointment. A time that is taken or outside of the working hours is rejected, with the
/// next free slots.
///
/// Examples:
///   tenantctl appointment create --patient P-1042 --provider Keller --at 2026-11-30T09:00
///   tenantctl appointment create --patient P-1042 --provider Keller --operatory 'Room 1' --at 2026-11-30T09:00 --length 45 --service Check-up
///   tenantctl appointment create --patient P-1042 --provider Keller --at 2026-11-29T20:00+01:00 --outside-schedule --in-past
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct CreateArgs {
    /// The patient: the id, or the id in the practice's own system.
    #[arg(long)]
    patient: Option<String>,

    /// The provider: a name, id, or id in the practice's own system.
    #[arg(long, add = ArgValueCompleter::new(complete::named::<Provider>))]
    provider: Option<String>,

    /// The operatory: a name, id, or id in the practice's own system. None by default.
    #[arg(long, add = ArgValueCompleter::new(complete::named::<Operatory>))]
    operatory: Option<String>,

    /// Start, in the organization's time zone (2026-11-30T09:00) or with an offset.
    #[arg(long, value_name = "TIME", value_parser = values::moment)]
    at: Option<Moment>,

    /// Length in minutes, 1 to 1440.
    #[arg(long, value_name = "MINUTES", default_value = "30", value_parser = values::whole_number::<u32>(1..=1440))]
    length: u32,

    /// Purpose.
    #[arg(long, value_name = "TEXT")]
    service: Option<String>,

    #[command(flatten)]
    notes: NotesArgs,

    /// The id in the practice's own system; unique in the organization.
    #[arg(long, value_name = "ID")]
    external_id: Option<String>,

    /// Allow a time outside of the working hours.
    #[arg(long)]
    outside_schedule: bool,

    /// Allow a time in the past.
    #[arg(long)]
    in_past: bool,
}

impl CreateArgs {
    pub(super) async fn run(self, app: &App) -> Result<ChangedView> {
        if !app.printer.prompter().interactive() {
            // Missing arguments are reported before anything is looked up.
            typed(app, self.patient.clone(), PATIENT)?;
            typed(app, self.provider.clone(), PROVIDER)?;
            missing::moment(app, self.at, "Starts at", "--at")?;
        }
        let notes = self.notes.read(app, "omit it").await?;
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let patient_id = known(app, self.patient, PATIENT, async |reference: String| {
            references::patient(&session, &organization, &reference).await
        });
        let patient_id = patient_id.await?;
        let provider_id = known(app, self.provider, PROVIDER, async |reference: String| {
            references::named::<Provider>(&session, &organization, &reference).await
        });
        let provider_id = provider_id.await?;
        let at = missing::moment(app, self.at, "Starts at (2026-11-30T09:00)", "--at")?;
        let operatory = self.operatory.as_deref();
        let parameters = CreateAppointment {
            patient_id,
            provider_id,
            operatory_id: references::optional::<Operatory>(&session, &organization, operatory)
                .await?,
            starts_at: at,
            length_minutes: Some(self.length),
            status: None,
            service: self.service,
            notes,
            external_id: self.external_id,
            outside_schedule: self.outside_schedule,
            in_past: self.in_past,
        };
        let names = Names::load(app, &session, &organization).await?;
        let change = appointments::create(&session, organization.id, &parameters).await?;
        Ok(ChangedView::new(change, "booked", names, &organization))
    }
}

/// A prompt, and the flag that answers it.
type Question = (&'static str, &'static str);

const PATIENT: Question = ("Patient (id or external id)", "--patient");
const PROVIDER: Question = ("Provider (name or id)", "--provider");

fn typed(app: &App, given: Option<String>, (label, flag): Question) -> Result<String> {
    missing::text(app, given, label, flag, |answer| Ok(answer.to_owned()))
}

/// Resolves a reference before the next prompt. After a wrong answer, prompts again.
async fn known<T>(
    app: &App,
    mut given: Option<String>,
    question: Question,
    find: impl AsyncFn(String) -> Result<T>,
) -> Result<T> {
    loop {
        let is_typed = given.is_none();
        let found = find(typed(app, given.take(), question)?).await;
        match found {
            Err(error) if is_typed && is_mistake(&error) => app.printer.warn(error.to_string()),
            found => return found,
        }
    }
}

fn is_mistake(error: &Error) -> bool {
    use ErrorKind::{BadInput, Conflict, NotFound, Usage};
    matches!(error.kind(), BadInput | Conflict | NotFound | Usage)
}
