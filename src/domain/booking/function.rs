//! The thirty functions on the booking data, with the names of the practice-management API that
//! they follow.

use crate::domain::Permission;
use Permission as P;

named_enum! {
    /// An operation on the booking data.
    pub enum Function as "booking function" {
        GetAllPatients = "GetAllPatients", "List or search patients, one page at a time.";
        GetMultiplePatients = "GetMultiplePatients", "Get the patients with these ids.";
        GetPatient = "GetPatient", "Get a patient.";
        CreatePatient = "CreatePatient", "Add a patient; reports likely duplicates.";
        UpdatePatient = "UpdatePatient", "Change, archive or restore a patient.";
        DeletePatient = "DeletePatient", "Erase a patient without appointments, or archive a patient.";
        GetProviders = "GetProviders", "List providers.";
        GetProvider = "GetProvider", "Get a provider.";
        CreateProvider = "CreateProvider", "Add a provider.";
        UpdateProvider = "UpdateProvider", "Change, archive or restore a provider.";
        DeleteProvider = "DeleteProvider", "Delete a provider without appointments, or archive a provider.";
        GetOperatories = "GetOperatories", "List operatories: rooms and chairs.";
        GetOperatory = "GetOperatory", "Get an operatory.";
        CreateOperatory = "CreateOperatory", "Add an operatory.";
        UpdateOperatory = "UpdateOperatory", "Change, archive or restore an operatory.";
        DeleteOperatory = "DeleteOperatory", "Delete an operatory without appointments, or archive an operatory.";
        GetAppointments = "GetAppointments", "List appointments by time, one page at a time.";
        GetAvailableSlots = "GetAvailableSlots", "List available slots for an appointment.";
        CreateAppointment = "CreateAppointment", "Book an appointment.";
        UpdateAppointment = "UpdateAppointment", "Move, change, confirm, complete or cancel an appointment.";
        BreakAppointment = "BreakAppointment", "Record that a patient did not come; frees the slot, keeps the record.";
        DeleteAppointment = "DeleteAppointment", "Delete an appointment and its record.";
        GetSchedules = "GetSchedules", "List schedules: working hours, holidays and blockouts.";
        GetSchedule = "GetSchedule", "Get a schedule.";
        GetProviderSchedules = "GetProviderSchedules", "List the schedules that apply to a provider, and the resulting hours.";
        CreateSchedule = "CreateSchedule", "Add working hours, a holiday or a blockout.";
        UpdateSchedule = "UpdateSchedule", "Change a schedule.";
        DeleteSchedule = "DeleteSchedule", "Delete a schedule.";
        CreateDefaultSchedules = "CreateDefaultSchedules", "Create the default week for providers without weekly hours.";
        CheckScheduleConflicts = "CheckScheduleConflicts", "Find overlapping schedules, and appointments outside working hours.";
    }
}

impl Function {
    /// The permission that the caller needs.
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

    /// Returns `true` if it deletes or archives something, so that it has to be confirmed.
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
