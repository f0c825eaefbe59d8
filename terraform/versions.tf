terraform {
  # The first version with `nullable`.
  required_version = ">= 1.1"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # From 5.13 on, the plan of an update does not use the stack's outputs from before, so that a release can add one.
      # 5.13 to 5.15 lose outputs; see issue 33327 of the provider.
      version = ">= 5.20"
    }
  }
}
