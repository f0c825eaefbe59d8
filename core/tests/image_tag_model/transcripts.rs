//! The machine response by response: retries that the bounds of the model do not reach, and what is wrong in a response.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ecr_multiarch_core::image_tags::conflict::ImageTagConflict;
use ecr_multiarch_core::image_tags::machine::ObserveTags;
use ecr_multiarch_core::image_tags::outcome::{ImageTagOutcome, NoList};
use ecr_multiarch_core::oci::manifest::StoredManifest;
use ecr_multiarch_core::reconcile::machine::MAX_ROUNDS;
use ecr_multiarch_core::reconcile::manifest_list::ManifestList;
use ecr_multiarch_core::reconcile::observation::Manifests;
use ecr_multiarch_core::reconcile::step::PutResponse;
use ecr_multiarch_core::{Digest, Error, ImageTagRequest, ImageTagStep, ImageTagging, Reference};

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

/// The first read of a request for the first list, whose images have no tags, and the manifests that it returns.
fn first_read(catalog: &Catalog, request: ImageTagRequest) -> (ObserveTags, Manifests) {
    let ImageTagStep::Observe(observe) = ImageTagStep::start(Arc::new(request)) else { unreachable!() };
    let manifests = catalog.manifests(&observe.references(), view(0, "--"));
    (observe, manifests)
}

fn request(catalog: &Catalog) -> ImageTagRequest {
    Arc::unwrap_or_clone(catalog.request(false))
}

/// The outcomes of a machine that has ended.
fn outcomes(step: &ImageTagStep) -> Vec<ImageTagOutcome> {
    match step {
        ImageTagStep::Done(ImageTagging::List(_, reports)) => {
            reports.iter().map(|report| report.outcome.clone()).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn read_after_a_write_confirms_it() {
    let catalog = Catalog::new();
    let is_confirmation =
        |step: &ImageTagStep| matches!(step, ImageTagStep::Observe(observe) if observe.is_confirmation());
    let first = ImageTagStep::start(catalog.request(false));
    assert!(!is_confirmation(&first));
    let second = read(&catalog, first, view(0, "--")).unwrap();
    assert!(is_confirmation(&second));
    assert_eq!(
        outcomes(&read(&catalog, second, view(0, "00")).unwrap()),
        [ImageTagOutcome::Moved, ImageTagOutcome::Moved]
    );
}

#[test]
fn dry_run_tells_what_it_would_move() {
    let catalog = Catalog::new();
    let list =
        ManifestList::of(&first_read(&catalog, request(&catalog)).1[&Reference::Tag("1".parse().unwrap())]).unwrap();
    let dry_run = ImageTagRequest { dry_run: true, is_expected: false, ..request(&catalog) };
    let (observe, manifests) = first_read(&catalog, dry_run.clone());
    assert_eq!(outcomes(&observe.resume(manifests).unwrap()), [ImageTagOutcome::WouldMove, ImageTagOutcome::WouldMove]);
    // The list that it would publish need not exist.
    let (observe, _) = first_read(&catalog, dry_run.with_list(&list));
    assert_eq!(
        outcomes(&observe.resume(Manifests::default()).unwrap()),
        [ImageTagOutcome::WouldMove, ImageTagOutcome::WouldMove]
    );
    let published = ImageTagRequest { is_expected: false, ..request(&catalog) }.with_list(&list);
    assert_eq!((published.is_expected, published.proposal), (true, None));
}

#[test]
fn archived_list_and_archived_images_are_left_alone() {
    let catalog = Catalog::new();
    let (observe, mut manifests) = first_read(&catalog, request(&catalog));
    let version = Reference::Tag("1".parse().unwrap());
    manifests.remove(&version);
    manifests.archived.insert(version);
    let end = observe.resume(manifests).unwrap();
    assert!(matches!(end, ImageTagStep::Done(ImageTagging::NoList(NoList::Archived(_)))), "{end:?}");

    let (observe, manifests) = first_read(&catalog, request(&catalog));
    let ImageTagStep::Read(images) = observe.resume(manifests).unwrap() else { unreachable!() };
    let mut archived = Manifests::default();
    archived.archived.extend(images.references());
    let waiting = images.clone().resume(&Manifests::default()).unwrap();
    assert!(!waited(&waiting).is_zero(), "what is not archived may not be visible yet");
    let end = read(&catalog, images.resume(&archived).unwrap(), view(0, "--")).unwrap();
    assert_eq!(outcomes(&end), [(); 2].map(|()| ImageTagOutcome::Conflict(ImageTagConflict::Archived)));
}

#[test]
fn entry_of_something_else_than_an_image_is_not_tagged() {
    let catalog = Catalog::new();
    let text = r#"{"schemaVersion":2,"config":{"mediaType":"application/vnd.cncf.helm.config.v1+json","digest":"DIGEST","size":2}}"#;
    let chart = text.replace("DIGEST", &Digest::sha256("").to_string());
    let platform = r#"{"os":"linux","architecture":"amd64"}"#;
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let digest = Digest::sha256(&chart);
    let list = format!(
        r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"{media_type}","digest":"{digest}","size":1,"platform":{platform}}}]}}"#
    );
    let stored = |media_type: &str, text: &str| StoredManifest {
        digest: Digest::sha256(text),
        media_type: media_type.to_owned(),
        text: text.into(),
    };
    let version = (Reference::Tag("1".parse().unwrap()), stored("application/vnd.oci.image.index.v1+json", &list));
    let (observe, _) = first_read(&catalog, request(&catalog));
    let ImageTagStep::Read(images) = observe.resume([version.clone()].into_iter().collect()).unwrap() else {
        unreachable!()
    };
    let charts = [(Reference::Digest(digest), stored(media_type, &chart))].into_iter().collect();
    let ImageTagStep::Observe(again) = images.resume(&charts).unwrap() else { unreachable!() };
    let found = outcomes(&again.resume([version].into_iter().collect()).unwrap());
    assert!(matches!(&found[..], [ImageTagOutcome::Conflict(ImageTagConflict::NotAnImage(_))]), "{found:?}");
}

#[test]
fn list_under_the_tag_of_an_image_is_replaced_by_force_only() {
    let catalog = Catalog::new();
    for force in [false, true] {
        let (observe, mut manifests) = first_read(&catalog, ImageTagRequest { force, ..request(&catalog) });
        let list = manifests[&Reference::Tag("1".parse().unwrap())].clone();
        for tag in &catalog.image_tags[..2] {
            manifests.insert(Reference::Tag(tag.clone()), list.clone());
        }
        match observe.resume(manifests).unwrap() {
            ImageTagStep::Read(images) => assert!(force && images.references().len() == 2),
            end => {
                assert!(!force);
                let conflict = ImageTagConflict::ManifestList(list.digest);
                assert_eq!(outcomes(&end), [(); 2].map(|()| ImageTagOutcome::Conflict(conflict.clone())));
            }
        }
    }
}
