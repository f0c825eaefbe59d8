//! The images that tests push.

use crate::client::start;
use local_ecr::image::{Entry, Image, Index, ToArtifact as _};

fn windows() -> Image {
    Image::oci("windows/amd64").os_version("10.0.20348.2322").os_features(["win32k"])
}

#[test]
fn every_kind_of_index_is_accepted() {
    let ecr = start();
    let nested = Index::oci([Entry::new(&windows().attested())]);
    for (tag, index) in
        [("image", windows().attested()), ("artifact", windows().attested_as_artifact()), ("nested", nested)]
    {
        let digest = ecr.home().push("app", Some(tag), &index);
        assert_eq!(ecr.home().tag("app", tag), Some(digest));
    }
}

#[test]
fn os_features_are_in_the_config() {
    assert!(String::from_utf8_lossy(&windows().config()).contains("win32k"));
}

#[test]
fn equal_descriptions_give_equal_bytes() {
    assert_eq!(windows().attested().digest(), windows().attested().digest());
}

#[test]
fn different_descriptions_give_different_bytes() {
    assert_ne!(windows().digest(), windows().revision("abc").digest());
    assert_ne!(windows().digest(), windows().content("else").digest());
}
