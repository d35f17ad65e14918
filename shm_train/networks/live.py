"""The small network: EfficientNet-Lite0 on a fixed budget of pixels as T-Net, a slim U-Net as M-Net."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shm_deploy import geometry
from shm_train.networks.config import LiveConfig
from shm_train.networks.guided import PLACES, GuidedFilter, draw
from shm_train.networks.ops import (
    ConvNormAct,
    DepthwiseConv2d,
    PyramidPooling,
    SeparableNormAct,
    normalise,
    resize,
    statistics,
    to_unit_range,
)
from shm_train.networks.outputs import RawAlpha, Segmented

NUM_FEATURES = 3  # maps of T-Net's that M-Net sees
BN_EPSILON = 1e-3  # of the ImageNet weights, which come from TensorFlow


class SamePad(nn.Module):
    """Zeros as TensorFlow's 'same' padding adds them before a strided convolution on even sizes: more at the end."""

    def __init__(self, kernel: int, stride: int) -> None:
        super().__init__()
        total = kernel - stride
        self.amounts = (total // 2, total - total // 2, total // 2, total - total // 2)

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x, self.amounts)


def _convolution(
    num_in: int, num_out: int, kernel: int, stride: int = 1, *, depthwise: bool = False, activation: bool = True
) -> nn.Sequential:
    padding = kernel // 2 if stride == 1 else 0
    convolution = (
        DepthwiseConv2d(num_in, kernel, stride, padding)
        if depthwise
        else nn.Conv2d(num_in, num_out, kernel, stride, padding, bias=False)
    )
    layers: list[nn.Module] = [] if stride == 1 else [SamePad(kernel, stride)]
    layers += [convolution, nn.BatchNorm2d(num_out, eps=BN_EPSILON)]
    if activation:
        layers.append(nn.ReLU6(inplace=True))
    return nn.Sequential(*layers)


class InvertedResidual(nn.Module):
    """Expand, depthwise, project; a shortcut where the shape stays."""

    def __init__(self, num_in: int, num_out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = num_in * expansion
        self.expand = _convolution(num_in, hidden, 1) if expansion > 1 else None
        self.depthwise = _convolution(hidden, hidden, kernel, stride, depthwise=True)
        self.project = _convolution(hidden, num_out, 1, activation=False)
        self.shortcut = stride == 1 and num_in == num_out

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.expand is None else self.expand(x)
        y = self.project(self.depthwise(y))
        return x + y if self.shortcut else y


class EfficientNetLite0(nn.Module):
    """The encoder, without its classifier.

    Source: EfficientNet-Lite (Google, 2020), Apache-2.0.
    """

    # (kernel, stride, expansion, channels, repeats)
    STAGES = (
        (3, 1, 1, 16, 1),
        (3, 2, 6, 24, 2),
        (5, 2, 6, 40, 2),
        (3, 2, 6, 80, 3),
        (5, 1, 6, 112, 3),
        (5, 2, 6, 192, 4),
        (3, 1, 6, 320, 1),
    )
    TAPS = (0, 1, 2, 4, 6)  # the stages whose output is used: strides 2, 4, 8, 16, 32
    WIDTHS = (16, 24, 40, 112, 320)

    def __init__(self) -> None:
        super().__init__()
        self.stem = _convolution(3, 32, 3, 2)
        stages = []
        num_in = 32
        for kernel, stride, expansion, width, repeats in self.STAGES:
            blocks = []
            for index in range(repeats):
                blocks.append(InvertedResidual(num_in, width, kernel, stride if index == 0 else 1, expansion))
                num_in = width
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(N, 3, H, W), sides multiples of 32 -> features at strides 2, 4, 8, 16, 32."""
        x = self.stem(x)
        taps = []
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if index in self.TAPS:
                taps.append(x)
        return taps


class Refinement(nn.Module):
    """Adds to a map what its neighbourhoods say; nothing, before it has learned.

    Source: the block of Liu et al. 2022, A ConvNet for the 2020s, small.
    """

    def __init__(self, width: int, kernel: int = 3, expansion: int = 2) -> None:
        super().__init__()
        self.gather = DepthwiseConv2d(width, kernel, padding=kernel // 2)
        self.expand = ConvNormAct(width, width * expansion, kernel=1)
        self.project = nn.Conv2d(width * expansion, width, 1, bias=False)
        nn.init.zeros_(self.project.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(N, width, H, W) -> the same shape."""
        return x + self.project(self.expand(self.gather(x)))


class TopDownStep(nn.Module):
    """A coarser map joins a finer one: both in few channels, added, then smoothed.

    Few channels first: 3x3 convolutions on both maps side by side took half of T-Net's time. The coarser map is reduced
    before it is enlarged: a quarter of the work, and the same result.

    Source: Lin et al. 2017, Feature Pyramid Networks for Object Detection.
    """

    def __init__(self, num_coarse: int, num_fine: int, num_out: int) -> None:
        super().__init__()
        self.coarse = nn.Conv2d(num_coarse, num_out, 1, bias=False)
        self.fine = nn.Conv2d(num_fine, num_out, 1)
        self.smooth = ConvNormAct(num_out, num_out)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """(N, num_coarse, H/2, W/2), (N, num_fine, H, W) -> (N, num_out, H, W)."""
        return self.smooth(_double(self.coarse(coarse), "bilinear") + self.fine(fine))


class LiveTNet(nn.Module):
    """Image to trimap logits at half of T-Net's own input size, which is fixed by `tnet_edge`.

    Its decoder's last maps go to M-Net, too: what ImageNet and T-Net know of people, M-Net need not learn again.
    """

    STRIDE = 32
    NUM_REFINEMENTS = (0, 0, 2, 2, 2)  # at strides 2, 4, 8, 16, 32: of the largest maps they would cost too much

    def __init__(self, config: LiveConfig) -> None:
        super().__init__()
        self.edge = config.tnet_edge
        self.encoder = EfficientNetLite0()
        width = config.tnet_width
        widths = (width // 2, width, width * 2, width * 3, width * 3)  # at strides 2, 4, 8, 16, 32
        self.reduce = ConvNormAct(EfficientNetLite0.WIDTHS[-1], widths[-1], kernel=1)
        self.pyramid = PyramidPooling(widths[-1], num_each=width)
        self.context = ConvNormAct(self.pyramid.num_out, widths[-1])
        self.ascend = nn.ModuleList(
            TopDownStep(num_coarse, num_fine, num_out)
            for num_coarse, num_fine, num_out in zip(
                widths[1:], EfficientNetLite0.WIDTHS[:-1], widths[:-1], strict=True
            )
        )
        self.refine = nn.ModuleList(
            nn.Sequential(*(Refinement(each, kernel=5) for _ in range(count)))
            for each, count in zip(widths, self.NUM_REFINEMENTS, strict=True)
        )
        self.logits = nn.Conv2d(widths[0], 3, 3, padding=1)

    def input_size(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) at which T-Net looks at a frame: longest side `edge`, multiples of 32.

        Integer arithmetic on the shape, which exports exactly.
        """
        return geometry.budget_size((height, width), self.edge, self.STRIDE, _larger)

    def forward(self, image: Tensor) -> Segmented:
        """(N, 3, H, W) RGB 0..255 -> logits (N, 3, h/2, w/2), features at h/8, h/4, h/2; (h, w) from `input_size`."""
        height, width = self.input_size(*image.shape[-2:])
        # Twice too large, then 2x2 means: little aliasing from large frames, without an antialiased resize,
        # which TensorRT lacks.
        x = F.avg_pool2d(resize(image.float(), (2 * height, 2 * width)), 2)
        *taps, x = self.encoder(normalise(x, self.logits.weight.dtype))
        *finer, coarsest = self.refine
        x = coarsest(self.context(self.pyramid(self.reduce(x))))
        maps = []
        for tap, step, refine in zip(reversed(taps), reversed(self.ascend), reversed(finer), strict=True):
            x = refine(step(x, tap))
            maps.append(x.float())
        return Segmented(self.logits(x).float(), tuple(maps[-NUM_FEATURES:]))


class PixelStem(nn.Conv2d):
    """A convolution of squares on the normalised image: its weights take the normalisation in, which saves two passes.

    As a module of its own, so that what measures every layer's range sees it.
    """

    def __init__(self, num_out: int, square: int) -> None:
        super().__init__(3, num_out, square, square)

    def forward(self, image: Tensor) -> Tensor:
        """(N, 3, H, W) RGB 0..255, not normalised -> (N, num_out, H/square, W/square)."""
        assert self.bias is not None
        mean, deviation = statistics(self.weight.device)
        scaled = self.weight.float() / deviation
        shifted = self.bias.float() - (scaled * mean).sum(dim=(1, 2, 3))
        return F.conv2d(image, scaled.to(self.weight.dtype), shifted.to(self.weight.dtype), self.stride)


class LiveMNet(nn.Module):
    """Image, trimap and T-Net's features to raw alpha: a U-Net whose largest map has a quarter of its input's sides.

    Like T-Net it looks at a frame within a fixed budget of pixels. Each place of its map predicts alpha's means in the
    four quarters of its square, how sure they are, and how far to trust them over what colours say; a guided filter
    draws the frame's own pixels. Strided convolutions take squares: a third of the cost of overlapping ones. Those of
    larger maps are separable. Most of its depth lies at the smallest map, where it costs least. Widths are multiples of
    16 and skips are added, not concatenated: ONNX Runtime then keeps one blocked layout.
    """

    STRIDE = 16
    SQUARE = 4  # [px]
    LEAST_WEIGHT = 1e-3  # of a place that M-Net is not sure of, beside one it is
    NUM_REFINEMENTS8 = 2
    NUM_REFINEMENTS16 = 4

    def __init__(self, config: LiveConfig) -> None:
        super().__init__()
        self.edge = config.mnet_edge
        quarter, eighth, sixteenth = config.mnet_widths
        self.image_stem = PixelStem(quarter, self.SQUARE)
        self.trimap_stem = nn.Conv2d(3, quarter, 1, bias=False)
        width = config.tnet_width
        self.feature_stem4 = nn.Conv2d(width // 2, quarter, 1, bias=False)
        self.feature_stem8 = nn.Conv2d(width, eighth, 1, bias=False)
        self.feature_stem16 = nn.Conv2d(width * 2, sixteenth, 1, bias=False)
        self.refine_in = Refinement(quarter)
        self.encode8 = nn.Sequential(ConvNormAct(quarter, eighth, kernel=2, stride=2), SeparableNormAct(eighth, eighth))
        self.encode16 = nn.Sequential(
            ConvNormAct(eighth, sixteenth, kernel=2, stride=2),
            ConvNormAct(sixteenth, sixteenth),
            ConvNormAct(sixteenth, sixteenth),
        )
        self.refine16 = nn.Sequential(
            *(Refinement(sixteenth, kernel=5, expansion=4) for _ in range(self.NUM_REFINEMENTS16))
        )
        self.ascend8 = ConvNormAct(sixteenth, eighth, kernel=1)
        self.ascend4 = ConvNormAct(eighth, quarter, kernel=1)
        self.decode8 = SeparableNormAct(eighth, eighth)
        self.refine8 = nn.Sequential(*(Refinement(eighth, kernel=5) for _ in range(self.NUM_REFINEMENTS8)))
        self.decode4 = SeparableNormAct(quarter, quarter)
        self.refine_out = Refinement(quarter)
        # Of each of a square's places: mean alpha, then the logit of its weight; of the square: the filter's `share`.
        self.prediction = nn.Conv2d(quarter, 2 * PLACES**2 + 1, 1)
        self.guided = GuidedFilter()

    def forward(self, image: Tensor, trimap: Tensor, features: Sequence[Tensor]) -> RawAlpha:
        """Image (N, 3, H, W) RGB 0..255, softmax trimap (N, 3, h, w) of any size, T-Net's features -> raw alpha."""
        coefficients, coarse = self._look(image, trimap, features)
        alpha = draw(image, coefficients)
        return RawAlpha(to_unit_range(alpha), to_unit_range(coarse))

    def coefficients(self, image: Tensor, trimap: Tensor, features: Sequence[Tensor]) -> Tensor:
        """What `draw` makes raw alpha of, (N, 4, h', w') float32, a quarter of `input_size`; arguments as above.

        An image that has been brought to `input_size` already gives the same as the whole one.
        """
        coefficients, _ = self._look(image, trimap, features)
        return coefficients

    def _look(self, image: Tensor, trimap: Tensor, features: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Coefficients (N, 4, h', w') and the coarse alpha (N, 1, 2h', 2w') that they were fitted to, float32."""
        height, width = self.input_size(*image.shape[-2:])
        dtype = self.prediction.weight.dtype
        trimap = resize(trimap, (height // self.SQUARE, width // self.SQUARE)).to(dtype)
        image = resize(image.float(), (height, width))
        of16, of8, of4 = (
            stem(resize(feature, (height // stride, width // stride)).to(dtype))
            for stem, feature, stride in zip(
                (self.feature_stem16, self.feature_stem8, self.feature_stem4), features, (16, 8, 4), strict=True
            )
        )
        x4 = F.relu(self.image_stem(image.to(dtype)) + self.trimap_stem(trimap) + of4)  # (N, quarter, h', w')
        x4 = self.refine_in(x4)
        x8 = F.relu(self.encode8(x4) + of8)
        x = self.refine16(F.relu(self.encode16(x8) + of16))
        x = self.refine8(self.decode8(_double(self.ascend8(x)) + x8))
        x = self.refine_out(self.decode4(_double(self.ascend4(x)) + x4))
        predicted = self.prediction(x).float()
        alpha, logit, share = predicted.split((PLACES**2, PLACES**2, 1), dim=1)
        place = self.SQUARE // PLACES  # its side is 2 px: bilinear values are the means of its pixels, exactly
        means = resize(image, (height // place, width // place))
        coefficients = self.guided(means, alpha, torch.sigmoid(logit) + self.LEAST_WEIGHT, share)
        return coefficients, F.pixel_shuffle(alpha, PLACES)

    def input_size(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) at which M-Net looks at a frame: longest side at most `edge`, multiples of 16."""
        return geometry.capped_size((height, width), self.edge, self.STRIDE, _larger, _smaller)


def _larger(a: int, b: int) -> int:
    return torch.sym_max(a, b)  # type: ignore[no-any-return, no-untyped-call, unused-ignore]


def _smaller(a: int, b: int) -> int:
    return torch.sym_min(a, b)  # type: ignore[no-any-return, no-untyped-call, unused-ignore]


def _double(x: Tensor, mode: str = "nearest") -> Tensor:
    """By a constant factor: ONNX Runtime then keeps its blocked layout, which a resize to a size would leave."""
    return F.interpolate(x, scale_factor=2.0, mode=mode)
