//! The images from which the docker tools wrote the golden files.

use std::collections::BTreeMap;

use serde::Deserialize;

/// An image or index.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Input {
    pub media_type: Option<String>,
    pub manifest: String,
    pub config: Option<String>,
    #[serde(default)]
    pub children: Vec<Input>,
}

/// All inputs, by name.
pub fn inputs() -> BTreeMap<String, Input> {
    serde_json::from_str(include_str!("inputs.json")).unwrap()
}
