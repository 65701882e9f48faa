"""A Piper voice of 1 kB: the real loader and the real phonemes, each said as a tone of its own."""

import json
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper
from piper.phoneme_ids import DEFAULT_PHONEME_ID_MAP

_HOP, _HOPS = 256, 4
"""A phoneme takes 4 hops of 256 samples at the normal speed."""


def make_piper(
    path: Path, *, rate: int = 22_050, speakers: int = 1, aligned: bool = False, keeps_times: bool = False
) -> Path:
    """Write `path` (an .onnx file) and its .json. A speaker is a third higher than the one before; `aligned` voices
    tell how long each phoneme takes, and those that are ordinary know it and keep it to themselves."""
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(_model(rate, speakers, aligned, keeps_times), str(path))
    configuration: dict[str, Any] = {
        "audio": {"sample_rate": rate},
        "espeak": {"voice": "en-us"},
        "inference": {"noise_scale": 0.667, "length_scale": 1, "noise_w": 0.8},
        "phoneme_type": "espeak",
        "num_symbols": 256,
        "num_speakers": speakers,
        "speaker_id_map": {f"speaker-{number}": number for number in range(speakers)} if speakers > 1 else {},
        "phoneme_id_map": DEFAULT_PHONEME_ID_MAP,
        "hop_length": _HOP,
    }
    Path(f"{path}.json").write_text(json.dumps(configuration))
    return path


def _model(rate: int, speakers: int, aligned: bool, keeps_times: bool) -> onnx.ModelProto:
    numbers = {"one": 1.0, "base": 200.0, "step": 15.0, "loudness": 0.3, "circle": 6.2831853 / rate}
    numbers |= {"third": 1.26, "hops": float(_HOPS), "hop": float(_HOPS * _HOP)}
    constants = [helper.make_tensor(name, TensorProto.FLOAT, [], [value]) for name, value in numbers.items()]
    constants += [
        helper.make_tensor("zero", TensorProto.FLOAT, [], [0.0]),
        helper.make_tensor("which", TensorProto.INT64, [], [1]),
        helper.make_tensor("shape", TensorProto.INT64, [4], [1, 1, 1, -1]),
        helper.make_tensor("column", TensorProto.INT64, [2], [-1, 1]),
    ]
    node = helper.make_node
    nodes = [
        node("Cast", ["input"], ["ids"], to=TensorProto.FLOAT),
        node("Mul", ["ids", "step"], ["above"]),
        node("Add", ["above", "base"], ["hertz"]),
        node("Gather", ["scales", "which"], ["slowness"], axis=0),
        node("Mul", ["slowness", "hop"], ["long"]),
        node("Range", ["zero", "long", "one"], ["samples"]),
        node("Mul", ["samples", "circle"], ["angle"]),
        node("Reshape", ["voiced", "column"], ["each"]),
        node("Mul", ["each", "angle"], ["phases"]),
        node("Sin", ["phases"], ["waves"]),
        node("Mul", ["waves", "loudness"], ["quiet"]),
        node("Reshape", ["quiet", "shape"], ["output"]),
    ]
    voiced = [node("Identity", ["hertz"], ["voiced"])]
    if speakers > 1:
        voiced = [
            node("Cast", ["sid"], ["number"], to=TensorProto.FLOAT),
            node("Pow", ["third", "number"], ["higher"]),
            node("Mul", ["hertz", "higher"], ["voiced"]),
        ]
    nodes[3:3] = voiced
    inputs: list[tuple[Any, ...]] = [("input", TensorProto.INT64, [1, "n"]), ("input_lengths", TensorProto.INT64, [1])]
    inputs += [("scales", TensorProto.FLOAT, [3])] + ([("sid", TensorProto.INT64, [1])] if speakers > 1 else [])
    outputs: list[tuple[Any, ...]] = [("output", TensorProto.FLOAT, [1, 1, 1, "t"])]
    if aligned or keeps_times:
        nodes += [
            node("Mul", ["ids", "zero"], ["nothing"]),
            node("Mul", ["slowness", "hops"], ["duration"]),
            node("Add", ["nothing", "duration"], ["exactly"]),
            node("Ceil", ["exactly"], ["durations"]),
        ]
    if aligned:
        outputs.append(("durations", TensorProto.FLOAT, [1, "n"]))
    graph = helper.make_graph(
        nodes,
        "voice",
        [helper.make_tensor_value_info(*one) for one in inputs],
        [helper.make_tensor_value_info(*one) for one in outputs],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model
