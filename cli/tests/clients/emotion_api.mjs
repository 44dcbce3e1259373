// The emotion API's document: its JavaScript client, as it has it but for the address.
//
//     emotion_api.mjs <address>

class M2LOrderClient {
  constructor(baseUrl = "http://localhost:8001") {
    this.baseUrl = baseUrl.replace(/\/$/, "");
  }

  async healthCheck() {
    const response = await fetch(`${this.baseUrl}/health`);
    return await response.json();
  }

  async getModels() {
    const response = await fetch(`${this.baseUrl}/models`);
    return await response.json();
  }

  async predict(modelId, text) {
    const response = await fetch(`${this.baseUrl}/predict`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ model_id: modelId, input_data: text }),
    });
    return await response.json();
  }

  async batchPredict(modelId, texts) {
    const response = await fetch(`${this.baseUrl}/predict/batch`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ model_id: modelId, inputs: texts }),
    });
    return await response.json();
  }
}

async function main() {
  const client = new M2LOrderClient(process.argv[2]);
  const health = await client.healthCheck();
  console.log(`status: ${health.status}`);
  const models = await client.getModels();
  console.log(`models: ${models.length}`);
  const result = await client.predict("A001", "I'm really excited about this project!");
  console.log(`emotion: ${result.emotion}, confidence: ${result.confidence}`);
  const batchResult = await client.batchPredict("A001", [
    "This is amazing!",
    "I'm feeling a bit anxious.",
    "The weather is neutral today.",
  ]);
  batchResult.predictions.forEach((pred) => {
    console.log(`text: ${pred.input} - emotion: ${pred.emotion}`);
  });
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
