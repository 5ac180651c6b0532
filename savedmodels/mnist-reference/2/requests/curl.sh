# TensorFlow Serving's REST interface, where 'mnist-reference' is served on this machine.
curl -d @predict-rows.json http://127.0.0.1:8501/v1/models/mnist-reference:predict
curl -d @predict-columns.json http://127.0.0.1:8501/v1/models/mnist-reference:predict
curl -d @classify.json http://127.0.0.1:8501/v1/models/mnist-reference:classify
curl -d @predict-bytes.json http://127.0.0.1:8501/v1/models/mnist-reference:predict
