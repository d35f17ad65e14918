"""ImageNet files as people have them: torchvision's and timm's ResNet-50 and VGG-16-BN, EfficientNet-Lite0."""

import itertools
import json
from dataclasses import replace

import pytest
import torch

from shm_deploy.errors import ArtifactError
from shm_train.checkpoint import Checkpoint, save_checkpoint
from shm_train.init import load_encoder, take_weights
from shm_train.networks import LiveConfig, PaperConfig, SemanticHumanMatting
from tests.train.conftest import TINY_NETWORK


@pytest.fixture(scope="module")
def paper():
    return SemanticHumanMatting(PaperConfig())


@pytest.fixture(scope="module")
def live():
    return SemanticHumanMatting(LiveConfig())


COUNTER = itertools.count(1)


def tensor(*shape):
    """Cheap to make, and unlike any other: each has a value of its own."""
    return torch.full(shape, float(next(COUNTER)))


def batch_norm(prefix, width):
    return {
        f"{prefix}.weight": tensor(width),
        f"{prefix}.bias": tensor(width),
        f"{prefix}.running_mean": tensor(width),
        f"{prefix}.running_var": tensor(width),
        f"{prefix}.num_batches_tracked": torch.tensor(1),
    }


def resnet50():
    """torchvision's names and shapes."""
    weights = {"conv1.weight": tensor(64, 3, 7, 7), **batch_norm("bn1", 64)}
    num_in = 64
    for layer, (width, blocks) in enumerate([(64, 3), (128, 4), (256, 6), (512, 3)], start=1):
        for block in range(blocks):
            name = f"layer{layer}.{block}"
            weights[f"{name}.conv1.weight"] = tensor(width, num_in, 1, 1)
            weights[f"{name}.conv2.weight"] = tensor(width, width, 3, 3)
            weights[f"{name}.conv3.weight"] = tensor(4 * width, width, 1, 1)
            for number, channels in ((1, width), (2, width), (3, 4 * width)):
                weights |= batch_norm(f"{name}.bn{number}", channels)
            if block == 0:
                weights[f"{name}.downsample.0.weight"] = tensor(4 * width, num_in, 1, 1)
                weights |= batch_norm(f"{name}.downsample.1", 4 * width)
            num_in = 4 * width
    return weights | {"fc.weight": tensor(1000, 2048), "fc.bias": tensor(1000)}


def vgg16_bn():
    """torchvision's names and shapes; a small classifier, as its size is of no concern."""
    weights = {}
    index, num_in = 0, 3
    for stage in ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)):
        for width in stage:
            weights[f"features.{index}.weight"] = tensor(width, num_in, 3, 3)
            weights[f"features.{index}.bias"] = tensor(width)
            weights |= batch_norm(f"features.{index + 1}", width)
            index, num_in = index + 3, width
        index += 1
    return weights | {"classifier.0.weight": tensor(8, 8), "classifier.0.bias": tensor(8)}


def efficientnet_lite0():
    """Names and shapes of the PyTorch port of Google's weights."""
    weights = {"_conv_stem.weight": tensor(32, 3, 3, 3), **batch_norm("_bn0", 32)}
    index, num_in = 0, 32
    for kernel, expansion, width, repeats in (
        (3, 1, 16, 1), (3, 6, 24, 2), (5, 6, 40, 2), (3, 6, 80, 3), (5, 6, 112, 3), (5, 6, 192, 4), (3, 6, 320, 1),
    ):  # fmt: skip
        for _ in range(repeats):
            name, hidden = f"_blocks.{index}", num_in * expansion
            if expansion > 1:
                weights[f"{name}._expand_conv.weight"] = tensor(hidden, num_in, 1, 1)
                weights |= batch_norm(f"{name}._bn0", hidden)
            weights[f"{name}._depthwise_conv.weight"] = tensor(hidden, 1, kernel, kernel)
            weights |= batch_norm(f"{name}._bn1", hidden)
            weights[f"{name}._project_conv.weight"] = tensor(width, hidden, 1, 1)
            weights |= batch_norm(f"{name}._bn2", width)
            index, num_in = index + 1, width
    weights |= {"_conv_head.weight": tensor(1280, 320, 1, 1), **batch_norm("_bn1", 1280)}
    return weights | {"_fc.weight": tensor(1000, 1280), "_fc.bias": tensor(1000)}


def timm_lite0():
    """timm's names of the same network."""
    weights = {"conv_stem.weight": tensor(32, 3, 3, 3), **batch_norm("bn1", 32)}
    num_in = 32
    for stage, (kernel, expansion, width, repeats) in enumerate([
        (3, 1, 16, 1), (3, 6, 24, 2), (5, 6, 40, 2), (3, 6, 80, 3), (5, 6, 112, 3), (5, 6, 192, 4), (3, 6, 320, 1),
    ]):  # fmt: skip
        for block in range(repeats):
            name, hidden = f"blocks.{stage}.{block}", num_in * expansion
            if expansion > 1:
                layers = [
                    ("conv_pw", hidden, num_in, 1),
                    ("conv_dw", hidden, 1, kernel),
                    ("conv_pwl", width, hidden, 1),
                ]
            else:
                layers = [("conv_dw", hidden, 1, kernel), ("conv_pw", width, hidden, 1)]
            for number, (layer, num_out, each, side) in enumerate(layers, start=1):
                weights[f"{name}.{layer}.weight"] = tensor(num_out, each, side, side)
                weights |= batch_norm(f"{name}.bn{number}", num_out)
            num_in = width
    weights |= {"conv_head.weight": tensor(1280, 320, 1, 1), **batch_norm("bn2", 1280)}
    return weights | {"classifier.weight": tensor(1000, 1280), "classifier.bias": tensor(1000)}


def as_safetensors(weights, path):
    """The format by its specification: header length, JSON header, bytes."""
    header, data = {"__metadata__": {"format": "pt"}}, b""
    names = {torch.float32: "F32", torch.int64: "I64"}
    for name, value in weights.items():
        raw = value.numpy().tobytes()
        header[name] = {
            "dtype": names[value.dtype], "shape": list(value.shape), "data_offsets": [len(data), len(data) + len(raw)]
        }  # fmt: skip
        data += raw
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def saved(weights, folder):
    path = folder / "weights.pth"
    torch.save(weights, path)
    return path


def test_resnet50_becomes_the_papers_tnet(paper, tmp_path):
    """Each weight goes to the layer of its name; the classifier is left out."""
    weights = resnet50()
    assert load_encoder(paper, saved(weights, tmp_path)) == "tnet.encoder"
    loaded = paper.tnet.encoder.state_dict()
    assert loaded.keys() == {name for name in weights if not name.startswith("fc.")}
    assert all(torch.equal(tensor, weights[name]) for name, tensor in loaded.items())


def test_vgg16_becomes_the_papers_mnet_with_three_silent_channels(paper, tmp_path):
    """The first convolution reads the image as it did, and nothing yet of the trimap."""
    weights = vgg16_bn()
    assert load_encoder(paper, saved(weights, tmp_path)) == "mnet.encoder"
    loaded = paper.mnet.encoder.state_dict()
    first = loaded.pop("features.0.weight")
    assert torch.equal(first[:, :3], weights["features.0.weight"])
    assert not first[:, 3:].any()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in loaded.items())


def test_efficientnet_becomes_the_live_tnet(live, tmp_path):
    """Blocks counted through in the file find their stage: block 8 is the first of the fifth stage."""
    weights = efficientnet_lite0()
    assert load_encoder(live, saved(weights, tmp_path)) == "tnet.encoder"
    encoder = live.tnet.encoder
    assert torch.equal(encoder.stem[1].weight, weights["_conv_stem.weight"])
    assert torch.equal(encoder.stages[4][0].depthwise[0].weight, weights["_blocks.8._depthwise_conv.weight"])
    assert torch.equal(encoder.stages[5][0].depthwise[1].weight, weights["_blocks.11._depthwise_conv.weight"])
    assert torch.equal(encoder.stages[6][0].project[1].running_var, weights["_blocks.15._bn2.running_var"])


def test_timms_efficientnet_becomes_the_live_tnet(live, tmp_path):
    """The first stage's conv_pw is its projection, the others' their expansion; the stride comes after a padding."""
    weights = timm_lite0()
    path = as_safetensors(weights, tmp_path / "model.safetensors")
    assert load_encoder(live, path) == "tnet.encoder"
    encoder = live.tnet.encoder
    assert torch.equal(encoder.stem[1].weight, weights["conv_stem.weight"])
    assert torch.equal(encoder.stages[0][0].project[0].weight, weights["blocks.0.0.conv_pw.weight"])
    assert torch.equal(encoder.stages[1][0].depthwise[1].weight, weights["blocks.1.0.conv_dw.weight"])
    assert torch.equal(encoder.stages[4][1].expand[0].weight, weights["blocks.4.1.conv_pw.weight"])
    assert torch.equal(encoder.stages[6][0].project[1].running_var, weights["blocks.6.0.bn3.running_var"])


def test_files_from_before_batches_were_counted_are_taken(paper, tmp_path):
    """torchvision's vgg16_bn-6c64b313.pth and resnet50-19c8e357.pth have no num_batches_tracked."""
    for weights in (vgg16_bn(), resnet50()):
        old = {name: value for name, value in weights.items() if not name.endswith("num_batches_tracked")}
        load_encoder(paper, saved({"state_dict": old}, tmp_path))
    assert paper.mnet.encoder.features[1].num_batches_tracked == 0


def test_vgg16_fits_an_mnet_of_four_channels(tmp_path):
    """Deep Image Matting's, with one silent channel."""
    dim = SemanticHumanMatting(PaperConfig(method="dim"))
    weights = vgg16_bn()
    assert load_encoder(dim, saved(weights, tmp_path)) == "mnet.encoder"
    first = dim.mnet.mnet.encoder.features[0].weight
    assert torch.equal(first[:, :3], weights["features.0.weight"])
    assert first.shape[1] == 4
    assert not first[:, 3].any()


@pytest.mark.parametrize(
    "data",
    [b"\x05\x00", b"\x02" + bytes(7) + b"[]", b"\x07" + bytes(7) + b'{"a":1}'],
    ids=["cut off", "a list", "no offsets"],
)
def test_a_broken_safetensors_file_is_refused(live, tmp_path, data):
    """By its path."""
    path = tmp_path / "cut.safetensors"
    path.write_bytes(data)
    with pytest.raises(ArtifactError, match=r"cut\.safetensors can't be read"):
        load_encoder(live, path)


def test_a_file_that_lacks_layers_is_refused_by_their_names(paper, tmp_path):
    """A ResNet-50 cut short says what is missing."""
    weights = {name: tensor for name, tensor in resnet50().items() if not name.startswith("layer4.2.conv3")}
    with pytest.raises(ArtifactError, match=r"does not fit paper's tnet\.encoder: it lacks layer4\.2\.conv3\.weight"):
        load_encoder(paper, saved(weights, tmp_path))


def test_a_file_for_another_network_is_refused(live, tmp_path):
    """The live M-Net has no encoder that VGG-16 could start."""
    with pytest.raises(ArtifactError, match=r"live has no mnet\.encoder"):
        load_encoder(live, saved(vgg16_bn(), tmp_path))


def test_a_resnet_is_refused_by_the_live_tnet(live, tmp_path):
    """The right part of the wrong network: a few of the missing names, and how many more."""
    with pytest.raises(ArtifactError, match=r"does not fit live's tnet\.encoder: it lacks .* and \d+ more"):
        load_encoder(live, saved(resnet50(), tmp_path))


def test_another_efficientnet_is_refused(live, tmp_path):
    """B0 has squeeze-and-excitation, Lite0 has not; the message names it."""
    weights = efficientnet_lite0() | {"_blocks.0._se_reduce.weight": torch.zeros(8, 32, 1, 1)}
    with pytest.raises(ArtifactError, match=r"has unknown _blocks\.0\._se_reduce\.weight"):
        load_encoder(live, saved(weights, tmp_path))


def test_weights_of_another_width_are_refused(live, tmp_path):
    """The names are right, a shape is not."""
    weights = efficientnet_lite0() | {"_conv_stem.weight": torch.zeros(40, 3, 3, 3)}
    with pytest.raises(ArtifactError, match=r"has other shapes of stem\.1\.weight"):
        load_encoder(live, saved(weights, tmp_path))


def test_vgg16_without_batch_norm_is_refused(paper, tmp_path):
    """torchvision's plain VGG-16 counts its layers otherwise; what is missing is named."""
    weights = {name: tensor for name, tensor in vgg16_bn().items() if "features.1." not in name}
    with pytest.raises(ArtifactError, match=r"features\.1\.weight"):
        load_encoder(paper, saved(weights, tmp_path))


@pytest.mark.parametrize(
    ("content", "message"),
    [({"a": torch.zeros(1)}, "wanted are ImageNet weights"), ({"model": {}}, "no plain state dict")],
    ids=["foreign", "nested"],
)
def test_files_that_are_no_known_encoder_are_refused(live, tmp_path, content, message):
    """The message lists what is known, or what to save."""
    with pytest.raises(ArtifactError, match=message):
        load_encoder(live, saved(content, tmp_path))


def test_a_folder_is_no_file_of_weights(live, tmp_path):
    """Named, like a file that can't be read."""
    with pytest.raises(ArtifactError, match="can't be read as weights"):
        load_encoder(live, tmp_path)


def test_a_missing_file_is_named(live, tmp_path):
    """Before anything else is loaded."""
    with pytest.raises(ArtifactError, match=r"no weights .*gone\.pth"):
        load_encoder(live, tmp_path / "gone.pth")


def checkpoint_of(config, folder):
    torch.manual_seed(3)
    network = SemanticHumanMatting(config)
    save_checkpoint(folder / "start.pt", Checkpoint(config=config, weights=network.state_dict()))
    return network


def test_an_ablation_starts_from_the_weights_of_the_whole(tmp_path):
    """Without fusion all weights fit; Deep Image Matting's M-Net is another and keeps its own."""
    start = checkpoint_of(TINY_NETWORK, tmp_path)
    same = SemanticHumanMatting(replace(TINY_NETWORK, method="no_fusion"))
    assert take_weights(same, tmp_path / "start.pt") == ["tnet", "mnet"]
    assert torch.equal(same.mnet.prediction.weight, start.mnet.prediction.weight)
    other = SemanticHumanMatting(replace(TINY_NETWORK, method="dim"))
    assert take_weights(other, tmp_path / "start.pt") == ["tnet"]
    assert torch.equal(other.tnet.logits.weight, start.tnet.logits.weight)


def test_a_start_of_another_network_is_refused(tmp_path):
    """Widths differ: nothing is taken."""
    checkpoint_of(TINY_NETWORK, tmp_path)
    with pytest.raises(ArtifactError, match="this run wants"):
        take_weights(SemanticHumanMatting(replace(TINY_NETWORK, tnet_width=8)), tmp_path / "start.pt")
