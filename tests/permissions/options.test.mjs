// What a VPC and a key add to the roles, held to a table of calls by IAM's rules.

import assert from 'node:assert/strict'
import test from 'node:test'

import { HUB, REGION, actionsOn, isAllowed, render, requestContext, rolesOf, session } from './simulation.mjs'

const key = (id) => `arn:aws:kms:${REGION}:${HUB}:key/${id}`
const stack = (parameters) =>
  ({ template: 'template.yaml', account: HUB, region: REGION, parameters: { Platforms: 'linux/amd64', ...parameters } })
const stacks = render({
  default: stack({}),
  vpc: stack({ SubnetIds: 'subnet-0a1b2c3d', SecurityGroupIds: 'sg-0a1b2c3d' }),
  encrypted: stack({ KmsKeyArn: key('ours') })
})

// A key obeys IAM's policies only if its own allows that, as the default one does.
const KEY_POLICY = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${HUB}:root` }, Action: 'kms:*', Resource: '*' }]
}
const USERS = ['AssemblerRole', 'SweeperRole', 'SweepScheduleRole']
const INTERFACES = [
  'AssignPrivateIpAddresses', 'CreateNetworkInterface', 'DeleteNetworkInterface', 'UnassignPrivateIpAddresses'
]

for (const [stackName, resources] of Object.entries(stacks)) {
  for (const [name, role] of Object.entries(rolesOf(resources))) {
    const arn = `arn:aws:iam::${HUB}:role/${name}`
    const caller = { role, principal: session(arn), account: HUB, context: requestContext(arn, { account: HUB }) }
    const call = (action, resource, resourcePolicy) => isAllowed({ ...caller, action, resource, resourcePolicy })

    test(`${stackName}: the ${name} uses the key of the stack only`, async () => {
      for (const action of await actionsOn('kms', 'key')) {
        for (const id of ['ours', 'theirs']) {
          const isMeant = stackName === 'encrypted' && id === 'ours' && USERS.includes(name)
          const expected = isMeant && ['Decrypt', 'GenerateDataKey'].includes(action)
          assert.equal(await call(`kms:${action}`, key(id), KEY_POLICY), expected, `${action} ${id}`)
        }
      }
    })

    test(`${stackName}: the ${name} manages the interfaces of a VPC only`, async () => {
      for (const action of await actionsOn('ec2', 'network-interface')) {
        const isMeant = stackName === 'vpc' && ['AssemblerRole', 'SweeperRole'].includes(name)
        const resource = `arn:aws:ec2:${REGION}:${HUB}:network-interface/eni-0a1b2c3d`
        assert.equal(await call(`ec2:${action}`, resource), isMeant && INTERFACES.includes(action), action)
      }
    })
  }
}
