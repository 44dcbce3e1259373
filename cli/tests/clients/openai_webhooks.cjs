// OpenAI's own client for Node.js: it takes webhooks that we signed, and nothing else.
//
//     openai_webhooks.cjs <address> <file>
//
// The file is that of standard_webhooks.py.

const assert = require('node:assert/strict')
const fs = require('node:fs')
const OpenAI = require('openai')

const [, path] = process.argv.slice(2)
const { messages, secrets } = JSON.parse(fs.readFileSync(path, 'utf8'))
const { webhooks } = new OpenAI({ apiKey: 'none is asked for' })

async function main() {
  assert.ok(messages.length > 0, 'there are messages to look at')
  for (const { body, headers } of messages) {
    for (const secret of secrets) {
      assert.deepEqual(await webhooks.unwrap(body, headers, secret), JSON.parse(body))
    }
    const refused = (body, headers, secret) =>
      assert.rejects(webhooks.unwrap(body, headers, secret), OpenAI.InvalidWebhookSignatureError)
    await refused(body.replace('"type"', '"tipe"'), headers, secrets[0])
    await refused(body, { ...headers, 'webhook-id': 'msg_other' }, secrets[0])
    await refused(body, { ...headers, 'webhook-timestamp': '1' }, secrets[0])
    await refused(body, headers, `whsec_${'A'.repeat(44)}`)
  }
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
