"""Network to ONNX: the float parts, and the joined uint8 graph in float32 and in half precision.

Each part is traced once, as a half-precision network. Its float32 graph is the same one, widened: half types become
float, and weights are taken from the float32 network. That halves the time, which goes to symbolic shapes, and
the two precisions can't differ in anything else. The joined graphs are the parts put one behind the other.
"""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
import onnx.numpy_helper
import onnxscript.optimizer
import torch
from onnx import GraphProto, ModelProto, TensorProto
from torch import Tensor, nn
from torch.export import Dim

from shm_deploy import spec
from shm_train.networks import FrameEntry, FrameExit, SemanticHumanMatting
from shm_train.networks.live import LiveMNet

# Traced with more than one image and sides that differ, so that nothing is taken for a constant or for equal.
TRACE_BATCH = 2
TRACE_SIZE = (160, 224)
TRACE_TRIMAP_SIZE = (48, 80)  # where a trimap may have a size of its own
# What the sides may become; the upper bounds only help the tracer to simplify.
MAX_BATCH = 256
MAX_SIDE = 16384

# The joined graph's ends, before they get their names in `spec`, which the float tensors between the parts have.
FRAMES = "frames"
ALPHA_BYTES = "alpha_bytes"
TRIMAP_BYTES = "trimap_bytes"
JOINED_NAMES = {FRAMES: spec.IMAGE, ALPHA_BYTES: spec.ALPHA, TRIMAP_BYTES: spec.TRIMAP}
JOINED_ORDER = ("entry", "tnet", "mnet", "fusion", "exit")


@dataclass(frozen=True, kw_only=True)
class Graphs:
    """One network as ONNX; `parts` by role, for `live` with `spec.COEFFICIENTS`; joined graphs only if asked for."""

    parts: Mapping[str, ModelProto]
    joined: ModelProto | None
    joined_fp16: ModelProto | None


class TrimapNet(nn.Module):
    """T-Net with its softmax (Eq. 2), as `tnet.onnx` has it."""

    def __init__(self, tnet: nn.Module) -> None:
        super().__init__()
        self.tnet = tnet

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """(N, 3, H, W) RGB 0..255 -> softmax trimap (N, 3, h, w), order F, B, U, then the features.

        Written out: ONNX Runtime turns the image around for a softmax along channels, three times as long.
        """
        logits, features = self.tnet(image)
        shares = torch.exp(logits - logits.amax(dim=1, keepdim=True))
        return (shares / shares.sum(dim=1, keepdim=True), *features)


class RawAlphaNet(nn.Module):
    """M-Net, as `mnet.onnx` has it."""

    def __init__(self, mnet: nn.Module) -> None:
        super().__init__()
        self.mnet = mnet

    def forward(self, image: Tensor, trimap: Tensor, *features: Tensor) -> Tensor:
        """As M-Net's, raw alpha (N, 1, H, W) alone."""
        alpha: Tensor = self.mnet(image, trimap, features).alpha
        return alpha


class CoefficientsNet(nn.Module):
    """Live's M-Net but for drawing the pixels, as `mnet.coefficients.onnx` has it."""

    def __init__(self, mnet: LiveMNet) -> None:
        super().__init__()
        self.mnet = mnet

    def forward(self, image: Tensor, trimap: Tensor, *features: Tensor) -> Tensor:
        """As `LiveMNet.coefficients`."""
        return self.mnet.coefficients(image, trimap, features)


@dataclass(frozen=True, kw_only=True)
class _Part:
    """A module to trace: inputs by name, each with the names of its dynamic dimensions by index; features are last."""

    module: nn.Module
    inputs: Mapping[str, Tensor]
    dims: Mapping[str, Mapping[int, str]]
    outputs: Mapping[str, Mapping[int, str]]


def make_graphs(
    folded: SemanticHumanMatting, *, opset: int, joined: bool, fp16: bool, tell: Callable[[str], None]
) -> Graphs:
    """Trace a network.

    Args:
        folded: the network without batch norms (`fold`), float32, in evaluation mode; stays as it is.
        opset: ONNX opset of the graphs.
        joined: whether the joined float32 graph is wanted.
        fp16: whether the joined half graph is wanted.
        tell: called with what is being done.
    """
    half = {}
    for name, part in _parts(copy.deepcopy(folded).half()).items():
        tell(f"tracing {name}")
        half[name] = _trace(part, opset)
    tell("simplifying")
    weights = {name: _weights(part.module) for name, part in _parts(folded).items()}
    floats = {name: _tidy(_widen(graph, weights[name])) for name, graph in half.items()}
    ends = {name: _tidy(_trace(part, opset)) for name, part in _ends(folded).items()} if joined or fp16 else {}
    return Graphs(
        parts=floats,
        joined=_join(floats | ends) if joined else None,
        joined_fp16=_join({name: _tidy(graph) for name, graph in half.items()} | ends) if fp16 else None,
    )


def num_half_nodes(model: ModelProto) -> int:
    """How many nodes of a graph give a half-precision tensor."""
    half = _outputs_of(model, TensorProto.FLOAT16)
    return sum(node.output[0] in half for node in model.graph.node)


def float_operators(model: ModelProto) -> tuple[str, ...]:
    """What a joined graph computes in float32, as `stage.Operator`, each once."""
    single = _outputs_of(model, TensorProto.FLOAT)
    names = {f"{node.name.partition('.')[0]}.{node.op_type}" for node in model.graph.node if node.output[0] in single}
    return tuple(sorted(names))


def _outputs_of(model: ModelProto, kind: int) -> set[str]:
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    values = (*inferred.value_info, *inferred.output)
    return {value.name for value in values if value.type.tensor_type.elem_type == kind}


def _parts(network: SemanticHumanMatting) -> dict[str, _Part]:
    image = torch.zeros(TRACE_BATCH, 3, *TRACE_SIZE)
    alpha = torch.zeros(TRACE_BATCH, 1, *TRACE_SIZE)
    frame = {0: "N", 2: "H", 3: "W"}
    own = network.fusion.resizes  # whether the trimap has a size of its own
    trimap = torch.zeros(TRACE_BATCH, 3, *(TRACE_TRIMAP_SIZE if own else TRACE_SIZE))
    trimap_dims = {0: "N", 2: "h", 3: "w"} if own else frame
    with torch.no_grad():
        features = {f"{spec.FEATURES}{index}": map_ for index, map_ in enumerate(network.features(image))}
    feature_dims = {name: {0: "N", 2: f"h{index}", 3: f"w{index}"} for index, name in enumerate(features)}
    parts = {
        "tnet": _Part(
            module=TrimapNet(network.tnet),
            inputs={spec.IMAGE: image},
            dims={spec.IMAGE: frame},
            outputs={spec.TRIMAP: trimap_dims, **feature_dims},
        ),
        "mnet": _Part(
            module=RawAlphaNet(network.mnet),
            inputs={spec.IMAGE: image, spec.TRIMAP: trimap, **features},
            dims={spec.IMAGE: frame, spec.TRIMAP: trimap_dims, **feature_dims},
            outputs={spec.ALPHA_RAW: frame},
        ),
        "fusion": _Part(
            module=network.fusion,
            inputs={spec.TRIMAP: trimap, spec.ALPHA_RAW: alpha},
            dims={spec.TRIMAP: trimap_dims, spec.ALPHA_RAW: frame},
            outputs={spec.ALPHA: frame},
        ),
    }
    if isinstance(network.mnet, LiveMNet):
        parts[spec.COEFFICIENTS] = replace(
            parts["mnet"],
            module=CoefficientsNet(network.mnet),
            outputs={spec.COEFFICIENTS: {0: "N", 2: "h4", 3: "w4"}},
        )
    return parts


def _ends(network: SemanticHumanMatting) -> dict[str, _Part]:
    parts = _parts(network)
    trimap, trimap_dims = parts["fusion"].inputs[spec.TRIMAP], parts["fusion"].dims[spec.TRIMAP]
    frame = {0: "N", 1: "H", 2: "W"}
    return {
        "entry": _Part(
            module=FrameEntry(),
            inputs={FRAMES: torch.zeros(TRACE_BATCH, *TRACE_SIZE, 3, dtype=torch.uint8)},
            dims={FRAMES: frame},
            outputs={spec.IMAGE: {0: "N", 2: "H", 3: "W"}},
        ),
        "exit": _Part(
            module=FrameExit(network.fusion.resizes),
            inputs={spec.ALPHA: torch.zeros(TRACE_BATCH, 1, *TRACE_SIZE), spec.TRIMAP: trimap},
            dims={spec.ALPHA: {0: "N", 2: "H", 3: "W"}, spec.TRIMAP: trimap_dims},
            outputs={ALPHA_BYTES: frame, TRIMAP_BYTES: frame},
        ),
    }


def _trace(part: _Part, opset: int) -> ModelProto:
    """An unoptimised graph, whose initializers still have the names of the module's parameters."""
    limits = {"N": (1, MAX_BATCH), "H": (spec.MIN_GRAPH_SIDE, MAX_SIDE), "W": (spec.MIN_GRAPH_SIDE, MAX_SIDE)}
    symbols = {
        name: Dim(name, min=low, max=high)
        for name in {dim for dims in part.dims.values() for dim in dims.values()}
        for low, high in [limits.get(name, (1, MAX_SIDE))]
    }
    by_name = {name: {axis: symbols[dim] for axis, dim in dims.items()} for name, dims in part.dims.items()}
    features = tuple(dims for name, dims in by_name.items() if name.startswith(spec.FEATURES))
    shapes: list[Any] = [dims for name, dims in by_name.items() if not name.startswith(spec.FEATURES)]
    if features:  # one argument, of which there may be any number
        shapes.append(features)
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            part.module.eval(),
            tuple(part.inputs.values()),
            dynamo=True,
            opset_version=opset,
            dynamic_shapes=tuple(shapes),
            input_names=list(part.inputs),
            output_names=list(part.outputs),
            optimize=False,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    for values, wanted in ((model.graph.input, part.dims), (model.graph.output, part.outputs)):
        for value in values:
            for axis, dim in wanted[value.name].items():
                value.type.tensor_type.shape.dim[axis].dim_param = dim
    return model


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's notes that ask nothing of anyone: absent torchvision, own deprecations, merged axes."""
    logger = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=FutureWarning, module="copyreg")
            warnings.filterwarnings("ignore", message="# The axis name", category=UserWarning)
            warnings.filterwarnings("ignore", category=DeprecationWarning, module="onnxscript")
            yield
    finally:
        logger.setLevel(level)


def _weights(module: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach() for name, tensor in (*module.named_parameters(), *module.named_buffers())}


def _widen(half: ModelProto, weights: Mapping[str, Tensor]) -> ModelProto:
    """The float32 graph of a half one that `_trace` made."""
    model = ModelProto()
    model.CopyFrom(half)
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT16:
            tensor.CopyFrom(onnx.numpy_helper.from_array(weights[tensor.name].numpy(), tensor.name))
    for node in model.graph.node:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT16:
                attribute.i = TensorProto.FLOAT
            if attribute.HasField("t") and attribute.t.data_type == TensorProto.FLOAT16:
                constant = onnx.numpy_helper.to_array(attribute.t).astype(np.float32)
                attribute.t.CopyFrom(onnx.numpy_helper.from_array(constant, attribute.t.name))
    return model


def _tidy(model: ModelProto) -> ModelProto:
    """Constants folded, casts to the own type gone, and no traces of the machine that exported it."""
    del model.graph.value_info[:]  # of the width before widening; ONNX infers them
    with _quiet():
        model = onnxscript.optimizer.optimize(model)
    del model.metadata_props[:], model.graph.metadata_props[:], model.graph.value_info[:]
    for item in (*model.graph.node, *model.graph.initializer, *model.graph.input, *model.graph.output):
        del item.metadata_props[:]
        item.doc_string = ""
    model.producer_name, model.producer_version = "semantic-human-matting", ""
    return model


def _join(stages: Mapping[str, ModelProto]) -> ModelProto:
    """One graph of all stages: what they share is known by its name, what is inside gets the stage's prefix."""
    shared = {value.name for stage in stages.values() for value in (*stage.graph.input, *stage.graph.output)}
    outer = {name: JOINED_NAMES.get(name, f"float.{name}") for name in shared}
    joined = ModelProto()
    joined.CopyFrom(stages["entry"])
    joined.graph.Clear()
    joined.graph.name = "shm"
    for prefix in JOINED_ORDER:
        graph = GraphProto()
        graph.CopyFrom(stages[prefix].graph)

        def rename(name: str, prefix: str = prefix) -> str:
            return outer.get(name, f"{prefix}.{name}") if name else name  # "" is an input left out

        for node in graph.node:
            node.name = f"{prefix}.{node.name}"
            node.input[:] = [rename(name) for name in node.input]
            node.output[:] = [rename(name) for name in node.output]
        for named in (*graph.initializer, *graph.input, *graph.output):
            named.name = rename(named.name)
        joined.graph.node.extend(graph.node)
        joined.graph.initializer.extend(graph.initializer)
        if prefix == "entry":
            joined.graph.input.extend(graph.input)
        if prefix == "exit":
            joined.graph.output.extend(graph.output)
    return joined
