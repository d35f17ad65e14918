"""The published network: PSPNet-50 as T-Net, VGG-16 encoder and unpooling decoder as M-Net."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from shm_train.networks.ops import (
    ConvNormAct,
    MaxPoolWinners,
    MaxUnpool,
    PyramidPooling,
    Winners,
    normalise,
    pad_to_multiple,
    resize,
)
from shm_train.networks.outputs import RawAlpha, Segmented


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 with a shortcut; torchvision's parameter names."""

    EXPANSION = 4

    def __init__(self, num_in: int, width: int, stride: int, dilation: int, project: bool) -> None:
        super().__init__()
        num_out = width * self.EXPANSION
        self.conv1 = nn.Conv2d(num_in, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, dilation, dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, num_out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(num_out)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = (
            nn.Sequential(nn.Conv2d(num_in, num_out, 1, stride, bias=False), nn.BatchNorm2d(num_out))
            if project
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        return self.relu(self.bn3(self.conv3(x)) + shortcut)


class DilatedResNet50(nn.Module):
    """ResNet-50 with output stride 8: the last two stages dilate instead of striding. torchvision's parameter names."""

    num_out = 2048

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = self._stage(64, 64, num_blocks=3, stride=1, first_dilation=1, dilation=1)
        self.layer2 = self._stage(256, 128, num_blocks=4, stride=2, first_dilation=1, dilation=1)
        self.layer3 = self._stage(512, 256, num_blocks=6, stride=1, first_dilation=1, dilation=2)
        self.layer4 = self._stage(1024, 512, num_blocks=3, stride=1, first_dilation=2, dilation=4)

    @staticmethod
    def _stage(
        num_in: int, width: int, num_blocks: int, stride: int, first_dilation: int, dilation: int
    ) -> nn.Sequential:
        first = Bottleneck(num_in, width, stride, first_dilation, project=True)
        num_out = width * Bottleneck.EXPANSION
        others = [Bottleneck(num_out, width, 1, dilation, project=False) for _ in range(num_blocks - 1)]
        return nn.Sequential(first, *others)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))  # (N, 64, H/4, W/4)
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))  # (N, 2048, H/8, W/8)


class PaperTNet(nn.Module):
    """Image to trimap logits: PSPNet-50.

    Source: Chen et al. 2018, section 4.1.
    """

    STRIDE = 8

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.encoder = DilatedResNet50()
        self.pyramid = PyramidPooling(self.encoder.num_out, num_each=512)
        self.head = nn.Sequential(ConvNormAct(self.pyramid.num_out, 512), nn.Dropout2d(dropout), nn.Conv2d(512, 3, 1))

    def forward(self, image: Tensor) -> Segmented:
        """(N, 3, H, W) RGB 0..255 -> logits (N, 3, H, W) float32, order F, B, U."""
        height, width = image.shape[-2:]
        x = normalise(image, self.encoder.conv1.weight.dtype)
        x = pad_to_multiple(x, self.STRIDE)
        padded = x.shape[-2:]
        x = self.head(self.pyramid(self.encoder(x)))  # (N, 3, H/8, W/8)
        return Segmented(resize(x.float(), padded)[..., :height, :width])


class VGGEncoder(nn.Module):
    """VGG-16's 13 convolutions and first 4 poolings, for more input channels; torchvision's VGG-16-BN names."""

    WIDTHS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))

    def __init__(self, num_in: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for stage, widths in enumerate(self.WIDTHS):
            if stage:
                layers.append(MaxPoolWinners())
            for width in widths:
                layers += [nn.Conv2d(num_in, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
                num_in = width
        self.features = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Winners]]:
        """(N, num_in, H, W) -> (N, 512, H/16, W/16) and the winners of the four poolings, first to last."""
        winners = []
        for layer in self.features:
            if isinstance(layer, MaxPoolWinners):
                x, won = layer(x)
                winners.append(won)
            else:
                x = layer(x)
        return x, winners


class UnpoolDecoder(nn.Module):
    """Deep Image Matting's decoder without `deconv6`: 5x5 convolutions between unpoolings."""

    def __init__(self) -> None:
        super().__init__()
        self.deconv5 = ConvNormAct(512, 512, kernel=5)
        self.deconv4 = ConvNormAct(512, 256, kernel=5)
        self.deconv3 = ConvNormAct(256, 128, kernel=5)
        self.deconv2 = ConvNormAct(128, 64, kernel=5)
        self.deconv1 = ConvNormAct(64, 64, kernel=5)
        self.prediction = nn.Conv2d(64, 1, 5, padding=2)
        self.unpool = MaxUnpool()

    def forward(self, x: Tensor, winners: list[Winners]) -> Tensor:
        """(N, 512, H/16, W/16) -> (N, 1, H, W)."""
        x = self.deconv5(x)
        for convolution, won in zip(
            (self.deconv4, self.deconv3, self.deconv2, self.deconv1), reversed(winners), strict=True
        ):
            x = convolution(self.unpool(x, won))
        return self.prediction(x)


class PaperMNet(nn.Module):
    """Image and trimap to raw alpha: VGG-16 encoder, unpooling decoder.

    Source: Chen et al. 2018, section 4.2.
    """

    STRIDE = 16

    def __init__(self, num_trimap_channels: int = 3) -> None:
        super().__init__()
        self.encoder = VGGEncoder(3 + num_trimap_channels)
        self.decoder = UnpoolDecoder()

    def forward(self, image: Tensor, trimap: Tensor, features: Sequence[Tensor] = ()) -> RawAlpha:
        """Image (N, 3, H, W) RGB 0..255, softmax trimap (N, 3, H, W), no features -> raw alpha."""
        height, width = image.shape[-2:]
        dtype = self.decoder.prediction.weight.dtype
        x = torch.cat([normalise(image, dtype), trimap.to(dtype)], dim=1)  # (N, 6, H, W); 4 channels for `dim`
        encoded, winners = self.encoder(pad_to_multiple(x, self.STRIDE))
        alpha = self.decoder(encoded, winners)[..., :height, :width].float()
        return RawAlpha(alpha if self.training else alpha.clamp(0, 1))
