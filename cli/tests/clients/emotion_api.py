"""The emotion API's document: its client and its tests, as it has them but for the address.

    emotion_api.py <address>
"""

import sys

import requests

BASE_URL = sys.argv[1]


class M2LOrderClient:
    def __init__(self, base_url="http://localhost:8001"):
        self.base_url = base_url.rstrip("/")

    def health_check(self):
        response = requests.get(f"{self.base_url}/health")
        return response.json()

    def get_models(self):
        response = requests.get(f"{self.base_url}/models")
        return response.json()

    def predict(self, model_id, text):
        data = {"model_id": model_id, "input_data": text}
        response = requests.post(
            f"{self.base_url}/predict", json=data, headers={"Content-Type": "application/json"}
        )
        return response.json()

    def batch_predict(self, model_id, texts):
        data = {"model_id": model_id, "inputs": texts}
        response = requests.post(
            f"{self.base_url}/predict/batch", json=data, headers={"Content-Type": "application/json"}
        )
        return response.json()


def test_health_check():
    response = requests.get(f"{BASE_URL}/health")
    assert response.status_code == 200
    data = response.json()
    assert data["status"] == "healthy"
    assert "timestamp" in data


def test_get_models():
    response = requests.get(f"{BASE_URL}/models")
    assert response.status_code == 200
    models = response.json()
    assert isinstance(models, list)
    if len(models) > 0:
        model = models[0]
        assert "model_id" in model
        assert "filename" in model


def test_predict():
    data = {"model_id": "A001", "input_data": "I am so happy today!"}
    response = requests.post(f"{BASE_URL}/predict", json=data, headers={"Content-Type": "application/json"})
    assert response.status_code == 200
    result = response.json()
    assert "emotion" in result
    assert "confidence" in result
    assert result["emotion"] in ["happy", "sad", "angry", "neutral", "excited", "anxious"]
    assert 0 <= result["confidence"] <= 1


def test_batch_predict():
    data = {"model_id": "A001", "inputs": ["I am happy!", "This makes me sad."]}
    response = requests.post(f"{BASE_URL}/predict/batch", json=data, headers={"Content-Type": "application/json"})
    assert response.status_code == 200
    result = response.json()
    assert "predictions" in result
    assert len(result["predictions"]) == 2


def test_invalid_model():
    data = {"model_id": "INVALID", "input_data": "Test text"}
    response = requests.post(f"{BASE_URL}/predict", json=data, headers={"Content-Type": "application/json"})
    assert response.status_code in [400, 404]


def example():
    client = M2LOrderClient(BASE_URL)
    health = client.health_check()
    print(f"status: {health['status']}")
    models = client.get_models()
    print(f"models: {len(models)}")
    result = client.predict("A001", "I'm really excited about this project!")
    print(f"emotion: {result['emotion']}, confidence: {result['confidence']}")
    batch_result = client.batch_predict(
        "A001", ["This is amazing!", "I'm feeling a bit anxious.", "The weather is neutral today."]
    )
    for pred in batch_result["predictions"]:
        print(f"text: {pred['input']} - emotion: {pred['emotion']}")


if __name__ == "__main__":
    test_health_check()
    test_get_models()
    test_predict()
    test_batch_predict()
    test_invalid_model()
    example()
    print("all tests pass")
