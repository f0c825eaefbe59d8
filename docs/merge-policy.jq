# Adds the statements that allow a hub's functions to access a registry, or a repository, to the policy that it has.
# Keeps all other statements, and replaces those of an earlier merge. docs/organization.md describes how to use it.
#
#     jq --arg assembler ARN --arg sweeper ARN --arg registry arn:aws:ecr:REGION:ACCOUNT -f docs/merge-policy.jq FILE
#
# For the policy of a repository, pass an empty registry. For ECR managed signing, add `--arg signatures true`.

# The hub's account is the principal, and a condition names the roles: the policy stays valid when the roles are made
# anew.
def statement($sid; $roles; $actions):
  ($assembler | split(":")) as $arn
  | {
      Sid: $sid,
      Effect: "Allow",
      Principal: {AWS: "arn:\($arn[1]):iam::\($arn[4]):root"},
      Action: $actions,
      Condition: {ArnEquals: {"aws:PrincipalArn": $roles}}
    }
  | if $registry == "" then . else . + {Resource: ($registry + ":repository/*")} end;

[
  statement(
    "EcrMultiarchImages";
    [$assembler, $sweeper];
    ["ecr:BatchGetImage", "ecr:DescribeImages", "ecr:GetDownloadUrlForLayer", "ecr:PutImage"]
      + if $ARGS.named.signatures != "true" then [] else [
          "ecr:BatchCheckLayerAvailability", "ecr:CompleteLayerUpload", "ecr:InitiateLayerUpload", "ecr:UploadLayerPart"
        ] end
  ),
  # A repository policy cannot allow it: it is about all repositories.
  (if $registry == "" then empty
   else statement("EcrMultiarchRepositories"; $sweeper; "ecr:DescribeRepositories") end)
] as $ours
| .Version //= "2012-10-17"
| .Statement = (
    [.Statement // [] | if type == "array" then .[] else . end | select(.Sid as $sid | all($ours[]; .Sid != $sid))]
    + $ours
  )
