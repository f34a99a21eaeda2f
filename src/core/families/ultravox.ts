import { whisperGeometry } from "../audio/whisper-geometry.ts";
import { own, type RawConfig, section, within } from "../config/raw.ts";
import { count, dimension, flag, integer, maybe, or, reader, text } from "../config/schema.ts";
import { InputError, shown } from "../errors.ts";
import { embedding } from "../layers/embedding.ts";
import { linear } from "../layers/linear.ts";
import { rmsNorm } from "../layers/norm.ts";
import { contextUpTo } from "../model.ts";
import { evenHeads, whisperEncoder, whisperEncoderLayer } from "../towers/whisper.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import { type Context, type Family, statedDtype } from "./family.ts";
import { readWhisper } from "./whisper.ts";

/**
 * UltravoxConfig (fixie-ai/ultravox, `ultravox_config.py`). `hidden_size` is the projector's width, not the language
 * model's. `projector_ln_mid` is false up to v0.4.1 and true from v0.5.
 */
const read = reader(() => ({
  audio_model_id: maybe(text()),
  text_model_id: maybe(text()),
  hidden_size: or(dimension(), 4096),
  stack_factor: or(integer(1, 1024), 8),
  projector_act: or(text(), "swiglu"),
  projector_ln_mid: or(flag(), false),
  num_projector_layers: or(count(0), 0),
}));

/**
 * Ultravox: the encoder half of a Whisper, a projector that stacks eight positions into one token, and any language
 * model; the parts are named by reference (`audio_model_id`, `text_model_id`) or embedded.
 * Source: fixie-ai/ultravox, `ultravox_model.py`; vLLM, `model_executor/models/ultravox.py`.
 */
export const ultravox: Family = {
  name: "ultravox",
  modelTypes: ["ultravox"],
  architectures: ["UltravoxModel"],
  purpose: "speech in, text out, with any language model",
  describe(raw, context) {
    const config = read(raw, context);
    const [audioRaw, audioContext] = part(raw, "audio", config.audio_model_id, context);
    const [textRaw, textContext] = part(raw, "text", config.text_model_id, context);
    whisperOnly(audioRaw, audioContext);
    const audio = readWhisper(audioRaw, audioContext);
    evenHeads(audio.d_model, audio.encoder_attention_heads, "d_model", "encoder_attention_heads");
    const sizes = {
      bins: audio.num_mel_bins,
      width: audio.d_model,
      layers: audio.encoder_layers,
      heads: audio.encoder_attention_heads,
      inner: audio.encoder_ffn_dim,
      positions: audio.max_source_positions,
    };
    const language = context.language(textRaw, textContext, {
      backbone: "language_model.model",
      head: "language_model.lm_head",
    });
    const root = module(
      context.architecture,
      "",
      [
        whisperEncoder(sizes, {
          name: "audio_tower",
          classes: "Whisper",
          component: "audio_encoder",
          servedWhole: { before: 16 },
        }),
        projector(config, sizes, language.width),
        module("CausalLM", "language_model", [language.backbone, language.head]),
      ],
      { op: { kind: "merge", checked: false, kept: false } },
    );
    return {
      type: "audio-llm",
      root,
      dtype: statedDtype(raw) ?? language.dtype,
      // Chunks of 30 s, the last one as long as it is; all of them are encoded together.
      audio: {
        ...whisperGeometry(
          sizes.bins,
          sizes.positions,
          { padded: false, tokensFromPadding: false, longer: "batched" },
          [{ kind: "ceil", by: config.stack_factor }],
        ),
        // vLLM, ultravox.py: 16 chunks of 30 s (_MAX_ENCODER_BATCH_SIZE).
        profiled: { seconds: 480 },
      },
      context: contextUpTo(language.maxPositions),
    };
  },
};

/** Another encoder's config would read as a Whisper of default sizes. */
function whisperOnly(raw: RawConfig, context: Context): void {
  const type = own(raw, "model_type") ?? "whisper";
  if (type === "whisper") return;
  const field = within(context.path, "model_type");
  throw new InputError(
    "unknown-model-type",
    `${field} is ${shown(type)}, but the audio part of an Ultravox model must be a Whisper: refer to one or give its config.`,
    field,
  );
}

type Config = ReturnType<typeof read>;

function projector(
  config: Config,
  audio: { width: number; heads: number; inner: number; positions: number },
  width: number,
): Module {
  const stacked = audio.width * config.stack_factor;
  if (config.num_projector_layers > 0) {
    return module(
      "UltravoxTransformerProjector",
      "multi_modal_projector",
      [
        rmsNorm("ln_pre", stacked),
        linear("linear_in", stacked, audio.width),
        embedding("embed_positions", audio.positions, audio.width),
        stack(upTo(config.num_projector_layers), whisperEncoderLayer("Whisper", audio)),
        rmsNorm("ln_post", audio.width),
        linear("linear_out", audio.width, width),
      ],
      {
        component: "audio_projector",
        op: { kind: "projector", widths: [stacked, audio.width, width] },
      },
    );
  }
  const inner =
    config.projector_act === "swiglu" ? Math.floor(config.hidden_size / 2) : config.hidden_size;
  return module(
    "UltravoxProjector",
    "multi_modal_projector",
    [
      rmsNorm("ln_pre", stacked),
      linear("linear_1", stacked, config.hidden_size, { bias: false }),
      linear("linear_2", inner, width, { bias: false }),
      config.projector_ln_mid ? rmsNorm("ln_mid", inner) : rmsNorm("ln_post", width),
    ],
    {
      component: "audio_projector",
      op: { kind: "projector", widths: [stacked, config.hidden_size, inner, width] },
    },
  );
}

/** The config of a part, embedded or by reference; a reference wins, as in the reference implementation. */
function part(
  raw: RawConfig,
  which: "audio" | "text",
  id: string | undefined,
  context: Context,
): [RawConfig, Context] {
  const idField = `${which}_model_id`;
  const configField = `${which}_config`;
  if (id !== undefined) return [context.resolve(id, idField), context.inside(idField)];
  const embedded = section(raw, configField, context.path);
  if (embedded) return [embedded, context.inside(configField)];
  throw new InputError(
    "missing-field",
    `Neither ${idField} nor ${configField} is given, so the ${which} part of this Ultravox model is unknown: add one of them to the config.`,
    idField,
  );
}
