//! The registry protocol.

use crate::client::{Response, call, send, start};
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

fn code(response: &Response) -> String {
    response.json()["errors"][0]["code"].as_str().unwrap().to_owned()
}

/// Begins an upload and sends its first chunk, of three bytes. Returns the upload's URL.
fn begin_upload(ecr: &LocalEcr, first: &[u8]) -> String {
    let begun = ask(ecr, "POST", "/v2/app/blobs/uploads/");
    assert_eq!(begun.status, 202);
    let url = format!("{}{}", ecr.url(), begun.header("location").unwrap());
    let chunk = send(&url, "PATCH", &[("content-range", "0-2")], first).unwrap();
    assert_eq!((chunk.status, chunk.header("range")), (202, Some("0-2")));
    url
}

/// Uploads a blob in two chunks.
fn upload(ecr: &LocalEcr, bytes: &[u8]) -> Response {
    let (head, tail) = bytes.split_at(3);
    let url = begin_upload(ecr, head);
    let url = format!("{url}?digest={}", digest_of(bytes).replace(':', "%3A"));
    send(&url, "PUT", &[], tail).unwrap()
}

/// A server with an image that was pushed over the protocol under the tag `a`.
fn pushed(image: &Image) -> LocalEcr {
    let ecr = start_with_create_on_push();
    for blob in &image.to_artifact().blobs {
        upload(&ecr, blob);
    }
    let response = put_manifest(&ecr, "a", image);
    assert_eq!(response.status, 201);
    assert_eq!(response.header("docker-content-digest"), Some(&*image.digest()));
    ecr
}

#[test]
fn base_path_answers_200() {
    assert_eq!(ask(&start(), "GET", "/v2/").status, 200);
}

#[test]
fn blob_is_uploaded_in_chunks() {
    let ecr = start_with_create_on_push();
    let done = upload(&ecr, b"a layer");
    assert_eq!((done.status, done.header("docker-content-digest")), (201, Some(&*digest_of(b"a layer"))));
    assert_eq!(ecr.home().blob("app", &digest_of(b"a layer")).unwrap(), "a layer");
}

#[test]
fn upload_chunk_after_a_gap_is_rejected() {
    let ecr = start_with_create_on_push();
    let url = begin_upload(&ecr, b"abc");
    assert_eq!(send(&url, "PATCH", &[("content-range", "5-9")], b"fghij").unwrap().status, 416);
}

#[test]
fn upload_with_another_digest_is_rejected() {
    let ecr = start_with_create_on_push();
    let path = format!("/v2/app/blobs/uploads/?digest={}", digest_of(b"else"));
    assert_eq!(code(&ask(&ecr, "POST", &path)), "DIGEST_INVALID");
}

#[test]
fn manifest_without_its_blobs_is_rejected() {
    let ecr = start_with_create_on_push();
    assert_eq!(code(&put_manifest(&ecr, "a", &Image::docker("linux/arm64"))), "MANIFEST_BLOB_UNKNOWN");
}

#[test]
fn pushed_manifest_is_pulled_by_tag_or_digest() {
    let image = Image::docker("linux/arm64");
    let ecr = pushed(&image);
    for reference in ["a", &image.digest()] {
        let pulled = ask(&ecr, "GET", &format!("/v2/app/manifests/{reference}"));
        assert_eq!(pulled.body, image.to_artifact().manifest);
        assert_eq!(pulled.header("content-type"), Some(DOCKER_MANIFEST));
    }
}

#[test]
fn head_of_a_manifest_has_its_length() {
    let image = Image::docker("linux/arm64");
    let ecr = pushed(&image);
    for reference in ["a", &image.digest()] {
        let head = ask(&ecr, "HEAD", &format!("/v2/app/manifests/{reference}"));
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(head.header("content-length"), Some(&*image.to_artifact().manifest.len().to_string()));
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
fn api_reads_an_image_pushed_over_the_protocol() {
    let image = Image::docker("linux/arm64");
    let ecr = pushed(&image);
    let request = json!({"repositoryName": "app", "imageIds": [{"imageTag": "a"}]});
    let found = call(&ecr, "BatchGetImage", &request);
    assert_eq!(found["images"][0]["imageId"]["imageDigest"], image.digest());
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
}

#[test]
fn head_of_a_blob_has_its_length() {
    let ecr = start();
    let digest = ecr.home().store_blob("app", "0123456789", None);
    assert_eq!(ask(&ecr, "HEAD", &format!("/v2/app/blobs/{digest}")).header("content-length"), Some("10"));
}

#[test]
fn blob_is_mounted_from_another_repository() {
    let ecr = start_with_create_on_push();
    let digest = ecr.home().store_blob("app", "0123456789", None);
    assert_eq!(ask(&ecr, "POST", &format!("/v2/other/blobs/uploads/?mount={digest}&from=app")).status, 201);
    assert_eq!(ecr.home().blob("other", &digest).unwrap(), "0123456789");
}

#[test]
fn mount_from_an_unknown_repository_begins_an_upload() {
    let ecr = start_with_create_on_push();
    let digest = digest_of(b"0123456789");
    assert_eq!(ask(&ecr, "POST", &format!("/v2/other/blobs/uploads/?mount={digest}&from=nowhere")).status, 202);
}

#[test]
fn unreferenced_blob_is_deleted() {
    let ecr = start();
    let path = format!("/v2/app/blobs/{}", ecr.home().store_blob("app", "0123456789", None));
    assert_eq!(ask(&ecr, "DELETE", &path).status, 202);
    assert_eq!(ask(&ecr, "GET", &path).status, 404);
}

#[test]
fn blob_that_an_image_names_is_not_deleted() {
    let ecr = start();
    let image = Image::oci("linux/amd64");
    ecr.home().push("app", None, &image);
    let path = format!("/v2/app/blobs/{}", digest_of(&image.config()));
    assert_eq!(ask(&ecr, "DELETE", &path).status, 405);
}

#[test]
fn moving_an_immutable_tag_is_tag_invalid() {
    let ecr = start();
    let other = Image::oci("linux/arm64");
    ecr.home().push("app", Some("a"), &Image::oci("linux/amd64"));
    ecr.home().push("app", None, &other);
    ecr.home().set_mutability("app", Mutability::Immutable);
    let response = put_manifest(&ecr, "a", &other);
    assert_eq!((response.status, &*code(&response)), (400, "TAG_INVALID"));
}

#[test]
fn manifest_under_another_digest_is_digest_invalid() {
    let ecr = start();
    let image = Image::oci("linux/amd64");
    ecr.home().push("app", None, &image);
    assert_eq!(code(&put_manifest(&ecr, &digest_of(b"else"), &image)), "DIGEST_INVALID");
}

#[test]
fn unknown_tag_is_manifest_unknown() {
    let ecr = start();
    ecr.home().create("app");
    let response = ask(&ecr, "GET", "/v2/app/manifests/b");
    assert_eq!((response.status, &*code(&response)), (404, "MANIFEST_UNKNOWN"));
}

#[test]
fn unknown_repository_is_name_unknown() {
    assert_eq!(code(&ask(&start(), "GET", "/v2/nowhere/tags/list")), "NAME_UNKNOWN");
}

#[test]
fn push_creates_no_repository_by_default() {
    assert_eq!(code(&ask(&start(), "POST", "/v2/app/blobs/uploads/")), "NAME_UNKNOWN");
}

#[test]
fn malformed_repository_name_is_name_invalid() {
    let ecr = start_with_create_on_push();
    assert_eq!(code(&ask(&ecr, "POST", "/v2/Bad/blobs/uploads/")), "NAME_INVALID");
}

#[test]
fn unsupported_method_is_405() {
    let ecr = start();
    ecr.home().create("app");
    assert_eq!(ask(&ecr, "PATCH", "/v2/app/manifests/a").status, 405);
}

#[test]
fn throttled_call_is_429() {
    let ecr = start();
    ecr.faults().add(Fault::on(ANY, FaultKind::Throttle));
    let response = ask(&ecr, "GET", "/v2/");
    assert_eq!((response.status, &*code(&response)), (429, "TOOMANYREQUESTS"));
}

#[test]
fn journal_names_the_method_with_the_resource() {
    let ecr = start();
    ask(&ecr, "GET", "/v2/");
    assert_eq!(ecr.journal()[0].operation, "GET base");
}

/// A server with a list of one image under the tag `1`.
fn with_list(image: &Image) -> LocalEcr {
    let ecr = start();
    ecr.home().push("app", Some("1"), &Index::oci([Entry::new(image)]));
    ecr
}

fn get_manifest(ecr: &LocalEcr, reference: &str, accept: &str) -> Response {
    let url = format!("{}/v2/app/manifests/{reference}", ecr.url());
    send(&url, "GET", &[("accept", accept)], b"").unwrap()
}

#[test]
fn list_is_served_to_a_client_that_accepts_it() {
    let ecr = with_list(&Image::oci("linux/amd64"));
    for accept in [&format!("{OCI_MANIFEST};q=0.5, {OCI_INDEX}"), "*/*"] {
        assert_eq!(get_manifest(&ecr, "1", accept).header("content-type"), Some(OCI_INDEX), "{accept}");
    }
}

#[test]
fn list_is_not_converted_by_digest() {
    let ecr = with_list(&Image::oci("linux/amd64"));
    let list = ecr.home().tag("app", "1").unwrap();
    assert_eq!(get_manifest(&ecr, &list, OCI_MANIFEST).header("content-type"), Some(OCI_INDEX));
}

#[test]
fn list_is_converted_to_its_amd64_image() {
    let image = Image::oci("linux/amd64");
    let ecr = with_list(&image);
    assert_eq!(get_manifest(&ecr, "1", OCI_MANIFEST).header("docker-content-digest"), Some(&*image.digest()));
}

#[test]
fn oci_image_is_converted_to_docker_format() {
    let ecr = with_list(&Image::oci("linux/amd64"));
    let converted = get_manifest(&ecr, "1", DOCKER_MANIFEST);
    assert_eq!(converted.header("content-type"), Some(DOCKER_MANIFEST));
    assert_eq!(converted.header("docker-content-digest"), Some(&*digest_of(&converted.body)));
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
fn referrers_are_found_by_their_subject() {
    let ecr = start();
    let image = Image::oci("linux/amd64");
    ecr.home().push("app", Some("a"), &image);
    let path = format!("/v2/app/referrers/{}", image.digest());
    assert_eq!(ask(&ecr, "GET", &path).json()["manifests"], json!([]));
    ecr.home().push("app", Some("1"), &image.attested_as_artifact());
    let referrers = ask(&ecr, "GET", &path).json();
    assert_eq!(referrers["manifests"][0]["artifactType"], "application/vnd.docker.attestation.manifest.v1+json");
}

#[test]
fn referrers_are_filtered_by_artifact_type() {
    let ecr = start();
    let image = Image::oci("linux/amd64");
    ecr.home().push("app", Some("1"), &image.attested_as_artifact());
    let path = format!("/v2/app/referrers/{}?artifactType=x", image.digest());
    assert_eq!(ask(&ecr, "GET", &path).json()["manifests"], json!([]));
}

#[test]
fn image_in_a_list_is_not_deleted() {
    let image = Image::oci("linux/amd64");
    let ecr = with_list(&image);
    let path = format!("/v2/app/manifests/{}", image.digest());
    assert_eq!(code(&ask(&ecr, "DELETE", &path)), "UNSUPPORTED");
}

#[test]
fn list_is_deleted_with_its_last_tag() {
    let ecr = with_list(&Image::oci("linux/amd64"));
    let list = ecr.home().tag("app", "1").unwrap();
    assert_eq!(ask(&ecr, "DELETE", "/v2/app/manifests/1").status, 202);
    assert!(ecr.home().manifest("app", &list).is_none());
}

#[test]
fn deleted_manifest_is_manifest_unknown() {
    let ecr = start();
    let image = Image::oci("linux/amd64");
    ecr.home().push("app", None, &image);
    let path = format!("/v2/app/manifests/{}", image.digest());
    assert_eq!(ask(&ecr, "DELETE", &path).status, 202);
    assert_eq!(code(&ask(&ecr, "DELETE", &path)), "MANIFEST_UNKNOWN");
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
