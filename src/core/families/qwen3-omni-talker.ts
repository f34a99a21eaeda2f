import type { RawConfig } from "../config/raw.ts";
import {
  count,
  dimension,
  flag,
  integer,
  list,
  maybe,
  or,
  positions,
  reader,
} from "../config/schema.ts";
import { linear } from "../layers/linear.ts";
import { languageHead } from "../towers/causal-lm.ts";
import { code2Wav } from "../towers/qwen-code2wav.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, part, stack } from "../tree/module.ts";
import { type Context, sectionOf } from "./family.ts";
import { qwen3OmniPredictor, qwen3OmniTalker } from "./qwen3-text.ts";

/** Qwen3OmniMoeTalkerConfig (transformers 5.18). */
const readTalker = reader(() => ({ thinker_hidden_size: or(dimension(), 2048) }));
const readPredictor = reader(() => ({ num_code_groups: or(count(), 32) }));

/** Qwen3OmniMoeCode2WavConfig. */
const readVoice = reader(() => ({
  codebook_size: or(dimension(), 2048),
  hidden_size: or(dimension(), 1024),
  num_attention_heads: or(dimension(), 16),
  num_key_value_heads: or(dimension(), 16),
  head_dim: maybe(dimension()),
  attention_bias: or(flag(), false),
  sliding_window: or(positions(), 72),
  intermediate_size: or(dimension(), 3072),
  num_hidden_layers: or(count(), 8),
  num_quantizers: or(integer(1, 4096), 16),
  upsample_rates: or(list(integer(1, 4096)), [8, 5, 4, 3]),
  upsampling_ratios: or(list(integer(1, 4096)), [2, 2]),
  decoder_dim: or(dimension(), 1536),
}));

/** The parts that speak: the talker with the predictor of each frame's further codes, and codes to sound. */
export function talkerAndVoice(raw: RawConfig, context: Context): readonly Module[] {
  return [
    talker(...sectionOf(raw, "talker_config", context)),
    voice(...sectionOf(raw, "code2wav_config", context)),
  ];
}

function talker(raw: RawConfig, context: Context): Module {
  const config = readTalker(raw, context);
  const [textRaw, textContext] = sectionOf(raw, "text_config", context);
  const [predictorRaw, predictorContext] = sectionOf(raw, "code_predictor_config", context);
  const place = { backbone: "talker.model", head: "talker.codec_head" };
  const inner = { backbone: "talker.code_predictor.model", head: "talker.code_predictor.lm_head" };
  const text = qwen3OmniTalker(textRaw, textContext, place);
  const further = readPredictor(predictorRaw, predictorContext).num_code_groups - 1;
  const predictor = qwen3OmniPredictor(further)(predictorRaw, predictorContext, inner);
  const resize = (name: string): Module =>
    module("Qwen3OmniMoeTalkerResizeMLP", name, [
      linear("linear_fc1", config.thinker_hidden_size, text.inner),
      linear("linear_fc2", text.inner, text.width),
    ]);
  return part(
    "talker",
    module("Qwen3OmniMoeTalkerForConditionalGeneration", "talker", [
      text.backbone,
      resize("text_projection"),
      resize("hidden_projection"),
      languageHead({ ...text, tied: false }, place),
      module("Qwen3OmniMoeTalkerCodePredictorModelForConditionalGeneration", "code_predictor", [
        predictor.backbone,
        stack(upTo(further), languageHead({ ...predictor, tied: false }, inner)),
      ]),
    ]),
  );
}

function voice(raw: RawConfig, context: Context): Module {
  const config = readVoice(raw, context);
  return code2Wav("code2wav", {
    width: config.hidden_size,
    inner: config.intermediate_size,
    layers: config.num_hidden_layers,
    heads: config.num_attention_heads,
    kvHeads: config.num_key_value_heads,
    headDim: config.head_dim ?? Math.floor(config.hidden_size / config.num_attention_heads),
    bias: config.attention_bias,
    window: config.sliding_window,
    codes: config.codebook_size,
    codebooks: config.num_quantizers,
    stretches: config.upsampling_ratios,
    rates: config.upsample_rates,
    decoderWidth: config.decoder_dim,
  });
}
