// Ollama's own client for JavaScript: a model from a hub, told as it comes.
//
//     ollama_pull.cjs <address> <key> <bytes of the graph that come before it stalls> <bytes of the graph>
//
// Whoever starts it lets the graph come once it has stalled.

const assert = require('node:assert/strict')
const { Ollama } = require('ollama')

const [address, key, ...sizes] = process.argv.slice(2)
const [stallsAt, whole] = sizes.map(Number)
const client = new Ollama({ host: address, headers: { Authorization: `Bearer ${key}` } })

async function main() {
  const steps = []
  for await (const step of await client.pull({ model: 'org/toy', stream: true })) steps.push(step)
  const statuses = steps.map((step) => step.status)
  assert.equal(statuses[0], 'pulling manifest')
  assert.deepEqual(statuses.slice(-3), ['verifying sha256 digest', 'writing manifest', 'success'])
  const layers = steps.filter((step) => step.digest)
  for (const { status, digest, total, completed } of layers) {
    assert.match(digest, /^sha256:[0-9a-f]{64}$/)
    assert.equal(status, `pulling ${digest.slice(7, 19)}`)
    assert.ok(total === whole && completed <= whole, steps)
  }
  assert.ok(layers.some((step) => step.completed === stallsAt), steps)
  assert.deepEqual(await client.pull({ model: 'org/toy', stream: false }), { status: 'success' })
  await assert.rejects(() => client.pull({ model: 'org/nothing', stream: false }), { status_code: 404 })
  assert.deepEqual(await client.delete({ model: 'org/toy' }), { status: 'success' })
}

main()
  .then(() => console.log('pulls are as they should be'))
  .catch((error) => {
    console.error(error)
    process.exit(1)
  })
