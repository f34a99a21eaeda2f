import { section } from "../config/raw.ts";
import {
  count,
  decimal,
  dimension,
  flag,
  integer,
  list,
  maybe,
  or,
  positions,
  reader,
} from "../config/schema.ts";
import { InputError } from "../errors.ts";
import { conv1d } from "../layers/conv.ts";
import { embedding } from "../layers/embedding.ts";
import { linear } from "../layers/linear.ts";
import { rotary } from "../layers/rotary.ts";
import { moonshineDecoder, moonshineEncoderLayer } from "../towers/moonshine.ts";
import { evenHeads } from "../towers/whisper.ts";
import { those } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import type { Span } from "../tree/op.ts";
import { type Family, sectionOf } from "./family.ts";
import { moonshineHead, moonshineWhole, rotated } from "./moonshine.ts";

const CLASSES = "MoonshineStreaming";

/** MoonshineStreamingConfig (transformers 5.18); it has no default for `num_key_value_heads`, without which nothing is built. */
const read = reader(() => ({
  vocab_size: or(dimension(), 32_768),
  hidden_size: or(dimension(), 320),
  intermediate_size: or(dimension(), 1280),
  num_hidden_layers: or(count(), 6),
  num_attention_heads: or(dimension(), 8),
  num_key_value_heads: dimension(),
  max_position_embeddings: or(positions(), 4096),
  attention_bias: or(flag(), false),
  head_dim: maybe(dimension()),
  tie_word_embeddings: or(flag(), false),
}));

/** MoonshineStreamingEncoderConfig. */
const readEncoder = reader(() => ({
  hidden_size: or(dimension(), 320),
  intermediate_size: or(dimension(), 1280),
  num_hidden_layers: or(count(), 6),
  num_attention_heads: or(dimension(), 8),
  num_key_value_heads: or(dimension(), 8),
  attention_bias: or(flag(), false),
  head_dim: maybe(dimension()),
  sample_rate: or(positions(), 16_000),
  frame_ms: or(decimal(), 5),
  sliding_windows: or(list(list(integer(0, 2 ** 31))), [
    [16, 4],
    [16, 4],
    [16, 0],
    [16, 0],
    [16, 4],
    [16, 4],
  ]),
}));
type EncoderConfig = ReturnType<typeof readEncoder>;

/** Causal convolutions after the frames' matrix: kernel and stride, fixed in the reference. */
const KERNEL = 5;
const STRIDE = 2;
/** Share of each head that turns, where the config has no rotary section. */
const ROTATED = 0.8;

/** A scale around zero, without shift. */
const unitOffsetNorm = (name: string, width: number): Module =>
  module(`${CLASSES}LayerNorm`, name, [], {
    tensors: [{ name: "gamma", shape: [width] }],
    op: { kind: "norm", width },
  });

/** A query sees `left` positions with its own, and `right` − 1 later ones. */
function spanOf([left = 0, right = 0]: readonly number[]): Span {
  return { kind: "window", size: left + Math.max(0, right - 1), causal: right <= 1 };
}

/** Layers with the same window are one stack. */
function layers(config: EncoderConfig): (Module | undefined)[] {
  const { num_hidden_layers: depth, sliding_windows: windows } = config;
  if (windows.length < depth) {
    throw new InputError(
      "inconsistent",
      `encoder_config.sliding_windows has ${windows.length} entries, but encoder_config.num_hidden_layers is ${depth}: correct one of them in the config.`,
      "encoder_config.sliding_windows",
    );
  }
  const { num_attention_heads: heads, num_key_value_heads: kvHeads, hidden_size: width } = config;
  evenHeads(
    heads,
    kvHeads,
    "encoder_config.num_attention_heads",
    "encoder_config.num_key_value_heads",
  );
  const sizes = {
    classes: CLASSES,
    width,
    inner: config.intermediate_size,
    heads,
    kvHeads,
    headDim: config.head_dim ?? Math.floor(width / heads),
    bias: config.attention_bias,
    outputBias: config.attention_bias,
  };
  const kinds = new Map<string, readonly number[]>();
  const keys = windows.slice(0, depth).map((window) => window.join());
  keys.forEach((key, i) => {
    kinds.set(key, windows[i] ?? []);
  });
  return [...kinds].map(([key, window]) =>
    stack(
      those(depth, (index) => keys[index] === key),
      moonshineEncoderLayer(sizes, {
        span: spanOf(window),
        attentionClass: `${CLASSES}EncoderAttention`,
        norm: unitOffsetNorm,
      }),
    ),
  );
}

function encoder(config: EncoderConfig, frame: number): Module {
  const width = config.hidden_size;
  const causal = (name: string, inputs: number, outputs: number) =>
    conv1d(name, inputs, outputs, KERNEL, { class: `${CLASSES}CausalConv1d` });
  return module(
    `${CLASSES}Encoder`,
    "encoder",
    [
      module(`${CLASSES}EncoderEmbedder`, "embedder", [
        module(`${CLASSES}AsinhCompression`, "comp", [], {
          tensors: [{ name: "log_k", shape: [] }],
        }),
        causal("conv1", width, 2 * width),
        causal("conv2", 2 * width, width),
        linear("linear", frame, width, { bias: false }),
      ]),
      ...layers(config),
      unitOffsetNorm("final_norm", width),
    ],
    {
      component: "audio_encoder",
      op: {
        kind: "tower",
        side: "encoder",
        width,
        // The matrix over each frame is a convolution of stride 1 to the memory.
        entry: {
          kind: "conv-front-end",
          bins: frame,
          width,
          strides: [1, STRIDE, STRIDE],
          widths: [width, 2 * width, width],
        },
      },
    },
  );
}

/** Moonshine v2. Source: transformers 5.18, `models/moonshine_streaming/modeling_moonshine_streaming.py`. */
export const moonshineStreaming: Family = {
  name: "moonshine_streaming",
  modelTypes: ["moonshine_streaming"],
  architectures: [`${CLASSES}ForConditionalGeneration`, `${CLASSES}Model`],
  purpose: "speech recognition on small devices, while people speak",
  describe(raw, context) {
    const config = read(raw, context);
    const audio = readEncoder(...sectionOf(raw, "encoder_config", context));
    const { hidden_size: width, vocab_size: vocab, num_attention_heads: heads } = config;
    const { num_key_value_heads: kvHeads, max_position_embeddings: reach } = config;
    evenHeads(heads, kvHeads, "num_attention_heads", "num_key_value_heads");
    const frame = Math.round((audio.sample_rate * audio.frame_ms) / 1000);
    if (frame < 1) {
      throw new InputError(
        "out-of-range",
        `encoder_config.frame_ms is ${audio.frame_ms}, less than one sample: correct it in the config.`,
        "encoder_config.frame_ms",
      );
    }
    const headDim = config.head_dim ?? Math.floor(width / heads);
    const ropeStated = section(raw, "rope_parameters", context.path) !== undefined;
    const turned = rotated(raw, context, headDim, ropeStated ? 1 : ROTATED);
    const heard = audio.hidden_size;
    const decoder = moonshineDecoder(
      {
        classes: CLASSES,
        width,
        inner: config.intermediate_size,
        heads,
        kvHeads,
        headDim,
        bias: config.attention_bias,
      },
      {
        vocab,
        layers: config.num_hidden_layers,
        rotary: turned,
        tables: [
          rotary("rotary_emb", `${CLASSES}RotaryEmbedding`, 2 * Math.ceil(turned / 2)),
          embedding("pos_emb", reach, heard),
          ...(heard === width ? [] : [linear("proj", heard, width, { bias: false })]),
        ],
      },
    );
    const head = moonshineHead(width, vocab, config.tie_word_embeddings);
    const geometry = {
      sampleRate: audio.sample_rate,
      bins: frame,
      framing: [{ kind: "floor", by: frame } as const],
      encoding: [{ kind: "ceil", by: STRIDE } as const, { kind: "ceil", by: STRIDE } as const],
      maxPositions: reach,
    };
    return moonshineWhole(
      CLASSES,
      context,
      encoder(audio, frame),
      decoder,
      head,
      geometry,
      reach,
      false,
    );
  },
};
