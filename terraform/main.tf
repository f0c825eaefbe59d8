# Deploys the packaged template that is beside this directory as a CloudFormation stack.

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  release  = "${path.module}/.."
  packaged = file("${local.release}/template.yaml")

  # Unlike the attribute of a data source for the bucket, this needs no permission to read the bucket.
  bucket_host = "${var.bucket}.s3.${data.aws_region.current.id}.${data.aws_partition.current.dns_suffix}"

  # The template names the zip that is beside it. Without such a name there is nothing to replace, and this fails.
  zip     = regex("CodeUri: (\\S+\\.zip)\n", local.packaged)[0]
  zip_key = "${var.stack_name}/${filesha256("${local.release}/${local.zip}")}.zip"

  with_code = replace(local.packaged, "CodeUri: ${local.zip}\n", "CodeUri: s3://${var.bucket}/${local.zip_key}\n")

  # After an update that fails, the state has the new template_url, which the provider does not read from
  # CloudFormation: the update would not be tried again. It does read parameters, so one more of them has the hash of
  # the template.
  hash_parameter = <<-EOT
    Parameters:
      TemplateHash:
        Type: String
        Description: SHA-256 of this template, by which Terraform sees whether the stack has it
  EOT

  template = replace(local.with_code, "/(?m)^Parameters:\n/", local.hash_parameter)
}

# The keys of both objects contain the hash of the content: other content is another object, so that the stack is
# updated. The previous object is deleted only after that, since CloudFormation needs it to roll back.

resource "aws_s3_object" "zip" {
  bucket = var.bucket
  key    = local.zip_key
  source = "${local.release}/${local.zip}"

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_s3_object" "template" {
  bucket  = var.bucket
  key     = "${var.stack_name}/${sha256(local.template)}.yaml"
  content = local.template

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudformation_stack" "this" {
  name = var.stack_name
  # The template is larger than what a request may contain.
  template_url = "https://${local.bucket_host}/${aws_s3_object.template.key}"
  parameters   = merge(var.parameters, { TemplateHash = sha256(local.template) })
  # Roles have names if RoleNamePrefix is set. The template uses a transform, that of AWS SAM.
  capabilities = ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
  tags         = var.tags

  # The template names the zip, but refers to no resource.
  depends_on = [aws_s3_object.zip]
}
