//! OIDs of the types for which new values can be generated (catalog/pg_type.dat).

use crate::audit::catalog::Oid;

pub(crate) const BOOL: Oid = Oid(16);
pub(crate) const INT8: Oid = Oid(20);
pub(crate) const INT2: Oid = Oid(21);
pub(crate) const INT4: Oid = Oid(23);
pub(crate) const TEXT: Oid = Oid(25);
pub(crate) const JSON: Oid = Oid(114);
pub(crate) const BPCHAR: Oid = Oid(1042);
pub(crate) const VARCHAR: Oid = Oid(1043);
pub(crate) const DATE: Oid = Oid(1082);
pub(crate) const TIMESTAMP: Oid = Oid(1114);
pub(crate) const TIMESTAMPTZ: Oid = Oid(1184);
pub(crate) const NUMERIC: Oid = Oid(1700);
pub(crate) const UUID: Oid = Oid(2950);
pub(crate) const JSONB: Oid = Oid(3802);
