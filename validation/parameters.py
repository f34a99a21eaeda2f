"""What transformers builds from a config.json: total, tied and every tensor, as JSON on standard output.

usage: parameters.py CONFIG.json [CLASS]     (needs torch and transformers; nothing is downloaded, no memory is taken)

The model is built on the meta device. `{0-31}` in a name stands for those indices. Components are not stated here: they
are this project's own grouping, checked by their sum.
"""
import collections
import json
import re
import sys

import torch
import transformers


def ranges(numbers):
    out = []
    for n in sorted(numbers):
        if out and out[-1][1] == n - 1:
            out[-1][1] = n
        else:
            out.append([n, n])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in out)


def folded(rows):
    """Names that differ in one number only, with the same shape, as one row; repeated until nothing folds."""
    rows = [(name, tuple(shape)) for name, shape in rows]
    depth = max((len(re.findall(r"(?<=\.)\d+(?=\.)|^\d+(?=\.)", name)) for name, _ in rows), default=0)
    for level in range(depth):
        groups = collections.OrderedDict()
        for name, shape in rows:
            parts = name.split(".")
            places = [i for i, part in enumerate(parts) if part.isdigit()]
            if not places or level >= depth:
                groups.setdefault((name, shape), None)
                continue
            at = places[0]
            key = (".".join(parts[:at] + ["#"] + parts[at + 1 :]), shape)
            groups.setdefault(key, []).append(int(parts[at]))
        rows = [
            (name if numbers is None else name.replace("#", str(numbers[0]) if len(numbers) == 1 else "{" + ranges(numbers) + "}", 1), shape)
            for (name, shape), numbers in groups.items()
        ]
        # a single number that could not be folded would be met again: mark it
        rows = [(re.sub(r"(?<=\.)(\d+)(?=\.)", r"{\1}", name, count=1) if re.search(r"(?<=\.)\d+(?=\.)", name) else name, shape) for name, shape in rows]
    return [[re.sub(r"\{(\d+)\}", r"\1", name), list(shape)] for name, shape in rows]


def main(path, class_name=None):
    with open(path) as file:
        raw = json.load(file)
    config = transformers.AutoConfig.for_model(**raw)
    name = class_name or raw["architectures"][0]
    with torch.device("meta"):
        model = getattr(transformers, name)(config)
    first, tied, rows = {}, [], []
    for key, parameter in model.named_parameters(remove_duplicate=False):
        if id(parameter) in first:
            tied.append([key, first[id(parameter)]])
        else:
            first[id(parameter)] = key
            rows.append((key, parameter.shape))
    size = {True: 0, False: 0}
    for module_name, module in model.named_modules():
        for key, buffer in module._buffers.items():
            if buffer is not None:
                size[key not in module._non_persistent_buffers_set] += buffer.numel() * buffer.element_size()
    json.dump(
        {
            "built_with": name,
            "transformers": transformers.__version__,
            "total": sum(p.numel() for p in model.parameters()),
            "tied": tied,
            "persistent_buffer_bytes": size[True],
            "nonpersistent_buffer_bytes": size[False],
            "tensors": folded(rows),
        },
        sys.stdout,
        indent=1,
    )


main(*sys.argv[1:])
