//! Tables of which a column is defined once: for reading, inserting and replacing rows.

use super::TenantTx;
use crate::error::Result;

/// A tenant's table of rows that are read and written whole. [`table!`] implements it.
pub trait Table: Sized + Send {
    type Id: Copy + Send;
    /// Reasons why a row could not be written.
    type Error: Send;

    /// The names of the columns that are read.
    const COLUMNS: &'static [&'static str];

    /// Finds a row.
    fn find(tx: &mut TenantTx, id: Self::Id) -> impl Future<Output = Result<Option<Self>>> + Send;

    /// Adds the row.
    fn insert(
        &self,
        tx: &mut TenantTx,
    ) -> impl Future<Output = std::result::Result<(), Self::Error>> + Send;

    /// Replaces the row. Returns `false` if it does not exist.
    fn update(
        &self,
        tx: &mut TenantTx,
    ) -> impl Future<Output = std::result::Result<bool, Self::Error>> + Send;

    /// Deletes a row. Returns `false` if it does not exist.
    ///
    /// # Errors
    /// `Failure` if other rows refer to it: count these first.
    fn delete(tx: &mut TenantTx, id: Self::Id) -> impl Future<Output = Result<bool>> + Send;
}

/// Reports whether the parameters are numbered from `$3` in order.
pub(super) const fn are_in_order(parameters: &[&str]) -> bool {
    let mut index = 0;
    while index < parameters.len() {
        let digits = parameters[index].as_bytes();
        let (mut number, mut at) = (0, 1);
        while at < digits.len() {
            number = number * 10 + (digits[at] - b'0') as usize;
            at += 1;
        }
        if number != index + 3 {
            return false;
        }
        index += 1;
    }
    true
}

/// Defines a macro `$select!("FROM …", arguments…)`: the `query_as!` of a struct that has these columns as fields. The
/// text may have parts (`"FROM …" + "WHERE …"`), which are joined by spaces.
///
/// `($)` stands for the `$` of the macro that is defined.
macro_rules! columns {
    (($d:tt) $select:ident: $Row:ty; $first:literal $($column:literal)*) => {
        macro_rules! $select {
            ($d tail:literal $d(+ $d more:literal)* $d(, $d($d arguments:tt)*)?) => {
                sqlx::query_as!(
                    $Row,
                    "SELECT " + $first + " AS \"" + $first + ": _\""
                        $(+ ", " + $column + " AS \"" + $column + ": _\"")*
                        + " " + $d tail $d(+ " " + $d more)*
                    $d(, $d($d arguments)*)?
                )
            };
        }
    };
}

/// Implements [`Table`], and defines `$select!` (see [`columns!`]).
///
/// A line is a column, its parameter, and its value in the row; `$1` is the organization and `$2` the id. The column
/// after `created` is not updated (the tenant's role has no privilege to) and has the last parameter. Columns after
/// `computed` are written and not read. The text after `on update` continues the list of `SET`, and the
/// function after `on error` converts the error of a write to that type.
macro_rules! table {
    (
        ($d:tt) $select:ident $table:literal: $Row:ty, $Id:ty; |$row:ident|
        $first:literal $first_number:literal $first_value:expr;
        $($column:literal $number:literal $value:expr;)*
        created $created:literal $created_number:literal $created_value:expr;
        $($later:literal $later_number:literal $later_value:expr;)*
        computed
        $($computed:literal $computed_number:literal $computed_value:expr;)*
        on update $(+ $more:literal)*;
        on error $Error:ty: $error:expr;
    ) => {
        columns! { ($d) $select: $Row; "id" $first $($column)* $created $($later)* }

        // Values are bound by position: a wrong number would store one column in another.
        const _: () = assert!(
            $crate::db::table::are_in_order(&[
                $first_number $(, $number)* $(, $later_number)* $(, $computed_number)*, $created_number
            ]),
            "the parameters are $3, $4 and so on in this order, that of created last",
        );

        impl $crate::db::table::Table for $Row {
            type Id = $Id;
            type Error = $Error;

            const COLUMNS: &'static [&'static str] = &["id", $first $(, $column)*, $created $(, $later)*];

            async fn find(tx: &mut TenantTx, id: $Id) -> Result<Option<Self>> {
                $select!(
                    "FROM" + $table + "WHERE organization_id = $1 AND id = $2",
                    tx.organization_id() as _,
                    id as _,
                )
                .fetch_optional(tx.connection())
                .await
                .map_err(Error::from)
            }

            async fn insert(&self, tx: &mut TenantTx) -> std::result::Result<(), $Error> {
                let $row = self;
                sqlx::query!(
                    "INSERT INTO " + $table + " (organization_id, id, " + $first
                        $(+ ", " + $column)* $(+ ", " + $later)* $(+ ", " + $computed)*
                        + ", " + $created + ") VALUES ($1, $2, " + $first_number
                        $(+ ", " + $number)* $(+ ", " + $later_number)*
                        $(+ ", " + $computed_number)* + ", " + $created_number + ")",
                    tx.organization_id() as _,
                    $row.id as _,
                    $first_value as _
                    $(, $value as _)* $(, $later_value as _)* $(, $computed_value as _)*,
                    $created_value as _
                )
                .execute(tx.connection())
                .await
                .map_err($error)?;
                Ok(())
            }

            async fn update(&self, tx: &mut TenantTx) -> std::result::Result<bool, $Error> {
                let $row = self;
                let updated = sqlx::query!(
                    "UPDATE " + $table + " SET " + $first + " = " + $first_number
                        $(+ ", " + $column + " = " + $number)*
                        $(+ ", " + $later + " = " + $later_number)*
                        $(+ ", " + $computed + " = " + $computed_number)*
                        $(+ $more)*
                        + " WHERE organization_id = $1 AND id = $2",
                    tx.organization_id() as _,
                    $row.id as _,
                    $first_value as _
                    $(, $value as _)* $(, $later_value as _)* $(, $computed_value as _)*
                )
                .execute(tx.connection())
                .await
                .map_err($error)?;
                Ok(updated.rows_affected() == 1)
            }

            async fn delete(tx: &mut TenantTx, id: $Id) -> Result<bool> {
                let deleted = sqlx::query!(
                    "DELETE FROM " + $table + " WHERE organization_id = $1 AND id = $2",
                    tx.organization_id() as _,
                    id as _,
                )
                .execute(tx.connection())
                .await?;
                Ok(deleted.rows_affected() == 1)
            }
        }
    };
}

pub(super) use {columns, table};

#[cfg(test)]
mod tests {
    use super::are_in_order;

    #[test]
    fn parameters_are_numbered_from_three() {
        assert!(are_in_order(&["$3", "$4", "$5"]));
        assert!(!are_in_order(&["$3", "$5", "$4"]));
        assert!(!are_in_order(&["$2", "$3"]));
    }
}
