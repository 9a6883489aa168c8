from __future__ import annotations

import asyncio
import io
import json
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.daily import daily_bars

from tapeline.backends.files.file_registry import save_model
from tapeline.core.bars import sort_and_dedupe
from tapeline.core.rows import Direction
from tapeline.errors import RequestError
from tapeline.forecast.labels import direction
from tapeline.forecast.model import LightGBMModel
from tapeline.lambdas import model_serving
from tapeline.lambdas.model_serving import Service
from tapeline.lambdas.prediction_bodies import parse
from tapeline.research.dataset import build
from tapeline.research.training import fit

WIDTH = 33


@pytest.fixture(scope="module")
def model() -> LightGBMModel:
    return fit([daily_bars(symbols=4, count=500, reversal=1.5)])


@pytest.fixture(scope="module")
def X():
    return build(sort_and_dedupe([daily_bars(symbols=2, count=100, seed=5)])).X[:20]


class Client:
    """Send requests straight into the application, without a socket."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def get(self, path: str) -> httpx.Response:
        return asyncio.run(self._send("GET", path))

    def post(self, path: str, **how) -> httpx.Response:
        return asyncio.run(self._send("POST", path, **how))

    async def _send(self, method: str, path: str, **how) -> httpx.Response:
        transport = httpx.ASGITransport(self._service.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://container") as client:
            return await client.request(method, path, **how)


@pytest.fixture
def client(model):
    service = Service()
    service.model = model
    return Client(service)


def expected(model, X) -> list[dict]:
    p = model.predict(X)
    names = [Direction(code).name for code in direction(p, model.hold_margin)]
    return [{"probability": float(a), "prediction": b} for a, b in zip(p, names, strict=True)]


def test_ping_is_200_only_once_the_model_is_loaded(model):
    service = Service()
    client = Client(service)
    assert client.get("/ping").status_code == 503
    body = json.dumps({"instances": [[0.0] * WIDTH]})
    refused = client.post("/invocations", content=body, headers={"content-type": "application/json"})
    assert refused.status_code == 503
    service.model = model
    ready = client.get("/ping")
    assert ready.status_code == 200
    assert ready.headers["x-model-version"] == model.version


def bodies(X) -> dict[str, tuple[str, str]]:
    rows = X.tolist()
    lines = "\n".join(",".join(map(repr, row)) for row in rows)
    return {
        "csv": ("text/csv", lines),
        "csv with a charset, blank lines and CRLF": (
            "text/csv; charset=utf-8",
            lines.replace("\n", "\r\n\r\n") + "\r\n",
        ),
        "csv with a byte order mark": ("text/csv", "\ufeff" + lines),
        "json": ("application/json", json.dumps({"instances": rows})),
        "json of objects": ("application/json", json.dumps({"instances": [{"features": row} for row in rows]})),
        "json lines": ("application/jsonlines", "\n".join(json.dumps(row) for row in rows)),
        "json lines of objects": ("application/jsonlines", "\n".join(json.dumps({"features": row}) for row in rows)),
    }


@pytest.mark.parametrize("kind", list(bodies(np.zeros((1, 1)))))
def test_every_content_type_gives_the_models_own_answer(client, model, X, kind):
    content_type, body = bodies(X)[kind]
    answer = client.post("/invocations", content=body.encode(), headers={"content-type": content_type})
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-model-version"] == model.version
    assert answer.json() == {"model_version": model.version, "predictions": expected(model, X)}


def test_the_answer_has_the_accepted_type(client, model, X):
    body = json.dumps({"instances": X.tolist()})
    want = expected(model, X)

    def ask(accept):
        headers = {"content-type": "application/json", "accept": accept}
        return client.post("/invocations", content=body, headers=headers)

    csv = ask("text/csv")
    assert csv.headers["content-type"].startswith("text/csv")
    assert csv.text.splitlines() == [f"{row['probability']!r},{row['prediction']}" for row in want]
    lines = [json.loads(line) for line in ask("application/jsonlines").text.splitlines()]
    assert lines == [row | {"model_version": model.version} for row in want]
    assert ask("*/*").json()["predictions"] == want


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-parquet", "", "application/xml"])
def test_other_types_are_415(client, content_type):
    answer = client.post("/invocations", content=b"1,2", headers={"content-type": content_type})
    assert answer.status_code == 415
    assert "text/csv, application/json, application/jsonlines, application/x-npy" in answer.text


def good(**changes) -> list:
    row = [0.5] * WIDTH
    for place, value in changes.items():
        row[int(place[1:])] = value
    return row


@pytest.mark.parametrize(
    ("content_type", "body", "reason"),
    [
        ("text/csv", "1,2,3", "row 1 has 3 values, the model takes 33"),
        ("text/csv", ",".join(["1"] * 33) + "\n" + ",".join(["1"] * 34), "row 2 has 34 values"),
        ("text/csv", ",".join(["1"] * 32 + ["x"]), "row 1, value 33: 'x' is not a finite number"),
        ("text/csv", ",".join(["1"] * 32 + [""]), "row 1, value 33: '' is not a finite number"),
        ("text/csv", ",".join(["1"] * 32 + ["nan"]), "not a finite number"),
        ("text/csv", ",".join(["1"] * 32 + ["1e999"]), "not a finite number"),
        ("text/csv", "", "no rows"),
        ("text/csv", b"\xff\xfe", "not UTF-8"),
        ("application/json", "{", "not JSON"),
        ("application/json", "[[1]]", '{"instances"'),
        ("application/json", '{"instances": 7}', '{"instances"'),
        ("application/json", '{"instances": []}', "no rows"),
        ("application/json", '{"instances": [7]}', "row 1 is not a list"),
        ("application/json", json.dumps({"instances": [good(), good(v3="a")]}), "row 2, value 4: 'a'"),
        ("application/json", json.dumps({"instances": [good(v0=None)]}), "row 1, value 1: 'None'"),
        ("application/json", json.dumps({"instances": [good(v0=True)]}), "row 1, value 1: 'True'"),
        ("application/json", json.dumps({"instances": [good(v0=[1])]}), "row 1, value 1: '[1]'"),
        ("application/json", json.dumps({"instances": [good(v0=float("nan"))]}), "row 1, value 1: 'nan'"),
        ("application/json", "[" * 40_000, "not JSON"),
        ("application/jsonlines", json.dumps(good()) + "\n{", "line 2 is not JSON"),
        ("application/jsonlines", '{"values": [1]}', "row 1 is not a list"),
    ],
)
def test_an_unreadable_body_is_400_with_the_reason(client, content_type, body, reason):
    content = body if isinstance(body, bytes) else body.encode()
    answer = client.post("/invocations", content=content, headers={"content-type": content_type})
    assert answer.status_code == 400
    assert reason in answer.text
    assert "Traceback" not in answer.text


def test_a_body_that_is_too_large_is_413(client, monkeypatch):
    monkeypatch.setattr("tapeline.lambdas.model_serving._LARGEST", 1000)
    answer = client.post("/invocations", content=b"1," * 1000, headers={"content-type": "text/csv"})
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"instances": [' + b"[]," * 10_000_000 + b"[]]}"),
        ("application/json", b'{"instances": [' + b"{}," * 10_000_000 + b"{}]}"),
        ("application/json", b'{"instances": [[' + b"0," * 15_000_000 + b"0]]}"),
        ("application/json", b'{"instances": [[' + b'"",' * 10_000_000 + b"0]]}"),
        ("application/jsonlines", b"[]\n" * 10_000_000),
        ("application/jsonlines", b"\n" * 30_000_000),
        ("text/csv", b"," * 30_000_000),
        ("text/csv", b"1\n" * 15_000_000),
    ],
    ids=["lists", "objects", "values", "texts", "lines of lists", "blank lines", "commas", "lines"],
)
def test_a_small_body_of_many_parts_is_refused_before_it_is_parsed(client, content_type, body):
    began = time.monotonic()
    answer = client.post("/invocations", content=body, headers={"content-type": content_type})
    assert answer.status_code == 413
    assert "send fewer at once" in answer.text
    assert time.monotonic() - began < 5


def test_the_most_rows_are_read(model):
    rows = np.ones((50_000, WIDTH)).tolist()
    lines = "\r\n\r\n".join(",".join(["1"] * WIDTH) for _ in rows[:40_000]).encode()
    assert parse(json.dumps({"instances": rows}).encode(), "application/json", WIDTH).shape == (50_000, WIDTH)
    assert parse(lines, "text/csv", WIDTH).shape == (40_000, WIDTH)
    with pytest.raises(RequestError, match="more than 50,000 rows"):
        parse(json.dumps({"instances": [*rows, rows[0]]}).encode(), "application/json", WIDTH)


def test_ping_is_answered_while_bodies_are_read(model):
    service = Service()
    service.model = model
    rows = json.dumps({"instances": np.random.default_rng(0).normal(size=(15_000, WIDTH)).tolist()})

    async def play() -> list[float]:
        waits: list[float] = []
        transport = httpx.ASGITransport(service.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://container", timeout=60) as client:
            headers = {"content-type": "application/json"}
            posts = [asyncio.create_task(client.post("/invocations", content=rows, headers=headers)) for _ in range(8)]
            while not all(post.done() for post in posts):
                began = time.monotonic()
                assert (await client.get("/ping")).status_code == 200
                waits.append(time.monotonic() - began)
                await asyncio.sleep(0.01)
            assert [post.result().status_code for post in posts] == [200] * 8
        return waits

    waits = asyncio.run(play())
    assert len(waits) > 4  # it would be 1 or 2 if reading held the loop
    assert max(waits) < 2


values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
)
bodies_of_any_kind = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=100).map(str.encode),
    values.map(lambda value: json.dumps({"instances": value}).encode()),
)


@settings(max_examples=400, deadline=None)
@given(
    bodies_of_any_kind, st.sampled_from(["text/csv", "application/json", "application/jsonlines", "application/x-npy"])
)
def test_any_body_is_rows_or_refused_with_a_status(body, content_type):
    try:
        found = parse(body, content_type, 2)
    except RequestError as error:
        status = error.status
    else:
        assert found.ndim == 2
        assert found.shape[1] == 2
        assert np.isfinite(found).all()
        return
    assert status in {400, 413}


def test_a_huge_integer_is_a_number_or_a_reason(client):
    with pytest.raises(RequestError, match="finite"):
        parse(json.dumps({"instances": [[10**400] + [0] * 32]}).encode(), "application/json", WIDTH)


def test_other_routes_and_methods_do_not_exist(client):
    assert client.get("/").status_code == 404
    assert client.get("/invocations").status_code == 405
    assert client.post("/ping").status_code == 405


def test_the_container_serves_on_its_port_and_stops_on_sigterm(model, X, tmp_path):
    save_model(model, tmp_path / "model")
    with socket.socket() as taken:  # a port that was free a moment ago
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    command = [sys.executable, "-m", "tapeline.lambdas.sagemaker", "serve", "--root", str(tmp_path)]
    process = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port)], stderr=subprocess.PIPE, text=True
    )
    try:
        for _ in range(600):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=10) as answer:
                    assert answer.status == 200
                    break
            except (urllib.error.URLError, ConnectionError) as error:  # not listening yet, or 503 while it loads
                if isinstance(error, urllib.error.HTTPError):
                    error.close()
                assert process.poll() is None, process.stderr.read()
                try:
                    process.wait(0.1)
                except subprocess.TimeoutExpired:
                    continue
        body = "\n".join(",".join(map(repr, row)) for row in X.tolist()).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/invocations", body, {"content-type": "text/csv", "accept": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert json.load(answer)["predictions"] == expected(model, X)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        errors = process.communicate()[1]
    assert "Traceback" not in errors


def test_a_container_without_a_model_exits_with_a_reason(tmp_path):
    command = [sys.executable, "-m", "tapeline.lambdas.sagemaker", "serve", "--root", str(tmp_path)]
    done = subprocess.run(
        [*command, "--host", "127.0.0.1", "--port", "0"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert re.search(r"cannot serve: no model in .*model", done.stderr)
    assert "Traceback" not in done.stderr


def test_a_container_whose_model_fails_in_a_way_nobody_foresaw_ends(tmp_path, monkeypatch, capsys):
    def fail(folder):
        raise KeyError("a defect")

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(model_serving, "load_model", fail)
    try:
        assert model_serving.serve(tmp_path, "127.0.0.1", 0) == 1
    finally:
        signal.signal(signal.SIGTERM, before)
    assert capsys.readouterr().err == "cannot serve: KeyError: 'a defect'\n"


def as_npy(array) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)  # as a hostile caller would
    return file.getvalue()


def with_header(text: str, rest: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + rest


HEADER = "{'descr': '<f8', 'fortran_order': False, 'shape': %s, }"


def test_numpy_arrays_in_and_out_are_the_models_own_answer(client, model, X):
    headers = {"content-type": "application/x-npy", "accept": "application/x-npy"}
    answer = client.post("/invocations", content=as_npy(np.asfortranarray(X)), headers=headers)
    assert answer.headers["x-amzn-sagemaker-custom-attributes"] == f"model={model.version}"
    assert np.load(io.BytesIO(answer.content), allow_pickle=False).tolist() == model.predict(X).tolist()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not an array in NumPy's format"),
        (b"\x93NUMPY", "not an array in NumPy's format"),
        (as_npy(np.array([[object()]], object)), "not an array in NumPy's format"),  # would have to be unpickled
        (as_npy(np.zeros(WIDTH)), "two-dimensional"),
        (as_npy(np.zeros((0, WIDTH))), "at least a row"),
        (as_npy(np.zeros((1, WIDTH), "U3")), "not an array in NumPy's format: it holds <U3, not floats"),
        (as_npy(np.zeros((1, WIDTH))) + b"more", f"takes {WIDTH * 8} bytes, there are {WIDTH * 8 + 4}"),
        (with_header(HEADER % f"({10**12}, {WIDTH})", b"few"), "there are 3"),  # nothing is allocated for it
        (with_header(HEADER % f"({10**30}, {WIDTH})"), "there are 0"),
        (with_header(HEADER % f"(-1, {WIDTH})"), "there are 0"),
        (with_header(HEADER % f"(True, {WIDTH})", bytes(8 * WIDTH)), "something else than lengths"),
        (with_header(HEADER[:-1] % "(1, 2"), "its header cannot be read"),
        (as_npy(np.zeros((2, WIDTH - 1))), f"{WIDTH - 1} values, the model takes {WIDTH}"),
        (as_npy(np.full((1, WIDTH), np.nan)), "row 1, value 1: 'nan' is not a finite number"),
    ],
)
def test_arrays_that_are_no_rows_are_400(client, body, reason):
    answer = client.post("/invocations", content=body, headers={"content-type": "application/x-npy"})
    assert answer.status_code == 400
    assert reason in answer.text


def test_it_describes_itself_and_refuses_features_of_another_schema(client, model, X):
    answer = client.post("/invocations", content=b'{"describe": true}', headers={"content-type": "application/json"})
    assert answer.json() == {
        "version": model.version,
        "features": list(model.features),
        "feature_hash": model.metadata.feature_hash,
        "trained_until": model.trained_until,
        "band": model.hold_margin,
        "horizon": model.metadata.horizon,
        "interval": model.metadata.interval,
    }
    headers = {"content-type": "application/x-npy", "x-amzn-sagemaker-custom-attributes": "schema=beef"}
    refused = client.post("/invocations", content=as_npy(X), headers=headers)
    assert refused.status_code == 409
    assert "beef" in refused.text
    assert model.metadata.feature_hash in refused.text
