"""OpenAI's own client: embeddings, models, moderations, errors.

    openai_base.py <address> <key>
"""

import math
import sys

import openai

MODEL = "all-minilm-l6-v2"
TEXTS = ["The cat sits outside.", "Stocks fell sharply today."]
# The first text as MODEL's tokenizer writes it, without and with the tokens around it.
BARE = [1996, 4937, 7719, 2648, 1012]
WHOLE = [101, *BARE, 102]

address, key = sys.argv[1:]
client = openai.OpenAI(base_url=f"{address}/v1", api_key=key, max_retries=0, timeout=120)


def close(one, other):
    assert len(one) == len(other), (len(one), len(other))
    furthest = max(abs(a - b) for a, b in zip(one, other))
    assert furthest < 1e-4, furthest


def refused(kind, call, status, **told):
    try:
        call()
    except kind as error:
        assert error.status_code == status, error.status_code
        assert error.request_id, "every answer has an id"
        assert set(error.body) == {"message", "type", "param", "code"}, error.body
        for name, value in told.items():
            assert error.body[name] == value, error.body
        return error.body["message"]
    raise AssertionError(f"{told} was to be refused")


def embeddings():
    # Asked for nothing, the client asks for base64 and hands numbers on.
    answer = client.embeddings.create(model=MODEL, input=TEXTS[0])
    assert (answer.object, answer.model, len(answer.data)) == ("list", MODEL, 1)
    vector = answer.data[0].embedding
    assert (answer.data[0].object, answer.data[0].index, len(vector)) == ("embedding", 0, 384)
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (len(WHOLE), len(WHOLE))

    floats = client.embeddings.create(model=MODEL, input=TEXTS[0], encoding_format="float", user="somebody")
    close(floats.data[0].embedding, vector)
    base64 = client.embeddings.create(model=MODEL, input=TEXTS[0], encoding_format="base64")
    assert isinstance(base64.data[0].embedding, str)

    both = client.embeddings.create(model=MODEL, input=TEXTS)
    assert [datum.index for datum in both.data] == [0, 1]
    close(both.data[0].embedding, vector)
    assert both.usage.total_tokens > len(WHOLE)

    # As LangChain does it: the client cuts texts itself and sends what its tokenizer made of them.
    close(client.embeddings.create(model=MODEL, input=BARE).data[0].embedding, vector)
    lists = client.embeddings.create(model=MODEL, input=[WHOLE, BARE])
    assert lists.usage.total_tokens == 2 * len(WHOLE)
    for datum in lists.data:
        close(datum.embedding, vector)

    short = client.embeddings.create(model=MODEL, input=TEXTS[0], dimensions=64).data[0].embedding
    length = math.sqrt(sum(value * value for value in vector[:64]))
    close(short, [value / length for value in vector[:64]])

    many = client.embeddings.create(model=MODEL, input=["a"] * 2048)
    assert [datum.index for datum in many.data] == list(range(2048))

    raw = client.embeddings.with_raw_response.create(model=MODEL, input="a")
    assert raw.headers["x-forebay-job"], "the call is a job"


def models():
    listed = {model.id: model for model in client.models.list()}
    assert MODEL in listed, listed
    assert listed[MODEL].object == "model" and listed[MODEL].created > 0 and listed[MODEL].owned_by
    assert client.models.retrieve(MODEL).id == MODEL
    refused(openai.NotFoundError, lambda: client.models.retrieve("nope"), 404, code="model_not_found")


def other_names():
    # As `models.aliases` has it: the answer says who it was.
    answer = client.embeddings.create(model="text-embedding-ada-002", input=TEXTS[0])
    assert answer.model == MODEL, answer.model
    assert client.models.retrieve("text-embedding-ada-002").id == MODEL
    draw = lambda: client.images.generate(model="dall-e-3", prompt="a cup")
    refused(openai.NotFoundError, draw, 404, code="model_not_found", param="model")


def moderations():
    answer = client.moderations.create(
        model="omni-moderation-latest",
        input=["I am furious, how dare you treat me like this!", "The meeting is at ten."],
    )
    assert answer.id.startswith("modr-") and answer.model == "emotion", answer
    angry, calm = answer.results
    assert angry.flagged and angry.categories.harassment, angry
    assert angry.category_scores.harassment >= 0.5
    assert not calm.flagged and not calm.categories.violence and not calm.categories.self_harm, calm
    parts = [{"type": "text", "text": "I am furious,"}, {"type": "text", "text": "how dare you!"}]
    assert len(client.moderations.create(input=parts).results) == 1


def errors():
    def embed(**changes):
        return lambda: client.embeddings.create(**{"model": MODEL, "input": "a", **changes})

    invalid = {"type": "invalid_request_error"}
    refused(openai.NotFoundError, embed(model="nope"), 404, code="model_not_found", param="model", **invalid)
    refused(openai.BadRequestError, embed(input=""), 400, code="empty_input", param="input", **invalid)
    refused(openai.BadRequestError, embed(input=[]), 400, code="empty_input", param="input", **invalid)
    refused(openai.BadRequestError, embed(input=["a"] * 2049), 400, code="too_many_items", **invalid)
    refused(openai.BadRequestError, embed(dimensions=385), 400, param="dimensions", **invalid)
    refused(openai.BadRequestError, embed(model="emotion"), 400, param="model", **invalid)
    told = refused(openai.BadRequestError, embed(input=[[101, 102], [30522]]), 400, code="input_failed", **invalid)
    assert told == "input 1: there is no token 30522: the model's ids are below 30522", told
    stranger = client.with_options(api_key="a-key-that-nobody-has-ever-been-given")
    call = lambda: stranger.embeddings.create(model=MODEL, input="a")
    refused(openai.AuthenticationError, call, 401, code="invalid_api_key", **invalid)
    call = lambda: client.moderations.create(model=MODEL, input="a")
    refused(openai.NotFoundError, call, 404, code="model_not_found", param="model", **invalid)


for part in (models, embeddings, other_names, moderations, errors):
    part()
    print(part.__name__, "are as they should be")
