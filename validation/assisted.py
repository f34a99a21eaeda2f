"""What assisted generation keeps alive: the peak of a whole `generate(assistant_model=…)`, above both models' parameters and buffers.

usage: assisted.py CONFIG.json ASSISTANT.json dtype=fp16,prompt=4,new=60,sec=30[,shares=1]...     (see runtime.py)
"""
import json
import sys

import torch
import transformers
from torch._subclasses.fake_tensor import FakeTensorMode

import runtime
import inputs
from recorder import Recorder
from runtime import DTYPES, build, cache_sizes, greedy, parsed
from sdpa import imitation


def run(raw, other, asked):
    dtype = DTYPES[asked["dtype"]]
    config, small = (transformers.AutoConfig.for_model(**one) for one in (raw, other))
    with FakeTensorMode(allow_non_fake_inputs=True):
        model = build(config, raw["architectures"][0], dtype, "flash")
        name = "WhisperForCausalLM" if asked.get("shares") else other["architectures"][0]
        assistant = build(small, name, dtype, "flash")
        recorder = Recorder()
        recorder.ops = asked.get("top")
        for one in (model, assistant):
            recorder.fix([*one.parameters(), *one.buffers()])
        torch.nn.functional.scaled_dot_product_attention = imitation(None)
        kept = transformers.generation.utils.GenerationMixin
        held = []
        prepared = kept._prepare_cache_for_generation

        def prepare(self, generation_config, model_kwargs, *rest):
            prepared(self, generation_config, model_kwargs, *rest)
            held.append(model_kwargs.get("past_key_values"))

        kept._prepare_cache_for_generation = prepare
        with torch.no_grad(), recorder:
            recorder.phase_stack = ["all"]
            recorder.phases["all"] = {"peak": 0, "peak_with_workspace": 0, "start": 0}
            greedy(assistant, asked["new"])
            assistant.generation_config.num_assistant_tokens = asked.get("ahead", 20)
            # Real assistants stop early where they are unsure; a fake one would always be.
            assistant.generation_config.assistant_confidence_threshold = 0
            fed = inputs.of(model, config, dtype, asked, recorder)
            kept.generate(model, **fed, generation_config=greedy(model, asked["new"]), assistant_model=assistant)
        kept._prepare_cache_for_generation = prepared
    peak = recorder.phases["all"]
    return {**asked, "peak": peak["peak"], "at": peak["path"], "caches": [cache_sizes(one) for one in held if one is not None], **({"top": peak["top"]} if asked.get("top") else {})}


if __name__ == "__main__":
    with open(sys.argv[1]) as a, open(sys.argv[2]) as b:
        raw, other = json.load(a), json.load(b)
    for text in sys.argv[3:]:
        print(json.dumps(run(raw, other, parsed(text))), flush=True)
