# The image of one platform. The values come from the environment: bake.yml sets it, and a terminal can, too.

variable "REGISTRY" {}

variable "REPOSITORY" {}

# The platform tag, such as 1.2.3-arm64.
variable "TAG" {}

variable "ARCH" {}

variable "REVISION" {}

target "image" {
  context   = "."
  platforms = ["linux/${ARCH}"]
  tags      = ["${REGISTRY}/${REPOSITORY}:${TAG}"]

  # A version whose images are of two commits is not published.
  labels = {
    "org.opencontainers.image.revision" = REVISION
  }

  # Attestations stay attached to the image. Lambda runs no attested image: leave this out for it.
  attest = ["type=provenance,mode=max"]
}
