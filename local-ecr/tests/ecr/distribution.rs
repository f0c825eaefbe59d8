//! The registry protocol.

use crate::client::{Answer, call, send};
use local_ecr::image::{Entry, Image, Index, ToArtifact};
use local_ecr::media_type::{DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};
use local_ecr::{ANY, Fault, FaultKind, LocalEcr, Mutability, Options, digest_of};
use serde_json::json;

fn start() -> LocalEcr {
    let options = Options { create_on_push: true, ..Options::default() };
    LocalEcr::start(options).unwrap()
}

fn ask(ecr: &LocalEcr, method: &str, path: &str) -> Answer {
    send(&format!("{}{path}", ecr.url()), method, &[], b"").unwrap()
}

fn put_manifest(ecr: &LocalEcr, reference: &str, content: &impl ToArtifact) -> Answer {
    let artifact = content.to_artifact();
    let url = format!("{}/v2/app/manifests/{reference}", ecr.url());
    let headers = [("content-type", artifact.media_type.as_str())];
    send(&url, "PUT", &headers, &artifact.manifest).unwrap()
}

fn code(answer: &Answer) -> String {
    answer.json()["errors"][0]["code"].as_str().unwrap().to_owned()
}

/// Uploads a blob in two chunks.
fn upload(ecr: &LocalEcr, bytes: &[u8]) -> Answer {
    let begun = ask(ecr, "POST", "/v2/app/blobs/uploads/");
    assert_eq!(begun.status, 202);
    let url = format!("{}{}", ecr.url(), begun.header("location").unwrap());
    let (head, tail) = bytes.split_at(3);
    let chunk = send(&url, "PATCH", &[("content-range", "0-2")], head).unwrap();
    assert_eq!((chunk.status, chunk.header("range")), (202, Some("0-2")));
    let gap = send(&url, "PATCH", &[("content-range", "5-9")], tail).unwrap();
    assert_eq!(gap.status, 416);
    let url = format!("{url}?digest={}", digest_of(bytes).replace(':', "%3A"));
    send(&url, "PUT", &[], tail).unwrap()
}

#[test]
fn an_image_is_pushed_and_pulled() {
    let ecr = start();
    let mut events = ecr.events();
    let image = Image::docker("linux/arm64");
    let artifact = image.to_artifact();
    assert_eq!(ask(&ecr, "GET", "/v2/").status, 200);
    assert_eq!(code(&put_manifest(&ecr, "a", &image)), "MANIFEST_BLOB_UNKNOWN");
    for blob in &artifact.blobs {
        let done = upload(&ecr, blob);
        assert_eq!((done.status, done.header("docker-content-digest")), (201, Some(&*digest_of(blob))));
    }
    let pushed = put_manifest(&ecr, "a", &image);
    assert_eq!(pushed.status, 201);
    assert_eq!(pushed.header("docker-content-digest"), Some(&*image.digest()));
    assert_eq!(put_manifest(&ecr, "a", &image).status, 201);
    assert_eq!(events.try_recv().unwrap()["detail"]["image-tag"], "a");
    assert!(events.try_recv().is_err(), "the same again is no push");
    for reference in ["a", &image.digest()] {
        let pulled = ask(&ecr, "GET", &format!("/v2/app/manifests/{reference}"));
        assert_eq!(pulled.body, artifact.manifest);
        assert_eq!(pulled.header("content-type"), Some(DOCKER_MANIFEST));
        let head = ask(&ecr, "HEAD", &format!("/v2/app/manifests/{reference}"));
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(head.header("content-length"), Some(&*artifact.manifest.len().to_string()));
    }
    // One store behind both doors.
    let read = json!({"repositoryName": "app", "imageIds": [{"imageTag": "a"}]});
    let found = call(&ecr, "BatchGetImage", &read);
    assert_eq!(found["images"][0]["imageId"]["imageDigest"], image.digest());
}

#[test]
fn blobs_are_read_in_ranges_mounted_and_deleted() {
    let ecr = start();
    let digest = ecr.home().store_blob("app", "0123456789", None);
    let url = format!("{}/v2/app/blobs/{digest}", ecr.url());
    let part = |range: &str| send(&url, "GET", &[("range", range)], b"").unwrap();
    assert_eq!(ask(&ecr, "HEAD", &format!("/v2/app/blobs/{digest}")).header("content-length"), Some("10"));
    let middle = part("bytes=2-4");
    assert_eq!((middle.status, &*middle.body), (206, b"234".as_slice()));
    assert_eq!(middle.header("content-range"), Some("bytes 2-4/10"));
    assert_eq!(part("bytes=8-").body, b"89");
    assert_eq!(part("bytes=10-").status, 416);
    let image = Image::oci("linux/amd64");
    ecr.home().push("app", None, &image);
    let config = format!("/v2/app/blobs/{}", digest_of(&image.config()));
    assert_eq!(ask(&ecr, "DELETE", &config).status, 405);
    let mount = format!("/v2/other/blobs/uploads/?mount={digest}&from=app");
    assert_eq!(ask(&ecr, "POST", &mount).status, 201);
    assert_eq!(ecr.home().blob("other", &digest).unwrap(), "0123456789");
    let unknown = mount.replace("from=app", "from=nowhere");
    assert_eq!(ask(&ecr, "POST", &unknown).status, 202);
    let wrong = format!("/v2/app/blobs/uploads/?digest={}", digest_of(b"else"));
    assert_eq!(code(&ask(&ecr, "POST", &wrong)), "DIGEST_INVALID");
    assert_eq!(ask(&ecr, "DELETE", &format!("/v2/app/blobs/{digest}")).status, 202);
    assert_eq!(ask(&ecr, "GET", &format!("/v2/app/blobs/{digest}")).status, 404);
}

#[test]
fn refusals_use_the_specifications_codes() {
    let ecr = start();
    let (one, other) = (Image::oci("linux/amd64"), Image::oci("linux/arm64"));
    ecr.home().push("app", Some("a"), &one);
    ecr.home().push("app", None, &other);
    ecr.home().set_mutability("app", Mutability::Immutable);
    let moved = put_manifest(&ecr, "a", &other);
    assert_eq!((moved.status, &*code(&moved)), (400, "TAG_INVALID"));
    assert_eq!(code(&put_manifest(&ecr, &digest_of(b"else"), &one)), "DIGEST_INVALID");
    let absent = ask(&ecr, "GET", "/v2/app/manifests/b");
    assert_eq!((absent.status, &*code(&absent)), (404, "MANIFEST_UNKNOWN"));
    assert_eq!(code(&ask(&ecr, "GET", "/v2/nowhere/tags/list")), "NAME_UNKNOWN");
    assert_eq!(code(&ask(&ecr, "POST", "/v2/Bad/blobs/uploads/")), "NAME_INVALID");
    assert_eq!(ask(&ecr, "PATCH", "/v2/app/manifests/a").status, 405);
    ecr.faults().add(Fault::on(ANY, FaultKind::Throttle));
    let throttled = ask(&ecr, "GET", "/v2/");
    assert_eq!((throttled.status, &*code(&throttled)), (429, "TOOMANYREQUESTS"));
    let last = ecr.journal().pop().unwrap();
    assert_eq!(last.operation, "GET base");
    let strict = LocalEcr::start(Options::default()).unwrap();
    assert_eq!(code(&ask(&strict, "POST", "/v2/app/blobs/uploads/")), "NAME_UNKNOWN");
}

#[test]
fn manifests_are_converted_for_clients_that_ask_for_less() {
    let ecr = start();
    let image = Image::oci("linux/amd64");
    ecr.home().push("app", Some("1"), &Index::oci([Entry::new(&image)]));
    let get = |accept: &str| {
        let url = format!("{}/v2/app/manifests/1", ecr.url());
        send(&url, "GET", &[("accept", accept)], b"").unwrap()
    };
    let both = format!("{OCI_MANIFEST};q=0.5, {OCI_INDEX}");
    assert_eq!(get(&both).header("content-type"), Some(OCI_INDEX));
    assert_eq!(get("*/*").header("content-type"), Some(OCI_INDEX));
    let list = ecr.home().tag("app", "1").unwrap();
    let by_digest = format!("{}/v2/app/manifests/{list}", ecr.url());
    let stored = send(&by_digest, "GET", &[("accept", OCI_MANIFEST)], b"").unwrap();
    assert_eq!(stored.header("content-type"), Some(OCI_INDEX));
    let child = get(OCI_MANIFEST);
    assert_eq!(child.header("docker-content-digest"), Some(&*image.digest()));
    let converted = get(DOCKER_MANIFEST);
    assert_eq!(converted.header("content-type"), Some(DOCKER_MANIFEST));
    assert_eq!(converted.header("docker-content-digest"), Some(&*digest_of(&converted.body)));
}

#[test]
fn tags_come_in_pages_and_referrers_by_subject() {
    let ecr = start();
    let image = Image::oci("linux/amd64");
    for tag in ["a", "b", "c"] {
        ecr.home().push("app", Some(tag), &image);
    }
    let first = ask(&ecr, "GET", "/v2/app/tags/list?n=2");
    assert_eq!(first.json(), json!({"name": "app", "tags": ["a", "b"]}));
    assert_eq!(first.header("link"), Some("</v2/app/tags/list?n=2&last=b>; rel=\"next\""));
    let rest = ask(&ecr, "GET", "/v2/app/tags/list?n=2&last=b");
    assert_eq!((rest.json()["tags"].clone(), rest.header("link")), (json!(["c"]), None));
    let path = format!("/v2/app/referrers/{}", image.digest());
    assert_eq!(ask(&ecr, "GET", &path).json()["manifests"], json!([]));
    ecr.home().push("app", Some("1"), &image.attested_as_artifact());
    let referrers = ask(&ecr, "GET", &path).json();
    assert_eq!(referrers["manifests"][0]["artifactType"], "application/vnd.docker.attestation.manifest.v1+json");
    assert_eq!(ask(&ecr, "GET", &format!("{path}?artifactType=x")).json()["manifests"], json!([]));
}

#[test]
fn deleting_a_tag_or_a_manifest_follows_ecrs_rules() {
    let ecr = start();
    let image = Image::oci("linux/amd64");
    let list = ecr.home().push("app", Some("1"), &Index::oci([Entry::new(&image)]));
    let child = format!("/v2/app/manifests/{}", image.digest());
    assert_eq!(code(&ask(&ecr, "DELETE", &child)), "UNSUPPORTED");
    assert_eq!(ask(&ecr, "DELETE", "/v2/app/manifests/1").status, 202);
    assert!(ecr.home().manifest("app", &list).is_none());
    assert_eq!(ask(&ecr, "DELETE", &child).status, 202);
    assert_eq!(code(&ask(&ecr, "DELETE", &child)), "MANIFEST_UNKNOWN");
}

#[test]
fn the_host_names_the_registry() {
    use std::io::{Read as _, Write as _};
    let ecr = start();
    let other = ecr.registry("999999999999", "us-east-1");
    other.push("app", Some("a"), &Image::oci("linux/amd64"));
    assert_eq!(ask(&ecr, "GET", "/v2/app/tags/list").status, 404);
    let mut stream = std::net::TcpStream::connect(&ecr.url()[7..]).unwrap();
    let request = "GET /v2/app/tags/list HTTP/1.1\r\nhost: 999999999999.dkr.ecr.us-east-1.amazonaws.com\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with(r#"{"name":"app","tags":["a"]}"#), "{answer}");
}

#[test]
fn state_outlives_the_server_where_a_folder_is_given() {
    let folder = std::env::temp_dir().join(format!("local-ecr-{}", std::process::id()));
    let options = || Options { data: Some(folder.clone()), ..Options::default() };
    let image = Image::oci("linux/amd64");
    let url = {
        let ecr = LocalEcr::start(options()).unwrap();
        ecr.home().push("team/app", Some("1-amd64"), &image);
        ecr.home().set_mutability("team/app", Mutability::Immutable);
        ecr.url()
    };
    assert!(send(&url, "GET", &[], b"").is_err(), "the first server has ended");
    let ecr = LocalEcr::start(options()).unwrap();
    let pulled = ask(&ecr, "GET", "/v2/team/app/manifests/1-amd64");
    assert_eq!(pulled.body, image.to_artifact().manifest);
    let config = digest_of(&image.config());
    let blob = ask(&ecr, "GET", &format!("/v2/team/app/blobs/{config}"));
    assert_eq!(blob.body, image.config());
    let other = image.clone().content("other");
    let refused = ecr.home().try_push("team/app", Some("1-amd64"), &other);
    assert_eq!(refused.unwrap_err().code, "ImageTagAlreadyExistsException");
    std::fs::remove_dir_all(folder).unwrap();
}
