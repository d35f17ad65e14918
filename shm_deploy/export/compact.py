"""A model as small as it ships: half-precision weights that lose nothing more, stored once for all of its graphs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import onnx
import torch
from onnx import ModelProto, TensorProto, helper, numpy_helper
from onnx.external_data_helper import set_external_data
from torch.nn.utils.fusion import fuse_conv_bn_weights

from shm_deploy.errors import SpecError
from shm_train.checkpoint import Checkpoint
from shm_train.networks.fold import convolution_before, statistic

SMALLEST_SHARED = 1024  # bytes; less than that stays in its graph


def round_checkpoint(checkpoint: Checkpoint) -> Checkpoint:
    """Round the weights to half precision, once, so that folding batch norms later changes none of them.

    Each batch norm's scale and shift are folded into its convolution first; what stays of the norm is its bias, with a
    variance that makes its scale exactly one. The training state goes.

    Raises:
        SpecError: a weight that half precision can't hold; its name is in the message.
    """
    network = checkpoint.network()
    with torch.no_grad():
        for norm, convolution in convolution_before(network).items():
            mean, variance = statistic(norm.running_mean), statistic(norm.running_var)
            weight, bias = fuse_conv_bn_weights(
                convolution.weight, convolution.bias, mean, variance, norm.eps, norm.weight, norm.bias
            )
            convolution.weight.copy_(weight)
            if convolution.bias is not None:
                convolution.bias.zero_()
            norm.bias.copy_(bias)
            norm.weight.fill_(1)
            mean.fill_(0)
            variance.fill_(1 - norm.eps)
    kept = {name for name in network.state_dict() if name.endswith("running_var")}
    weights = {
        name: tensor.half() if tensor.is_floating_point() and name not in kept else tensor
        for name, tensor in network.state_dict().items()
    }
    lost = [name for name, tensor in weights.items() if not torch.isfinite(tensor).all()]
    if lost:
        raise SpecError(f"got weights outside half precision, in {', '.join(lost)}: train with weight decay")
    return replace(checkpoint, weights=weights, training=None)


def share_weights(models: Iterable[ModelProto], location: str) -> bytes:
    """Move the weights of several graphs into one file, each once, in half precision where that is exact.

    Args:
        models: changed in place; they refer to the file as external data, as ONNX defines it.
        location: the name that the file will have beside the graphs.

    Returns:
        the file's contents.
    """
    contents = bytearray()
    offsets: dict[bytes, int] = {}
    for model in models:
        casts = []
        for tensor in model.graph.initializer:
            if tensor.data_type == TensorProto.FLOAT and _halve(tensor):
                half = f"{tensor.name}.half"
                casts.append(helper.make_node("Cast", [half], [tensor.name], name=f"{half}.cast", to=TensorProto.FLOAT))
                tensor.name = half
            if len(tensor.raw_data) < SMALLEST_SHARED:
                continue
            data = tensor.raw_data
            digest = hashlib.sha256(data).digest()
            if digest not in offsets:
                offsets[digest] = len(contents)
                contents += data
            set_external_data(tensor, location, offset=offsets[digest], length=len(data))
            tensor.ClearField("raw_data")
        nodes = [*casts, *model.graph.node]
        del model.graph.node[:]
        model.graph.node.extend(nodes)
    return bytes(contents)


def _halve(tensor: onnx.TensorProto) -> bool:
    """Store a float32 tensor in half precision if every value survives; whether it did."""
    values = numpy_helper.to_array(tensor)
    with np.errstate(over="ignore"):
        halves = values.astype(np.float16)
    if values.nbytes < SMALLEST_SHARED or not np.array_equal(halves.astype(np.float32), values):
        return False
    tensor.CopyFrom(numpy_helper.from_array(halves, tensor.name))
    return True
