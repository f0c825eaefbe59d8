output "outputs" {
  description = "Outputs of the stack, by their names in the template."
  value       = aws_cloudformation_stack.this.outputs
}
