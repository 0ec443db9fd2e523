//! Object identifiers that can be ordered, and therefore be keys of a map.

use sqlx::{
    Decode, Encode, Postgres, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueRef},
};

/// OID of a row in the catalog (PostgreSQL manual, 8.19).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Oid(pub u32);

impl Oid {
    /// PUBLIC in the roles of a policy and in an access control list.
    pub const PUBLIC: Self = Self(0);
}

impl Type<Postgres> for Oid {
    fn type_info() -> PgTypeInfo {
        <sqlx::postgres::types::Oid as Type<Postgres>>::type_info()
    }
}

impl PgHasArrayType for Oid {
    fn array_type_info() -> PgTypeInfo {
        <sqlx::postgres::types::Oid as PgHasArrayType>::array_type_info()
    }
}

impl<'r> Decode<'r, Postgres> for Oid {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        let oid = <sqlx::postgres::types::Oid as Decode<Postgres>>::decode(value)?;
        Ok(Self(oid.0))
    }
}

impl Encode<'_, Postgres> for Oid {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        <sqlx::postgres::types::Oid as Encode<Postgres>>::encode_by_ref(
            &sqlx::postgres::types::Oid(self.0),
            buffer,
        )
    }
}
