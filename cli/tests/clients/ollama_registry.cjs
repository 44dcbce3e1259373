// Ollama's own client for JavaScript: a model of uploaded files, its copies, its end.
//
//     ollama_registry.cjs <address> <key> <folder>

const assert = require('node:assert/strict')
const crypto = require('node:crypto')
const fs = require('node:fs')
const path = require('node:path')
const { Ollama } = require('ollama')

const [address, key, folder] = process.argv.slice(2)
const headers = { Authorization: `Bearer ${key}` }
const client = new Ollama({ host: address, headers })

async function refused(call, status, words) {
  await assert.rejects(call, (error) => {
    assert.equal(error.status_code, status, error)
    assert.ok(error.message.includes(words), error.message)
    return true
  })
}

// The client has no words for blobs, so they are sent as the API says.
async function uploaded(file) {
  const bytes = fs.readFileSync(file)
  const digest = `sha256:${crypto.createHash('sha256').update(bytes).digest('hex')}`
  const url = `${address}/api/blobs/${digest}`
  assert.ok([201, 200].includes((await fetch(url, { method: 'POST', headers, body: bytes })).status))
  assert.equal((await fetch(url, { method: 'HEAD', headers })).status, 200)
  return digest
}

async function models() {
  const files = {}
  for (const entry of fs.readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name)
    if (fs.statSync(file).isFile()) files[path.relative(folder, file)] = await uploaded(file)
  }
  const steps = []
  for await (const piece of await client.create({ model: 'nsfw-js', files, stream: true })) steps.push(piece.status)
  assert.deepEqual(steps.slice(-2), ['writing manifest', 'success'])
  assert.deepEqual(await client.create({ model: 'nsfw-js:latest', files, stream: false }), { status: 'success' })
  assert.deepEqual(await client.copy({ source: 'nsfw-js', destination: 'nsfw-js-copy' }), { status: 'success' })
  assert.deepEqual(await client.delete({ model: 'nsfw-js' }), { status: 'success' })
  assert.deepEqual(await client.delete({ model: 'nsfw-js-copy' }), { status: 'success' })
  await refused(() => client.delete({ model: 'nsfw-js' }), 404, "model 'nsfw-js' not found")
  await refused(() => client.copy({ source: 'nsfw-js', destination: 'x' }), 404, "model 'nsfw-js' not found")
  await refused(() => client.push({ model: 'nsfw-js' }), 400, 'not pushed')
}

models()
  .then(() => console.log('models are as they should be'))
  .catch((error) => {
    console.error(error)
    process.exit(1)
  })
