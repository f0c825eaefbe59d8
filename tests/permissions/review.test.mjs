// The policies that docs/security-review.md shows, compared with those of the template.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'

import { ROOT } from './simulation.mjs'

const PAGE = readFileSync(path.join(ROOT, 'docs/security-review.md'), 'utf8')

/** The first code block of a language. */
const block = (language) => PAGE.split(`\`\`\`${language}\n`)[1].split('```')[0]

test('the security review shows the policies of the functions', () => {
  const command = block('sh').replace('python3', '"$PYTHON"')
  assert.equal(execFileSync('bash', ['-c', command], { cwd: ROOT, encoding: 'utf8' }), block('json'))
})
