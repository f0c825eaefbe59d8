//! The machine response by response: retries that the bounds of the model do not reach, and what is wrong in a response.

use std::collections::BTreeMap;
use std::time::Duration;

use ecr_multiarch_core::image_tags::outcome::NoList;
use ecr_multiarch_core::oci::manifest::StoredManifest;
use ecr_multiarch_core::reconcile::machine::MAX_ROUNDS;
use ecr_multiarch_core::reconcile::step::PutResponse;
use ecr_multiarch_core::{Error, ImageTagStep, ImageTagging, Reference};

use super::catalog::{Answer, Catalog, View};

/// Continues with content and writes until the next read of the tags, whose answer this is.
fn read(catalog: &Catalog, step: ImageTagStep, view: View) -> Result<ImageTagStep, Error> {
    let mut step = catalog.resume(step, Answer::Read(view))?;
    loop {
        step = match catalog.resume_with_content(step) {
            Ok(next) => next?,
            Err(ImageTagStep::Put(put)) => {
                let stored = put.writes().iter().map(|write| (write.tag.clone(), PutResponse::Stored)).collect();
                catalog.resume(ImageTagStep::Put(put), Answer::Put(stored))?
            }
            Err(step) => return Ok(step),
        }
    }
}

/// A list, and its image tags as bits of builds; `-` for none.
fn view(list: usize, tags: &str) -> View {
    let mut builds = tags.bytes().map(|byte| byte.is_ascii_digit().then(|| byte - b'0'));
    View { list: Some(list), tags: [(); 3].map(|()| builds.next().flatten()) }
}

fn waited(step: &ImageTagStep) -> Duration {
    match step {
        ImageTagStep::Observe(observe) => observe.after(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn write_that_is_not_visible_is_waited_for() {
    let catalog = Catalog::new();
    let mut step = ImageTagStep::start(catalog.request(false));
    let mut waits = Vec::new();
    let error = loop {
        match read(&catalog, step, view(0, "--")) {
            Ok(next) => step = next,
            Err(error) => break error,
        }
        waits.push(waited(&step));
    };
    assert!(matches!(error, Error::NotYetVisible { waited_ms: 3_000, .. }), "{error}");
    assert_eq!((waits[0], waits.iter().sum()), (Duration::ZERO, Duration::from_secs(3)));
}

#[test]
fn tags_that_others_keep_moving_are_contended() {
    let catalog = Catalog::new();
    let mut step = ImageTagStep::start(catalog.request(false));
    for round in 0..MAX_ROUNDS {
        step = read(&catalog, step, view(usize::from(round % 2), ["11-", "00-"][usize::from(round % 2)])).unwrap();
        assert_eq!(waited(&step), Duration::ZERO);
    }
    let error = read(&catalog, step, view(1, "00-")).unwrap_err();
    assert!(matches!(error, Error::Contended { rounds: MAX_ROUNDS, .. }), "{error}");
}

#[test]
fn missing_list_is_waited_for_where_it_must_exist() {
    let catalog = Catalog::new();
    for is_sweep in [false, true] {
        let step = ImageTagStep::start(catalog.request(is_sweep));
        match catalog.resume(step, Answer::Read(View::default())).unwrap() {
            ImageTagStep::Observe(observe) => assert!(!is_sweep && !observe.after().is_zero()),
            ImageTagStep::Done(end) => {
                assert!(is_sweep && matches!(end, ImageTagging::NoList(NoList::Absent(_))), "{end:?}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn list_of_other_bytes_is_corrupt() {
    let catalog = Catalog::new();
    let ImageTagStep::Observe(observe) = ImageTagStep::start(catalog.request(false)) else { unreachable!() };
    let manifests = catalog.manifests(&observe.references(), view(0, "--"));
    let wrong = manifests.iter().map(|(reference, stored)| {
        let text = stored.text.replace("amd64", "amd65").into();
        (reference.clone(), StoredManifest { text, ..stored.clone() })
    });
    let error = observe.resume(wrong.collect()).unwrap_err();
    assert!(matches!(error, Error::CorruptImage { .. }), "{error}");
}

#[test]
fn error_of_a_write_ends_it() {
    let catalog = Catalog::new();
    let step = ImageTagStep::start(catalog.request(false));
    let step = catalog.resume(step, Answer::Read(view(0, "--"))).unwrap();
    let Err(ImageTagStep::Put(put)) = catalog.resume_with_content(catalog.resume_with_content(step).unwrap().unwrap())
    else {
        unreachable!()
    };
    let failed = Error::InvalidRequest("refused".to_owned());
    let responses = BTreeMap::from([(put.writes()[1].tag.clone(), Err(failed.clone()))]);
    assert_eq!(put.resume(responses), Err(failed));
}

#[test]
fn large_read_is_made_in_parts() {
    let catalog = Catalog::new();
    let step = ImageTagStep::start(catalog.request(false));
    let ImageTagStep::Read(read) = catalog.resume(step, Answer::Read(view(0, "--"))).unwrap() else { unreachable!() };
    assert_eq!(read.references().len(), 2);
    let first = read.half();
    let [Reference::Digest(one)] = first.references()[..] else { panic!("{:?}", first.references()) };
    let Ok(Ok(ImageTagStep::Put(put))) = catalog.resume_with_content(ImageTagStep::Read(first)) else { unreachable!() };
    assert_eq!(put.writes().iter().map(|write| write.image.digest).collect::<Vec<_>>(), [one]);
    let stored = BTreeMap::from([(put.writes()[0].tag.clone(), PutResponse::Stored)]);
    let next = catalog.resume(ImageTagStep::Put(put), Answer::Put(stored)).unwrap();
    assert!(matches!(&next, ImageTagStep::Read(rest) if rest.references() != [Reference::Digest(one)]), "{next:?}");
}
