# Written by .ci/terraform-variables from template.yaml. Change the template or that program, and run it again.

locals {
  parameters = {
    Platforms           = var.platforms
    TagTemplate         = var.tag_template
    Repositories        = join(",", var.repositories)
    VersionPattern      = var.version_pattern
    Revisions           = var.revisions
    Attestations        = var.attestations
    Aliases             = var.aliases
    Rules               = var.rules
    SweepState          = var.sweep_state
    SweepSchedule       = var.sweep_schedule
    SweepPutsPerSecond  = var.sweep_puts_per_second
    SettledAfter        = var.settled_after
    IncompleteAfter     = var.incomplete_after
    IncompleteUntil     = var.incomplete_until
    OrganizationId      = var.organization_id
    SweptAccounts       = var.swept_accounts
    UnsweptAccounts     = var.unswept_accounts
    Accounts            = join(",", var.accounts)
    FurtherRegions      = join(",", var.further_regions)
    EventBusName        = var.event_bus_name
    RoleNamePrefix      = var.role_name_prefix
    RolePath            = var.role_path
    PermissionsBoundary = var.permissions_boundary
    ExcludeFromPullTime = var.exclude_from_pull_time
    AlarmTopicArn       = var.alarm_topic_arn
    HoursWithoutSweep   = var.hours_without_sweep
    LogLevel            = var.log_level
    LogRetentionDays    = var.log_retention_days
    MaximumConcurrency  = var.maximum_concurrency
    SigningProfileArn   = var.signing_profile_arn
  }
}
