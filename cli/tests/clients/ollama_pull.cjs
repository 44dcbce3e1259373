// Ollama's own client for JavaScript: a model from a hub, told as it comes.
//
//     ollama_pull.cjs <address> <key>

const assert = require('node:assert/strict')
const { Ollama } = require('ollama')

const [address, key] = process.argv.slice(2)
const client = new Ollama({ host: address, headers: { Authorization: `Bearer ${key}` } })

async function main() {
  const statuses = []
  for await (const step of await client.pull({ model: 'org/toy', stream: true })) statuses.push(step.status)
  assert.equal(statuses[0], 'pulling manifest')
  assert.equal(statuses.at(-1), 'success')
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
