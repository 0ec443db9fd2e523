//! Routing of events to organizations: all evidence must agree, and there is no default.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Parsed, Scheme};
use crate::domain::{
    OrganizationId,
    channel::identity::{Identity, IdentityKind},
};

named_enum! {
    /// Treatment of an event that names no identity, for an organization that has registered none.
    #[derive(Default)]
    pub enum UnnamedIdentities as "rule for unnamed identities" {
        #[default]
        Quarantine = "quarantine", "The operator reviews it and adopts the identity.";
        Accept = "accept", "It is accepted for the organization of the endpoint.";
    }
}

/// The organization named in the metadata of a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hint {
    /// No organization named.
    Absent,
    /// A valid organization id.
    Organization(OrganizationId),
    /// A value that is not a valid id.
    Malformed,
}

impl Hint {
    /// Reads `metadata.organization_id`. Null and an empty text count as absent.
    pub fn read(value: &Value) -> Self {
        match value {
            Value::Null => Self::Absent,
            Value::String(text) if text.trim().is_empty() => Self::Absent,
            Value::String(text) => text
                .trim()
                .parse()
                .map_or(Self::Malformed, Self::Organization),
            _ => Self::Malformed,
        }
    }
}

/// The identities, metadata and call that an event names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Names {
    /// The identities by kind: one each or, for a call without a direction, both numbers, one of which
    /// may be a patient's.
    pub identities: Vec<Vec<Identity>>,
    pub hint: Hint,
    /// The provider's id of the call that the event belongs to.
    pub call: Option<String>,
}

impl Names {
    /// Returns the names in the item of a request at index `at`.
    pub fn of(parsed: &Parsed, at: usize) -> Self {
        use IdentityKind as Kind;
        let group = |kind, values: &[Option<&str>]| -> Vec<Identity> {
            let named = values.iter().flatten();
            named.map(|value| Identity::named(kind, value)).collect()
        };
        let mut hint = Hint::Absent;
        let mut call = None;
        let groups = match parsed {
            Parsed::Twilio(event) => {
                call.clone_from(&event.call_sid);
                vec![group(Kind::PhoneNumber, &event.own_numbers())]
            }
            Parsed::Retell(event) => {
                hint = event.hint;
                call.clone_from(&event.call_id);
                vec![
                    group(Kind::RetellAgent, &[event.agent_id.as_deref()]),
                    group(Kind::PhoneNumber, &event.own_numbers()),
                ]
            }
            Parsed::Meta(all) => {
                let id = all.get(at).and_then(|one| one.phone_number_id.as_deref());
                vec![group(Kind::MetaPhoneNumberId, &[id])]
            }
            Parsed::Evolution(all) => {
                let name = all.get(at).and_then(|one| one.instance.as_deref());
                vec![group(Kind::EvolutionInstance, &[name])]
            }
            Parsed::Standard(_) => Vec::new(),
        };
        Self {
            identities: groups.into_iter().filter(|one| !one.is_empty()).collect(),
            hint,
            call,
        }
    }

    /// All identities that the event names.
    pub fn all(&self) -> impl Iterator<Item = &Identity> {
        self.identities.iter().flatten()
    }
}

/// The kinds of identity by which events of a scheme name an organization.
pub const fn kinds(scheme: Scheme) -> &'static [IdentityKind] {
    match scheme {
        Scheme::Twilio => &[IdentityKind::PhoneNumber],
        Scheme::Retell => &[IdentityKind::RetellAgent, IdentityKind::PhoneNumber],
        Scheme::Meta => &[IdentityKind::MetaPhoneNumberId],
        Scheme::Evolution => &[IdentityKind::EvolutionInstance],
        Scheme::Standard => &[],
    }
}

/// The identities that an organization has registered.
#[derive(Clone, Debug, Default)]
pub struct Registered {
    /// The granted identities.
    pub held: BTreeSet<Identity>,
    /// The kinds of the granted and the other claimed identities: a claim of a kind means that the
    /// organization identifies itself by this kind.
    pub kinds: BTreeSet<IdentityKind>,
}

impl Registered {
    /// Creates the set from granted identities and further claimed ones.
    pub fn new(held: Vec<Identity>, claimed: impl IntoIterator<Item = Identity>) -> Self {
        let kinds = held.iter().map(|one| one.kind);
        let kinds: BTreeSet<IdentityKind> = kinds
            .chain(claimed.into_iter().map(|one| one.kind))
            .collect();
        Self {
            held: held.into_iter().collect(),
            kinds,
        }
    }
}

/// The evidence of an event's organization.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The organization of the endpoint, with the event signed by its secret; or the operator's choice.
    pub organization: OrganizationId,
    pub scheme: Scheme,
    pub registered: &'a Registered,
    /// Identities that the event names and another organization holds.
    pub others: &'a [(Identity, OrganizationId)],
    pub names: &'a Names,
    /// The event belongs to a call that the organization has accepted.
    pub is_known_call: bool,
    pub unnamed: UnnamedIdentities,
}

/// The reason why the organization of an event is uncertain.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Doubt {
    /// It names an identity that another organization holds.
    OfAnother(Identity, OrganizationId),
    /// The organization has registered other identities of this kind, but not this one.
    NotRegistered(Identity),
    /// The organization has registered no identity of this kind.
    NoneRegistered(Identity),
    /// It names no identity.
    Unnamed,
    /// The metadata names another organization.
    Hint(OrganizationId),
    /// The metadata names a value that is not an organization.
    HintMalformed,
}

impl std::fmt::Display for Doubt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::OfAnother(identity, _) => write!(f, "{identity} belongs to another organization"),
            Self::NotRegistered(identity) => {
                write!(f, "{identity} is not registered by the organization")
            }
            Self::NoneRegistered(Identity { kind, value }) => {
                write!(
                    f,
                    "the organization has registered no {kind} (the event names {value})"
                )
            }
            Self::Unnamed => f.write_str("the event names no identity"),
            Self::Hint(id) => write!(f, "the metadata names another organization ({id})"),
            Self::HintMalformed => {
                f.write_str("the metadata names something that is not an organization")
            }
        }
    }
}

impl Doubt {
    /// `true` if it contradicts the organization, so that even the operator cannot assign the event to it.
    pub const fn contradicts(&self) -> bool {
        matches!(
            self,
            Self::OfAnother(..) | Self::NotRegistered(_) | Self::Hint(_)
        )
    }
}

/// Decides whether an event belongs to the organization. An empty result means that it does; otherwise
/// the event is assigned to no organization until a person has reviewed it.
///
/// For each kind that the event names, the organization must hold the identity. It is a contradiction
/// if another organization holds it, or if the organization has registered others of this kind. A kind
/// of which it has registered none is neutral if another kind confirms the organization. If no kind
/// confirms it, [`UnnamedIdentities`] decides; an event that names no identity is accepted by that rule
/// only if the organization has registered nothing that events of this scheme could name. Metadata
/// never confirms, but it can contradict; a value that is not an organization id contradicts, because
/// the id in it is written by [`super::retell::InboundAnswer`].
pub fn route(evidence: &Evidence<'_>) -> Vec<Doubt> {
    let Evidence {
        registered, names, ..
    } = evidence;
    let mut doubts = Vec::new();
    let mut silent = Vec::new();
    let mut is_identified = evidence.is_known_call;
    for group in &names.identities {
        if group.iter().any(|one| registered.held.contains(one)) {
            is_identified = true;
            continue;
        }
        let other = |one: &Identity| {
            let held = evidence.others.iter().find(|(held, _)| held == one);
            held.map(|(held, holder)| Doubt::OfAnother(held.clone(), *holder))
        };
        if let Some(doubt) = group.iter().find_map(other) {
            doubts.push(doubt);
        } else if let Some(one) = group.first() {
            match registered.kinds.contains(&one.kind) {
                true => doubts.push(Doubt::NotRegistered(one.clone())),
                false => silent.push(Doubt::NoneRegistered(one.clone())),
            }
        }
    }
    match names.hint {
        Hint::Organization(id) if id != evidence.organization => doubts.push(Doubt::Hint(id)),
        Hint::Malformed => doubts.push(Doubt::HintMalformed),
        Hint::Organization(_) | Hint::Absent => {}
    }
    if is_identified {
        return doubts;
    }
    let could_name = kinds(evidence.scheme).iter();
    let has_none = could_name
        .into_iter()
        .all(|kind| !registered.kinds.contains(kind));
    let accepts = evidence.unnamed == UnnamedIdentities::Accept;
    if names.identities.is_empty() && !(accepts && has_none) {
        doubts.push(Doubt::Unnamed);
    }
    if !accepts {
        doubts.extend(silent);
    }
    doubts
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn id(number: u128) -> OrganizationId {
        Uuid::from_u128(number).into()
    }

    fn identity(kind: IdentityKind, value: &str) -> Identity {
        Identity::named(kind, value)
    }

    /// Tests every combination of what Retell can name and the organization can have registered against
    /// the documented rule.
    #[test]
    fn an_event_is_accepted_only_where_something_names_the_organization_and_nothing_contradicts() {
        use IdentityKind::{PhoneNumber, RetellAgent};
        let (own, other) = (id(1), id(2));
        let values = [None, Some("own"), Some("other"), Some("nobody")];
        let hints = [
            Hint::Absent,
            Hint::Organization(own),
            Hint::Organization(other),
            Hint::Malformed,
        ];
        let others = [RetellAgent, PhoneNumber].map(|kind| (identity(kind, "other"), other));
        let mut accepted = 0;
        for bits in 0..64_u32 {
            let is = |bit: u32| bits & (1 << bit) != 0;
            let (has_agent, has_number) = (is(0), is(1));
            let (claims_agent, is_known_call) = (is(2), is(3));
            let unnamed = match is(4) {
                true => UnnamedIdentities::Accept,
                false => UnnamedIdentities::Quarantine,
            };
            let mut held = Vec::new();
            held.extend(has_agent.then(|| identity(RetellAgent, "own")));
            held.extend(has_number.then(|| identity(PhoneNumber, "own")));
            let claimed = claims_agent.then(|| identity(RetellAgent, "claimed"));
            let registered = Registered::new(held, claimed);
            for agent in values {
                for number in values {
                    for hint in hints {
                        let group = |kind, value: Option<&str>| {
                            value.map(|value| vec![identity(kind, value)])
                        };
                        let groups = [group(RetellAgent, agent), group(PhoneNumber, number)];
                        let names = Names {
                            identities: groups.into_iter().flatten().collect(),
                            hint,
                            call: None,
                        };
                        let doubts = route(&Evidence {
                            organization: own,
                            scheme: Scheme::Retell,
                            registered: &registered,
                            others: &others,
                            names: &names,
                            is_known_call,
                            unnamed,
                        });
                        let registers = [has_agent || claims_agent, has_number];
                        let holds = [has_agent, has_number];
                        let named = [agent, number];
                        let is_own = |at: usize| named[at] == Some("own") && holds[at];
                        let contradicts = |at: usize| match named[at] {
                            None => false,
                            Some("other") => true,
                            Some(_) => registers[at] && !is_own(at),
                        };
                        let identified = is_known_call || is_own(0) || is_own(1);
                        let by_rule = match unnamed {
                            UnnamedIdentities::Quarantine => false,
                            UnnamedIdentities::Accept => {
                                named != [None, None] || registers == [false, false]
                            }
                        };
                        let hint_agrees =
                            matches!(hint, Hint::Absent) || hint == Hint::Organization(own);
                        let expected = !contradicts(0)
                            && !contradicts(1)
                            && hint_agrees
                            && (identified || by_rule);
                        assert_eq!(
                            doubts.is_empty(),
                            expected,
                            "{registered:?} {names:?} {unnamed} {is_known_call}: {doubts:?}"
                        );
                        accepted += u32::from(expected);
                    }
                }
            }
        }
        assert!(accepted > 0);
    }

    #[test]
    fn of_a_call_without_a_direction_one_number_may_be_a_patients() {
        let numbers = |values: &[&str]| Names {
            identities: vec![
                values
                    .iter()
                    .map(|value| identity(IdentityKind::PhoneNumber, value))
                    .collect(),
            ],
            hint: Hint::Absent,
            call: None,
        };
        let registered = Registered::new(vec![identity(IdentityKind::PhoneNumber, "own")], []);
        let others = [(identity(IdentityKind::PhoneNumber, "other"), id(2))];
        let accepts = |values: &[&str]| {
            let names = numbers(values);
            let evidence = Evidence {
                organization: id(1),
                scheme: Scheme::Twilio,
                registered: &registered,
                others: &others,
                names: &names,
                is_known_call: false,
                unnamed: UnnamedIdentities::Accept,
            };
            route(&evidence).is_empty()
        };
        assert!(accepts(&["patient", "own"]));
        assert!(!accepts(&["patient", "other"]));
        assert!(!accepts(&["patient", "nobody"]));
    }

    #[test]
    fn hints_are_read() {
        let organization = id(7);
        for (value, hint) in [
            (json!(null), Hint::Absent),
            (json!("  "), Hint::Absent),
            (
                json!(organization.to_string()),
                Hint::Organization(organization),
            ),
            (json!("clinic-north"), Hint::Malformed),
            (json!(7), Hint::Malformed),
            (json!([organization]), Hint::Malformed),
        ] {
            assert_eq!(Hint::read(&value), hint, "{value}");
        }
    }
}
