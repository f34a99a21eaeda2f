"""What transformers' own processors make of images of several sizes: test/fixtures/image-tokens.json.

    python validation/image_tokens.py > test/fixtures/image-tokens.json

Runs the counting functions of the processors (`_get_num_multimodal_tokens`, or what stands in their place) without
weights, tokenizers or pixels. Settings that config.json does not hold are those of the published
preprocessor_config.json files, named beside each case. Needs torch, transformers and pillow; torchvision is not needed: what these functions would resize is
never looked at, so its place is taken by a stand-in.
"""

import collections
import importlib.machinery
import json
import re
import sys
import types

import torch
import transformers


class StandIn(types.ModuleType):
    """A module whose every attribute is another one, and which can be called."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return StandIn(f"{self.__name__}.{name}")

    def __call__(self, *args, **kwargs):
        return self

    def __mro_entries__(self, bases):
        return (object,)


def stand_in(name):
    module = StandIn(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None, is_package=True)
    module.__path__ = []
    sys.modules[name] = module


for name in ["torchvision", "torchvision.io", "torchvision.transforms", "torchvision.transforms.v2", "torchvision.transforms.v2.functional", "torchvision.transforms.functional"]:
    stand_in(name)


class Settings(types.SimpleNamespace):
    """In the place of `self`: the settings of a processor, and its class's functions."""

    def __init__(self, cls=None, **values):
        super().__init__(**values)
        self._cls = cls

    def __getattr__(self, name):
        cls = self.__dict__.get("_cls")
        if cls is None:
            raise AttributeError(name)
        value = getattr(cls, name)
        return types.MethodType(value, self) if callable(value) else value


Side = collections.namedtuple("Side", "height width")

# Width and height: tiny, square, wide, tall, just over a boundary, huge.
SIZES = [
    (2, 2), (10, 10), (28, 28), (50, 37), (224, 224), (300, 200), (336, 336), (448, 448), (449, 448), (512, 512),
    (640, 480), (336, 672), (800, 1333), (896, 896), (1000, 20), (20, 1000), (1024, 768), (768, 1024), (1024, 1024),
    (1280, 720), (1500, 500), (500, 1500), (1680, 1050), (1920, 1080), (1080, 1920), (2048, 2048), (3000, 1000),
    (1001, 1999), (4000, 3000), (4096, 4096), (7680, 4320), (10000, 9000), (12000, 400), (6000, 20), (4, 9000),
]


def counted(processor, width, height, **kwargs):
    return processor._get_num_multimodal_tokens(image_sizes=[(height, width)], **kwargs)["num_image_tokens"][0]


def qwen(module, name, patch, least, most):
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import Qwen2VLImageProcessor

    cls = getattr(__import__(f"transformers.models.{module}.processing_{module}", fromlist=[name]), name)
    images = Settings(Qwen2VLImageProcessor, patch_size=patch, merge_size=2, temporal_patch_size=2,
                      size={"shortest_edge": least, "longest_edge": most})
    return lambda w, h: counted(Settings(cls, image_processor=images), w, h)


def pixtral(patch, merge, longest):
    from transformers.models.pixtral.processing_pixtral import PixtralProcessor

    images = Settings(size={"longest_edge": longest})

    def count(w, h):
        # The counting function goes on where resizing would not.
        if min(w, h) * longest < max(w, h):
            raise ValueError("resized to a side of no pixels")
        return counted(Settings(PixtralProcessor, image_processor=images, patch_size=patch, spatial_merge_size=merge), w, h)

    return count


def llava(strategy, side, patch):
    from transformers.models.llava.processing_llava import LlavaProcessor

    images = Settings(crop_size={"height": side, "width": side})
    # processor_config.json: the class token.
    return lambda w, h: counted(Settings(LlavaProcessor, image_processor=images, patch_size=patch, num_additional_image_tokens=1,
                                         vision_feature_select_strategy=strategy), w, h)


def llava_next(pinpoints):
    from transformers.models.llava_next.processing_llava_next import LlavaNextProcessor

    images = Settings(size={"shortest_edge": 336}, image_grid_pinpoints=pinpoints)
    return lambda w, h: counted(Settings(LlavaNextProcessor, image_processor=images, patch_size=14, num_additional_image_tokens=1,
                                         vision_feature_select_strategy="default"), w, h)


def gemma3():
    from transformers.models.gemma3.processing_gemma3 import Gemma3Processor

    return lambda w, h: counted(Settings(Gemma3Processor, image_seq_length=256), w, h)


def gemma4(module, name):
    cls = getattr(__import__(f"transformers.models.{module}.processing_{module}", fromlist=[name]), name)
    images = Settings(patch_size=16, pooling_kernel_size=3, max_soft_tokens=280)
    return lambda w, h: counted(Settings(cls, image_processor=images), w, h)


def paligemma(side, patch):
    from transformers.models.paligemma.processing_paligemma import PaliGemmaProcessor

    return lambda w, h: counted(Settings(PaliGemmaProcessor, image_seq_length=(side // patch) ** 2), w, h)


def internvl():
    from transformers.models.got_ocr2.image_processing_got_ocr2 import GotOcr2ImageProcessor
    from transformers.models.internvl.processing_internvl import InternVLProcessor

    images = Settings(GotOcr2ImageProcessor, size={"height": 448, "width": 448}, min_patches=1, max_patches=12)
    return lambda w, h: counted(Settings(InternVLProcessor, image_processor=images, image_seq_length=256), w, h)


def llama4():
    from transformers.models.llama4.image_processing_llama4 import find_supported_resolutions, get_best_fit
    from transformers.models.llama4.processing_llama4 import Llama4Processor

    resolutions = torch.tensor(find_supported_resolutions(16, Side(336, 336)))

    def count(w, h):
        best = get_best_fit((h, w), resolutions)
        ratio = (int(best[0]) // 336, int(best[1]) // 336)
        per_tile = (336 // 14) ** 2 // int(round(1.0 / 0.5**2))
        return len(re.findall(r"<\|\w+\|>", Llama4Processor._prompt_split_image(None, ratio, per_tile)))

    return count


def phi4():
    import transformers.models.phi4_multimodal.image_processing_phi4_multimodal as module

    class Resizing:
        @staticmethod
        def resize(image, size):
            return torch.zeros(3, *size, dtype=torch.uint8)

        @staticmethod
        def pad(image, padding, fill):
            left, top, right, bottom = padding
            return torch.zeros(3, image.shape[1] + top + bottom, image.shape[2] + left + right, dtype=torch.uint8)

    module.tvF = Resizing

    class Processor(Settings):
        def rescale_and_normalize(self, image, *rest):
            return image

        def resize(self, image, size, **rest):
            return torch.zeros(3, size.height, size.width, dtype=torch.uint8)

    side = Side(448, 448)

    def count(w, h):
        image = types.SimpleNamespace(shape=(3, h, w), device="cpu")
        found = {}
        module.BatchFeature = lambda data, tensor_type: found.update(data)
        Processor(module.Phi4MultimodalImageProcessor)._preprocess(
            images=[image], do_resize=True, size=side, resample=None, do_rescale=True, rescale_factor=1, do_normalize=True,
            image_mean=0, image_std=1, patch_size=14, dynamic_hd=36, return_tensors=None)
        return found["num_img_tokens"][0]

    return count


def minicpm():
    from transformers.models.minicpmv4_6.image_processing_minicpmv4_6 import MiniCPMV4_6ImageProcessor

    def count(w, h):
        grid = Settings(MiniCPMV4_6ImageProcessor).get_sliced_grid((h, w), 9, 448)
        rows, columns = grid or (0, 0)
        # openbmb/MiniCPM-o-2_6, image_processing_minicpmv.py: <image_id>0</image_id>, <image>…</image>, <slice>…</slice>, \n.
        return 3 + (1 + rows * columns) * (64 + 2) + max(0, rows - 1)

    return count


PINPOINTS = [[336, 672], [672, 336], [672, 672], [1008, 336], [336, 1008]]
CASES = [
    # (config: a catalog id or a file of test/fixtures/variants, counting function)
    ("Qwen/Qwen2-VL-7B-Instruct", lambda: qwen("qwen2_vl", "Qwen2VLProcessor", 14, 3136, 12845056)),
    ("Qwen/Qwen2.5-VL-7B-Instruct", lambda: qwen("qwen2_5_vl", "Qwen2_5_VLProcessor", 14, 3136, 12845056)),
    ("Qwen/Qwen2.5-Omni-7B", lambda: qwen("qwen2_vl", "Qwen2VLProcessor", 14, 3136, 12845056)),
    ("Qwen/Qwen3-VL-8B-Instruct", lambda: qwen("qwen3_vl", "Qwen3VLProcessor", 16, 65536, 16777216)),
    ("Qwen/Qwen3-Omni-30B-A3B-Instruct", lambda: qwen("qwen2_vl", "Qwen2VLProcessor", 16, 3136, 12845056)),
    ("qwen3_vl_moe-30b-dense-layers.json", lambda: qwen("qwen3_vl", "Qwen3VLProcessor", 16, 65536, 16777216)),
    ("google/gemma-3-4b-it", gemma3),
    ("google/gemma-4-E2B-it", lambda: gemma4("gemma4", "Gemma4Processor")),
    ("google/gemma-4-12B-it", lambda: gemma4("gemma4_unified", "Gemma4UnifiedProcessor")),
    ("llava-hf/llava-1.5-7b-hf", lambda: llava("default", 336, 14)),
    ("llava-pixtral-12b.json", lambda: pixtral(16, 1, 1024)),
    ("llava_next-mistral-7b.json", lambda: llava_next(PINPOINTS)),
    ("mistral3-all-defaults.json", lambda: pixtral(14, 2, 1540)),
    ("internvl-all-defaults.json", internvl),
    ("paligemma-gemma3-text.json", None),
    ("meta-llama/Llama-4-Scout-17B-16E-Instruct", llama4),
    ("microsoft/Phi-4-multimodal-instruct", phi4),
    ("openbmb/MiniCPM-o-2_6", minicpm),
]


def main():
    cases = []
    for config, make in CASES:
        if make is None:
            with open(f"test/fixtures/variants/{config}") as file:
                vision = transformers.AutoConfig.for_model(**json.load(file)["config"]).vision_config
            make = lambda: paligemma(vision.image_size, vision.patch_size)
        count = make()
        rows = []
        for width, height in SIZES:
            try:
                rows.append([width, height, int(count(width, height))])
            except (ValueError, ZeroDivisionError, RuntimeError) as error:
                rows.append([width, height, None, str(error).split("\n")[0][:80]])
        cases.append({"config": config, "tokens": rows})
    lines = ",\n".join(
        f'    {{"config": {json.dumps(case["config"])}, "tokens": {json.dumps(case["tokens"])}}}' for case in cases)
    print(f'{{\n  "transformers": "{transformers.__version__}",\n  "columns": "width, height, tokens (null: refused, and why)",\n  "cases": [\n{lines}\n  ]\n}}')


main()
