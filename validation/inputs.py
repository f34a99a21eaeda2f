"""Inputs of each kind of model, as its processor would make them, for `runtime.py`."""
import inspect

import torch
from torch._subclasses.fake_tensor import unset_fake_temporarily

TOKEN = 5
START = 2  # of a decoder whose config states none


def of(model, config, dtype, asked, recorder):
    batch = asked["batch"]
    taken = inspect.signature(model.forward).parameters
    fed = {}

    def whole(name, real):
        fake = torch.empty(tuple(real.shape), dtype=real.dtype, device="cuda")
        recorder.know(fake, real)
        recorder.add(fake, name)
        fed[name] = fake

    def full(name, shape, value=1):
        with unset_fake_temporarily():
            real = torch.full(shape, value, dtype=torch.int64)
        whole(name, real)
        return real

    def floats(name, *shape):
        fed[name] = torch.empty(shape, dtype=dtype, device="cuda")
        recorder.add(fed[name], name)

    def ids(length, audio=0, token=None):
        with unset_fake_temporarily():
            real = torch.full((batch, length), TOKEN, dtype=torch.int64)
            if audio:
                real[:, 1 : 1 + audio] = token
        whole("input_ids", real)
        full("attention_mask", (batch, length))

    kind = config.model_type
    seconds = asked.get("sec")
    if kind in SPECIAL:
        SPECIAL[kind](batch, asked, config, full, floats, ids, whole)
        return fed
    encodes = getattr(config, "is_encoder_decoder", False)
    if seconds:
        if "input_values" in taken:
            floats("input_values", batch, int(seconds * 16000))
        else:
            floats("input_features", batch, config.num_mel_bins, 3000 if kind == "whisper" else int(seconds * 100))
    if encodes:
        if not seconds:
            full("input_ids", (batch, asked["enc"]), TOKEN)
            full("attention_mask", (batch, asked["enc"]))
        start(config, full, batch, asked)
    elif not seconds:
        ids(asked.get("prompt") or asked["enc"])
    return fed


def start(config, full, batch, asked):
    first = getattr(config, "decoder_start_token_id", None)
    full("decoder_input_ids", (batch, asked["prompt"]), first if first is not None else START)


def speech_seq2seq(batch, asked, config, full, floats, ids, whole):
    """Speech to text with frames and their mask."""
    frames = int(asked["sec"] * 100)
    floats("input_features", batch, frames, config.input_feat_per_channel)
    full("attention_mask", (batch, frames))
    start(config, full, batch, asked)


def audio_tokens(batch, asked, config, full, floats, ids, whole, *, bins, frames, mask, token, windows=1):
    floats("input_features", batch * windows, bins, frames)
    if mask:
        full(mask, (batch * windows, frames))
    ids(asked["prompt"], asked["audio_tokens"], token)


def qwen2_audio(batch, asked, config, full, floats, ids, whole):
    floats("input_features", batch, config.audio_config.num_mel_bins, 3000)
    full("feature_attention_mask", (batch, 3000))
    ids(asked["prompt"], asked["audio_tokens"], config.audio_token_id)


def voxtral(batch, asked, config, full, floats, ids, whole):
    windows = -(-int(asked["sec"]) // 30)
    floats("input_features", batch * windows, config.audio_config.num_mel_bins, 3000)
    ids(asked["prompt"], asked["audio_tokens"], config.audio_token_id)


SPECIAL = {
    "speech_to_text": speech_seq2seq,
    "qwen2_audio": qwen2_audio,
    "voxtral": voxtral,
}
