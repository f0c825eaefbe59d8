// The topic and the role of docs/notifications.yaml, held to a table of calls by IAM's rules.

import assert from 'node:assert/strict'
import test from 'node:test'

import { HUB, LISTED, REGION, isAllowed, render, requestContext, rolesOf, session } from './simulation.mjs'

// What can be started, the call that does, and another one.
const STARTED = {
  pipeline: [
    `arn:aws:codepipeline:${REGION}:${HUB}:deploy`, 'codepipeline:StartPipelineExecution', 'codepipeline:UpdatePipeline'
  ],
  machine: [`arn:aws:states:${REGION}:${HUB}:stateMachine:deploy`, 'states:StartExecution', 'states:UpdateStateMachine']
}
const stack = (parameters) => ({ template: 'docs/notifications.yaml', account: HUB, region: REGION, parameters })
const stacks = render({
  default: stack({}),
  existing: stack({ TopicArn: `arn:aws:sns:${REGION}:${HUB}:ours` }),
  ...Object.fromEntries(Object.entries(STARTED).map(([name, [StartArn]]) => [name, stack({ StartArn })]))
})

test('only the rules of the stack may publish to its topic', async () => {
  const rules = Object.entries(stacks.default).filter(([, { Type }]) => Type === 'AWS::Events::Rule')
  const topic = `arn:aws:sns:${REGION}:${HUB}:Topic`
  const { PolicyDocument, Topics } = stacks.default.TopicPolicy.Properties
  assert.deepEqual(Topics, [topic])
  const publish = (principal, rule, account = HUB, action = 'sns:Publish') => isAllowed({
    principal, account: HUB, action, resource: topic, resourcePolicy: PolicyDocument,
    context: { 'aws:SourceArn': `arn:aws:events:${REGION}:${account}:rule/${rule}` }
  })
  assert(rules.length > 3)
  for (const [rule, { Properties }] of rules) {
    assert.equal(Properties.Targets[0].Arn, topic)
    assert.equal(await publish('events.amazonaws.com', rule), true, rule)
    assert.equal(await publish('events.amazonaws.com', rule, LISTED), false, rule)
    assert.equal(await publish('events.amazonaws.com', rule, HUB, 'sns:Subscribe'), false, rule)
    assert.equal(await publish('s3.amazonaws.com', rule), false, rule)
  }
  assert.equal(await publish('events.amazonaws.com', 'their-rule'), false)
})

test('a topic of the team keeps its policy', () => {
  const types = Object.values(stacks.existing).map(({ Type }) => Type)
  assert.deepEqual([...new Set(types)], ['AWS::Events::Rule'])
})

for (const [name, [started, start]] of Object.entries(STARTED)) {
  test(`the role may start the ${name} only`, async () => {
    const { StartRole, ...others } = rolesOf(stacks[name])
    assert.deepEqual(others, {})
    const arn = `arn:aws:iam::${HUB}:role/StartRole`
    const context = requestContext(arn, { account: HUB })
    for (const [own, ...actions] of Object.values(STARTED)) {
      for (const resource of [own, `${own}-other`]) {
        for (const action of actions) {
          const request = { role: StartRole, principal: session(arn), account: HUB, action, resource, context }
          assert.equal(await isAllowed(request), resource === started && action === start, `${action} ${resource}`)
        }
      }
    }
  })
}

test('a stack that starts nothing has no role', () => {
  assert.deepEqual(rolesOf(stacks.default), {})
})
