variable "bucket" {
  description = "Name of an existing S3 bucket in the stack's Region, for the zip of the functions and the template."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "The value of bucket must be the name of an S3 bucket."
  }
}

variable "stack_name" {
  description = "Name of the CloudFormation stack, and first part of the keys of both objects."
  type        = string
  default     = "ecr-multiarch"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9-]{0,127}$", var.stack_name))
    error_message = "The value of stack_name must be the name of a CloudFormation stack."
  }
}

variable "parameters" {
  description = "Parameters of the template, by their names. Platforms is required; the others have defaults."
  type        = map(string)
  nullable    = false

  validation {
    condition     = contains(keys(var.parameters), "Platforms")
    error_message = "The value of parameters must have Platforms, such as linux/amd64,linux/arm64."
  }
}

variable "tags" {
  description = "Tags of the stack. CloudFormation copies them to its resources."
  type        = map(string)
  default     = {}
  nullable    = false
}
