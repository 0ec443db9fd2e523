//! The languages of messages. Phrases are templates: `{{ organization }}` and the like are replaced
//! with values, which are never interpreted as templates themselves.

use chrono::{DateTime, Datelike, Timelike};
use chrono_tz::Tz;

use crate::domain::{Locale, Role};

/// The phrases of an invitation in one language.
#[derive(Debug)]
pub(super) struct Language {
    /// Language tag, for `lang` in HTML and Content-Language.
    pub(super) tag: &'static str,
    pub(super) subject: &'static str,
    pub(super) heading: &'static str,
    pub(super) invites: &'static str,
    pub(super) role: &'static str,
    pub(super) open: &'static str,
    pub(super) accept: &'static str,
    pub(super) expires: &'static str,
    pub(super) unexpected: &'static str,
    /// Owner, admin, member, viewer.
    roles: [&'static str; 4],
    months: [&'static str; 12],
    /// Date format with `{day}`, `{month}`, `{year}` and `{time}`.
    date: &'static str,
}

impl Language {
    /// Returns the language of a locale; English if it is not supported.
    pub(super) fn of(locale: &Locale) -> &'static Self {
        let tag = locale.language();
        let known = ALL.iter().find(|language| language.tag == tag);
        known.unwrap_or(&ALL[0])
    }

    pub(super) fn role_name(&self, role: Role) -> &'static str {
        let [owner, admin, member, viewer] = self.roles;
        match role {
            Role::Owner => owner,
            Role::Admin => admin,
            Role::Member => member,
            Role::Viewer => viewer,
        }
    }

    /// Formats a time with the name of the zone: `3 March 2031, 14:05 (Europe/Zurich)`.
    pub(super) fn time(&self, at: DateTime<Tz>) -> String {
        let month = usize::try_from(at.month0()).unwrap_or_default();
        let time = format!("{:02}:{:02}", at.hour(), at.minute());
        let date = self
            .date
            .replace("{day}", &at.day().to_string())
            .replace("{month}", self.months[month])
            .replace("{year}", &at.year().to_string())
            .replace("{time}", &time);
        format!("{date} ({})", at.timezone().name())
    }
}

/// All languages; the first is the default.
static ALL: [Language; 6] = [ENGLISH, GERMAN, FRENCH, ITALIAN, SPANISH, PORTUGUESE];

const ENGLISH: Language = Language {
    tag: "en",
    subject: "Invitation to {{ organization }}",
    heading: "Join {{ organization }}",
    invites: "{{ organization }} has invited you to join.",
    role: "Your role: {{ role }}",
    open: "Open this link to accept the invitation:",
    accept: "Accept the invitation",
    expires: "The link is for {{ recipient }} only, works once, and expires on {{ expires }}.",
    unexpected: "If you did not expect this message, ignore it: without the link nothing happens.",
    roles: ["owner", "administrator", "member", "read only"],
    months: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    date: "{day} {month} {year}, {time}",
};

const GERMAN: Language = Language {
    tag: "de",
    subject: "Einladung zu {{ organization }}",
    heading: "{{ organization }} beitreten",
    invites: "{{ organization }} hat Sie eingeladen beizutreten.",
    role: "Ihre Rolle: {{ role }}",
    open: "Öffnen Sie diesen Link, um die Einladung anzunehmen:",
    accept: "Einladung annehmen",
    expires: "Der Link gilt nur für {{ recipient }}, funktioniert einmal und läuft am {{ expires }} ab.",
    unexpected: "Wenn Sie diese Nachricht nicht erwartet haben, ignorieren Sie sie: Ohne den Link geschieht nichts.",
    roles: ["Inhaber/in", "Administration", "Mitglied", "nur lesen"],
    months: [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ],
    date: "{day}. {month} {year}, {time} Uhr",
};

const FRENCH: Language = Language {
    tag: "fr",
    subject: "Invitation à rejoindre {{ organization }}",
    heading: "Rejoindre {{ organization }}",
    invites: "{{ organization }} vous invite à la rejoindre.",
    role: "Votre rôle : {{ role }}",
    open: "Ouvrez ce lien pour accepter l’invitation :",
    accept: "Accepter l’invitation",
    expires: "Le lien est réservé à {{ recipient }}, ne fonctionne qu’une fois et expire le {{ expires }}.",
    unexpected: "Si vous n’attendiez pas ce message, ignorez-le : sans le lien, rien ne se passe.",
    roles: ["propriétaire", "administration", "membre", "lecture seule"],
    months: [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ],
    date: "{day} {month} {year} à {time}",
};

const ITALIAN: Language = Language {
    tag: "it",
    subject: "Invito a {{ organization }}",
    heading: "Entra in {{ organization }}",
    invites: "{{ organization }} ha inviato un invito a partecipare.",
    role: "Ruolo: {{ role }}",
    open: "Per accettare l’invito, aprire questo link:",
    accept: "Accetta l’invito",
    expires: "Il link vale solo per {{ recipient }}, funziona una volta sola e scade il {{ expires }}.",
    unexpected: "Se questo messaggio è inatteso, si può ignorare: senza il link non succede nulla.",
    roles: ["titolare", "amministrazione", "membro", "sola lettura"],
    months: [
        "gennaio",
        "febbraio",
        "marzo",
        "aprile",
        "maggio",
        "giugno",
        "luglio",
        "agosto",
        "settembre",
        "ottobre",
        "novembre",
        "dicembre",
    ],
    date: "{day} {month} {year}, {time}",
};

const SPANISH: Language = Language {
    tag: "es",
    subject: "Invitación a {{ organization }}",
    heading: "Únase a {{ organization }}",
    invites: "{{ organization }} le invita a unirse.",
    role: "Su función: {{ role }}",
    open: "Abra este enlace para aceptar la invitación:",
    accept: "Aceptar la invitación",
    expires: "El enlace es solo para {{ recipient }}, funciona una vez y caduca el {{ expires }}.",
    unexpected: "Si no esperaba este mensaje, ignórelo: sin el enlace no ocurre nada.",
    roles: ["titular", "administración", "miembro", "solo lectura"],
    months: [
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
    ],
    date: "{day} de {month} de {year}, {time}",
};

const PORTUGUESE: Language = Language {
    tag: "pt",
    subject: "Convite para {{ organization }}",
    heading: "Entrar em {{ organization }}",
    invites: "{{ organization }} enviou um convite para participar.",
    role: "Função: {{ role }}",
    open: "Abra este link para aceitar o convite:",
    accept: "Aceitar o convite",
    expires: "O link é só para {{ recipient }}, funciona uma vez e expira em {{ expires }}.",
    unexpected: "Se não esperava esta mensagem, ignore-a: sem o link nada acontece.",
    roles: ["titular", "administração", "membro", "somente leitura"],
    months: [
        "janeiro",
        "fevereiro",
        "março",
        "abril",
        "maio",
        "junho",
        "julho",
        "agosto",
        "setembro",
        "outubro",
        "novembro",
        "dezembro",
    ],
    date: "{day} de {month} de {year}, {time}",
};

#[cfg(test)]
mod tests {
    use chrono::TimeZone as _;

    use super::*;

    fn of(tag: &str) -> &'static Language {
        Language::of(&tag.parse().unwrap())
    }

    #[test]
    fn a_region_speaks_its_language_and_others_read_english() {
        for (tag, language) in [
            ("de-CH", "de"),
            ("en", "en"),
            ("fr-CA", "fr"),
            ("it", "it"),
            ("es-419", "es"),
            ("pt-BR", "pt"),
            ("gsw-CH", "en"),
            ("ja", "en"),
        ] {
            assert_eq!(of(tag).tag, language, "{tag}");
        }
    }

    #[test]
    fn times_are_written_as_people_do_with_their_zone() {
        let at = chrono_tz::Europe::Zurich
            .with_ymd_and_hms(2031, 3, 3, 9, 5, 0)
            .unwrap();
        for (tag, text) in [
            ("en", "3 March 2031, 09:05 (Europe/Zurich)"),
            ("de", "3. März 2031, 09:05 Uhr (Europe/Zurich)"),
            ("fr", "3 mars 2031 à 09:05 (Europe/Zurich)"),
            ("it", "3 marzo 2031, 09:05 (Europe/Zurich)"),
            ("es", "3 de marzo de 2031, 09:05 (Europe/Zurich)"),
            ("pt", "3 de março de 2031, 09:05 (Europe/Zurich)"),
        ] {
            assert_eq!(of(tag).time(at), text);
        }
    }
}
