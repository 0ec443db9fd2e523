//! Closed lists of names.

/// Defines an enum of variants with a stable name and a description, which is also their doc
/// comment.
macro_rules! named_enum {
    (
        $(#[$meta:meta])*
        pub enum $Name:ident as $what:literal {
            $($(#[$variant_meta:meta])* $Variant:ident = $text:literal, $description:literal;)+
        }
    ) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash,
            serde::Serialize, schemars::JsonSchema,
        )]
        pub enum $Name {
            $(
                #[doc = $description]
                #[serde(rename = $text)]
                $(#[$variant_meta])*
                $Variant,
            )+
        }

        impl $Name {
            /// All variants, in the order in which they are listed.
            pub const ALL: &'static [Self] = &[$(Self::$Variant),+];

            /// The stable name: on the command line, in JSON and in the database.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$Variant => $text,)+
                }
            }

            /// All names, in the same order.
            pub fn names() -> Vec<&'static str> {
                Self::ALL.iter().map(|one| one.as_str()).collect()
            }

            /// The meaning of the variant, in one sentence.
            pub const fn description(self) -> &'static str {
                match self {
                    $(Self::$Variant => $description,)+
                }
            }
        }

        impl std::fmt::Display for $Name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $Name {
            type Err = crate::error::Error;

            fn from_str(text: &str) -> crate::error::Result<Self> {
                let known = Self::ALL.iter().copied().find(|one| one.as_str() == text);
                known.ok_or_else(|| {
                    crate::suggest::unknown_name($what, text, &Self::names())
                })
            }
        }

        impl<'de> serde::Deserialize<'de> for $Name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
