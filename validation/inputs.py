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
    if kind in SPECIAL and seconds:
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


def windows(seconds, length=30):
    return -(-int(seconds) // length)


def with_audio(tokens, asked, ids, token):
    """A prompt of `text` tokens with one placeholder for each piece of audio."""
    asked["audio_tokens"] = tokens
    asked["prompt"] = asked["text"] + tokens
    ids(asked["prompt"], tokens, token)


def mel_windows(tokens_a_window, mask):
    """Whisper's spectrograms, cut into windows of 30 s, with a mask of their frames where the model takes one."""

    def make(batch, asked, config, full, floats, ids, whole):
        n = windows(asked["sec"])
        floats("input_features", batch * n, config.audio_config.num_mel_bins, 3000)
        if mask:
            full(mask, (batch * n, 3000))
        with_audio(n * tokens_a_window, asked, ids, config.audio_token_id)

    return make


def qwen3_asr(batch, asked, config, full, floats, ids, whole):
    frames = int(asked["sec"] * 100)
    floats("input_features", batch, config.audio_config.num_mel_bins, frames)
    full("input_features_mask", (batch, frames))
    with_audio(13 * (frames // 100), asked, ids, config.audio_token_id)


def granite_speech(batch, asked, config, full, floats, ids, whole):
    """Two mel frames side by side; blocks of `window_size` positions become `window_size / downsample_rate` tokens."""
    positions = int(asked["sec"] * 50)
    tokens = -(-positions // config.window_size) * (config.window_size // config.downsample_rate)
    floats("input_features", batch, positions, config.encoder_config.input_dim)
    with unset_fake_temporarily():
        seen = torch.ones((batch, tokens), dtype=torch.bool)
    whole("input_features_mask", seen)
    with_audio(tokens, asked, ids, config.audio_token_id)


def fun_asr_nano(batch, asked, config, full, floats, ids, whole):
    """Seven frames side by side, every sixth; each becomes a token."""
    positions = -(-int(asked["sec"] * 100) // 6)
    floats("input_features", batch, positions, config.audio_config.input_size if hasattr(config.audio_config, "input_size") else 560)
    full("input_features_mask", (batch, positions))
    with_audio(positions, asked, ids, config.audio_token_id)


def frames_first(bins, per_second=100, mask=True, extra=0):
    """Frames × bins, with their mask; a decoder starts from its prompt. A centred spectrogram has one frame more (`extra`)."""

    def make(batch, asked, config, full, floats, ids, whole):
        frames = int(asked["sec"] * per_second) + extra
        width = bins if isinstance(bins, int) else bins(config)
        floats("input_features", batch, frames, width)
        if mask:
            full("attention_mask", (batch, frames))
        if asked.get("prompt"):
            start(config, full, batch, asked)

    return make


def waveform(rate, channels=True):
    def make(batch, asked, config, full, floats, ids, whole):
        samples = int(asked["sec"] * (getattr(config, "sampling_rate", None) or rate))
        floats("input_values", batch, *((getattr(config, "audio_channels", 1) or 1,) if channels else ()), samples)

    return make


def gemma3n(batch, asked, config, full, floats, ids, whole):
    """Filter banks of whole frames; the audio always takes the same number of tokens."""
    frames = int(asked["sec"] * 100) - 2
    floats("input_features", batch, frames, config.audio_config.input_feat_size)
    with unset_fake_temporarily():
        seen = torch.ones((batch, frames), dtype=torch.bool)
    whole("input_features_mask", seen)
    with_audio(config.audio_soft_tokens_per_image, asked, ids, config.audio_token_id)


def clap(batch, asked, config, full, floats, ids, whole):
    """Ten seconds, whatever comes in, and one token of text."""
    floats("input_features", batch, 1, 1001, config.audio_config.num_mel_bins)
    with unset_fake_temporarily():
        longer = torch.zeros((batch, 1), dtype=torch.bool)
    whole("is_longer", longer)
    full("input_ids", (batch, 1), TOKEN)


def moonshine(batch, asked, config, full, floats, ids, whole):
    floats("input_values", batch, int(asked["sec"] * 16000))
    start(config, full, batch, asked)


def text_only(batch, asked, config, full, floats, ids, whole):
    ids(asked.get("prompt") or asked["enc"])


SPECIAL = {
    "speech_to_text": speech_seq2seq,
    "qwen2_audio": mel_windows(750, "feature_attention_mask"),
    "voxtral": mel_windows(375, None),
    "audioflamingo3": mel_windows(750, "input_features_mask"),
    "musicflamingo": mel_windows(750, "input_features_mask"),
    "glmasr": mel_windows(375, "input_features_mask"),
    "qwen3_asr": qwen3_asr,
    "granite_speech": granite_speech,
    "granite_speech_plus": granite_speech,
    "fun_asr_nano": fun_asr_nano,
    "parakeet_ctc": frames_first(lambda c: c.encoder_config.num_mel_bins, extra=1),
    "parakeet_tdt": frames_first(lambda c: c.encoder_config.num_mel_bins, extra=1),
    "parakeet_rnnt": frames_first(lambda c: c.encoder_config.num_mel_bins, extra=1),
    "parakeet_encoder": frames_first(lambda c: c.num_mel_bins),
    "cohere_asr": frames_first(lambda c: c.encoder_config.num_mel_bins, extra=1),
    "canary": frames_first(lambda c: c.encoder_config.num_mel_bins, extra=1),
    "wav2vec2-bert": frames_first(160, 50, False),
    "seamless_m4t": frames_first(160, 50, False),
    "seamless_m4t_v2": frames_first(160, 50, False),
    "clap": clap,
    "gemma3n": gemma3n,
    "moonshine": moonshine,
    "moonshine_streaming": moonshine,
    "encodec": waveform(24000),
    "dac": waveform(24000),
    "mimi": waveform(24000),
}
