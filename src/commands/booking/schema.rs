//! `booking schema`

use schemars::Schema;
use serde::Serialize;

use crate::{
    domain::booking::Function,
    output::{Page, View},
    services::booking,
};

/// The JSON Schema (2020-12) of a function's parameters.
#[derive(Serialize)]
pub(super) struct SchemaView {
    function: Function,
    parameters: Schema,
}

impl SchemaView {
    pub(super) fn of(function: Function) -> Self {
        Self {
            function,
            parameters: booking::schema(function),
        }
    }
}

impl View for SchemaView {
    fn human(&self, page: &mut Page) {
        page.text(format!("{:#}", self.parameters.as_value()));
    }
}
