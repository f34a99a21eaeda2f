"""What `device_map="auto"` puts on each of N equal devices: bytes of parameters and buffers, as JSON lines.

usage: device_map.py DEVICES[,DEVICES...] CONFIG.json...     (needs torch and transformers; nothing is downloaded)

The model is built on the meta device in the config's dtype (fp16 where it states none); every device has room for all of it.
"""
import json
import os
import sys

import torch
import transformers
from transformers.integrations.accelerate import _get_device_map


def device_of(name, device_map):
    parts = name.split(".")
    for length in range(len(parts), -1, -1):
        found = device_map.get(".".join(parts[:length]))
        if found is not None:
            return found
    raise KeyError(name)


def main(counts, paths):
    for path in paths:
        with open(path) as file:
            raw = json.load(file)
        raw.pop("quantization_config", None)
        config = transformers.AutoConfig.for_model(**raw)
        dtype = getattr(torch, str(raw.get("dtype") or raw.get("torch_dtype") or "float16").replace("torch.", ""))
        with torch.device("meta"):
            model = getattr(transformers, raw["architectures"][0])._from_config(config, dtype=dtype)
        for count in counts:
            room = {device: 10**13 for device in range(count)} | {"cpu": 10**13}
            device_map = _get_device_map(model, "auto", dict(room), None)
            sizes = [0] * count
            seen = set()
            for name, tensor in list(model.named_parameters()) + list(model.named_buffers()):
                if id(tensor) in seen:
                    continue
                seen.add(id(tensor))
                device = device_of(name, device_map)
                sizes[device] += tensor.numel() * tensor.element_size()
            print(json.dumps({"model": os.path.basename(path).removesuffix(".json").replace("__", "/"), "dtype": str(dtype).removeprefix("torch."), "devices": count, "bytes": sizes}), flush=True)


if __name__ == "__main__":
    main([int(count) for count in sys.argv[1].split(",")], sys.argv[2:])
