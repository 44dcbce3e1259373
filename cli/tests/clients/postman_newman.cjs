// Postman's own runner: the collection and its environment, as the service hands them out for import.
//
//     postman_newman.cjs <address> <limit of the response time, in milliseconds> [<key>]

const assert = require("node:assert");
const newman = require("newman");

const [address, limit, key] = process.argv.slice(2);

// The names of all requests, as they stand in the folders.
function names(item) {
    return item.item ? item.item.flatMap(names) : [item.name];
}

async function fetched(name) {
    const answer = await fetch(`${address}/postman/${name}`);
    assert.strictEqual(answer.status, 200);
    return answer.json();
}

function run(options) {
    return new Promise((resolve, reject) => {
        newman.run(options, (error, summary) => (error ? reject(error) : resolve(summary.run)));
    });
}

async function main() {
    const [collection, environment] = [await fetched("collection.json"), await fetched("environment.json")];
    const filled = [{ key: "base_url", value: address }, { key: "response_time_ms", value: limit }];
    if (key) {
        filled.push({ key: "api_key", value: key });
    }
    const ran = await run({ collection, environment, envVar: filled });
    for (const { source, error } of ran.failures) {
        console.log(`${source.name}: ${error.message}`);
    }
    for (const { item, response, assertions } of ran.executions) {
        assert(response && assertions?.length, `${item.name} was sent, answered and looked at`);
    }
    assert.deepStrictEqual(ran.executions.map(({ item }) => item.name), names(collection));
    assert.deepStrictEqual(ran.failures.length, 0);
    console.log(`${ran.executions.length} requests are as they should be`);
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
