// Each role and policy of the templates, held to a table of calls by IAM's rules.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'

import {
  FOREIGN, HUB, LISTED, ORGANIZATION, READ_AND_WRITE, REGION, ROOT, SIBLING, UPLOADS, isAllowed, render,
  repositoryActions, requestContext, rolesOf, session
} from './simulation.mjs'

const FURTHER_REGION = 'eu-west-1'
const OTHER_REGION = 'us-east-1'
const ALL_ACCOUNTS = [HUB, LISTED, SIBLING, FOREIGN]

const hub = (parameters) => ({
  template: 'template.yaml', account: HUB, region: REGION, parameters: { Platforms: 'linux/amd64', ...parameters }
})
const ASSEMBLER = `arn:aws:iam::${HUB}:role/images-assembler`
const SWEEPER = `arn:aws:iam::${HUB}:role/images-sweeper`
const MEMBER_PARAMETERS = {
  HubAccountId: HUB, HubRegion: REGION, AssemblerRoleArn: ASSEMBLER, SweeperRoleArn: SWEEPER,
  RegistryPolicy: 'create', CreateOnPushPrefix: 'ROOT', UploadSignatures: 'true'
}
const SIGNING_PROFILE = `arn:aws:signer:${REGION}:${HUB}:/signing-profiles/images`
const member = (account, region = REGION, changes = {}) => ({
  template: 'member.yaml', account, region, parameters: { ...MEMBER_PARAMETERS, ...changes }
})

// The three sets of parameters, with the registries and repositories that the hub's roles may reach.
const SETS = {
  default: {
    stack: hub({}), accounts: [HUB], regions: [REGION], repositories: { app: true, 'team-b/app': true }
  },
  list: {
    stack: hub({
      Accounts: LISTED, FurtherRegions: FURTHER_REGION, Repositories: 'app,team-a/*', SigningProfileArn: SIGNING_PROFILE
    }),
    accounts: [HUB, LISTED], regions: [REGION, FURTHER_REGION],
    repositories: { app: true, 'team-a/x/app': true, application: false, 'team-b/app': false }, signs: true
  },
  organization: {
    stack: hub({
      OrganizationId: ORGANIZATION, SweptAccounts: '*', FurtherRegions: FURTHER_REGION, Aliases: 'latest'
    }),
    accounts: [HUB, LISTED, SIBLING], regions: [REGION, FURTHER_REGION],
    repositories: { app: true, 'team-b/app': true }, listsAccounts: true
  }
}

const stacks = render({
  ...Object.fromEntries(Object.entries(SETS).map(([name, set]) => [name, set.stack])),
  ...Object.fromEntries(ALL_ACCOUNTS.map((account) => [account, member(account)])),
  [`${LISTED}/${FURTHER_REGION}`]: member(LISTED, FURTHER_REGION),
  unsigned: member(LISTED, REGION, { UploadSignatures: 'false' })
})

const policy = (...statements) => ({ Version: '2012-10-17', Statement: statements })

const FUNCTIONS = { Assembler: ASSEMBLER, Sweeper: SWEEPER }

/** Whether the role of a function is meant to be allowed an action on a repository. */
function isMeant(set, name, action, account, region, isServed) {
  if (!set.accounts.includes(account) || !set.regions.includes(region)) return false
  if (name === 'Sweeper' && action === 'DescribeRepositories') return true
  if (!isServed) return false
  return READ_AND_WRITE.includes(action) || (set.signs === true && UPLOADS.includes(action))
}

/** The policy that a member's stack gives to its registry. */
function registryPolicy(account, region) {
  const { PolicyText } = structuredClone(stacks[account].HubAccess.Properties)
  for (const statement of PolicyText.Statement) {
    statement.Resource = statement.Resource.replace(`:${REGION}:`, `:${region}:`)
  }
  return PolicyText
}

for (const [setName, set] of Object.entries(SETS)) {
  for (const [name, arn] of Object.entries(FUNCTIONS)) {
    test(`${setName}: the ${name} may do just what it needs`, async () => {
      const role = stacks[setName][`${name}Role`]
      for (const action of await repositoryActions()) {
        for (const account of ALL_ACCOUNTS) {
          for (const region of [REGION, FURTHER_REGION, OTHER_REGION]) {
            for (const [repository, isServed] of Object.entries(set.repositories)) {
              const request = {
                role, principal: session(arn), account, action: `ecr:${action}`,
                resource: `arn:aws:ecr:${region}:${account}:repository/${repository}`,
                context: requestContext(arn, { account, region })
              }
              const expected = isMeant(set, name, action, account, region, isServed)
              const resourcePolicy = account === HUB ? undefined : registryPolicy(account, region)
              assert.equal(await isAllowed({ ...request, resourcePolicy }), expected, JSON.stringify(request))
            }
          }
        }
      }
    })

    test(`${setName}: the ${name} may do nothing where it is not allowed`, async () => {
      const role = stacks[setName][`${name}Role`]
      for (const action of [...READ_AND_WRITE, ...UPLOADS, 'DescribeRepositories']) {
        const resource = `arn:aws:ecr:${REGION}:${LISTED}:repository/app`
        const context = requestContext(arn, { account: LISTED })
        const request = { role, principal: session(arn), account: LISTED, action: `ecr:${action}`, resource, context }
        assert.equal(await isAllowed(request), false, action)
      }
    })
  }
}

test('a registry policy allows only the roles that it names', async () => {
  const all = policy({ Effect: 'Allow', Action: 'ecr:*', Resource: '*' })
  const unlimited = { Properties: { Policies: [{ PolicyName: 'all', PolicyDocument: all }] } }
  const others = [
    `arn:aws:iam::${HUB}:role/other`, `arn:aws:iam::${SIBLING}:role/images-sweeper`,
    `arn:aws:iam::${FOREIGN}:role/images-assembler`
  ]
  const policies = [registryPolicy(LISTED, REGION), merged({}, true, SIGNATURES)]
  for (const arn of [ASSEMBLER, SWEEPER, ...others]) {
    for (const action of await repositoryActions()) {
      const isNamed = (action === 'DescribeRepositories' ? [SWEEPER] : [ASSEMBLER, SWEEPER]).includes(arn)
      const expected = isNamed && [...READ_AND_WRITE, ...UPLOADS, 'DescribeRepositories'].includes(action)
      for (const resourcePolicy of policies) {
        const allowed = await isAllowed({
          role: unlimited, principal: session(arn), account: LISTED, action: `ecr:${action}`, resourcePolicy,
          resource: `arn:aws:ecr:${REGION}:${LISTED}:repository/app`, context: requestContext(arn, { account: LISTED })
        })
        assert.equal(allowed, expected, `${arn} ${action}`)
      }
    }
  }
})

const SIGNATURES = ['--arg', 'signatures', 'true']

/** A policy after the documented merge. */
function merged(before, isRegistry, further = []) {
  const registry = isRegistry ? `arn:aws:ecr:${REGION}:${LISTED}` : ''
  const options = ['--arg', 'assembler', ASSEMBLER, '--arg', 'sweeper', SWEEPER, '--arg', 'registry', registry]
  const filter = path.join(ROOT, 'docs/merge-policy.jq')
  return JSON.parse(execFileSync('jq', [...options, ...further, '-f', filter], { input: JSON.stringify(before) }))
}

test('the documented merge makes the policies of a member', () => {
  for (const [name, further] of [[LISTED, SIGNATURES], ['unsigned', []]]) {
    const { HubAccess, CreatedOnPush } = stacks[name]
    assert.deepEqual(merged({}, true, further), HubAccess.Properties.PolicyText)
    assert.deepEqual(merged({}, false, further), JSON.parse(CreatedOnPush.Properties.RepositoryPolicy))
  }
})

test('the documented merge keeps what is there', () => {
  const pull = { Sid: 'Pull', Effect: 'Allow', Principal: '*', Action: ['ecr:BatchGetImage'] }
  const unnamed = { Effect: 'Deny', Principal: '*', Action: 'ecr:BatchDeleteImage' }
  for (const isRegistry of [true, false]) {
    for (const Statement of [[pull, unnamed], unnamed]) {
      const before = { Version: '2008-10-17', Id: 'theirs', Statement }
      const once = merged(before, isRegistry)
      assert.deepEqual(once.Statement.slice(0, -1 - isRegistry), [Statement].flat())
      assert.deepEqual([once.Version, once.Id], ['2008-10-17', 'theirs'])
      assert.deepEqual(merged(once, isRegistry), once)
    }
  }
})

// The event bus.

const BUS = `arn:aws:events:${REGION}:${HUB}:event-bus/default`
const PUSH = { source: 'aws.ecr', detailType: 'ECR Image Action', invocation: 'true' }

/** The context of an event, of which IAM describes both keys as lists. */
function eventContext({ source, detailType, invocation }) {
  return {
    ...(invocation && { 'events:eventBusInvocation': invocation }),
    ...(source && { 'events:source': [source] }),
    ...(detailType && { 'events:detail-type': [detailType] })
  }
}

/** Whether the rule of a member's stack may send an event to the hub's bus. */
function maySend(setName, account, event = PUSH, changes = {}) {
  const arn = `arn:aws:iam::${account}:role/SenderRole`
  const statement = stacks[setName].SendersPolicy?.Properties.Statement
  return isAllowed({
    role: stacks[account].SenderRole, principal: session(arn), account: HUB, action: 'events:PutEvents', resource: BUS,
    context: { ...requestContext(arn, { account: HUB }), ...eventContext(event) },
    resourcePolicy: statement && policy(statement),
    ...changes
  })
}

const SENDERS = { default: [], list: [LISTED], organization: [LISTED, SIBLING] }

for (const [setName, senders] of Object.entries(SENDERS)) {
  test(`${setName}: only members may send push events to the bus`, async () => {
    for (const account of [LISTED, SIBLING, FOREIGN]) {
      assert.equal(await maySend(setName, account), senders.includes(account), account)
    }
  })

  test(`${setName}: members may send nothing but push events`, async () => {
    for (const account of senders) {
      const others = [
        { ...PUSH, source: 'aws.ec2' }, { ...PUSH, source: 'their.own' }, { ...PUSH, source: undefined },
        { ...PUSH, detailType: 'ECR Image Scan' }, { ...PUSH, detailType: undefined }
      ]
      for (const event of others) {
        assert.equal(await maySend(setName, account, event), false, JSON.stringify(event))
      }
    }
  })

  test(`${setName}: members may send events of rules, not of calls`, async () => {
    for (const account of senders) {
      for (const [invocation, expected] of [['true', true], [undefined, true], ['false', false]]) {
        assert.equal(await maySend(setName, account, { ...PUSH, invocation }), expected, String(invocation))
      }
    }
  })

  test(`${setName}: members may not change the rules of the bus`, async () => {
    for (const account of senders) {
      for (const action of ['events:PutRule', 'events:PutTargets', 'events:DeleteRule']) {
        const resource = `arn:aws:events:${REGION}:${HUB}:rule/any`
        const context = requestContext(`arn:aws:iam::${account}:role/SenderRole`, { account: HUB })
        assert.equal(await maySend(setName, account, PUSH, { action, resource, context }), false, action)
      }
    }
  })
}

test('a member may send to the bus of its hub only', async () => {
  for (const resource of [BUS.replace('default', 'other'), BUS.replace(REGION, OTHER_REGION)]) {
    const resourcePolicy = policy({ Effect: 'Allow', Principal: '*', Action: 'events:PutEvents', Resource: resource })
    assert.equal(await maySend('organization', LISTED, PUSH, { resource, resourcePolicy }), false, resource)
  }
})

test('another Region of the hub may send without a bus policy', async () => {
  const arn = `arn:aws:iam::${HUB}:role/SenderRole`
  const role = stacks[`${LISTED}/${FURTHER_REGION}`].SenderRole
  const context = { ...requestContext(arn, { account: HUB }), ...eventContext(PUSH) }
  const request = { role, principal: session(arn), account: HUB, action: 'events:PutEvents', resource: BUS, context }
  assert.equal(await isAllowed(request), true)
})

// Everything else that a role may do. The table has all roles, so a new one must be added.

const sqs = (name) => `arn:aws:sqs:${REGION}:${HUB}:${name}`
const log = (name) => `arn:aws:logs:${REGION}:${HUB}:log-group:${name}:log-stream:any`
const machine = (name) => `arn:aws:states:${REGION}:${HUB}:stateMachine:${name}`
const lambda = (name) => `arn:aws:lambda:${REGION}:${HUB}:function:${name}`

const executions = (name) => `arn:aws:states:${REGION}:${HUB}:execution:${name}.Name:any`

const RECEIVE = ['sqs:DeleteMessage', 'sqs:GetQueueAttributes', 'sqs:ReceiveMessage']
const WRITE_LOG = ['logs:CreateLogStream', 'logs:PutLogEvents']
const START = 'states:StartExecution'
const TRACE = ['xray:PutTelemetryRecords', 'xray:PutTraceSegments']
// Step Functions learns by this rule that an execution for which another one waits has ended.
const RULE = `arn:aws:events:${REGION}:${HUB}:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule`

// What the events of the sweep are, as IAM sees a call that puts some.
const EVENT = { 'events:source': ['ecr-multiarch'], 'events:detail-type': ['ECR Version Failed', 'ECR Alias Conflict'] }

// What a state machine needs to be allowed for each of its tasks. One that is not here fails the tests.
const CALLS_OF_TASKS = {
  'lambda:invoke': [[['lambda:InvokeFunction'], lambda('Sweeper')]],
  'states:startExecution.sync:2': [
    [[START], machine('RegistrySweepMachine')],
    [['states:DescribeExecution', 'states:StopExecution'], executions('RegistrySweepMachine')],
    [['events:DescribeRule', 'events:PutRule', 'events:PutTargets'], RULE]
  ],
  'aws-sdk:sfn:listExecutions': [[['states:ListExecutions'], machine('RegistrySweepMachine')]],
  'aws-sdk:sfn:describeExecution': [[['states:DescribeExecution'], executions('RegistrySweepMachine')]],
  'events:putEvents': [[['events:PutEvents'], BUS]],
  'aws-sdk:cloudwatch:putMetricData': [[['cloudwatch:PutMetricData'], '*']],
  'aws-sdk:organizations:listAccounts': [[['organizations:ListAccounts'], '*']]
}

/** The calls of a state machine, by the tasks of its definition. */
function callsOf(definition) {
  const text = readFileSync(path.join(ROOT, 'statemachine', definition), 'utf8')
  const tasks = [...text.matchAll(/"Resource": "arn:\$\{Partition\}:states:::([^"]+)"/g)].map(([, task]) => task)
  return tasks.flatMap((task) => CALLS_OF_TASKS[task] ?? assert.fail(`what does ${task} need?`))
}

const OTHER_CALLS = {
  AssemblerRole: [
    [RECEIVE, sqs('PushQueue')], [['sqs:SendMessage'], sqs('FailedQueue')],
    [WRITE_LOG, log('AssemblerLog')], [TRACE, '*']
  ],
  SweeperRole: [[['sqs:SendMessage'], sqs('FailedQueue')], [WRITE_LOG, log('SweeperLog')], [TRACE, '*']],
  SweepMachineRole: callsOf('sweep.asl.json'),
  RegistrySweepMachineRole: callsOf('registry-sweep.asl.json'),
  SweepScheduleRole: [[[START], machine('SweepMachine')], [['sqs:SendMessage'], sqs('UndeliveredQueue')]]
}

/** Whether a role is meant to be allowed a call. */
function isMeantToCall(set, name, action, resource) {
  if (action === 'organizations:ListAccounts' && !set.listsAccounts) return false
  if (action === 'signer:SignPayload') return name in { AssemblerRole: 0, SweeperRole: 0 } && set.signs === true
  return OTHER_CALLS[name].some(([actions, of]) => actions.includes(action) && of === resource)
}

/** All calls that some role may make, and a few that none may. */
function* calls() {
  const queues = ['FailedQueue', 'PushDeadLetterQueue', 'PushQueue', 'UndeliveredQueue', 'TheirQueue']
  for (const queue of queues) {
    const actions = [...RECEIVE, 'sqs:SendMessage', 'sqs:PurgeQueue', 'sqs:SetQueueAttributes']
    for (const action of actions) yield [action, sqs(queue)]
  }
  for (const name of ['AssemblerLog', 'SweeperLog', 'TheirLog']) {
    for (const action of [...WRITE_LOG, 'logs:GetLogEvents']) yield [action, log(name)]
  }
  for (const name of ['Assembler', 'Assembler:wait', 'Sweeper', 'Theirs']) {
    for (const action of ['lambda:InvokeFunction', 'lambda:UpdateFunctionCode']) yield [action, lambda(name)]
  }
  for (const name of ['SweepMachine', 'RegistrySweepMachine', 'TheirMachine']) {
    for (const action of [START, 'states:ListExecutions', 'states:UpdateStateMachine']) yield [action, machine(name)]
    for (const action of ['states:DescribeExecution', 'states:StopExecution']) yield [action, executions(name)]
  }
  for (const rule of [RULE, RULE.replace('GetEvents', 'Their')]) {
    for (const action of ['events:DescribeRule', 'events:PutRule', 'events:PutTargets']) yield [action, rule]
  }
  const unlimited = ['cloudwatch:PutMetricData', 'ecr:GetAuthorizationToken', 'organizations:ListAccounts']
  for (const action of [...TRACE, ...unlimited]) yield [action, '*']
  yield ['signer:SignPayload', SIGNING_PROFILE]
  yield ['sts:AssumeRole', `arn:aws:iam::${LISTED}:role/any`]
  yield ['iam:PassRole', ASSEMBLER]
  yield ['events:PutEvents', BUS]
}

for (const setName of Object.keys(SETS)) {
  test(`${setName}: each role may use what is its own only`, async () => {
    const roles = rolesOf(stacks[setName])
    assert.deepEqual(Object.keys(roles).sort(), Object.keys(OTHER_CALLS).sort())
    for (const [name, role] of Object.entries(roles)) {
      const arn = `arn:aws:iam::${HUB}:role/${name}`
      for (const [action, resource] of calls()) {
        const expected = isMeantToCall(SETS[setName], name, action, resource)
        const account = resource === '*' ? HUB : resource.split(':')[4]
        const own = { 'cloudwatch:namespace': 'EcrMultiarch', ...EVENT }
        const context = { ...requestContext(arn, { account }), ...own }
        const request = { role, principal: session(arn), account, action, resource, context }
        assert.equal(await isAllowed(request), expected, `${name} ${action} ${resource}`)
      }
    }
  })
}

test('a state machine may put its own events only', async () => {
  const role = rolesOf(stacks.default).RegistrySweepMachineRole
  const arn = `arn:aws:iam::${HUB}:role/RegistrySweepMachineRole`
  const mayPut = (event, resource = BUS) => {
    const context = { ...requestContext(arn, { account: HUB }), ...event }
    return isAllowed({ role, principal: session(arn), account: HUB, action: 'events:PutEvents', resource, context })
  }
  assert.ok(await mayPut(EVENT))
  const { 'events:source': source, ...withoutSource } = EVENT
  const others = [
    {}, withoutSource, { 'events:source': source }, { ...EVENT, 'events:source': ['aws.ecr'] },
    { ...EVENT, 'events:source': [...source, 'other'] }, { ...EVENT, 'events:detail-type': ['ECR Image Action'] }
  ]
  for (const event of others) assert.ok(!(await mayPut(event)), JSON.stringify(event))
  assert.ok(!(await mayPut(EVENT, BUS.replace('default', 'other'))))
})

test('a state machine may write metrics of its own namespace only', async () => {
  const role = stacks.default.SweepMachineRole
  const arn = `arn:aws:iam::${HUB}:role/SweepMachineRole`
  const context = { ...requestContext(arn, { account: HUB }), 'cloudwatch:namespace': 'AWS/Lambda' }
  const request = { role, principal: session(arn), account: HUB, action: 'cloudwatch:PutMetricData', resource: '*' }
  assert.equal(await isAllowed({ ...request, context }), false)
})

test('no role is allowed a wildcard action', () => {
  for (const [name, stack] of Object.entries(stacks)) {
    for (const [logicalId, role] of Object.entries(rolesOf(stack))) {
      const statements = role.Properties.Policies.flatMap(({ PolicyDocument }) => PolicyDocument.Statement)
      for (const action of statements.flatMap(({ Action }) => Action)) {
        assert.doesNotMatch(action, /[*?]/, `${name} ${logicalId}`)
      }
    }
  }
})

test('the role of a member may only send events', () => {
  const [{ PolicyDocument }] = rolesOf(stacks[LISTED]).SenderRole.Properties.Policies
  assert.deepEqual(PolicyDocument.Statement.map(({ Action }) => Action), ['events:PutEvents'])
})

// Who may assume each role, and with which the functions and state machines run.

const ASSUMED_BY = {
  AssemblerRole: 'lambda', SweeperRole: 'lambda', SweepMachineRole: 'states', RegistrySweepMachineRole: 'states',
  SweepScheduleRole: 'scheduler'
}

test('a role is assumed by its own service for its own account', async () => {
  for (const [name, role] of Object.entries(rolesOf(stacks.default))) {
    for (const service of new Set(Object.values(ASSUMED_BY))) {
      for (const account of [HUB, FOREIGN]) {
        const allowed = await isAllowed({
          principal: `${service}.amazonaws.com`, account: HUB, action: 'sts:AssumeRole',
          resource: `arn:aws:iam::${HUB}:role/${name}`, context: { 'aws:SourceAccount': account },
          resourcePolicy: role.Properties.AssumeRolePolicyDocument
        })
        // Lambda does not say for which function it assumes a role.
        const expected = service === ASSUMED_BY[name] && (account === HUB || service === 'lambda')
        assert.equal(allowed, expected, `${name} ${service} ${account}`)
      }
    }
  }
})

test('each function and state machine has its own role', () => {
  for (const name of ['Assembler', 'Sweeper', 'SweepMachine', 'RegistrySweepMachine']) {
    const { Role, RoleArn } = stacks.default[name].Properties
    assert.equal(Role ?? RoleArn, `arn:aws:iam::${HUB}:role/${name}Role`)
  }
})

// The jobs that wait for a version.

for (const setName of Object.keys(SETS)) {
  test(`${setName}: who waits may only invoke the alias wait`, async () => {
    const arn = `arn:aws:iam::${HUB}:role/deploy`
    const { PolicyDocument } = stacks[setName].WaitPolicy.Properties
    const role = { Properties: { Policies: [{ PolicyName: 'wait', PolicyDocument }] } }
    const functions = [
      'Assembler', 'Assembler:wait', 'Assembler:live', 'Assembler:$LATEST', 'Assembler:1', 'Assembler:waiting', 'Sweeper',
      'Sweeper:wait', 'Theirs', 'Theirs:wait', 'wait'
    ]
    const actions = [
      'lambda:InvokeFunction', 'lambda:InvokeAsync', 'lambda:InvokeFunctionUrl', 'lambda:GetFunction',
      'lambda:UpdateAlias', 'lambda:UpdateFunctionCode', 'lambda:AddPermission'
    ]
    const invocations = functions.flatMap((name) => actions.map((action) => [action, lambda(name)]))
    const elsewhere = [[HUB, LISTED], [REGION, OTHER_REGION]].map(
      ([here, there]) => ['lambda:InvokeFunction', lambda('Assembler:wait').replace(here, there)]
    )
    for (const [action, resource] of [...invocations, ...elsewhere, ...calls()]) {
      const expected = action === 'lambda:InvokeFunction' && resource === lambda('Assembler:wait')
      const account = resource === '*' ? HUB : resource.split(':')[4]
      const context = requestContext(arn, { account })
      const request = { role, principal: session(arn), account, action, resource, context }
      assert.equal(await isAllowed(request), expected, `${action} ${resource}`)
    }
  })
}

// Queues.

// The stack, the queue, and the rule that may send to it.
const QUEUES = [
  ['organization', 'PushQueue', 'PushRule'], ['organization', 'UndeliveredQueue', 'PushRule'],
  ['organization', 'FailedQueue'], ['organization', 'PushDeadLetterQueue'], [LISTED, 'UnsentQueue', 'PushRule']
]

test('every queue is in the table', () => {
  for (const stack of ['organization', LISTED]) {
    const queues = Object.entries(stacks[stack]).filter(([, { Type }]) => Type === 'AWS::SQS::Queue')
    const inTable = QUEUES.filter(([of]) => of === stack).map(([, queue]) => queue)
    assert.deepEqual(queues.map(([queue]) => queue).sort(), inTable.sort())
  }
})

for (const [stack, queue, rule] of QUEUES) {
  test(`only the rule may send to ${queue}, and only over TLS`, async () => {
    const account = stack === LISTED ? LISTED : HUB
    const policy = stacks[stack][`${queue}Policy`].Properties
    assert.deepEqual(policy.Queues, [queue])
    for (const source of ['PushRule', 'their-rule']) {
      for (const tls of ['true', 'false']) {
        const sourceArn = `arn:aws:events:${REGION}:${account}:rule/${source}`
        const allowed = await isAllowed({
          principal: 'events.amazonaws.com', account, action: 'sqs:SendMessage',
          resource: sqs(queue).replace(HUB, account),
          context: { 'aws:SourceArn': sourceArn, 'aws:SecureTransport': tls }, resourcePolicy: policy.PolicyDocument
        })
        assert.equal(allowed, source === rule && tls === 'true', `${source} ${tls}`)
      }
    }
  })
}
