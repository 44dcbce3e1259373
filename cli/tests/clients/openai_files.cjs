// OpenAI's own client for Node.js: files, and batches through each of their ends.
//
//     openai_files.cjs <address> <key>

const assert = require('node:assert/strict')
const OpenAI = require('openai')
const { toFile } = OpenAI

const [address, key] = process.argv.slice(2)
const client = new OpenAI({ baseURL: `${address}/v1`, apiKey: key, maxRetries: 0, timeout: 120_000 })
const INVALID = { type: 'invalid_request_error' }

async function refused(kind, call, status, told = {}) {
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof kind, error)
    assert.equal(error.status, status)
    assert.deepEqual(Object.keys(error.error).sort(), ['code', 'message', 'param', 'type'])
    for (const [name, value] of Object.entries(told)) assert.equal(error.error[name], value, JSON.stringify(error.error))
    return true
  })
}

async function files() {
  const lines = Array.from({ length: 2000 }, (_, n) => `{"custom_id":"${n}"}\n`).join('')
  const made = await client.files.create({ file: await toFile(Buffer.from(lines), 'lines.jsonl'), purpose: 'batch' })
  assert.deepEqual([made.object, made.filename, made.bytes, made.purpose], ['file', 'lines.jsonl', lines.length, 'batch'])
  assert.equal(made.expires_at, made.created_at + 30 * 24 * 3600)
  assert.deepEqual(await client.files.retrieve(made.id), made)
  assert.equal(await (await client.files.content(made.id)).text(), lines)
  const soon = { anchor: 'created_at', seconds: 3600 }
  const kept = await client.files.create({ file: await toFile(Buffer.from('x'), 'x'), purpose: 'user_data', expires_after: soon })
  assert.equal(kept.expires_at, kept.created_at + 3600)

  // The client asks for page after page by itself.
  const listed = []
  for await (const file of client.files.list({ limit: 1, order: 'asc' })) listed.push(file.id)
  assert.deepEqual(listed, [made.id, kept.id])
  for (const id of listed) assert.deepEqual(await client.files.delete(id), { id, object: 'file', deleted: true })
  assert.deepEqual((await client.files.list()).data, [])
}

const line = (name, input, { url = '/v1/jobs', model = 'echo', ...params } = {}) =>
  JSON.stringify({ custom_id: name, method: 'POST', url, body: { model, input, params } })

async function batch(lines) {
  const file = await client.files.create({ file: await toFile(Buffer.from(lines.join('\n')), 'lines.jsonl'), purpose: 'batch' })
  return client.batches.create({
    input_file_id: file.id, endpoint: '/v1/jobs', completion_window: '24h', metadata: { city: '上海' },
  })
}

async function ended(batch) {
  while (['validating', 'in_progress', 'finalizing', 'cancelling'].includes(batch.status)) {
    await new Promise((wake) => setTimeout(wake, 50))
    batch = await client.batches.retrieve(batch.id)
  }
  return batch
}

const answers = async (file) => (await (await client.files.content(file)).text()).trim().split('\n').map((line) => JSON.parse(line))

async function completed() {
  const texts = Array.from({ length: 500 }, (_, n) => `text ${n}`)
  const begun = await batch(texts.map((text, n) => line(`line-${n}`, text)))
  assert.deepEqual([begun.object, begun.metadata], ['batch', { city: '上海' }])
  assert.equal(begun.expires_at - begun.created_at, 24 * 3600)
  const over = await ended(begun)
  assert.deepEqual([over.status, over.errors, over.error_file_id], ['completed', null, null])
  assert.deepEqual(over.request_counts, { total: 500, completed: 500, failed: 0 })
  const said = new Map()
  for (const { custom_id, response, error } of await answers(over.output_file_id)) {
    assert.ok(error === null && response.status_code === 200, custom_id)
    said.set(custom_id, response.body.items[0].output.echo)
  }
  assert.equal(said.size, 500)
  texts.forEach((text, n) => assert.equal(said.get(`line-${n}`), text))
  const listed = []
  for await (const one of client.batches.list({ limit: 1 })) listed.push(one.id)
  assert.deepEqual(listed, [over.id])
}

async function refusedWhole() {
  const bad = await ended(await batch([line('a', 'x'), '{', line('a', 'again'), line('b', 'x', { model: 'nobody' })]))
  assert.ok(bad.status === 'failed' && bad.failed_at && !bad.output_file_id, JSON.stringify(bad))
  const told = bad.errors.data.map(({ code, line }) => [code, line])
  assert.deepEqual(told, [['invalid_json_line', 2], ['duplicate_custom_id', 3], ['model_not_found', 4]])
}

async function cancelled() {
  const texts = Array.from({ length: 3000 }, (_, n) => line(String(n), `text ${n}`, { delay_ms: 1000 }))
  let slow = await batch(texts)
  while (slow.status === 'validating') slow = await client.batches.retrieve(slow.id)
  const over = await ended(await client.batches.cancel(slow.id))
  const { total, completed, failed } = over.request_counts
  assert.ok(over.status === 'cancelled' && total === 3000 && completed + failed === 3000 && failed > 0, JSON.stringify(over))
  for (const { error, response } of await answers(over.error_file_id)) {
    assert.deepEqual([error.code, response], ['batch_cancelled', null])
  }
  await refused(OpenAI.BadRequestError, () => client.batches.cancel(over.id), 400, { code: 'bulk_ended' })
}

async function errors() {
  const unknown = 'file-00000000000000000000000000000abc'
  const told = { param: 'file_id', code: null, ...INVALID }
  for (const call of ['retrieve', 'content', 'delete']) {
    await refused(OpenAI.NotFoundError, () => client.files[call](unknown), 404, told)
  }
  const file = await toFile(Buffer.from('x'), 'x')
  await refused(OpenAI.BadRequestError, () => client.files.create({ file, purpose: 'fun' }), 400, { param: 'purpose', ...INVALID })
  for (const call of ['retrieve', 'cancel']) {
    await refused(OpenAI.NotFoundError, () => client.batches[call]('batch_00000000000000000000000000000000'), 404, INVALID)
  }
}

async function main() {
  for (const part of [files, completed, refusedWhole, cancelled, errors]) {
    await part()
    console.log(part.name, 'is as it should be')
  }
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
