"""What transformers allocates while it runs, without a GPU: bytes of live tensors above parameters and buffers at the peak of
each phase, and the caches, for runs of one model. Needs torch 2.13 (CPU) and transformers 5.18; nothing is downloaded.

usage: runtime.py CONFIG.json OUT.json [--class NAME] [--part CONFIG_KEY] [--model NAME] [--set KEY=NUMBER]... RUN ...
       a RUN is key=value pairs with commas: dtype=bf16,attn=flash,batch=4,prompt=512   (attn: eager, flash or math)
       prompt: decoder tokens, audio and images included; sec: seconds of audio; enc: tokens that an encoder reads;
       text: tokens beside the audio; new: tokens to generate (3); top=N lists the largest tensors at each peak
       --set text_config.num_hidden_layers=6 makes a model shallower, which changes no layer's peak but saves time

The model is built from its config with fake tensors on a "cuda" device, and the real `generate()` (or `forward()`, where
nothing is generated) runs under `recorder.py`; `sdpa.py` chooses attention kernels as a CUDA build would.
"""
import contextlib
import gc
import json
import sys
import warnings

import torch
import transformers
from torch._subclasses.fake_tensor import FakeTensorMode, unset_fake_temporarily
from transformers.initialization import no_init_weights

import cuda_guard
import inputs
from recorder import Recorder
from sdpa import imitation

warnings.filterwarnings("ignore")
transformers.logging.set_verbosity_error()
cuda_guard.ensure()
# What depends on the device or on fakes has to go the way of a real run on an A100.
torch.cuda.get_device_capability = lambda *_: (8, 0)
transformers.utils.import_utils.is_fake_tensor = lambda _: False

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
ENCODERS = ("audio_tower", "encoder", "audio_encoder", "speech_encoder", "vision_tower", "visual", "vision_model", "audio_model", "text_encoder")
FRONTENDS = ("feature_extractor", "feature_encoder")
PROJECTORS = ("multi_modal_projector", "audio_projection", "feature_projection", "projector", "connector", "embed_audio", "embed_vision", "audio_embed")
LANGUAGE = ("language_model", "text_model", "thinker.model")


def build(config, name, dtype, attn):
    cls = getattr(transformers, name)
    with torch.device("cuda"), no_init_weights():
        try:
            model = cls._from_config(config, dtype=dtype, attn_implementation="eager" if attn == "eager" else "sdpa")
        except ValueError as error:
            if "does not support an attention implementation" not in str(error):
                raise
            model = cls._from_config(config, dtype=dtype, attn_implementation="eager")
    model.eval()
    kept = set(model._keep_in_fp32_modules_strict or ()) if dtype != torch.float32 else set()
    if dtype == torch.float16:
        kept |= set(model._keep_in_fp32_modules or ())
    for key, parameter in model.named_parameters():
        parts = key.split(".")
        if any(k in parts or (("." in k or "*" in k) and k.replace("*", "") in key) for k in kept):
            parameter.data = parameter.data.float()
    model.requires_grad_(False)
    return model


def phases_of(model, generates):
    """Module -> phase that its forward is."""
    found = {}
    names = {name: m for name, m in model.named_modules() if name}
    decodes = generates and not model.config.is_encoder_decoder

    def outermost(group, phase):
        for name, m in names.items():
            last = name.split(".")[-1]
            if last not in group or name.count(".") > 3 or any(part.isdigit() for part in name.split(".")):
                continue
            if any(name.startswith(other + ".") for other, p in taken if p == phase):
                continue
            taken.append((name, phase))
            found[m] = phase

    taken = []
    outermost(ENCODERS, "encoder")
    outermost(FRONTENDS, "frontend")
    outermost(PROJECTORS, "projector")
    if decodes and "encoder" in found.values():
        for name, m in names.items():
            last = name.split(".")[-1]
            if last in LANGUAGE and name.count(".") <= 1:
                found[m] = "language"
                break
        else:
            for name, m in names.items():
                if name == "model" and m not in found and not any(x.split(".")[0] == "model" for x, _ in taken):
                    found[m] = "language"
    return found


@contextlib.contextmanager
def watched(model, recorder, phases):
    """Follows which module runs, and gives phases their names."""
    call = torch.nn.Module.__call__
    paths = {m: name for name, m in model.named_modules()}
    turns = {"n": 0}

    def named(module):
        if module is model:
            turns["n"] += 1
            if "language" in phases.values() and turns["n"] == 1:
                return "merge"
            if turns["generates"]:
                return ("prefill", "decode1")[turns["n"] - 1] if turns["n"] <= 2 else "decode"
            return "forward"
        phase = phases.get(module)
        if phase == "language":
            return "prefill" if turns["n"] == 1 else None
        if phase and recorder.phase_stack[-1] in ("decode1", "decode"):
            return None
        return phase

    def tracked(self, *args, **kwargs):
        recorder.path_stack.append(paths.get(self, "?"))
        phase = named(self)
        if phase:
            recorder.enter(phase)
        try:
            return call(self, *args, **kwargs)
        finally:
            recorder.path_stack.pop()
            if phase:
                recorder.leave()
                if phase == "prefill" and self is not model:
                    # What follows the language model in the same forward (its head) belongs to it.
                    recorder.phase_stack[-1] = "prefill"

    torch.nn.Module.__call__ = tracked
    try:
        yield turns
    finally:
        torch.nn.Module.__call__ = call


def greedy(model, new):
    """Plain greedy decoding: special tokens as the config has them, and no further processing of logits."""
    known = model.generation_config
    tokens = {key: getattr(known, key, None) for key in ("bos_token_id", "eos_token_id", "decoder_start_token_id")}
    if model.config.is_encoder_decoder and tokens["decoder_start_token_id"] is None and tokens["bos_token_id"] is None:
        tokens["decoder_start_token_id"] = inputs.START
    model.generation_config = transformers.GenerationConfig(
        max_new_tokens=new, do_sample=False, use_cache=True, pad_token_id=known.pad_token_id, **tokens
    )
    return model.generation_config


def cache_sizes(cache):
    """Bytes of a cache by kind: what its tensors hold, whatever storage lies behind them."""
    out = {}

    def add(kind, *tensors):
        for t in tensors:
            if isinstance(t, torch.Tensor) and t.numel():
                out[kind] = out.get(kind, 0) + t.numel() * t.element_size()

    def walk(part, kind):
        for layer in getattr(part, "layers", []):
            sliding = "sliding" in type(layer).__name__.lower() or getattr(layer, "is_sliding", False)
            name = "self_sliding_kv" if sliding and kind == "self_kv" else kind
            add(name, getattr(layer, "keys", None), getattr(layer, "values", None))
            for attribute, state in (("conv_states", "conv_state"), ("recurrent_states", "ssm_state")):
                value = getattr(layer, attribute, None)
                add(state, *(value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else [value]))

    if hasattr(cache, "self_attention_cache"):
        walk(cache.self_attention_cache, "self_kv")
        walk(cache.cross_attention_cache, "cross_kv")
    else:
        walk(cache, "self_kv")
    return out


def run(raw, name, asked):
    dtype, attn = DTYPES[asked["dtype"]], asked["attn"]
    config = transformers.AutoConfig.for_model(**raw)
    new = asked.get("new", 3)
    with FakeTensorMode(allow_non_fake_inputs=True):
        model = build(config, name, dtype, attn)
        recorder = Recorder()
        recorder.ops = asked.get("top")
        recorder.fix([*model.parameters(), *model.buffers()])
        held = {}
        torch.nn.functional.scaled_dot_product_attention = imitation("math" if attn == "math" else None)
        with torch.no_grad(), recorder:
            recorder.phases["sample"] = {"peak": 0, "peak_with_workspace": 0, "start": 0}
            recorder.phase_stack = ["sample"]
            fed = inputs.of(model, config, dtype, asked, recorder)
            generates = bool(asked.get("prompt")) and hasattr(model, "generate")
            phases = phases_of(model, generates)
            with watched(model, recorder, phases) as turns:
                turns["generates"] = generates
                if generates:
                    kept = transformers.generation.utils.GenerationMixin._prepare_cache_for_generation

                    def prepare(self, generation_config, model_kwargs, *rest):
                        kept(self, generation_config, model_kwargs, *rest)
                        held["cache"] = model_kwargs.get("past_key_values") or model_kwargs.get("cache_params")

                    transformers.generation.utils.GenerationMixin._prepare_cache_for_generation = prepare
                    try:
                        transformers.GenerationMixin.generate(
                            model, **fed, generation_config=greedy(model, new)
                        )
                    finally:
                        transformers.generation.utils.GenerationMixin._prepare_cache_for_generation = kept
                else:
                    model(**fed)
    peaks = {p: r["peak_with_workspace"] for p, r in recorder.phases.items() if r["peak"] >= 0}
    record = {**asked, "cache": "dynamic", "peaks": peaks, "caches": cache_sizes(held["cache"]) if held.get("cache") else {}}
    if generates:
        record["new"] = new
        # `generate()` puts the decoder's start token before a prompt that does not begin with it.
        with contextlib.suppress(Exception):
            if config.is_encoder_decoder and held["cache"].get_seq_length() == asked["prompt"] + new:
                record["start"] = 1
    if recorder.assumptions:
        record["assumptions"] = dict(recorder.assumptions)
    if asked.get("top"):
        record["detail"] = recorder.phases
    return record


def parsed(text):
    out = {}
    for pair in text.split(","):
        key, value = pair.split("=")
        out[key] = value if key in ("dtype", "attn") else float(value) if "." in value else int(value)
    return out


def changed(raw, text):
    """Sets one number of a config; lists with an entry for each of so many are cut. Returns what changed, by dotted key."""
    key, value = text.split("=")
    *way, last = key.split(".")
    at = raw
    for part in way:
        at = at[part]
    before, at[last] = at[last], int(value)
    prefix = "".join(f"{part}." for part in way)
    out = {key: int(value)}
    for name, entry in at.items():
        if isinstance(entry, list) and len(entry) == before:
            at[name] = out[prefix + name] = entry[: int(value)]
    return out


def main(argv):
    options = {"class": None, "part": None, "model": None, "set": []}
    rest = []
    while argv:
        arg = argv.pop(0)
        if arg == "--set":
            options["set"].append(argv.pop(0))
        elif arg.startswith("--"):
            options[arg[2:]] = argv.pop(0)
        else:
            rest.append(arg)
    path, out, *runs = rest
    with open(path) as file:
        raw = json.load(file)
    if options["part"]:
        raw = raw[options["part"]]
    sets = {}
    for text in options["set"]:
        sets |= changed(raw, text)
    name = options["class"] or raw["architectures"][0]
    head = {
        "model": options["model"] or path.split("/")[-1].removesuffix(".json").replace("__", "/"),
        "source": "validation/runtime.py",
        "class": name,
        "transformers": transformers.__version__,
        "torch": torch.__version__,
        **({"set": sets} if sets else {}),
    }
    rows = []
    for text in runs:
        record = run(json.loads(json.dumps(raw)), name, parsed(text))
        gc.collect()
        rows.append(json.dumps(record))
    body = f"{json.dumps(head)[:-1]},\"runs\":[\n" + ",\n".join(rows) + "\n]}\n"
    if out == "-":
        sys.stdout.write(body)
    else:
        with open(out, "w") as file:
            file.write(body)


if __name__ == "__main__":
    main(sys.argv[1:])
