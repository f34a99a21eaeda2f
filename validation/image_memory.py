"""What image encoders hold while they run, in transformers on a CPU: test/measurements/image-encoders.json.

    python validation/image_memory.py > test/measurements/image-encoders.json

Small models with random weights, one for each kind of image encoder, run `generate()` with images under a mode that sees every
operation: a storage counts from the operation that makes it until its last reference dies, weights and buffers aside. fp32 and
eager attention, whose tensors are the same on any device. Peaks by phase: until the language model is first called, that call,
those after it. Needs torch and transformers; nothing is downloaded.
"""

import json
import sys
import weakref

import torch
import transformers
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

torch.manual_seed(0)


class Live(TorchDispatchMode):
    def __init__(self, known):
        super().__init__()
        self.known, self.live, self.phase = known, 0, "start"
        self.peak, self.seen = {}, {}

    def note(self, tensor):
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key in self.seen or storage.data_ptr() in self.known:
            return

        def gone(_):
            self.live -= size
            self.seen.pop(key, None)

        self.live += size
        self.seen[key] = weakref.ref(storage, gone)

    def enter(self, phase):
        self.phase = phase
        self.mark()

    def mark(self):
        self.peak[self.phase] = max(self.live, self.peak.get(self.phase, 0))

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(out):
            if isinstance(leaf, torch.Tensor):
                self.note(leaf)
        self.mark()
        return out


def observed(config, inputs_of, new_tokens=3):
    cls = getattr(transformers, config["architectures"][0])
    settings = transformers.AutoConfig.for_model(**config)
    model = cls._from_config(settings, attn_implementation="eager", dtype=torch.float32).eval()
    tensors = [*model.parameters(), *model.buffers()]
    mode = Live({tensor.untyped_storage().data_ptr() for tensor in tensors if tensor.numel()})
    inputs = inputs_of(settings)
    calls = []

    def called(*_):
        calls.append(1)
        mode.enter("prefill" if len(calls) == 1 else "decode")

    language = next(module for name, module in model.named_modules() if name.endswith("language_model"))
    language.register_forward_pre_hook(called)
    with torch.no_grad(), mode:
        for tensor in inputs.values():
            mode.note(tensor)
        mode.enter("encode")
        model.generate(**inputs, max_new_tokens=new_tokens, do_sample=False, pad_token_id=0, eos_token_id=None)
    return {phase: mode.peak[phase] for phase in ["encode", "prefill", "decode"]}


def ids(config, images, text):
    """A prompt of two tokens of text, the images' places, and the rest of the text."""
    tokens = torch.full((1, images + text), 5)
    tokens[:, 2 : 2 + images] = config.image_token_id
    return {"input_ids": tokens, "attention_mask": torch.ones_like(tokens)}


LLAMA = dict(model_type='llama', hidden_size=64, num_hidden_layers=2, intermediate_size=128, num_attention_heads=4, num_key_value_heads=4, vocab_size=300, max_position_embeddings=8192)
CLIP = dict(model_type='clip_vision_model', hidden_size=128, intermediate_size=512, num_hidden_layers=4, num_attention_heads=4, image_size=336, patch_size=14, hidden_act='quick_gelu')
CASES = {}
CASES["llava"] = (dict(model_type='llava', architectures=['LlavaForConditionalGeneration'], text_config=LLAMA, vision_config=CLIP, image_token_id=299, image_token_index=299),
  lambda c: {**ids(c,576*2,10), 'pixel_values':torch.randn(2,3,336,336)}, dict(images=2,imageSize=dict(width=336,height=336),promptTokens=10))
CASES["llava_next"] = (dict(model_type='llava_next', architectures=['LlavaNextForConditionalGeneration'], text_config=LLAMA, vision_config=CLIP, image_token_id=299, image_token_index=299),
  lambda c: {**ids(c,2928,10), 'pixel_values':torch.randn(1,5,3,336,336), 'image_sizes':torch.tensor([[672,672]])}, dict(images=1,imageSize=dict(width=672,height=672),promptTokens=10))
MISTRAL = dict(LLAMA, model_type='mistral', head_dim=16, sliding_window=None)
PIX = dict(model_type='pixtral', hidden_size=128, intermediate_size=384, num_hidden_layers=3, num_attention_heads=4, image_size=1540, patch_size=14, head_dim=32)
CASES["mistral3"] = (dict(model_type='mistral3', architectures=['Mistral3ForConditionalGeneration'], text_config=MISTRAL, vision_config=PIX, image_token_id=299, image_token_index=299, spatial_merge_size=2),
  lambda c: {**ids(c,400*2,10+40), 'pixel_values':torch.randn(2,3,560,560), 'image_sizes':torch.tensor([[560,560]]*2)}, dict(images=2,imageSize=dict(width=560,height=560),promptTokens=10))
QWEN2 = dict(LLAMA, model_type='qwen2')
INT = dict(model_type='internvl_vision', hidden_size=128, intermediate_size=512, num_hidden_layers=3, num_attention_heads=4, image_size=[448,448], patch_size=[14,14])
CASES["internvl"] = (dict(model_type='internvl', architectures=['InternVLForConditionalGeneration'], text_config=QWEN2, vision_config=INT, image_token_id=299, downsample_ratio=.5, image_seq_length=256),
  lambda c: {**ids(c,256*13,10+2), 'pixel_values':torch.randn(13,3,448,448)}, dict(images=1,imageSize=dict(width=448*4,height=448*3),promptTokens=10))
SIG = dict(model_type='siglip_vision_model', hidden_size=128, intermediate_size=512, num_hidden_layers=3, num_attention_heads=4, image_size=448, patch_size=14, vision_use_head=False)
GEMMA = dict(LLAMA, model_type='gemma', head_dim=16)
CASES["paligemma"] = (dict(model_type='paligemma', architectures=['PaliGemmaForConditionalGeneration'], text_config=GEMMA, vision_config=SIG, image_token_id=299, image_token_index=299, projection_dim=64, hidden_size=64),
  lambda c: {**ids(c,1024*2,10), 'pixel_values':torch.randn(2,3,448,448)}, dict(images=2,imageSize=dict(width=48,height=48),promptTokens=10))
L4T = dict(model_type='llama4_text', hidden_size=64, num_hidden_layers=2, intermediate_size=128, intermediate_size_mlp=128, num_attention_heads=4, num_key_value_heads=4, head_dim=16, vocab_size=300, num_local_experts=2, moe_layers=[], max_position_embeddings=16384)
L4V = dict(model_type='llama4_vision_model', hidden_size=128, intermediate_size=512, num_hidden_layers=3, num_attention_heads=4, image_size=336, patch_size=14, vision_output_dim=128, projector_input_dim=128, projector_output_dim=128)
CASES["llama4"] = (dict(model_type='llama4', architectures=['Llama4ForConditionalGeneration'], text_config=L4T, vision_config=L4V, image_token_id=299, image_token_index=299),
  lambda c: {**ids(c,144*5,10+7), 'pixel_values':torch.randn(5,3,336,336)}, dict(images=1,imageSize=dict(width=672,height=672),promptTokens=10))
Q25V = dict(depth=4, hidden_size=128, intermediate_size=384, num_heads=4, out_hidden_size=64, patch_size=14, spatial_merge_size=2, temporal_patch_size=2, window_size=112, fullatt_block_indexes=[1,3], in_channels=3)
Q25T = dict(LLAMA, model_type='qwen2_5_vl_text', rope_scaling=dict(type='mrope', rope_type='default', mrope_section=[2,3,3]))
def packed(patch, merge, side, count):
    """Images of side × side patches behind each other, with text between their places."""

    def inputs(config):
        each = side * side // merge**2
        prompt = ids(config, each * count, 10)
        tokens = prompt["input_ids"]
        tokens[:] = 5
        for image in range(count):
            tokens[:, 2 + image * (each + 1) :][:, :each] = config.image_token_id
        return {**prompt, "pixel_values": torch.randn(side * side * count, 3 * 2 * patch * patch),
                "image_grid_thw": torch.tensor([[1, side, side]] * count),
                "mm_token_type_ids": (tokens == config.image_token_id).long()}

    return inputs


CASES["qwen2_5_vl"] = (dict(model_type='qwen2_5_vl', architectures=['Qwen2_5_VLForConditionalGeneration'], text_config=Q25T, vision_config=Q25V, image_token_id=299, video_token_id=298, vision_start_token_id=297, vision_end_token_id=296),
  packed(14, 2, 48, 2), dict(images=2,imageSize=dict(width=672,height=672),promptTokens=10))
Q3V = dict(depth=4, hidden_size=128, intermediate_size=384, num_heads=4, out_hidden_size=64, patch_size=16, spatial_merge_size=2, temporal_patch_size=2, num_position_embeddings=2304, deepstack_visual_indexes=[0,1], in_channels=3)
Q3T = dict(LLAMA, model_type='qwen3_vl_text', head_dim=16, rope_scaling=dict(rope_type='default', mrope_section=[2,3,3], mrope_interleaved=True))
CASES["qwen3_vl"] = (dict(model_type='qwen3_vl', architectures=['Qwen3VLForConditionalGeneration'], text_config=Q3T, vision_config=Q3V, image_token_id=299, video_token_id=298, vision_start_token_id=297, vision_end_token_id=296),
  packed(16, 2, 48, 2), dict(images=2,imageSize=dict(width=768,height=768),promptTokens=10))
MT = dict(model_type='mllama_text_model', hidden_size=64, num_hidden_layers=3, intermediate_size=128, num_attention_heads=4, num_key_value_heads=4, vocab_size=300, cross_attention_layers=[1], max_position_embeddings=8192, pad_token_id=0, rope_scaling=dict(rope_type='default'))
MV = dict(model_type='mllama_vision_model', hidden_size=128, intermediate_size=512, num_hidden_layers=6, num_global_layers=2, attention_heads=4, image_size=280, patch_size=14, max_num_tiles=4, vision_output_dim=384, intermediate_layers_indices=[1,3])
CASES["mllama"] = (dict(model_type='mllama', architectures=['MllamaForConditionalGeneration'], text_config=MT, vision_config=MV, image_token_index=300),
  lambda c: {'input_ids':torch.full((1,10),5),'attention_mask':torch.ones(1,10,dtype=torch.long),'pixel_values':torch.randn(1,1,4,3,280,280),'aspect_ratio_ids':torch.tensor([[6]]),'aspect_ratio_mask':torch.ones(1,1,4,dtype=torch.long),'cross_attention_mask':torch.ones(1,10,1,4,dtype=torch.long)}, dict(images=1,imageSize=dict(width=560,height=560),promptTokens=10))
G4V = dict(model_type='gemma4_vision', hidden_size=128, intermediate_size=512, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=4, head_dim=32, patch_size=16, pooling_kernel_size=3)
G4T = dict(model_type='gemma4_text', hidden_size=64, num_hidden_layers=2, intermediate_size=128, num_attention_heads=4, num_key_value_heads=4, head_dim=16, global_head_dim=16, vocab_size=300, vocab_size_per_layer_input=300, hidden_size_per_layer_input=8, num_kv_shared_layers=0, layer_types=['sliding_attention','full_attention'], sliding_window=64, max_position_embeddings=8192)
def soft_tokens(c):
    n=14*20
    pos=torch.stack(torch.meshgrid(torch.arange(60),torch.arange(42),indexing='xy'),-1).reshape(1,-1,2)
    x=ids(c,n,10)
    t=torch.zeros_like(x['input_ids']); t[x['input_ids']==c.image_token_id]=1
    return {**x,'pixel_values':torch.rand(1,2520,768),'image_position_ids':pos,'mm_token_type_ids':t}
CASES["gemma4"] = (dict(model_type='gemma4', architectures=['Gemma4ForConditionalGeneration'], text_config=G4T, vision_config=G4V, audio_config=None, image_token_id=299, audio_token_id=298, video_token_id=297),
  soft_tokens, dict(images=1,imageSize=dict(width=60*16,height=42*16),promptTokens=10))


def main():
    rows = []
    for name in sys.argv[1:] or CASES:
        config, inputs_of, options = CASES[name]
        rows.append({"name": name, "config": config, "options": options, "peaks": observed(config, inputs_of)})
    lines = ",\n".join("    " + json.dumps(row) for row in rows)
    print(f'{{\n  "transformers": "{transformers.__version__}",\n  "torch": "{torch.__version__}",\n  "runs": [\n{lines}\n  ]\n}}')


main()
