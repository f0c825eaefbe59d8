//! Publishes two versions of one repository and checks their manifest lists.

use ecr_multiarch_core::settings::variable::Variable;
use local_ecr::image::{Image, ToArtifact as _};
use local_ecr::media_type::{DOCKER_LIST, OCI_INDEX};
use local_ecr::{LocalEcr, Options};
use serde_json::Value;
use tokio::sync::mpsc::UnboundedReceiver;

use super::PLATFORMS;
use crate::event_line::{ImageEvent, event_line};
use crate::exit::Exit;
use crate::local_stack::LocalStack;
use crate::published_list::PublishedList;
use crate::style::Style;

const REPOSITORY: &str = "app";

/// A version of the demonstration and the expected list.
struct Version {
    tag: &'static str,
    title: &'static str,
    media_type: &'static str,
    attested: bool,
    /// The digest of the list. Its images are the same in every run, and so are its bytes.
    digest: &'static str,
}

const VERSIONS: [Version; 2] = [
    Version {
        tag: "1.0.0",
        title: "plain Docker images",
        media_type: DOCKER_LIST,
        attested: false,
        digest: "sha256:00a189124de1077d0cbf09ac07997470c5bdfd9db3ebc68b3a34c055e9a3da1f",
    },
    Version {
        tag: "2.0.0",
        title: "OCI images with attestations, as docker buildx build --push leaves them",
        media_type: OCI_INDEX,
        attested: true,
        digest: "sha256:5bc59f14d00f6b8a719ec14937d4bf5dff07375b4de8960f8edeba49533c14d7",
    },
];

pub async fn run() -> Result<Exit, String> {
    let ecr = LocalEcr::start(Options::default()).map_err(|error| format!("the local ECR cannot start: {error}"))?;
    let mut events = ecr.events();
    let platforms = PLATFORMS.map(|(platform, _)| platform).join(",");
    let settings = LocalStack::settings(&[(Variable::Platforms, &platforms)]).map_err(|error| error.to_string())?;
    let stack = LocalStack::new(ecr, settings).await;
    println!("A local ECR listens at {}; the function serves it.", stack.ecr.url());
    println!("PLATFORMS={platforms}\n");

    for version in &VERSIONS {
        println!("{}", Style::Bold.paint(&format!("{REPOSITORY}:{}, {}", version.tag, version.title)));
        for (platform, part) in PLATFORMS {
            let tag = format!("{}-{part}", version.tag);
            version.push(&stack, &tag, platform).map_err(|error| format!("{REPOSITORY}:{tag} is rejected: {error}"))?;
            handle_events(&stack, &mut events).await?;
        }
        println!();
    }
    for version in &VERSIONS {
        let list = PublishedList::read(&stack.registry(), REPOSITORY, version.tag)?;
        println!("{list}\n");
        if let found @ Exit::Found = Exit::by_check(version.check(&list)) {
            return Ok(found);
        }
    }
    println!("{}", Style::Success.paint("Both lists exist, and every byte is as expected."));
    Ok(Exit::Done)
}

/// Hands each event that ECR has sent to the function, including those that its own writes cause.
async fn handle_events(stack: &LocalStack, events: &mut UnboundedReceiver<Value>) -> Result<(), String> {
    while let Ok(event) = events.try_recv() {
        let shown = ImageEvent::from(&event);
        let result = stack.invoke(event).await;
        println!("{}", event_line(stack, &shown, &result));
        result.map_err(|error| format!("the function failed: {error}"))?;
    }
    Ok(())
}

impl Version {
    fn image(&self, platform: &str) -> Image {
        let image = if self.attested { Image::oci(platform) } else { Image::docker(platform) };
        image.content(&format!("{REPOSITORY} {} for {platform}", self.tag)).revision("7c4e1d0")
    }

    fn push(&self, stack: &LocalStack, tag: &str, platform: &str) -> Result<String, local_ecr::ApiError> {
        let image = self.image(platform);
        if self.attested {
            stack.registry().try_push(REPOSITORY, Some(tag), &image.attested())
        } else {
            stack.registry().try_push(REPOSITORY, Some(tag), &image)
        }
    }

    fn check(&self, list: &PublishedList) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("{REPOSITORY}:{} is wrong: {what}", self.tag));
        if list.media_type != self.media_type {
            return wrong(&format!("its media type is {}", list.media_type));
        }
        if list.images.len() != PLATFORMS.len() {
            return wrong(&format!("it has {} images", list.images.len()));
        }
        for (platform, _) in PLATFORMS {
            let digest = self.image(platform).digest();
            match list.images.iter().find(|image| image.platform == platform) {
                Some(image) if image.digest != digest => return wrong(&format!("{platform} is {}", image.digest)),
                Some(image) if image.attestation.is_some() != self.attested => {
                    return wrong(&format!("the attestation of {platform}"));
                }
                Some(_) => {}
                None => return wrong(&format!("{platform} is missing")),
            }
        }
        if list.digest == self.digest { Ok(()) } else { wrong(&format!("its digest is not {}", self.digest)) }
    }
}
