"""`scaled_dot_product_attention` as PyTorch 2.13 would run it on a CUDA device (sm80), for fake tensors.

Choice: aten/src/ATen/native/transformers/cuda/sdp_utils.cpp; what surrounds a kernel: transformers/attention.cpp. The
kernels' own outputs come from PyTorch's shape functions.
"""
import torch

aten = torch.ops.aten


def choose(q, k, v, mask, causal, gqa):
    half = q.dtype in (torch.float16, torch.bfloat16)
    same = q.shape[0] == k.shape[0] == v.shape[0] and q.dim() == 4
    heads = q.shape[1] == k.shape[1] == v.shape[1] if q.dim() == 4 else False
    groups = gqa and q.dim() == 4 and k.shape[1] == v.shape[1] and q.shape[1] % k.shape[1] == 0
    last = all(t.stride(-1) == 1 or t.shape[-1] == 1 for t in (q, k, v))
    empty = any(t.shape[-2] == 0 for t in (q, k, v))
    if not same or empty or not last or q.requires_grad:
        return "math"
    square = not causal or q.shape[-2] == k.shape[-2]
    dims = q.shape[-1] == k.shape[-1] == v.shape[-1]
    flash, efficient = torch._C._get_flash_sdp_enabled(), torch._C._get_mem_efficient_sdp_enabled()
    if flash and half and mask is None and dims and q.shape[-1] <= 256 and square and (heads or groups):
        return "flash"
    align = 8 if half else 4
    if efficient and heads and q.shape[-1] == k.shape[-1] and q.shape[-1] % align == 0 and v.shape[-1] % align == 0:
        return "efficient"
    return "math"


def padded_mask(mask, q, k):
    """attention.cpp, preprocess_mask: rows aligned to 8 elements, or else a padded copy, of which a slice is used."""
    if mask.dtype == torch.bool:
        mask = torch.where(mask.logical_not(), torch.tensor(float("-inf"), dtype=q.dtype, device=q.device), torch.zeros((), dtype=q.dtype, device=q.device))
    while mask.dim() < 4:
        mask = mask.unsqueeze(0)
    aligned = all(s % 8 == 0 for s in mask.stride()[:-1]) and mask.stride(-1) == 1
    if not aligned:
        width = mask.shape[-1]
        mask = torch.nn.functional.pad(mask, (0, 8 - width % 8))[..., :width]
    return mask.expand(q.shape[0], q.shape[1], q.shape[-2], k.shape[-2])


def imitation(forced=None):
    def scaled_dot_product_attention(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False):
        which = forced or choose(query, key, value, attn_mask, is_causal, enable_gqa)
        if which == "flash":
            width = query.shape[-1]
            scale = scale if scale is not None else width**-0.5
            pad = -width % 8
            if pad:
                query, key, value = (torch.nn.functional.pad(t, (0, pad)) for t in (query, key, value))
            out = aten._scaled_dot_product_flash_attention(query, key, value, dropout_p, is_causal, False, scale=scale)[0]
            return out[..., :width] if pad else out
        if which == "efficient":
            bias = padded_mask(attn_mask, query, key) if attn_mask is not None else None
            return aten._scaled_dot_product_efficient_attention(query, key, value, bias, False, dropout_p, is_causal, scale=scale)[0]
        return aten._scaled_dot_product_attention_math(
            query, key, value, attn_mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa
        )[0]

    return scaled_dot_product_attention
