"""Counts the bytes of live tensors while a PyTorch model runs on fake CUDA tensors: no GPU and no memory is needed.

FakeTensorMode computes shapes, strides and dtypes as CUDA kernels would give them; the mode below sits on top of it, sees
every operation that reaches a kernel, counts each new storage once and releases it when its last reference dies. So what a
Python variable of a calling frame keeps alive is counted as PyTorch would. Inside one operation only what its CUDA kernel
takes and gives back is added (`workspace`), where the source of PyTorch shows it.

Small tensors of whole numbers that follow from the inputs (token ids, masks, positions) are computed for real beside
their fakes, because sizes follow from their values; what follows from the weights is invented (argmax: one token; topk:
balanced experts) and named in `assumptions`.
"""
import collections
import weakref

import torch
from torch._subclasses.fake_tensor import FakeTensor, unset_fake_temporarily
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

aten = torch.ops.aten

REAL_LIMIT = 2**24  # elements of a tensor that is still computed for real
REAL_OFF = {"aten.empty.memory_format", "aten.empty_strided.default", "aten.empty_like.default"}
TOKEN = 100  # what argmax gives where it is not known


def is_fake(x):
    return isinstance(x, FakeTensor)


class Recorder(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.live = 0
        self.storages = {}  # key -> [bytes, label, shape, dtype, path]
        self.fixed = set()  # storages of parameters and buffers
        self.real = {}  # id(fake) -> real CPU tensor
        self.phase_stack = ["load"]
        self.path_stack = []
        self.phases = {}
        self.assumptions = collections.Counter()
        self.extra = 0
        self.ops = None

    # ---- storages

    def fix(self, tensors):
        """Parameters and buffers: not counted."""
        for t in tensors:
            storage = t.untyped_storage()
            self.fixed.add(storage._cdata)
            self.keep = getattr(self, "keep", [])
            self.keep.append(storage)

    def add(self, t, label):
        storage = t.untyped_storage()
        key = storage._cdata
        if key in self.fixed or key in self.storages:
            return
        size = storage.nbytes()
        self.storages[key] = [size, label, list(t.shape), str(t.dtype).replace("torch.", ""), self.path()]
        self.live += size
        weakref.finalize(storage, self.drop, key).atexit = False

    def drop(self, key):
        self.live -= self.storages.pop(key)[0]

    def know(self, fake, value):
        key = id(fake)
        self.real[key] = value
        weakref.finalize(fake, self.real.pop, key, None).atexit = False

    def value(self, fake):
        return self.real.get(id(fake))

    # ---- phases

    def path(self):
        return self.path_stack[-1] if self.path_stack else ""

    def enter(self, phase):
        self.phase_stack.append(phase)
        record = self.phases.setdefault(phase, {"peak": -1, "start": self.live, "peak_with_workspace": -1})
        self.note("enter", 0)
        return record

    def leave(self):
        phase = self.phase_stack.pop()
        self.phases[phase]["end"] = self.live
        self.phases.setdefault(self.phase_stack[-1], {"peak": -1, "start": self.live, "peak_with_workspace": -1})

    def note(self, at, workspace):
        record = self.phases.get(self.phase_stack[-1])
        if record is None:
            return
        if self.live > record["peak"]:
            record["peak"] = self.live
            record["at"] = at
            record["path"] = self.path()
            if self.ops is not None:
                record["top"] = sorted(self.storages.values(), key=lambda s: -s[0])[: self.ops]
        record["peak_with_workspace"] = max(record["peak_with_workspace"], self.live + workspace)

    # ---- operations

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = str(func)
        known = None
        self.extra = 0
        if name == "aten._safe_softmax.default":
            with self:
                return safe_softmax(*args, **kwargs)
        out = self.special(func, name, args, kwargs)
        if out is NotImplemented:
            known = self.compute(func, name, args, kwargs)
            if func is aten._local_scalar_dense.default and is_fake(args[0]):
                if known is not None:
                    return known
                self.assumptions[f"item() of unknown {args[0].dtype} -> 0"] += 1
                return False if args[0].dtype == torch.bool else 0
            out = func(*args, **kwargs)
        outs = [x for x in tree_flatten(out)[0] if isinstance(x, torch.Tensor)]
        for t in outs:
            if is_fake(t):
                self.add(t, name.removesuffix(".default"))
        if known is not None:
            reals = [x for x in tree_flatten(known)[0] if isinstance(x, torch.Tensor)]
            for fake, value in zip(outs, reals):
                if is_fake(fake) and fake.shape == value.shape:
                    self.know(fake, value)
        self.note(name.removesuffix(".default"), self.extra + workspace(func, args, kwargs))
        return out

    def compute(self, func, name, args, kwargs):
        """The same operation on the real values, where all of them are known."""
        flat, spec = tree_flatten((args, kwargs))
        fakes = [x for x in flat if is_fake(x)]
        if name in REAL_OFF or any(id(x) not in self.real for x in fakes):
            # Written over with something unknown: no longer known.
            if func._schema.is_mutable and fakes and id(fakes[0]) in self.real and name not in REAL_OFF:
                self.forget(fakes[0])
            return None
        if not fakes and "device" not in kwargs and not any(isinstance(x, torch.Tensor) for x in flat):
            return None
        if any(x.numel() > REAL_LIMIT for x in fakes):
            return None
        size = 1
        for x in args[:1]:
            if isinstance(x, (list, tuple)) and all(isinstance(n, int) for n in x):
                for n in x:
                    size *= n
        if size > REAL_LIMIT:
            return None
        real = tree_map(
            lambda x: self.real[id(x)] if is_fake(x) else torch.device("cpu") if isinstance(x, torch.device) else x,
            (args, kwargs),
        )
        try:
            with unset_fake_temporarily():
                return func(*real[0], **real[1])
        except Exception as error:  # noqa: BLE001 - what cannot be computed is unknown
            self.assumptions[f"not computed: {name} ({type(error).__name__})"] += 1
            return None

    def forget(self, fake):
        gone = self.real.pop(id(fake))
        pointer = gone.untyped_storage().data_ptr()
        for key in [k for k, v in self.real.items() if v.untyped_storage().data_ptr() == pointer]:
            self.real.pop(key)

    def special(self, func, name, args, kwargs):
        """Operations whose shape follows from values."""
        if name == "aten.nonzero.default" and is_fake(args[0]):
            return self.nonzero(args[0])
        if name in ("aten.index.Tensor", "aten.index_put_.default", "aten.index_put.default"):
            indices = args[1]
            if any(is_fake(i) and i.dtype in (torch.bool, torch.uint8) for i in indices):
                spread = []
                for i in indices:
                    if is_fake(i) and i.dtype in (torch.bool, torch.uint8):
                        where = self.nonzero(i)
                        self.extra += where.numel() * 8
                        known = self.value(where)
                        for d in range(i.dim()):
                            spread.append(where.select(1, d))
                            if known is not None:
                                self.know(spread[-1], known.select(1, d))
                    else:
                        spread.append(i)
                args = (args[0], spread, *args[2:])
                known = self.compute(func, name, args, kwargs)
                out = func(*args, **kwargs)
                if known is not None:
                    self.know(out, known)
                return out
        if name == "aten._grouped_mm.default" and args[0].dtype != torch.bfloat16:
            # The shape function knows bf16 only; the kernel falls back to one product for each group otherwise.
            return args[0].new_empty((args[0].shape[0], args[1].shape[-1]))
        if name == "aten.masked_select.default":
            count = self.count(args[1])
            return args[0].new_empty((count,))
        if name in ("aten.argmax.default", "aten.multinomial.default") and is_fake(args[0]) and self.value(args[0]) is None:
            out = func(*args, **kwargs)
            with unset_fake_temporarily():
                value = torch.full(tuple(out.shape), TOKEN, dtype=torch.int64)
            self.know(out, value)
            self.assumptions["argmax: a constant token"] += 1
            return out
        if name == "aten.topk.default" and is_fake(args[0]) and self.value(args[0]) is None:
            out = func(*args, **kwargs)
            width = args[0].shape[-1]
            with unset_fake_temporarily():
                value = (torch.arange(out[1].numel()) % width).reshape(out[1].shape)
            self.know(out[1], value)
            self.assumptions["topk: balanced routing"] += 1
            return out
        if name == "aten.repeat_interleave.Tensor" and is_fake(args[0]) and kwargs.get("output_size") is None:
            value = self.value(args[0])
            size = int(value.sum()) if value is not None else args[0].numel()
            out = args[0].new_empty((size,), dtype=torch.int64)
            if value is not None:
                with unset_fake_temporarily():
                    result = torch.repeat_interleave(value)
                self.know(out, result)
            return out
        if name in ("aten.equal.default",) and is_fake(args[0]):
            a, b = self.value(args[0]), self.value(args[1])
            if a is not None and b is not None:
                with unset_fake_temporarily():
                    return bool(torch.equal(a, b))
            return True
        if name.startswith(("aten._unique2", "aten.unique_consecutive", "aten.unique_dim")) and self.value(args[0]) is not None:
            with unset_fake_temporarily():
                real = func(self.value(args[0]), *args[1:], **kwargs)
            outs = tuple(args[0].new_empty(r.shape, dtype=r.dtype) for r in real)
            for o, r in zip(outs, real):
                self.know(o, r)
            return outs
        return NotImplemented

    def count(self, mask):
        value = self.value(mask)
        if value is None:
            self.assumptions["nonzero of unknown -> all"] += 1
            return mask.numel()
        with unset_fake_temporarily():
            return int(value.count_nonzero())

    def nonzero(self, mask):
        value = self.value(mask)
        if not mask.is_contiguous():
            # Nonzero.cu makes the mask contiguous.
            self.extra += mask.numel()
        out = mask.new_empty((self.count(mask), mask.dim()), dtype=torch.int64)
        if value is not None:
            with unset_fake_temporarily():
                where = value.nonzero()
            self.know(out, where)
        return out


def safe_softmax(x, dim, dtype=None):
    """SoftMax.cpp, _safe_softmax: rows that are wholly masked become zeros."""
    out = torch.softmax(x, dim, dtype=dtype)
    masked = x.eq(float("-inf"))
    rows = torch.all(masked, dim, keepdim=True)
    return out.masked_fill_(rows, 0.0)


def size_of(t):
    return t.numel() * t.element_size()


def workspace(func, args, kwargs):
    """Bytes that one CUDA kernel takes and gives back (PyTorch 2.13, aten/src/ATen/native/cuda)."""
    name = str(func)
    if name in ("aten.masked_scatter.default", "aten.masked_scatter_.default"):
        # IndexKernel.cpp: the mask is expanded and copied, and its exclusive prefix sum is int64.
        return 9 * args[0].numel()
    if name in ("aten.native_layer_norm.default", "aten.native_group_norm.default"):
        # layer_norm_kernel.cu, group_norm_kernel.cu: the input is made contiguous.
        return 0 if args[0].is_contiguous() else size_of(args[0])
    return 0
