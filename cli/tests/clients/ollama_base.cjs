// Ollama's own client for JavaScript: models, vectors, pictures in words, refusals.
//
//     ollama_base.cjs <address> <key> <picture>

const assert = require('node:assert/strict')
const fs = require('node:fs')
const { Ollama } = require('ollama')

const MODEL = 'all-minilm-l6-v2'
const [address, key, path] = process.argv.slice(2)
const client = new Ollama({ host: address, headers: { Authorization: `Bearer ${key}` } })
const picture = new Uint8Array(fs.readFileSync(path))

async function refused(call, status, words) {
  await assert.rejects(call, (error) => {
    assert.equal(error.status_code, status, error)
    assert.ok(error.message.includes(words), error.message)
    return true
  })
}

async function models() {
  assert.match((await client.version()).version, /^\d+\.\d+\.\d+$/)
  const listed = (await client.list()).models.map((model) => model.name)
  assert.ok(listed.includes(`${MODEL}:latest`), listed)
  assert.equal((await client.generate({ model: MODEL, prompt: '', keep_alive: '5m' })).done_reason, 'load')
  for (const began = Date.now(); !(await client.ps()).models.some((model) => model.name === `${MODEL}:latest`); ) {
    assert.ok(Date.now() < began + 30_000, 'it is in memory')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  const shown = await client.show({ model: MODEL })
  assert.equal(shown.model_info['text_embedding.embedding_length'], 384)
  assert.equal(shown.modelfile, undefined)
  assert.match((await client.show({ model: MODEL, verbose: true })).modelfile, /^FROM all-minilm-l6-v2:latest\n/)
}

async function vectors() {
  const answer = await client.embed({ model: MODEL, input: ['a cat', 'a dog'], truncate: true })
  assert.deepEqual(answer.embeddings.map((vector) => vector.length), [384, 384])
  assert.ok(answer.prompt_eval_count > 0 && answer.total_duration > 0)
  const { embedding } = await client.embeddings({ model: `${MODEL}:latest`, prompt: 'a cat' })
  embedding.forEach((value, index) => assert.ok(Math.abs(value - answer.embeddings[0][index]) < 1e-4))
}

async function pictures() {
  const whole = await client.generate({ model: 'efficientnet-lite0', prompt: 'what is it?', images: [picture] })
  assert.equal(whole.done, true)
  assert.equal(whole.response.split('\n').length, 5)
  const messages = [{ role: 'user', content: 'what is it?', images: [picture] }]
  let said = ''
  for await (const piece of await client.chat({ model: 'efficientnet-lite0', messages, stream: true })) {
    said += piece.message.content
  }
  assert.equal(said, whole.response)
}

async function refusals() {
  await refused(() => client.embed({ model: 'nope', input: 'a' }), 404, "model 'nope' not found")
  await refused(() => client.generate({ model: MODEL, prompt: 'a' }), 400, 'does not support generate')
  const messages = [{ role: 'user', content: 'a' }]
  await refused(() => client.chat({ model: MODEL, messages, stream: true }), 400, 'does not support chat')
  await refused(() => client.generate({ model: 'emotion', images: [picture] }), 400, 'takes no images')
}

async function main() {
  for (const part of [models, vectors, pictures, refusals]) {
    await part()
    console.log(part.name, 'are as they should be')
  }
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
