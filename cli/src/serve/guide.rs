//! The commands to try on the local ECR.

use ecr_multiarch_audit::shell::quoted;
use ecr_multiarch_core::oci::platform::Platform;
use ecr_multiarch_core::settings::tag_scheme::PlatformTag;
use ecr_multiarch_core::{RepositoryName, Settings, Tag};
use local_ecr::LocalEcr;

use super::Options;
use crate::style::Style;

/// The version that the guide pushes.
const VERSION: &str = "1.0.0";
const REPOSITORY: &str = "app";

/// Prints the address of the registry, and the commands by which each client pushes to it and reads from it.
pub fn print(options: &Options, ecr: &LocalEcr, settings: &Settings) {
    let url = ecr.url();
    let app = format!("{}/{REPOSITORY}", url.replace("http://127.0.0.1", "localhost"));
    println!("{}", Style::Bold.paint(&format!("A local ECR, with the function attached, listens at {url}")));
    println!("A push creates its repository; no login is needed.");
    match &options.data {
        Some(directory) => println!("Pushed images are kept in {}.", directory.display()),
        None => println!("Pushed images are lost at the end, unless --data DIR keeps them."),
    }

    let images = images(settings);
    headline("Push a version, platform by platform");
    for (platform, tag) in &images {
        println!("  docker buildx build --platform {platform} --tag {app}:{tag} --push .");
    }
    if let Some((platform, tag)) = images.last() {
        println!("  podman push --tls-verify=false IMAGE {app}:{tag}");
        println!("  skopeo copy --dest-tls-verify=false oci:DIR docker://{app}:{tag}");
        println!("  crane copy --platform {platform} alpine {app}:{tag}");
        headline("Then read the list, and pull through it");
        println!("  docker manifest inspect --insecure {app}:{VERSION}");
        println!("  docker pull --platform {platform} {app}:{VERSION}");
        println!("  podman pull --tls-verify=false --platform {platform} {app}:{VERSION}");
        println!("  skopeo inspect --tls-verify=false --raw docker://{app}:{VERSION}");
        println!("  crane manifest {app}:{VERSION}");
    }

    headline("Call its API");
    let region = ecr.home().id().region.clone();
    println!("  export AWS_REGION={region} AWS_DEFAULT_REGION={region}");
    println!("  export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local");
    println!("  aws ecr --endpoint-url {url} describe-images --repository-name {REPOSITORY}");
    headline("Audit it, with those variables and this one");
    println!("  export AWS_ENDPOINT_URL_ECR={url}");
    println!("  {} audit --as-of +1h", env!("CARGO_BIN_NAME"));
    headline("Run the function as Lambda does, with those variables and these");
    println!("  export PLATFORMS={} TAG_TEMPLATE={}", quoted(&options.platforms), quoted(&options.tag_template));
    let others = [
        ("ALIASES", &options.aliases),
        ("STREAMS", &options.streams),
        ("IMAGE_TAGS", &options.image_tags),
        ("ANNOTATIONS", &options.annotations),
    ];
    for (name, value) in others {
        if !value.is_empty() {
            println!("  export {name}={}", quoted(value));
        }
    }
    println!("  cargo lambda watch");
    println!(
        "  cargo lambda invoke --data-ascii \
         '{{\"action\":\"assemble\",\"repository\":\"{REPOSITORY}\",\"version\":\"{VERSION}\"}}'"
    );
    println!("\nCtrl-C ends it.\n");
}

fn headline(text: &str) {
    println!("\n{}", Style::Bold.paint(text));
}

/// The platforms of the version as clients write them, with their tags.
fn images(settings: &Settings) -> Vec<(String, Tag)> {
    let tags =
        |repository: RepositoryName| settings.for_repository(&repository)?.platform_tags(&VERSION.parse().ok()?).ok();
    let tags = REPOSITORY.parse().ok().and_then(tags).unwrap_or_default();
    let image = |PlatformTag { tag, platform }: PlatformTag| {
        let without_version = Platform { os_version: String::new(), ..platform.platform().clone() };
        (without_version.to_string(), tag)
    };
    tags.into_iter().map(image).collect()
}

#[cfg(test)]
mod tests {
    use ecr_multiarch_core::settings::variable::Variable;

    use super::*;
    use crate::local_stack::LocalStack;

    #[test]
    fn version_of_the_guide_is_not_an_alias() {
        let variables = [(Variable::Platforms, "linux/amd64"), (Variable::Aliases, "{major}.{minor},{major},latest")];
        let settings = LocalStack::settings(&variables).unwrap();
        assert_eq!(images(&settings).len(), 1);
    }
}
