"""Files of a fixed batch in a real browser, run by LiteRT.js from local files."""

import http.server
import json
import os
import shutil
import subprocess
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tfsoftmax import RECIPES, export_model, fit, load_dataset

PACKAGES = os.environ.get("LITERT_JS_NODE_MODULES", "")
CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not PACKAGES or not CHROMIUM,
        reason="needs chromium, and LITERT_JS_NODE_MODULES naming the folder that "
        "'npm install @litertjs/core@2.5.3' made",
    ),
]
FORMATS = ("float32", "float16", "dynamic", "uint8", "micro", "mediapipe", "trainable")
ROWS = 20
PAGE = """<!doctype html><meta charset="utf-8">
<script type="importmap">{"imports": {
  "@litertjs/core": "/node_modules/@litertjs/core/dist/index.js",
  "@litertjs/wasm-utils": "/node_modules/@litertjs/wasm-utils/dist/index.js"}}</script>
<script type="module">
const found = {};
try {
  const {loadLiteRt, loadAndCompile, Tensor} = await import('@litertjs/core');
  await loadLiteRt('/node_modules/@litertjs/core/wasm/');
  const {files, images, labels} = await (await fetch('/asked.json')).json();
  const types = {uint8: Uint8Array, float32: Float32Array};
  for (const file of files) {
    const model = await loadAndCompile('/' + file, {accelerator: 'wasm'});
    const name = model.signatures.train ? 'infer' : 'serving_default';
    const [input] = model.signatures[name].getInputDetails();
    const tensor = (image) => {
      const pixels = input.shape.length == 4 ? image.flatMap((v) => [v, v, v]) : image;
      return new Tensor(new types[input.dtype](pixels), [...input.shape]);
    };
    const numbers = async (output) => [...(await output.moveTo('wasm')).toTypedArray()];
    const answers = [];
    for (const image of images) {
      answers.push(await numbers((await model.run(name, {inputs: tensor(image)})).probabilities));
    }
    found[file] = {answers};
    if (model.signatures.train) {
      found[file].losses = [];
      for (const [row, image] of images.entries()) {
        const {loss} = await model.run('train', {
          inputs: tensor(image),
          labels: new Tensor(new Int32Array([labels[row]]), [1]),
          learning_rate: new Tensor(new Float32Array([0.1]), [1]),
        });
        found[file].losses.push(...await numbers(loss));
      }
    }
  }
} catch (error) { found.error = String(error); }
await fetch('/found', {method: 'POST', body: JSON.stringify(found)});
</script>"""


class Site(http.server.SimpleHTTPRequestHandler):
    """The page, the files and the packages; keeps what the page found."""

    found = None
    done = threading.Event()

    def translate_path(self, path):
        if path.startswith("/node_modules/"):
            return str(Path(PACKAGES) / path.removeprefix("/node_modules/"))
        return super().translate_path(path)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        Site.found = json.loads(body)
        Site.done.set()

    def log_message(self, *arguments):
        pass


def seen_in_a_browser(folder):
    """What the page in this folder finds."""
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Site, directory=str(folder))
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = subprocess.Popen(
            [
                CHROMIUM,
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                f"--user-data-dir={folder / 'profile'}",
                f"http://127.0.0.1:{server.server_port}/page.html",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            assert Site.done.wait(120), "the browser found nothing in two minutes"
        finally:
            browser.terminate()
            browser.wait(30)
            server.shutdown()
    return Site.found


def test_every_file_answers_and_learns_in_a_browser(tmp_path):
    dataset = load_dataset("mnist5k")
    model = fit(dataset, RECIPES["default"].but(epochs=5, l2=0.0007)).model
    folder = export_model(
        model,
        tmp_path,
        "m",
        check_on=dataset.test.features,
        calibrate_on=dataset.train.features,
        formats=FORMATS,
        tflite_batch=1,
    ).path
    rows = dataset.test.features[:: len(dataset.test) // ROWS][:ROWS]
    labels = dataset.test.labels[:: len(dataset.test) // ROWS][:ROWS]
    files = sorted(path.name for path in folder.glob("*.tflite"))
    asked = {"files": files, "images": rows.tolist(), "labels": labels.tolist()}
    (folder / "asked.json").write_text(json.dumps(asked))
    (folder / "page.html").write_text(PAGE)
    found = seen_in_a_browser(folder)
    assert "error" not in found, found["error"]
    assert sorted(found) == files
    expected = model.probabilities(rows).numpy()
    for file in files:
        answers = np.array(found[file]["answers"])
        if "uint8" in file:
            answers = answers / 256
        few_bits = file in ("model-dynamic.tflite", "model-uint8.tflite")
        np.testing.assert_allclose(answers, expected, atol=0.05 if few_bits else 1e-3, err_msg=file)
    losses = found["model-trainable.tflite"]["losses"]
    first = -np.log(expected[0, labels[0]])
    assert losses[0] == pytest.approx(first, abs=1e-4)
    assert len(losses) == ROWS
