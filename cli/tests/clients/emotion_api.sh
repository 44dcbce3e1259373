# The emotion API's document: its cURL commands, as it has them but for the address.
#
#     emotion_api.sh <address>
set -e
curl="curl --silent --show-error --write-out \n"

$curl $1/health
$curl $1/models
$curl -X POST $1/predict \
  -H "Content-Type: application/json" \
  -d '{
    "model_id": "A001",
    "input_data": "I am so happy today!"
  }'
$curl -X POST $1/predict/batch \
  -H "Content-Type: application/json" \
  -d '{
    "model_id": "A001",
    "inputs": ["I am happy!", "This makes me sad."]
  }'
