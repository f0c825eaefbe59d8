//! Helm charts.

use super::artifact::{Artifact, Document, descriptor, pretty};
use crate::media_type::OCI_MANIFEST;
use bytes::Bytes;
use serde_json::json;

/// A chart as `helm push` stores it: an OCI manifest that only its config's media type tells from an image.
pub fn chart(name: &str) -> Artifact {
    let config = pretty(&json!({"apiVersion": "v2", "name": name, "version": "1.0.0"}));
    let content = Bytes::from(format!("chart: {name}\n"));
    let document = Document {
        config: Some(descriptor("application/vnd.cncf.helm.config.v1+json", &config)),
        layers: Some(vec![descriptor("application/vnd.cncf.helm.chart.content.v1.tar+gzip", &content)]),
        ..Document::new(OCI_MANIFEST)
    };
    Artifact { blobs: vec![config, content], ..document.into() }
}
