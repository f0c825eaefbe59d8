# Written by .ci/terraform-variables from template.yaml. Change the template or that program, and run it again.

# The deployment

variable "bucket" {
  description = "Name of an existing S3 bucket in the stack's Region, for the zip of the functions and the template."
  type        = string
  nullable    = false
}

variable "stack_name" {
  description = "Name of the CloudFormation stack, and first part of the keys of both objects."
  type        = string
  default     = "ecr-multiarch"
  nullable    = false
}

variable "tags" {
  description = "Tags of the stack. CloudFormation copies them to its resources."
  type        = map(string)
  default     = {}
  nullable    = false
}

# Images and versions

variable "platforms" {
  description = "Comma-separated os[(os.version)]/arch[/variant][=tag-part], such as linux/amd64,linux/arm64 or linux/arm64=aarch64."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^ *[a-z0-9]+(\\([A-Za-z0-9-]+(\\.[A-Za-z0-9-]+)*\\))?/[a-z0-9]+(_[a-z0-9]+)*(/[A-Za-z0-9-]+(\\.[A-Za-z0-9-]+)*)?(=[A-Za-z0-9_.-]+)? *(, *[a-z0-9]+(\\([A-Za-z0-9-]+(\\.[A-Za-z0-9-]+)*\\))?/[a-z0-9]+(_[a-z0-9]+)*(/[A-Za-z0-9-]+(\\.[A-Za-z0-9-]+)*)?(=[A-Za-z0-9_.-]+)? *)*$", var.platforms))
    error_message = "The value of platforms must be a comma-separated list of os[(os.version)]/arch[/variant][=tag-part]."
  }
}

variable "tag_template" {
  description = "How a platform tag is formed. Each placeholder must occur exactly once, in either order."
  type        = string
  default     = "{version}-{platform}"
  nullable    = false

  validation {
    condition     = can(regex("^([A-Za-z0-9_][A-Za-z0-9_.-]*)?(\\{version\\}[A-Za-z0-9_.-]*\\{platform\\}|\\{platform\\}[A-Za-z0-9_.-]*\\{version\\})[A-Za-z0-9_.-]*$", var.tag_template))
    error_message = "The value of tag_template must be text with {version} and {platform}, each exactly once, such as {version}-{platform}."
  }
}

variable "repositories" {
  description = "Names or globs of the repositories to serve, such as team-a/*,base. An asterisk matches any text, slashes included. The functions' permissions and the push event rule are limited to these repositories."
  type        = list(string)
  default     = ["*"]
  nullable    = false

  validation {
    condition     = alltrue([for entry in split(",", join(",", var.repositories)) : can(regex("^(\\*|\\*?[a-z0-9._/-]+(\\*[a-z0-9._/-]+)*\\*?)$", entry))])
    error_message = "The value of repositories must be repository names or globs of lower-case letters, digits and . _ - / *."
  }
}

variable "version_pattern" {
  description = "Regular expression that the whole version must match, such as \\d+\\.\\d+\\.\\d+. Empty accepts any version."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^\\S*$", var.version_pattern))
    error_message = "The value of version_pattern must be a regular expression without white space."
  }
}

variable "revisions" {
  description = "same holds a version back while its images have different values of org.opencontainers.image.revision; any publishes it regardless."
  type        = string
  default     = "same"
  nullable    = false

  validation {
    condition     = contains(["same", "any"], var.revisions)
    error_message = "The value of revisions must be one of same, any."
  }
}

variable "attestations" {
  description = "Whether to keep the BuildKit attestation manifests of the source images in the manifest list."
  type        = string
  default     = "keep"
  nullable    = false

  validation {
    condition     = contains(["keep", "drop"], var.attestations)
    error_message = "The value of attestations must be one of keep, drop."
  }
}

variable "aliases" {
  description = "Comma-separated tags that follow the highest release, in which {major} and {minor} may stand, such as {major}.{minor},{major},latest. Empty means none."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^( *[A-Za-z0-9_{}.-]+ *(, *[A-Za-z0-9_{}.-]+ *)*)?$", var.aliases))
    error_message = "The value of aliases must be a comma-separated list of tags such as {major}.{minor},{major},latest, or empty."
  }
}

variable "rules" {
  description = "A JSON array of objects with repositories (an array of names or globs) and any of platforms, tag_template, version_pattern, revisions, attestations, aliases. The first rule that matches a repository applies. Empty means no rules."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^(\\s*\\[[\\s\\S]*\\]\\s*)?$", var.rules))
    error_message = "The value of rules must be a JSON array, or empty."
  }
}

# Sweep

variable "sweep_state" {
  description = "Whether the scheduled sweep runs. It repairs versions whose events were lost."
  type        = string
  default     = "ENABLED"
  nullable    = false

  validation {
    condition     = contains(["ENABLED", "DISABLED"], var.sweep_state)
    error_message = "The value of sweep_state must be one of ENABLED, DISABLED."
  }
}

variable "sweep_schedule" {
  description = "When the sweep runs, as a schedule expression of EventBridge Scheduler."
  type        = string
  default     = "rate(1 hour)"
  nullable    = false

  validation {
    condition     = can(regex("^(rate|cron)\\([^()]+\\)$", var.sweep_schedule))
    error_message = "The value of sweep_schedule must be an expression such as rate(1 hour) or cron(15 * * * ? *)."
  }
}

variable "sweep_puts_per_second" {
  description = "How many manifest lists a sweep writes per second. Every docker push shares ECR's PutImage quota."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.sweep_puts_per_second >= 0.01
    error_message = "The value of sweep_puts_per_second must be 0.01 or more."
  }

  validation {
    condition     = var.sweep_puts_per_second <= 1000
    error_message = "The value of sweep_puts_per_second must be 1000 or less."
  }
}

variable "settled_after" {
  description = "A complete version is compared by digest until its list is older than this, then a scan is trusted. At least twice the interval of sweep_schedule."
  type        = string
  default     = "3h"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{1,9}[smhd]$", var.settled_after))
    error_message = "The value of settled_after must be a whole number and one of s, m, h or d, such as 3h."
  }
}

variable "incomplete_after" {
  description = "A version that lacks a platform is reported once its newest platform image is older than this."
  type        = string
  default     = "1h"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{1,9}[smhd]$", var.incomplete_after))
    error_message = "The value of incomplete_after must be a whole number and one of s, m, h or d, such as 90m."
  }
}

variable "incomplete_until" {
  description = "A version that lacks a platform is reported only until its newest platform image is older than this."
  type        = string
  default     = "7d"
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{1,9}[smhd]$", var.incomplete_until))
    error_message = "The value of incomplete_until must be a whole number and one of s, m, h or d, such as 7d."
  }
}

# Additional accounts and Regions

variable "organization_id" {
  description = "ID of this account's organization in AWS Organizations, such as o-a1b2c3d4e5, to serve the registries of all its accounts. Empty serves this account and accounts."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^(o-[a-z0-9]{10,32})?$", var.organization_id))
    error_message = "The value of organization_id must be the ID of an organization, or empty."
  }
}

variable "swept_accounts" {
  description = "With organization_id, the accounts that the sweep covers besides this one: comma-separated IDs, or * for all active accounts of the organization, if this account may list them. Empty sweeps this account only."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^(\\*|[0-9]{12}(,[0-9]{12})*)?$", var.swept_accounts))
    error_message = "The value of swept_accounts must be comma-separated account IDs of 12 digits, or *, or empty."
  }
}

variable "unswept_accounts" {
  description = "With swept_accounts=*, the accounts that the sweep leaves out, since their registries do not allow it: comma-separated IDs. Empty leaves out none."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([0-9]{12}(,[0-9]{12})*)?$", var.unswept_accounts))
    error_message = "The value of unswept_accounts must be comma-separated account IDs of 12 digits, or empty."
  }
}

variable "accounts" {
  description = "IDs of additional accounts whose registries are served. These accounts may put events on the event bus. Empty serves this account only. Has no effect with organization_id."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for entry in split(",", join(",", var.accounts)) : can(regex("^([0-9]{12})?$", entry))])
    error_message = "The value of accounts must be account IDs of 12 digits."
  }
}

variable "further_regions" {
  description = "Additional Regions whose registries are served. Empty serves this Region only."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for entry in split(",", join(",", var.further_regions)) : can(regex("^([a-z]{2,}(-[a-z]+)+-[0-9]+)?$", entry))])
    error_message = "The value of further_regions must be Regions such as eu-central-1."
  }
}

variable "event_bus_name" {
  description = "Name of the event bus that receives push events. ECR sends its events to the bus named default."
  type        = string
  default     = "default"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-][/A-Za-z0-9_.-]{0,255}$", var.event_bus_name))
    error_message = "The value of event_bus_name must be the name of an event bus."
  }
}

# Roles

variable "role_name_prefix" {
  description = "The functions' roles are named after it, such as ecr-multiarch-assembler and ecr-multiarch-sweeper. Empty lets CloudFormation generate the names. IAM names are unique in an account, so no other stack can use the same prefix."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_+=,.@-]{0,54}$", var.role_name_prefix))
    error_message = "The value of role_name_prefix must be at most 54 characters of a role name."
  }
}

variable "role_path" {
  description = "Path of all roles of the stack and of the policy for jobs that wait, such as /platform/."
  type        = string
  default     = "/"
  nullable    = false

  validation {
    condition     = can(regex("^/([A-Za-z0-9_+=,.@-]+/)*$", var.role_path))
    error_message = "The value of role_path must be a path that begins and ends with a slash."
  }
}

variable "permissions_boundary" {
  description = "Path and name of the policy of this account that is the permissions boundary of all roles of the stack, such as platform/boundary. It must allow what OPERATIONS.md lists under Security. Empty sets none."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([A-Za-z0-9_+=,.@-]+/)*[A-Za-z0-9_+=,.@-]*$", var.permissions_boundary))
    error_message = "The value of permissions_boundary must be the path and name of a policy, such as platform/boundary, or empty."
  }
}

variable "exclude_from_pull_time" {
  description = "Whether the functions' reads leave the time of an image's last pull alone, in this account and Region. Lifecycle rules that count from the last pull use it."
  type        = bool
  default     = false
  nullable    = false
}

# Monitoring

variable "alarm_topic_arn" {
  description = "ARN of an SNS topic that the alarms notify. Empty creates the alarms without a notification."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^(arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]{1,256})?$", var.alarm_topic_arn))
    error_message = "The value of alarm_topic_arn must be the ARN of an SNS topic, or empty."
  }
}

variable "hours_without_sweep" {
  description = "Hours without a complete sweep after which SweepAlarm fires. Raise it with the schedule's interval."
  type        = number
  default     = 3
  nullable    = false

  validation {
    condition     = var.hours_without_sweep >= 1
    error_message = "The value of hours_without_sweep must be 1 or more."
  }

  validation {
    condition     = var.hours_without_sweep <= 168
    error_message = "The value of hours_without_sweep must be 168 or less."
  }
}

variable "log_level" {
  description = "Minimum level of the functions' log lines. Metrics are written at every level."
  type        = string
  default     = "INFO"
  nullable    = false

  validation {
    condition     = contains(["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"], var.log_level)
    error_message = "The value of log_level must be one of TRACE, DEBUG, INFO, WARN, ERROR, FATAL."
  }
}

variable "log_retention_days" {
  description = "How many days the functions' logs are retained."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "The value of log_retention_days must be one of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653."
  }
}

# Functions

variable "maximum_concurrency" {
  description = "How many invocations of the assembler handle push events at the same time, each up to 10 events. Others wait in the queue. Every docker push shares ECR's PutImage quota."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.maximum_concurrency >= 2
    error_message = "The value of maximum_concurrency must be 2 or more."
  }

  validation {
    condition     = var.maximum_concurrency <= 1000
    error_message = "The value of maximum_concurrency must be 1000 or less."
  }
}

variable "signing_profile_arn" {
  description = "ARN of the AWS Signer profile that ECR managed signing uses, so that manifest lists are signed too; see OPERATIONS.md. Empty grants no signing permission."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^(arn:[a-z-]+:signer:[a-z0-9-]+:[0-9]{12}:/signing-profiles/[A-Za-z0-9_]{2,64})?$", var.signing_profile_arn))
    error_message = "The value of signing_profile_arn must be the ARN of a signing profile, or empty."
  }
}
