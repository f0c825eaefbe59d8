//! The registry protocol.

use crate::client::{Response, send, start};
use local_ecr::image::{Entry, Image, Index, ToArtifact};
use local_ecr::media_type::{DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};
use local_ecr::{ANY, Fault, FaultKind, LocalEcr, Mutability, Options, digest_of};
use serde_json::json;

fn start_with_create_on_push() -> LocalEcr {
    LocalEcr::start(Options { create_on_push: true, ..Options::default() }).unwrap()
}

fn ask(ecr: &LocalEcr, method: &str, path: &str) -> Response {
    send(&format!("{}{path}", ecr.url()), method, &[], b"").unwrap()
}

fn put_manifest(ecr: &LocalEcr, reference: &str, content: &impl ToArtifact) -> Response {
    let artifact = content.to_artifact();
    let url = format!("{}/v2/app/manifests/{reference}", ecr.url());
    let headers = [("content-type", artifact.media_type.as_str())];
    send(&url, "PUT", &headers, &artifact.manifest).unwrap()
}

/// Uploads a blob in two chunks.
fn upload(ecr: &LocalEcr, bytes: &[u8]) -> Response {
    let begun = ask(ecr, "POST", "/v2/app/blobs/uploads/");
    assert_eq!(begun.status, 202);
    let url = format!("{}{}", ecr.url(), begun.header("location").unwrap());
    let (head, tail) = bytes.split_at(3);
    let chunk = send(&url, "PATCH", &[("content-range", "0-2")], head).unwrap();
    assert_eq!((chunk.status, chunk.header("range")), (202, Some("0-2")));
    assert_eq!(send(&url, "PATCH", &[("content-range", "5-9")], b"after a gap").unwrap().status, 416);
    let url = format!("{url}?digest={}", digest_of(bytes).replace(':', "%3A"));
    send(&url, "PUT", &[], tail).unwrap()
}

#[test]
fn base_path_answers_200() {
    let ecr = start();
    assert_eq!(ask(&ecr, "GET", "/v2/").status, 200);
    assert_eq!(ecr.journal()[0].operation, "GET base");
}

#[test]
fn image_is_pulled_as_it_was_pushed() {
    let image = Image::docker("linux/arm64");
    let artifact = image.to_artifact();
    let ecr = start_with_create_on_push();
    for blob in &artifact.blobs {
        let done = upload(&ecr, blob);
        assert_eq!((done.status, done.header("docker-content-digest")), (201, Some(&*digest_of(blob))));
    }
    let response = put_manifest(&ecr, "a", &image);
    assert_eq!((response.status, response.header("docker-content-digest")), (201, Some(&*image.digest())));
    assert_eq!(ecr.home().tag("app", "a"), Some(image.digest()));
    for reference in ["a", &image.digest()] {
        let pulled = ask(&ecr, "GET", &format!("/v2/app/manifests/{reference}"));
        assert_eq!((pulled.body, pulled.status), (artifact.manifest.to_vec(), 200));
        let head = ask(&ecr, "HEAD", &format!("/v2/app/manifests/{reference}"));
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(head.header("content-length"), Some(&*artifact.manifest.len().to_string()));
        assert_eq!(head.header("content-type"), Some(DOCKER_MANIFEST));
    }
}

#[test]
fn repeated_push_succeeds_without_an_event() {
    let image = Image::docker("linux/arm64");
    let ecr = start_with_create_on_push();
    let mut events = ecr.events();
    ecr.home().push("app", None, &image);
    events.try_recv().unwrap();
    assert_eq!(put_manifest(&ecr, "a", &image).status, 201);
    assert_eq!(events.try_recv().unwrap()["detail"]["image-tag"], "a");
    assert_eq!(put_manifest(&ecr, "a", &image).status, 201);
    assert!(events.try_recv().is_err());
}

#[test]
fn tags_are_listed_in_pages() {
    let ecr = start();
    for tag in ["a", "b", "c"] {
        ecr.home().push("app", Some(tag), &Image::oci("linux/amd64"));
    }
    let first = ask(&ecr, "GET", "/v2/app/tags/list?n=2");
    assert_eq!(first.json(), json!({"name": "app", "tags": ["a", "b"]}));
    assert_eq!(first.header("link"), Some("</v2/app/tags/list?n=2&last=b>; rel=\"next\""));
    let rest = ask(&ecr, "GET", "/v2/app/tags/list?n=2&last=b");
    assert_eq!((rest.json()["tags"].clone(), rest.header("link")), (json!(["c"]), None));
}

#[test]
fn error_has_the_code_of_the_specification() {
    let ecr = start();
    let (image, other) = (Image::oci("linux/amd64"), Image::oci("linux/arm64"));
    ecr.home().push("app", Some("a"), &Index::oci([Entry::new(&image)]));
    ecr.home().push("app", None, &other);
    ecr.home().set_mutability("app", Mutability::Immutable);
    let throttled = start();
    throttled.faults().add(Fault::on(ANY, FaultKind::Throttle));
    let wrong = digest_of(b"else");
    let config = digest_of(&image.config());
    for (response, status, code) in [
        (ask(&ecr, "POST", &format!("/v2/app/blobs/uploads/?digest={wrong}")), 400, "DIGEST_INVALID"),
        (put_manifest(&ecr, &wrong, &image), 400, "DIGEST_INVALID"),
        (put_manifest(&ecr, "b", &Image::docker("linux/s390x")), 404, "MANIFEST_BLOB_UNKNOWN"),
        (put_manifest(&ecr, "a", &other), 400, "TAG_INVALID"),
        (ask(&ecr, "GET", "/v2/app/manifests/b"), 404, "MANIFEST_UNKNOWN"),
        (ask(&ecr, "PATCH", "/v2/app/manifests/a"), 405, "UNSUPPORTED"),
        (ask(&ecr, "DELETE", &format!("/v2/app/manifests/{}", image.digest())), 405, "UNSUPPORTED"),
        (ask(&ecr, "DELETE", &format!("/v2/app/blobs/{config}")), 405, "UNSUPPORTED"),
        (ask(&ecr, "GET", "/v2/nowhere/tags/list"), 404, "NAME_UNKNOWN"),
        (ask(&ecr, "POST", "/v2/nowhere/blobs/uploads/"), 404, "NAME_UNKNOWN"),
        (ask(&start_with_create_on_push(), "POST", "/v2/Bad/blobs/uploads/"), 400, "NAME_INVALID"),
        (ask(&throttled, "GET", "/v2/"), 429, "TOOMANYREQUESTS"),
    ] {
        assert_eq!((response.status, &response.json()["errors"][0]["code"]), (status, &json!(code)));
    }
}

#[test]
fn blob_is_read_in_ranges() {
    let ecr = start();
    let digest = ecr.home().store_blob("app", "0123456789", None);
    let url = format!("{}/v2/app/blobs/{digest}", ecr.url());
    let part = |range: &str| send(&url, "GET", &[("range", range)], b"").unwrap();
    let middle = part("bytes=2-4");
    assert_eq!((middle.status, &*middle.body), (206, b"234".as_slice()));
    assert_eq!(middle.header("content-range"), Some("bytes 2-4/10"));
    assert_eq!(part("bytes=8-").body, b"89");
    assert_eq!(part("bytes=10-").status, 416);
    assert_eq!(send(&url, "HEAD", &[], b"").unwrap().header("content-length"), Some("10"));
}

#[test]
fn blob_is_mounted_from_another_repository() {
    let ecr = start_with_create_on_push();
    let digest = ecr.home().store_blob("app", "0123456789", None);
    let mount = |from| ask(&ecr, "POST", &format!("/v2/other/blobs/uploads/?mount={digest}&from={from}")).status;
    assert_eq!(mount("nowhere"), 202, "an upload begins instead");
    assert_eq!(mount("app"), 201);
    assert_eq!(ecr.home().blob("other", &digest).unwrap(), "0123456789");
}

#[test]
fn deleted_content_is_not_found() {
    let ecr = start();
    let blob = ecr.home().store_blob("app", "0123456789", None);
    let digest = ecr.home().push("app", Some("a"), &Image::oci("linux/amd64"));
    for (deleted, read) in
        [(format!("blobs/{blob}"), format!("blobs/{blob}")), ("manifests/a".into(), format!("manifests/{digest}"))]
    {
        assert_eq!(ask(&ecr, "DELETE", &format!("/v2/app/{deleted}")).status, 202);
        assert_eq!(ask(&ecr, "GET", &format!("/v2/app/{read}")).status, 404);
        assert_eq!(ask(&ecr, "DELETE", &format!("/v2/app/{deleted}")).status, 404);
    }
}

#[test]
fn manifest_has_a_type_that_the_client_accepts() {
    let ecr = start();
    let image = Image::oci("linux/amd64");
    let list = ecr.home().push("app", Some("1"), &Index::oci([Entry::new(&image)]));
    for (reference, accept, media_type) in [
        ("1", &*format!("{OCI_MANIFEST};q=0.5, {OCI_INDEX}"), OCI_INDEX),
        ("1", "*/*", OCI_INDEX),
        (&list, OCI_MANIFEST, OCI_INDEX),
        ("1", OCI_MANIFEST, OCI_MANIFEST),
        ("1", DOCKER_MANIFEST, DOCKER_MANIFEST),
    ] {
        let url = format!("{}/v2/app/manifests/{reference}", ecr.url());
        let response = send(&url, "GET", &[("accept", accept)], b"").unwrap();
        assert_eq!(response.header("content-type"), Some(media_type), "{reference} {accept}");
        assert_eq!(response.header("docker-content-digest"), Some(&*digest_of(&response.body)));
        assert_eq!(digest_of(&response.body) == image.digest(), media_type == OCI_MANIFEST);
    }
}

#[test]
fn referrers_are_found_by_their_subject() {
    const TYPE: &str = "application/vnd.docker.attestation.manifest.v1+json";
    let ecr = start();
    let image = Image::oci("linux/amd64");
    ecr.home().push("app", Some("a"), &image);
    let path = format!("/v2/app/referrers/{}", image.digest());
    assert_eq!(ask(&ecr, "GET", &path).json()["manifests"], json!([]));
    ecr.home().push("app", Some("1"), &image.attested_as_artifact());
    assert_eq!(ask(&ecr, "GET", &path).json()["manifests"][0]["artifactType"], TYPE);
    assert_eq!(ask(&ecr, "GET", &format!("{path}?artifactType=x")).json()["manifests"], json!([]));
}

#[test]
fn host_names_the_registry() {
    use std::io::{Read as _, Write as _};
    let ecr = start();
    let other = ecr.registry("999999999999", "us-east-1");
    other.push("app", Some("a"), &Image::oci("linux/amd64"));
    assert_eq!(ask(&ecr, "GET", "/v2/app/tags/list").status, 404);
    let mut stream = std::net::TcpStream::connect(&ecr.url()[7..]).unwrap();
    let request = "GET /v2/app/tags/list HTTP/1.1\r\nhost: 999999999999.dkr.ecr.us-east-1.amazonaws.com\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert!(response.ends_with(r#"{"name":"app","tags":["a"]}"#), "{response}");
}
