//! The thirty functions on the booking data, by the names of the practice-management API that they
//! follow.

use crate::domain::Permission;
use Permission as P;

named_enum! {
    /// An operation on the booking data.
    pub enum Function as "booking function" {
        GetAllPatients = "GetAllPatients", "The patients, a page at a time: all, or those that a search finds.";
        GetMultiplePatients = "GetMultiplePatients", "The patients with these ids.";
        GetPatient = "GetPatient", "One patient.";
        CreatePatient = "CreatePatient", "Add a patient; likely duplicates are pointed out.";
        UpdatePatient = "UpdatePatient", "Change a patient, archive one or bring one back.";
        DeletePatient = "DeletePatient", "Erase a patient who has no appointments, or archive one.";
        GetProviders = "GetProviders", "The providers.";
        GetProvider = "GetProvider", "One provider.";
        CreateProvider = "CreateProvider", "Add a provider.";
        UpdateProvider = "UpdateProvider", "Change a provider, archive one or bring one back.";
        DeleteProvider = "DeleteProvider", "Delete a provider who has no appointments, or archive one.";
        GetOperatories = "GetOperatories", "The operatories: the rooms and chairs.";
        GetOperatory = "GetOperatory", "One operatory.";
        CreateOperatory = "CreateOperatory", "Add an operatory.";
        UpdateOperatory = "UpdateOperatory", "Change an operatory, archive one or bring one back.";
        DeleteOperatory = "DeleteOperatory", "Delete an operatory without appointments, or archive one.";
        GetAppointments = "GetAppointments", "The appointments, a page at a time, by time.";
        GetAvailableSlots = "GetAvailableSlots", "When an appointment could be booked.";
        CreateAppointment = "CreateAppointment", "Book an appointment.";
        UpdateAppointment = "UpdateAppointment", "Move or change an appointment, confirm, complete or cancel it.";
        BreakAppointment = "BreakAppointment", "Note that a patient did not come: frees the slot, keeps the record.";
        DeleteAppointment = "DeleteAppointment", "Delete an appointment and its record.";
        GetSchedules = "GetSchedules", "The schedules: working hours, holidays and blockouts.";
        GetSchedule = "GetSchedule", "One schedule.";
        GetProviderSchedules = "GetProviderSchedules", "What counts for one provider, and the hours that result.";
        CreateSchedule = "CreateSchedule", "Add working hours, a holiday or a blockout.";
        UpdateSchedule = "UpdateSchedule", "Change a schedule.";
        DeleteSchedule = "DeleteSchedule", "Delete a schedule.";
        CreateDefaultSchedules = "CreateDefaultSchedules", "Give providers without weekly hours the usual week.";
        CheckScheduleConflicts = "CheckScheduleConflicts", "Schedules that overlap, and appointments outside of the working hours.";
    }
}

impl Function {
    /// What a caller must be allowed to do.
    pub const fn permission(self) -> Permission {
        match self {
            Self::GetAllPatients | Self::GetMultiplePatients | Self::GetPatient => P::PatientsRead,
            Self::CreatePatient => P::PatientsCreate,
            Self::UpdatePatient => P::PatientsUpdate,
            Self::DeletePatient => P::PatientsDelete,
            Self::GetProviders | Self::GetProvider => P::ProvidersRead,
            Self::CreateProvider | Self::UpdateProvider | Self::DeleteProvider => {
                P::ProvidersManage
            }
            Self::GetOperatories | Self::GetOperatory => P::OperatoriesRead,
            Self::CreateOperatory | Self::UpdateOperatory | Self::DeleteOperatory => {
                P::OperatoriesManage
            }
            Self::GetAppointments | Self::GetAvailableSlots => P::AppointmentsRead,
            Self::CreateAppointment => P::AppointmentsCreate,
            Self::UpdateAppointment => P::AppointmentsUpdate,
            Self::BreakAppointment | Self::DeleteAppointment => P::AppointmentsDelete,
            Self::GetSchedules
            | Self::GetSchedule
            | Self::GetProviderSchedules
            | Self::CheckScheduleConflicts => P::SchedulesRead,
            Self::CreateSchedule
            | Self::UpdateSchedule
            | Self::DeleteSchedule
            | Self::CreateDefaultSchedules => P::SchedulesManage,
        }
    }

    /// Whether it takes something away, for good or into the archive, so that it has to be confirmed.
    pub const fn deletes(self) -> bool {
        matches!(
            self,
            Self::DeletePatient
                | Self::DeleteProvider
                | Self::DeleteOperatory
                | Self::DeleteAppointment
                | Self::DeleteSchedule
        )
    }
}
