"""The exact forms against PyTorch's own operators."""

import pytest
import torch
import torch.nn.functional as F

from shm_train.networks.ops import (
    DepthwiseConv2d,
    MaxPoolWinners,
    MaxUnpool,
    averaging_matrix,
    normalise,
    pad_to_multiple,
    to_unit_range,
)


@pytest.mark.parametrize("size", [(2, 2), (8, 6), (34, 50)], ids=str)
def test_pooling_and_unpooling_equal_pytorchs_with_indices(size):
    """Maxima, and the places to which unpooling puts values, are bit-equal."""
    x = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
    pooled, winners = MaxPoolWinners()(x)
    wanted, indices = F.max_pool2d(x, 2, return_indices=True)
    assert torch.equal(pooled, wanted)
    values = torch.rand(pooled.shape, generator=torch.Generator().manual_seed(1))
    assert torch.equal(MaxUnpool()(values, winners), F.max_unpool2d(values, indices, 2))


def test_ties_go_to_the_first_pixel():
    """After a ReLU whole windows are zero; exactly one pixel of each must win, the one that PyTorch picks."""
    x = torch.tensor([[0.0, 0.0, 1.0, 2.0], [0.0, 0.0, 2.0, 2.0]]).view(1, 1, 2, 4)
    pooled, winners = MaxPoolWinners()(x)
    unpooled = MaxUnpool()(torch.tensor([[[[5.0, 7.0]]]]), winners)
    assert pooled.flatten().tolist() == [0.0, 2.0]
    assert unpooled.view(2, 4).tolist() == [[5.0, 0.0, 0.0, 7.0], [0.0, 0.0, 0.0, 0.0]]


@pytest.mark.parametrize("num_bins", [1, 2, 3, 6])
@pytest.mark.parametrize("size", [(1, 10), (5, 7), (6, 6), (47, 94)], ids=str)
def test_averaging_matrices_pool_as_adaptive_average_pooling(num_bins, size):
    """The pyramid's means, also where there are more bins than pixels."""
    x = torch.rand(2, 4, *size, generator=torch.Generator().manual_seed(0))
    rows, columns = (averaging_matrix(length, num_bins, x) for length in size)
    means = rows @ x @ columns.T
    torch.testing.assert_close(means, F.adaptive_avg_pool2d(x, num_bins), rtol=0, atol=1e-6)


def test_padding_replicates_the_right_and_bottom_edge():
    """A side that is no multiple grows by copies of its last row or column."""
    x = torch.tensor([[1.0, 2.0, 3.0]]).view(1, 1, 1, 3)
    assert pad_to_multiple(x, 2).view(2, 4).tolist() == [[1, 2, 3, 3], [1, 2, 3, 3]]


def test_padding_leaves_a_multiple_alone():
    """1504 = 94 x 16 stays 1504."""
    assert pad_to_multiple(torch.zeros(1, 1, 1500, 1504), 16).shape[-2:] == (1504, 1504)


def test_normalisation_maps_the_mean_colour_to_zero():
    """ImageNet's mean is 0, one deviation above is 1."""
    mean = torch.tensor([123.675, 116.28, 103.53]).view(1, 3, 1, 1)
    deviation = torch.tensor([58.395, 57.12, 57.375]).view(1, 3, 1, 1)
    torch.testing.assert_close(normalise(mean, torch.float32), torch.zeros(1, 3, 1, 1))
    torch.testing.assert_close(normalise(mean + deviation, torch.float32), torch.ones(1, 3, 1, 1))


def test_the_unit_range_takes_back_what_has_left_it_and_pushes_nothing_out():
    """Descent goes against the gradient: at 1.3 a positive one comes back and a negative one would go on."""
    x = torch.tensor([-0.2, -0.2, 0.5, 1.3, 1.3], requires_grad=True)
    clamped = to_unit_range(x)
    assert clamped.tolist() == [0, 0, 0.5, 1, 1]
    clamped.backward(torch.tensor([1.0, -1.0, 2.0, 3.0, -3.0]))
    assert x.grad is not None
    assert x.grad.tolist() == [0, -1, 2, 3, 0]


def test_a_depthwise_convolution_stays_float32_under_autocast():
    """The same bits, whatever comes in; one that learns nothing, and a half network's, is half."""
    torch.manual_seed(0)
    convolution = DepthwiseConv2d(4, 5, stride=2, padding=2)
    x = torch.rand(2, 4, 16, 18)
    expected = F.conv2d(x, convolution.weight, stride=2, padding=2, groups=4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(convolution(x), expected)
        assert convolution(x.bfloat16()).dtype == torch.float32
        assert convolution.requires_grad_(False)(x).dtype == torch.bfloat16
    assert convolution.bfloat16()(x.bfloat16()).dtype == torch.bfloat16
