//! Macros for two kinds of domain type: a checked text and a closed list of names.

/// Implements the conversions of a newtype over a checked `String` with `fn parse(&str) ->
/// Result<Self>`.
///
/// The type derives serde with `try_from = "String", into = "String"`, so that reading it from JSON
/// or TOML checks it too.
macro_rules! checked_text {
    ($Name:ident) => {
        impl $Name {
            /// The text, in its canonical form.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $Name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }

        impl std::str::FromStr for $Name {
            type Err = crate::error::Error;

            fn from_str(text: &str) -> crate::error::Result<Self> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $Name {
            type Error = crate::error::Error;

            fn try_from(text: String) -> crate::error::Result<Self> {
                Self::parse(&text)
            }
        }

        impl From<$Name> for String {
            fn from(value: $Name) -> Self {
                value.0
            }
        }

        impl AsRef<str> for $Name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

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
                    crate::domain::suggest::unknown_name($what, text, &Self::names())
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

pub(crate) use named_enum;
