# Written by .ci/terraform-variables from template.yaml. Change the template or that program, and run it again.

output "assembler_arn" {
  description = "Function that handles push events and requests for versions"
  value       = aws_cloudformation_stack.this.outputs["AssemblerArn"]
}

output "assembler_role_arn" {
  description = "Execution role of the assembler, which the registry policies of additional accounts must allow"
  value       = aws_cloudformation_stack.this.outputs["AssemblerRoleArn"]
}

output "assembler_log_group" {
  description = "Log group of the assembler"
  value       = aws_cloudformation_stack.this.outputs["AssemblerLogGroup"]
}

output "wait_function_arn" {
  description = "Alias of the assembler for those who wait for versions, such as pipelines/wait-for-version"
  value       = aws_cloudformation_stack.this.outputs["WaitFunctionArn"]
}

output "wait_policy_arn" {
  description = "Policy that allows invoking wait_function_arn, to be attached to the roles of jobs that wait"
  value       = aws_cloudformation_stack.this.outputs["WaitPolicyArn"]
}

output "sweeper_arn" {
  description = "Function that handles sweep requests"
  value       = aws_cloudformation_stack.this.outputs["SweeperArn"]
}

output "sweeper_role_arn" {
  description = "Execution role of the sweeper, which the registry policies of additional accounts must allow"
  value       = aws_cloudformation_stack.this.outputs["SweeperRoleArn"]
}

output "sweeper_log_group" {
  description = "Log group of the sweeper"
  value       = aws_cloudformation_stack.this.outputs["SweeperLogGroup"]
}

output "sweep_machine_arn" {
  description = "State machine that sweeps all served registries, by schedule or by hand"
  value       = aws_cloudformation_stack.this.outputs["SweepMachineArn"]
}

output "registry_sweep_machine_arn" {
  description = "State machine that sweeps one registry. Its executions are named after their registries"
  value       = aws_cloudformation_stack.this.outputs["RegistrySweepMachineArn"]
}

output "push_rule_arn" {
  description = "EventBridge rule that sends push events to the queue"
  value       = aws_cloudformation_stack.this.outputs["PushRuleArn"]
}

output "push_queue_url" {
  description = "Queue of the push events that wait for the assembler"
  value       = aws_cloudformation_stack.this.outputs["PushQueueUrl"]
}

output "push_queue_arn" {
  description = "ARN of the queue of push_queue_url"
  value       = aws_cloudformation_stack.this.outputs["PushQueueArn"]
}

output "push_mapping_id" {
  description = "Event source mapping from the queue to the assembler. While it is disabled, push events wait"
  value       = aws_cloudformation_stack.this.outputs["PushMappingId"]
}

output "push_dead_letter_queue_url" {
  description = "Dead-letter queue of the push events that failed on every attempt"
  value       = aws_cloudformation_stack.this.outputs["PushDeadLetterQueueUrl"]
}

output "push_dead_letter_queue_arn" {
  description = "ARN of the dead-letter queue of push_dead_letter_queue_url"
  value       = aws_cloudformation_stack.this.outputs["PushDeadLetterQueueArn"]
}

output "event_bus_arn" {
  description = "Event bus to which additional accounts and Regions send their push events"
  value       = aws_cloudformation_stack.this.outputs["EventBusArn"]
}

output "undelivered_queue_url" {
  description = "Dead-letter queue of events and scheduled sweeps that could not be delivered"
  value       = aws_cloudformation_stack.this.outputs["UndeliveredQueueUrl"]
}

output "undelivered_queue_arn" {
  description = "ARN of the dead-letter queue of undelivered_queue_url"
  value       = aws_cloudformation_stack.this.outputs["UndeliveredQueueArn"]
}

output "failed_queue_url" {
  description = "Dead-letter queue of the asynchronous invocations that failed after all retries"
  value       = aws_cloudformation_stack.this.outputs["FailedQueueUrl"]
}

output "failed_queue_arn" {
  description = "ARN of the dead-letter queue of failed_queue_url"
  value       = aws_cloudformation_stack.this.outputs["FailedQueueArn"]
}

output "dashboard_url" {
  description = "CloudWatch dashboard of this stack"
  value       = aws_cloudformation_stack.this.outputs["DashboardUrl"]
}
