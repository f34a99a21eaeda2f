"""What PyTorch holds while a model learns: live bytes after the forward pass, and the peaks of forward, backward and step.

usage: training.py --matrix FOLDER > test/measurements/training/runs.jsonl     (FOLDER: of configs)
       training.py CONFIG.json [--batch 1] [--length 128] [--frames 3000] [--dtype bfloat16] [--checkpointing]
                   [--lora RANK] [--attention sdpa|eager] [--layers N] [--detail]

Nothing is computed: tensors are fakes, so that models of any size can be measured on
any machine. Every storage that an operator makes is followed until it dies. Scaled dot-product attention is given the
kernel that CUDA would choose: flash attention without a mask in 16 bits, the memory-efficient one otherwise.
Sizes are those of the tensors; the allocator rounds each up to 512 bytes, which is not in them.
"""
import argparse
import collections
import json
import re
import sys
import weakref

import torch
import transformers
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def attention(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False):
    flash = attn_mask is None and query.dtype in (torch.float16, torch.bfloat16) and query.shape[-1] <= 256
    if flash and key.shape[-1] == value.shape[-1]:
        if query.shape[-1] % 8:  # as at::native::_scaled_dot_product_attention pads
            pad = 8 - query.shape[-1] % 8
            query, key, value = (torch.nn.functional.pad(t, (0, pad)) for t in (query, key, value))
            return torch.ops.aten._scaled_dot_product_flash_attention(query, key, value, dropout_p, is_causal, scale=scale)[0][..., :-pad]
        return torch.ops.aten._scaled_dot_product_flash_attention(query, key, value, dropout_p, is_causal, scale=scale)[0]
    if enable_gqa:  # no efficient kernel takes it: the plain one repeats the keys
        n = query.shape[1] // key.shape[1]
        return torch.ops.aten._scaled_dot_product_attention_math(
            query, key.repeat_interleave(n, 1), value.repeat_interleave(n, 1), attn_mask, dropout_p, is_causal, scale=scale)[0]
    if attn_mask is not None:
        if attn_mask.dtype == torch.bool:
            attn_mask = torch.where(attn_mask, 0.0, float("-inf")).to(query.dtype)
        attn_mask = attn_mask.expand(query.shape[0], query.shape[1], query.shape[2], key.shape[2])
    return torch.ops.aten._scaled_dot_product_efficient_attention(
        query, key, value, attn_mask, True, dropout_p, is_causal, scale=scale)[0]


class Masked(torch.autograd.Function):
    """`native_dropout` of CUDA: the way back needs the mask alone, a byte for every element."""

    @staticmethod
    def forward(ctx, x):
        mask = torch.empty(x.shape, dtype=torch.bool, device="cpu")
        ctx.save_for_backward(mask)
        return torch.empty_like(x)

    @staticmethod
    def backward(ctx, grad):
        return torch.empty_like(grad)


class Aligned(torch.autograd.Function):
    """`ctc_loss`, native: the way back needs the probabilities and the forward variables."""

    @staticmethod
    def forward(ctx, log_probs, targets):
        time, batch, _ = log_probs.shape
        alpha = torch.empty(batch, time, 2 * (targets.numel() // batch) + 1, dtype=log_probs.dtype)
        ctx.save_for_backward(log_probs, alpha)
        return torch.empty((), dtype=log_probs.dtype)

    @staticmethod
    def backward(ctx, grad):
        return torch.empty_like(ctx.saved_tensors[0]), None


def dropout(input, p=0.5, training=True, inplace=False):
    return Masked.apply(input) if training and p > 0 else input


class Live(TorchDispatchMode):
    """Bytes of storages that are alive, and the most there were since `reset`."""

    def __init__(self):
        super().__init__()
        self.known, self.now, self.peak, self.stack, self.at, self.kept = {}, 0, 0, [""], "", []
        self.back = False

    def ignore(self, tensors):
        for tensor in tensors:
            storage = tensor.untyped_storage()
            self.known[storage._cdata] = (weakref.ref(storage), 0, "", "", (), "")
            self.kept.append(storage)

    def follow(self, tensor, op):
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self.known and self.known[key][0]() is not None:
            return
        size = storage.nbytes()

        def gone(_, self=self, key=key, size=size):
            self.now -= size
            self.known.pop(key, None)

        self.known[key] = (weakref.ref(storage, gone), size, self.stack[-1], op, tuple(tensor.shape), str(tensor.dtype)[6:])
        self.now += size
        if self.now > self.peak:
            self.peak, self.at = self.now, f"{self.stack[-1]} {op}"

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if self.back and self.stack[-1] == "" and func is torch.ops.aten.add.Tensor:
            # Autograd adds two gradients in place where nothing else holds the first; for fakes, which are subclasses, it does not.
            return args[0].add_(args[1])
        if func is torch.ops.aten.masked_select.default:
            return args[0].flatten()  # every label counts
        try:
            out = func(*args, **(kwargs or {}))
        except DataDependentOutputException:
            # A test of values (does this layer drop out, is a label too large): fakes have none, and the answer is no.
            return 0
        for leaf in tree_leaves(out):
            if isinstance(leaf, torch.Tensor) and leaf.device.type == "cpu":
                self.follow(leaf, str(func).replace("aten.", ""))
        return out

    def reset(self):
        self.peak, self.at = self.now, ""


class Adapter(torch.nn.Module):
    """`peft.tuners.lora.layer.Linear`: base(x) + B(A(dropout(x in the adapter's dtype))) · scaling, adapters in fp32."""

    def __init__(self, base, rank):
        super().__init__()
        self.base = base
        self.a = torch.nn.Parameter(torch.empty(rank, base.in_features))
        self.b = torch.nn.Parameter(torch.empty(base.out_features, rank))

    @property
    def weight(self):
        return self.base.weight

    def forward(self, x):
        result = self.base(x)
        dtype = result.dtype
        linear = torch.nn.functional.linear
        result = result + linear(linear(x.to(self.a.dtype), self.a), self.b) * 2.0
        return result.to(dtype)


def onto_device(model):
    """Fakes in the place of tensors that were made on `meta`; tied ones stay one."""
    made = {}
    for module in model.modules():
        for name, old in list(module._parameters.items()):
            if old is not None:
                if id(old) not in made:
                    made[id(old)] = torch.nn.Parameter(torch.empty(old.shape, dtype=old.dtype, device="cpu"), old.requires_grad)
                module._parameters[name] = made[id(old)]
        for name, old in list(module._buffers.items()):
            if old is not None:
                module._buffers[name] = torch.empty(old.shape, dtype=old.dtype, device="cpu")
    model._keeps = made


def add_adapters(model, rank):
    """On all linear layers but the output head, as `target_modules="all-linear"`."""
    model.requires_grad_(False)
    head = model.get_output_embeddings()
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, torch.nn.Linear) and child is not head:
                setattr(module, name, Adapter(child, rank))


def inputs_of(model, config, options):
    batch, length = options.batch, options.length
    ids = torch.zeros(batch, length, dtype=torch.int64, device="cpu")
    dtype = getattr(torch, options.dtype)
    kind = config.model_type
    if kind in ("whisper", "moonshine"):
        features = torch.zeros(batch, config.num_mel_bins, options.frames, dtype=dtype, device="cpu")
        return {"input_features": features, "labels": ids}
    if kind in ("wav2vec2", "hubert", "wavlm"):
        samples = torch.zeros(batch, options.frames * 160, dtype=dtype, device="cpu")
        return {"input_values": samples, "labels": ids}
    if config.is_encoder_decoder:
        memory = torch.zeros(batch, options.frames, dtype=torch.int64, device="cpu")
        return {"input_ids": memory, "labels": ids}
    return {"input_ids": ids, "labels": ids}


SPEECH = {"length": 200, "frames": 3000}
SAMPLES = {"length": 64, "frames": 1000}
TEXTS = {"length": 128, "frames": 512}
MODELS = {
    "meta-llama__Llama-3.2-1B": {}, "openai__whisper-small": SPEECH, "Qwen__Qwen3-0.6B": {}, "google-bert__bert-base-uncased": {},
    "facebook__wav2vec2-base-960h": SAMPLES, "google-t5__t5-small": TEXTS, "google__gemma-2-2b": {}, "google__flan-t5-base": TEXTS,
    "openai__whisper-large-v3-turbo": SPEECH, "mistralai__Mixtral-8x7B-v0.1": {}, "distilbert__distilgpt2": {}, "facebook__bart-large": TEXTS,
    "microsoft__phi-1_5": {}, "Qwen__Qwen3-8B": {}, "facebook__hubert-large-ls960-ft": SAMPLES, "Qwen__Qwen3-30B-A3B": {},
    "meta-llama__Llama-3.1-8B": {},
}
VARIANTS = [
    {"batch": 4, "length": 512}, {"batch": 2, "length": 512, "checkpointing": True}, {"batch": 2, "length": 512, "lora": 8},
    {"batch": 1, "length": 256, "dtype": "float32"}, {"batch": 2, "length": 256, "attention": "eager"},
    {"batch": 2, "length": 512, "lora": 16, "checkpointing": True},
]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("config")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--frames", type=int, default=3000)
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--checkpointing", action="store_true")
    parser.add_argument("--lora", type=int, default=0)
    parser.add_argument("--attention", default="sdpa")
    parser.add_argument("--layers", type=int)
    parser.add_argument("--detail", action="store_true")
    parser.add_argument("--matrix", action="store_true")
    options = parser.parse_args()
    if not options.matrix:
        print(json.dumps(measured(options)))
        return
    for model, lengths in MODELS.items():
        for variant in VARIANTS:
            run = argparse.Namespace(**{**vars(options), **lengths, **variant, "config": f"{options.config}/{model}.json"})
            run.length = lengths.get("length", run.length)
            try:
                print(json.dumps(measured(run)), flush=True)
            except Exception as error:
                print(model, variant, type(error).__name__, str(error)[:300], file=sys.stderr)


def measured(options):
    raw = json.load(open(options.config))
    for field in ("num_hidden_layers", "encoder_layers", "decoder_layers", "num_layers"):
        if options.layers and field in raw:
            raw[field] = options.layers
    raw.pop("quantization_config", None)
    config = transformers.AutoConfig.for_model(**raw)
    if getattr(config, "decoder_start_token_id", None) is None:
        config.decoder_start_token_id = 0
    config.apply_spec_augment = False
    for part in (config, config.get_text_config()):
        part.use_cache = False  # as `TrainingArguments.use_cache`
    name = raw["architectures"][0]
    torch.nn.functional.scaled_dot_product_attention = attention
    torch.nn.functional.dropout = dropout
    torch.nn.functional.ctc_loss = lambda log_probs, targets, *_, **__: Aligned.apply(log_probs, targets)
    # It looks at values to tell packed sequences, which fakes have none of; there are none here.
    transformers.masking_utils.find_packed_sequence_indices = lambda *_: None
    live = Live()
    with torch.device("meta"):
        cls = getattr(transformers, name)
        model = cls._from_config(config, attn_implementation=options.attention, dtype=getattr(torch, options.dtype))
    with FakeTensorMode(allow_non_fake_inputs=True):
        onto_device(model)
        model.train()
        if options.checkpointing:
            model.gradient_checkpointing_enable()
            if options.lora:
                model.enable_input_require_grads()
        if options.lora:
            add_adapters(model, options.lora)
        learn = [p for p in model.parameters() if p.requires_grad]
        for path, module in model.named_modules():
            label = re.sub(r"\.\d+(?=\.|$)", ".#", path)
            module.register_forward_pre_hook(lambda *_, label=label: live.stack.append(label))
            module.register_forward_hook(lambda *_: [live.stack.pop(), None][1], always_call=True)
        optimizer = torch.optim.AdamW(learn, lr=1e-4, fused=True)
        inputs = inputs_of(model, config, options)
        live.ignore([*model.parameters(), *model.buffers(), *(t for t in inputs.values() if isinstance(t, torch.Tensor))])
        with live:
            loss = model(**inputs).loss
            saved, forward, at = live.now, live.peak, [live.at]
            detail = collections.Counter()
            if options.detail:
                for _, size, where, op, shape, dtype in live.known.values():
                    detail[(where, op, str(shape), dtype)] += size
            live.reset()
            live.back = True
            loss.backward()
            live.back = False
            backward, after = live.peak, live.now
            at.append(live.at)
            live.reset()
            optimizer.step()
            step, states = live.peak, live.now - after
            at.append(live.at)
        record = {
            "config": options.config.rsplit("/", 1)[-1],
            **{k: getattr(options, k) for k in ("batch", "length", "frames", "dtype", "checkpointing", "lora", "attention", "layers")},
            "weights": sum(p.numel() * p.element_size() for p in model.parameters()),
            "learning": sum(p.numel() * p.element_size() for p in learn),
            "saved": saved, "forwardPeak": forward, "backwardPeak": backward, "gradients": after, "stepPeak": step, "states": states,
            "peaksAt": at,
        }
    for key, size in detail.most_common(70):
        print(f"{size / 2**20:10.3f} MiB  {' '.join(key)}")
    return record


if __name__ == "__main__":
    main()
