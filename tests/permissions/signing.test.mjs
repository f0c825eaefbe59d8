// What a signing profile adds to the functions' roles, in each partition, held to a table of calls by IAM's rules.

import assert from 'node:assert/strict'
import test from 'node:test'

import {
  FOREIGN, HUB, LISTED, READ_AND_WRITE, UPLOADS, actionsOn, isAllowed, render, repositoryActions, requestContext,
  session
} from './simulation.mjs'

// Each with a Region, a further one that the hub serves, and one that it does not.
const PARTITIONS = {
  aws: ['eu-central-1', 'eu-west-1', 'us-east-1'],
  'aws-cn': ['cn-north-1', 'cn-northwest-1', 'cn-other-1'],
  'aws-us-gov': ['us-gov-west-1', 'us-gov-east-1', 'us-gov-other-1']
}
const REPOSITORIES = { app: true, 'team-a/x/app': true, application: false, 'team-b/app': false }

const profile = (partition, region, name = 'images') =>
  `arn:${partition}:signer:${region}:${HUB}:/signing-profiles/${name}`

/** The hub of a partition, and one of its members, with or without signatures. */
function stacksOf(partition, isSigning) {
  const [region, further] = PARTITIONS[partition]
  const role = (name) => `arn:${partition}:iam::${HUB}:role/${name}Role`
  const hub = {
    Platforms: 'linux/amd64', Accounts: LISTED, FurtherRegions: further, Repositories: 'app,team-a/*',
    ...(isSigning && { SigningProfileArn: [region, further].map((of) => profile(partition, of)).join() })
  }
  const member = {
    HubAccountId: HUB, HubRegion: region, AssemblerRoleArn: role('Assembler'), SweeperRoleArn: role('Sweeper'),
    RegistryPolicy: 'create', ...(isSigning && { UploadSignatures: 'true' })
  }
  return {
    hub: { template: 'template.yaml', account: HUB, region, parameters: hub },
    [region]: { template: 'member.yaml', account: LISTED, region, parameters: member },
    [further]: { template: 'member.yaml', account: LISTED, region: further, parameters: member }
  }
}

for (const partition of Object.keys(PARTITIONS)) {
  for (const isSigning of [false, true]) {
    const which = `${partition}, ${isSigning ? 'signing' : 'not signing'}`
    const stacks = render(stacksOf(partition, isSigning))
    const allowed = isSigning ? [...READ_AND_WRITE, ...UPLOADS] : READ_AND_WRITE

    for (const name of ['Assembler', 'Sweeper']) {
      const arn = `arn:${partition}:iam::${HUB}:role/${name}Role`
      const caller = { role: stacks.hub[`${name}Role`], principal: session(arn) }

      test(`${which}: the ${name} uploads where it serves only`, async () => {
        const actions = await repositoryActions()
        for (const account of [HUB, LISTED, FOREIGN]) {
          for (const region of PARTITIONS[partition]) {
            const resourcePolicy = account === HUB ? undefined : stacks[region]?.HubAccess.Properties.PolicyText
            for (const [repository, isServed] of Object.entries(REPOSITORIES)) {
              const resource = `arn:${partition}:ecr:${region}:${account}:repository/${repository}`
              const isReached = account !== FOREIGN && region in stacks
              for (const action of actions) {
                const isMeant = (isServed && allowed.includes(action)) ||
                  (name === 'Sweeper' && action === 'DescribeRepositories')
                const context = requestContext(arn, { account, region })
                const request = { ...caller, account, action: `ecr:${action}`, resource, context, resourcePolicy }
                assert.equal(await isAllowed(request), isReached && isMeant, `${action} ${resource}`)
              }
            }
          }
        }
      })

      test(`${which}: the ${name} signs with the profiles only`, async () => {
        for (const action of await actionsOn('signer', 'signing-profile')) {
          for (const region of PARTITIONS[partition]) {
            for (const profileName of ['images', 'images2', 'theirs']) {
              const resource = profile(partition, region, profileName)
              const isMeant = isSigning && action === 'SignPayload' && region in stacks && profileName === 'images'
              const context = requestContext(arn, { account: HUB, region })
              const request = { ...caller, account: HUB, action: `signer:${action}`, resource, context }
              assert.equal(await isAllowed(request), isMeant, `${action} ${resource}`)
            }
          }
        }
      })
    }
  }
}
