// OpenAI's own client for Node.js: models, embeddings, moderations, errors, limits.
//
//     openai_base.cjs <address> <key> <key of three requests a minute>

const assert = require('node:assert/strict')
const OpenAI = require('openai')

const MODEL = 'all-minilm-l6-v2'
const TEXTS = ['The cat sits outside.', 'Stocks fell sharply today.']
// The first text as MODEL's tokenizer writes it, without and with the tokens around it.
const BARE = [1996, 4937, 7719, 2648, 1012]
const WHOLE = [101, ...BARE, 102]

const [address, key, slowKey] = process.argv.slice(2)
const connect = (apiKey) => new OpenAI({ baseURL: `${address}/v1`, apiKey, maxRetries: 0, timeout: 120_000 })
const client = connect(key)

function close(one, other) {
  assert.equal(one.length, other.length)
  one.forEach((value, place) => assert.ok(Math.abs(value - other[place]) < 1e-4, `${value} is far from ${other[place]}`))
}

async function refused(kind, call, status, told = {}) {
  let body
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof kind, error)
    assert.equal(error.status, status)
    assert.ok(error.requestID, 'every answer has an id')
    assert.deepEqual(Object.keys(error.error).sort(), ['code', 'message', 'param', 'type'])
    for (const [name, value] of Object.entries(told)) assert.equal(error.error[name], value, JSON.stringify(error.error))
    body = error
    return true
  })
  return body
}

async function models() {
  const listed = new Map()
  for await (const model of client.models.list()) listed.set(model.id, model)
  const found = listed.get(MODEL)
  assert.ok(found.object === 'model' && found.created > 0 && found.owned_by, found)
  assert.equal((await client.models.retrieve(MODEL)).id, MODEL)
  assert.equal((await client.models.retrieve('text-embedding-ada-002')).id, MODEL)
  await refused(OpenAI.NotFoundError, () => client.models.retrieve('nope'), 404, { code: 'model_not_found' })
  await refused(OpenAI.NotFoundError, () => client.models.retrieve('org/nope'), 404, { code: 'model_not_found' })
}

async function embeddings() {
  // Asked for nothing, the client asks for base64 and hands numbers on.
  const answer = await client.embeddings.create({ model: MODEL, input: TEXTS[0] })
  assert.deepEqual([answer.object, answer.model, answer.data.length], ['list', MODEL, 1])
  const [{ object, index, embedding: vector }] = answer.data
  assert.deepEqual([object, index, vector.length], ['embedding', 0, 384])
  assert.deepEqual([answer.usage.prompt_tokens, answer.usage.total_tokens], [WHOLE.length, WHOLE.length])
  assert.ok(answer._request_id, 'every answer has an id')

  const embed = async (wishes) => (await client.embeddings.create({ model: MODEL, ...wishes })).data
  close((await embed({ input: TEXTS[0], encoding_format: 'float', user: 'somebody' }))[0].embedding, vector)
  assert.equal(typeof (await embed({ input: TEXTS[0], encoding_format: 'base64' }))[0].embedding, 'string')
  const both = await embed({ input: TEXTS })
  assert.deepEqual(both.map((datum) => datum.index), [0, 1])
  close(both[0].embedding, vector)

  // Who cuts texts itself sends what its tokenizer made of them.
  close((await embed({ input: BARE }))[0].embedding, vector)
  for (const datum of await embed({ input: [WHOLE, BARE] })) close(datum.embedding, vector)

  const length = Math.hypot(...vector.slice(0, 64))
  close((await embed({ input: TEXTS[0], dimensions: 64 }))[0].embedding, vector.slice(0, 64).map((value) => value / length))
  const many = await embed({ input: Array(2048).fill('a') })
  assert.deepEqual(many.map((datum) => datum.index), [...Array(2048).keys()])
  assert.equal((await client.embeddings.create({ model: 'text-embedding-ada-002', input: 'a' })).model, MODEL)

  const { response } = await client.embeddings.create({ model: MODEL, input: 'a' }).withResponse()
  assert.ok(response.headers.get('x-forebay-job'), 'the call is a job')
}

async function moderations() {
  const answer = await client.moderations.create({
    model: 'omni-moderation-latest',
    input: ['I am furious, how dare you treat me like this!', 'The meeting is at ten.'],
  })
  assert.ok(answer.id.startsWith('modr-') && answer.model === 'emotion', JSON.stringify(answer))
  const [angry, calm] = answer.results
  assert.ok(angry.flagged && angry.categories.harassment && angry.category_scores.harassment >= 0.5, JSON.stringify(angry))
  assert.ok(!calm.flagged && !calm.categories.violence && !calm.categories['self-harm'], JSON.stringify(calm))
  const parts = ['I am furious,', 'how dare you!'].map((text) => ({ type: 'text', text }))
  assert.equal((await client.moderations.create({ input: parts })).results.length, 1)
}

async function errors() {
  const embed = (changes) => () => client.embeddings.create({ model: MODEL, input: 'a', ...changes })
  const invalid = { type: 'invalid_request_error' }
  const { BadRequestError, NotFoundError, AuthenticationError } = OpenAI
  const unknown = { code: 'model_not_found', param: 'model', ...invalid }
  await refused(NotFoundError, embed({ model: 'nope' }), 404, unknown)
  await refused(NotFoundError, () => client.images.generate({ model: 'dall-e-3', prompt: 'a cup' }), 404, unknown)
  await refused(NotFoundError, () => client.moderations.create({ model: MODEL, input: 'a' }), 404, unknown)
  const empty = { code: 'empty_input', param: 'input', ...invalid }
  await refused(BadRequestError, embed({ input: '' }), 400, empty)
  await refused(BadRequestError, embed({ input: [] }), 400, empty)
  await refused(BadRequestError, embed({ input: Array(2049).fill('a') }), 400, { code: 'too_many_items', ...invalid })
  await refused(BadRequestError, embed({ dimensions: 385 }), 400, { param: 'dimensions', ...invalid })
  await refused(BadRequestError, embed({ model: 'emotion' }), 400, { param: 'model', ...invalid })
  const { error } = await refused(BadRequestError, embed({ input: [[101, 102], [30522]] }), 400, { code: 'input_failed' })
  assert.equal(error.message, "input 1: there is no token 30522: the model's ids are below 30522")
  const stranger = connect('a-key-that-nobody-has-ever-been-given')
  const call = () => stranger.embeddings.create({ model: MODEL, input: 'a' })
  await refused(AuthenticationError, call, 401, { code: 'invalid_api_key', ...invalid })
}

async function limits() {
  const slow = connect(slowKey)
  for (const left of ['2', '1', '0']) {
    const { response } = await slow.models.list().withResponse()
    const told = ['limit', 'remaining'].map((name) => response.headers.get(`x-ratelimit-${name}-requests`))
    assert.deepEqual(told, ['3', left])
    assert.ok(response.headers.get('x-ratelimit-reset-requests'))
  }
  const told = { code: 'rate_limit_exceeded', type: 'requests' }
  const { headers } = await refused(OpenAI.RateLimitError, () => slow.models.list(), 429, told)
  const seconds = Number(headers.get('retry-after'))
  assert.ok(seconds > 0 && seconds <= 20, headers.get('retry-after'))
  assert.ok(Number(headers.get('retry-after-ms')) > 0)
  assert.equal(headers.get('x-ratelimit-remaining-requests'), '0')
}

async function main() {
  for (const part of [models, embeddings, moderations, errors, limits]) {
    await part()
    console.log(part.name, 'are as they should be')
  }
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
