//! `appointment create`

use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use super::view::ChangedView;
use crate::{
    cli::{complete, values},
    commands::{
        booking::{notes::NotesArgs, references},
        missing,
    },
    context::App,
    domain::booking::{Moment, parameters::CreateAppointment},
    error::Result,
    services::booking::appointments,
};

/// Book an appointment. What is taken, or outside of the working hours, is refused, and the next
/// free times are named.
///
/// Examples:
///   tenantctl appointment create --patient P-1042 --provider Keller --at 2026-11-30T09:00
///   tenantctl appointment create --patient P-1042 --provider Keller --operatory 'Room 1' --at 2026-11-30T09:00 --length 45 --service Check-up
///   tenantctl appointment create --patient P-1042 --provider Keller --at 2026-11-29T20:00+01:00 --outside-schedule
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct CreateArgs {
    /// The patient: the id, or the id in the practice's own system.
    #[arg(long)]
    patient: Option<String>,

    /// The provider: a name, id, or id in the practice's own system.
    #[arg(long, add = ArgValueCompleter::new(complete::providers))]
    provider: Option<String>,

    /// The operatory: a name, id, or id in the practice's own system. Otherwise: none.
    #[arg(long, add = ArgValueCompleter::new(complete::operatories))]
    operatory: Option<String>,

    /// When it starts: 2026-11-30T09:00 on the organization's clock, or with an offset.
    #[arg(long, value_name = "TIME", value_parser = values::moment)]
    at: Option<Moment>,

    /// How long it takes, in minutes, 1 to 1440.
    #[arg(long, value_name = "MINUTES", default_value = "30", value_parser = values::whole_number::<u32>(1..=1440))]
    length: u32,

    /// What it is for.
    #[arg(long, value_name = "TEXT")]
    service: Option<String>,

    #[command(flatten)]
    notes: NotesArgs,

    /// The id in the practice's own system; unique in the organization.
    #[arg(long, value_name = "ID")]
    external_id: Option<String>,

    /// Book it also where nobody works at that time.
    #[arg(long)]
    outside_schedule: bool,
}

impl CreateArgs {
    pub(super) async fn run(self, app: &App) -> Result<ChangedView> {
        let any = |answer: &str| Ok(answer.to_owned());
        let label = "Patient (id or external id)";
        let patient = missing::text(app, self.patient, label, "--patient", any)?;
        let label = "Provider (name or id)";
        let provider = missing::text(app, self.provider, label, "--provider", any)?;
        let at = missing::moment(app, self.at, "Starts at (2026-11-30T09:00)", "--at")?;
        let notes = self.notes.read(app, "leave it out").await?;
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let operatory = self.operatory.as_deref();
        let parameters = CreateAppointment {
            patient_id: references::patient(&session, &organization, &patient).await?,
            provider_id: references::provider(&session, &organization, &provider).await?,
            operatory_id: references::optional_operatory(&session, &organization, operatory)
                .await?,
            starts_at: at,
            length_minutes: Some(self.length),
            status: None,
            service: self.service,
            notes,
            external_id: self.external_id,
            outside_schedule: self.outside_schedule,
        };
        let change = appointments::create(&session, organization.id, &parameters).await?;
        Ok(ChangedView::new(change, "booked", &organization))
    }
}
