"""The reference library of Standard Webhooks: it takes what we signed, and nothing else.

    standard_webhooks.py <address> <file>

The file has the messages as they came: {"messages": [{"headers", "body"}], "secrets": [...]}, with the present secret
first, and the former one, which still counts, after it.
"""

import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError

with open(sys.argv[2], encoding="utf-8") as file:
    told = json.load(file)


def refused(secret, body, headers):
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return True
    return False


assert told["messages"], "there are messages to look at"
for message in told["messages"]:
    body, headers = message["body"], message["headers"]
    for secret in told["secrets"]:
        assert Webhook(secret).verify(body, headers)["type"] == json.loads(body)["type"]
    secret = told["secrets"][0]
    assert refused(secret, body.replace('"type"', '"tipe"'), headers), "a changed body is refused"
    assert refused(secret, body, {**headers, "webhook-id": "msg_other"}), "a changed id is refused"
    assert refused(secret, body, {**headers, "webhook-timestamp": "1"}), "an old message is refused"
    assert refused("whsec_" + "A" * 44, body, headers), "another secret is refused"
