# TensorFlow Serving's REST interface, where 'mnist-reference' is served on this machine.
cd "$(dirname "$0")" || exit
curl -sS -H 'Content-Type: application/json' -d @predict-rows.json http://127.0.0.1:8501/v1/models/mnist-reference:predict; echo
curl -sS -H 'Content-Type: application/json' -d @predict-columns.json http://127.0.0.1:8501/v1/models/mnist-reference:predict; echo
curl -sS -H 'Content-Type: application/json' -d @classify.json http://127.0.0.1:8501/v1/models/mnist-reference:classify; echo
curl -sS -H 'Content-Type: application/json' -d @predict-bytes.json http://127.0.0.1:8501/v1/models/mnist-reference:predict; echo
