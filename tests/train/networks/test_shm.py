"""The two networks: shapes, ranges, the paper's structure and Eq. 4."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from shm_deploy.errors import SpecError
from shm_train.networks import FrameGraph, Fusion, LiveConfig, PaperConfig, SemanticHumanMatting
from shm_train.networks.live import Refinement
from shm_train.networks.ops import MaxPoolWinners


@pytest.fixture(scope="module")
def paper():
    torch.manual_seed(0)
    return SemanticHumanMatting(PaperConfig()).eval()


@pytest.fixture(scope="module")
def live():
    torch.manual_seed(0)
    return SemanticHumanMatting(LiveConfig()).eval()


def image_of(*size):
    return torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0)) * 255


@pytest.mark.parametrize("size", [(64, 64), (65, 97), (100, 64)], ids=str)
@pytest.mark.parametrize("variant", ["paper", "live"])
def test_alpha_has_the_size_of_the_image(variant, size, request):
    """Padding to the stride is invisible to the caller, and alpha lies in 0..1."""
    with torch.no_grad():
        matting = request.getfixturevalue(variant)(image_of(*size))
    assert matting.alpha.shape == matting.alpha_raw.shape == (1, 1, *size)
    assert matting.alpha.dtype == torch.float32
    assert 0 <= matting.alpha.min() <= matting.alpha.max() <= 1


def test_trimap_of_the_paper_has_the_size_of_the_image_and_sums_to_one(paper):
    """Eq. 2: a softmax over F, B, U at each pixel."""
    with torch.no_grad():
        trimap = paper(image_of(65, 97)).trimap
    assert trimap.shape == (1, 3, 65, 97)
    torch.testing.assert_close(trimap.sum(dim=1), torch.ones(1, 65, 97))


@pytest.mark.parametrize(
    ("frame", "wanted"),
    [((1080, 1920), (192, 320)), ((1920, 1080), (320, 192)), ((512, 512), (320, 320)), ((64, 1500), (32, 320))],
    ids=str,
)
def test_tnet_of_live_looks_at_a_fixed_budget_of_pixels(live, frame, wanted):
    """Its cost does not grow with the frame."""
    assert live.tnet.input_size(*frame) == wanted


@torch.no_grad()
def test_mnet_of_live_sees_tnets_features_and_that_of_the_paper_none(live, paper):
    """At 1/8, 1/4 and 1/2 of T-Net's input, which is 320 x 192 here; each of them moves raw alpha."""
    image = image_of(96, 160)
    logits, features = live.tnet(image)
    assert [map_.shape[1:] for map_ in features] == [(64, 24, 40), (32, 48, 80), (16, 96, 160)]
    trimap = torch.softmax(logits, dim=1)
    alpha = live.mnet(image, trimap, features).alpha
    for index in range(3):
        others = [map_ + 1 if index == place else map_ for place, map_ in enumerate(features)]
        assert not torch.equal(live.mnet(image, trimap, others).alpha, alpha)
    assert paper.tnet(image_of(64, 64)).features == paper.features(image_of(64, 64)) == ()


@torch.no_grad()
def test_features_are_float_whatever_tnet_computes_in(live):
    """They pass between graphs, whose tensors outside are float32."""
    with torch.autocast("cpu", torch.bfloat16):
        _, features = live.tnet(image_of(64, 96))
    assert {map_.dtype for map_ in features} == {torch.float32}


@torch.no_grad()
def test_live_draws_from_a_coarse_alpha(live, paper):
    """Half of the sides of what M-Net looks at: 640 x 480 of a frame of 1280 x 960."""
    image = image_of(960, 1280)
    logits, features = live.tnet(image)
    assert live.mnet(image, torch.softmax(logits, dim=1), features).coarse.shape == (1, 1, 240, 320)
    assert paper.mnet(image_of(64, 64), torch.full((1, 3, 64, 64), 1 / 3)).coarse is None


def test_alphas_of_live_are_what_applications_get_in_training_too(live):
    """Within 0..1: what overshoots where the truth is 1 is no error, and mattes become solid."""
    network = SemanticHumanMatting(LiveConfig()).train()
    nn.init.constant_(network.mnet.prediction.bias, 2.0)
    image = image_of(64, 64).repeat(2, 1, 1, 1)
    logits, features = network.tnet(image)
    raw_alpha = network.mnet(image, torch.softmax(logits, dim=1), features)
    for alpha in raw_alpha:
        assert alpha.min() >= 0
        assert alpha.max() == 1


def test_fusion_is_equation_four():
    """alpha = F_s + U_s * alpha_r, pixel by pixel."""
    trimap = torch.tensor([[[[0.5, 1.0]], [[0.25, 0.0]], [[0.25, 0.0]]]])
    alpha = Fusion(resizes=False)(trimap, torch.tensor([[[[0.8, 0.3]]]]))
    torch.testing.assert_close(alpha, torch.tensor([[[[0.7, 1.0]]]]))


def test_gradients_reach_both_networks(live):
    """The probabilistic estimate trains T-Net and M-Net together."""
    network = SemanticHumanMatting(LiveConfig()).train()
    network(image_of(64, 64).repeat(2, 1, 1, 1)).alpha.sum().backward()
    assert network.tnet.encoder.stem[1].weight.grad.abs().sum() > 0
    assert network.mnet.image_stem.weight.grad.abs().sum() > 0


def test_paper_tnet_is_pspnet_50_with_stride_8(paper):
    """2048 channels at an eighth of the image, four pyramid levels, torchvision's names."""
    encoder = paper.tnet.encoder
    with torch.no_grad():
        assert encoder(torch.zeros(1, 3, 64, 96)).shape == (1, 2048, 8, 12)
    assert paper.tnet.pyramid.BINS == (1, 2, 3, 6)
    assert [tuple(level[0].weight.shape[:2]) for level in paper.tnet.pyramid.reduce] == 4 * [(512, 2048)]
    norms = sum(isinstance(module, nn.BatchNorm2d) for module in paper.tnet.modules())
    convolutions = sum(isinstance(module, nn.Conv2d) for module in paper.tnet.modules())
    assert norms == convolutions - 1  # all but the logits
    names = encoder.state_dict().keys()
    assert {"conv1.weight", "layer1.0.downsample.0.weight", "layer4.2.bn3.running_var"} <= names
    assert sum(isinstance(module, nn.Conv2d) for module in encoder.modules()) == 53


def test_paper_mnet_is_vgg_16_with_six_channels_and_an_unpooling_decoder(paper):
    """13 + 6 convolutions, 4 poolings, batch norm after every convolution but the prediction."""
    encoder, decoder = paper.mnet.encoder, paper.mnet.decoder
    convolutions = [module for module in encoder.modules() if isinstance(module, nn.Conv2d)]
    norms = [module for module in paper.mnet.modules() if isinstance(module, nn.BatchNorm2d)]
    assert (len(convolutions), len(norms)) == (13, 18)
    assert convolutions[0].in_channels == 6
    assert encoder.state_dict()["features.40.weight"].shape == (512, 512, 3, 3)
    with torch.no_grad():
        _, winners = encoder(torch.zeros(1, 6, 32, 32))
    assert [won.top_left.shape[1] for won in winners] == [64, 128, 256, 512]
    assert sum(isinstance(module, nn.Conv2d) for module in decoder.modules()) == 6


def test_paper_mnet_computes_what_pytorchs_own_pooling_with_indices_gives(paper):
    """The encoder's and decoder's layers in a row, with `max_pool2d(return_indices=True)` and `max_unpool2d`."""
    x = torch.rand(1, 6, 48, 32, generator=torch.Generator().manual_seed(0))
    decoder, indices = paper.mnet.decoder, []
    with torch.no_grad():
        found = decoder(*paper.mnet.encoder(x))
        for layer in paper.mnet.encoder.features:
            if isinstance(layer, MaxPoolWinners):
                x, positions = F.max_pool2d(x, 2, return_indices=True)
                indices.append(positions)
            else:
                x = layer(x)
        x = decoder.deconv5(x)
        for name in ("deconv4", "deconv3", "deconv2", "deconv1"):
            x = getattr(decoder, name)(F.max_unpool2d(x, indices.pop(), 2))
        torch.testing.assert_close(found, decoder.prediction(x), rtol=0, atol=0)


@pytest.mark.parametrize("variant", ["paper", "live"])
def test_frame_graph_takes_and_gives_bytes(variant, request):
    """uint8 in, uint8 out, the trimap at the frame's size whatever T-Net's own size is."""
    frames = torch.randint(0, 256, (2, 66, 81, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        alpha, trimap = FrameGraph(request.getfixturevalue(variant))(frames)
    assert (alpha.shape, trimap.shape) == ((2, 66, 81), (2, 66, 81, 3))
    assert alpha.dtype == trimap.dtype == torch.uint8
    assert trimap.int().sum(dim=-1).sub(255).abs().max() <= 1


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["paper", "live"])
def test_images_of_a_batch_do_not_see_each_other(variant, request):
    """Outside training a batch gives what its images give alone, but for rounding, amplified on noise."""
    network = request.getfixturevalue(variant)
    images = torch.cat([image_of(64, 80), 255 - image_of(64, 80)])
    with torch.no_grad():
        together = network(images).alpha
        alone = torch.cat([network(image[None]).alpha for image in images])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    "wrong",
    [{"tnet_edge": 100}, {"tnet_width": 30}, {"mnet_widths": (16, 16, 32, 48)}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_impossible_configs_are_refused(wrong):
    """What can't be built is an error at once, naming the value."""
    with pytest.raises(SpecError, match=next(iter(wrong))):
        LiveConfig(**wrong)


@torch.no_grad()
def test_a_refinement_adds_nothing_before_it_has_learned():
    x = torch.rand(1, 16, 8, 8, generator=torch.Generator().manual_seed(0))
    refinement = Refinement(16).eval()
    assert torch.equal(refinement(x), x)
    refinement.project.weight.fill_(1.0)
    assert (refinement(x) - x).abs().max() > 0
