//! `appointment update`

use clap::{ArgGroup, Args, ValueEnum};
use clap_complete::engine::ArgValueCompleter;

use super::changed::ChangedView;
use crate::{
    app::App,
    cli::values,
    commands::{
        booking::{names::Names, notes::NotesArgs, patching, references},
        complete,
    },
    domain::{
        AppointmentId,
        booking::{AppointmentStatus, Moment, Operatory, Provider, parameters::UpdateAppointment},
    },
    error::Result,
    services::booking::appointments,
};

/// Move or change an appointment. Other fields stay. One that was broken or cancelled can be booked
/// again with --status scheduled.
///
/// Examples:
///   tenantctl appointment update 0190f6e2-8b3c-7d24-9c55-6f0b1f0a4e11 --at 2026-11-30T10:30
///   tenantctl appointment update 0190f6e2-8b3c-7d24-9c55-6f0b1f0a4e11 --provider Keller --length 45
///   tenantctl appointment update 0190f6e2-8b3c-7d24-9c55-6f0b1f0a4e11 --clear operatory,notes
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
#[command(group = ArgGroup::new("change").required(true).multiple(true)
    .args(["patient", "provider", "operatory", "at", "length", "status", "service", "notes",
           "notes_file", "external_id", "clear"]))]
pub struct UpdateArgs {
    /// The appointment's id.
    #[arg(value_name = "ID", value_parser = values::appointment_id)]
    appointment: AppointmentId,

    /// Another patient: the id, or the id in the practice's own system.
    #[arg(long)]
    patient: Option<String>,

    /// Another provider: a name, id, or id in the practice's own system.
    #[arg(long, add = ArgValueCompleter::new(complete::named::<Provider>))]
    provider: Option<String>,

    /// Another operatory: a name, id, or id in the practice's own system.
    #[arg(long, add = ArgValueCompleter::new(complete::named::<Operatory>))]
    operatory: Option<String>,

    /// Start, in the organization's time zone (2026-11-30T09:00) or with an offset.
    #[arg(long, value_name = "TIME", value_parser = values::moment)]
    at: Option<Moment>,

    /// Length in minutes, 1 to 1440.
    #[arg(long, value_name = "MINUTES", value_parser = values::whole_number::<u32>(1..=1440))]
    length: Option<u32>,

    /// New status. For broken, use `appointment break`.
    #[arg(long, value_parser = values::appointment_status, add = ArgValueCompleter::new(complete::appointment_statuses))]
    status: Option<AppointmentStatus>,

    /// Purpose.
    #[arg(long, value_name = "TEXT")]
    service: Option<String>,

    #[command(flatten)]
    notes: NotesArgs,

    /// The id in the practice's own system.
    #[arg(long, value_name = "ID")]
    external_id: Option<String>,

    /// Fields to clear.
    #[arg(long, value_name = "FIELD", value_delimiter = ',')]
    clear: Vec<Field>,

    /// Allow a time outside of the working hours.
    #[arg(long)]
    outside_schedule: bool,

    /// Allow a time in the past.
    #[arg(long)]
    in_past: bool,
}

/// A field that can be cleared.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Field {
    Operatory,
    Service,
    Notes,
    ExternalId,
}

impl UpdateArgs {
    pub(super) async fn run(self, app: &App) -> Result<ChangedView> {
        let clear = self.clear.as_slice();
        let notes = self.notes.read(app, "--clear notes").await?;
        let session = app.session().await?;
        let organization = app.organization(&session, None).await?;
        let (provider, operatory) = (self.provider.as_deref(), self.operatory.as_deref());
        let operatory =
            references::optional::<Operatory>(&session, &organization, operatory).await?;
        let parameters = UpdateAppointment {
            appointment_id: self.appointment,
            patient_id: match &self.patient {
                Some(patient) => Some(references::patient(&session, &organization, patient).await?),
                None => None,
            },
            provider_id: references::optional::<Provider>(&session, &organization, provider)
                .await?,
            operatory_id: patching::patch(clear, Field::Operatory, "--operatory", operatory)?,
            starts_at: self.at,
            length_minutes: self.length,
            status: self.status,
            service: patching::text(clear, Field::Service, "--service", self.service.as_ref())?,
            notes: patching::patch(clear, Field::Notes, "--notes", notes)?,
            external_id: patching::text(
                clear,
                Field::ExternalId,
                "--external-id",
                self.external_id.as_ref(),
            )?,
            outside_schedule: self.outside_schedule,
            in_past: self.in_past,
        };
        let names = Names::load(app, &session, &organization).await?;
        let change = appointments::update(&session, organization.id, parameters).await?;
        Ok(ChangedView::new(change, "updated", names, &organization))
    }
}
