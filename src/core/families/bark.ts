import { within } from "../config/raw.ts";
import { count, dimension, flag, or, positions, reader } from "../config/schema.ts";
import { InputError } from "../errors.ts";
import { embedding } from "../layers/embedding.ts";
import { plainFeedForward } from "../layers/feed-forward.ts";
import { linear } from "../layers/linear.ts";
import { layerNorm } from "../layers/norm.ts";
import { evenHeads } from "../towers/whisper.ts";
import { upTo } from "../tree/indices.ts";
import { type Component, type Module, module, stack } from "../tree/module.ts";
import { codecModule } from "./codec.ts";
import { embeddedCodec } from "./codecs.ts";
import { type Family, sectionOf } from "./family.ts";

/** BarkSubModelConfig (transformers 5.18), whose fields also go by the names that its attribute map gives them. */
const fields = () => ({
  block_size: or(positions(), 1024),
  input_vocab_size: or(dimension(), 10_048),
  output_vocab_size: or(dimension(), 10_048),
  num_layers: or(count(), 12),
  num_heads: or(dimension(), 12),
  hidden_size: or(dimension(), 768),
  bias: or(flag(), true),
});
const read = reader(fields);
const readFine = reader(() => ({
  ...fields(),
  tie_word_embeddings: or(flag(), true),
  n_codes_total: or(count(), 8),
  n_codes_given: or(count(0), 1),
}));
type Config = ReturnType<typeof read>;

/** A GPT-2 block with one matrix for queries, keys and values; causal ones carry their mask as a stored table. */
function block(config: Config, causal: boolean): Module {
  const { hidden_size: width, num_heads: heads, bias, block_size: size } = config;
  const headDim = width / heads;
  return module(
    "BarkBlock",
    "layers",
    [
      layerNorm("layernorm_1", width, { bias: bias || !causal }),
      layerNorm("layernorm_2", width, { bias: bias || !causal }),
      module(
        "BarkSelfAttention",
        "attn",
        [
          linear("att_proj", width, 3 * width, { bias, divide: { by: "columns", units: heads } }),
          linear("out_proj", width, width, { bias, divide: { by: "rows", units: heads } }),
        ],
        {
          op: {
            kind: "attention",
            width,
            heads,
            kvHeads: heads,
            headDim,
            valueDim: headDim,
            over: "self",
            span: { kind: causal ? "causal" : "full" },
            scores: "scaled-copy",
          },
          ...(causal && {
            state: { kind: "kv", over: "self", heads, keyDim: headDim, valueDim: headDim },
            buffers: [{ name: "bias", shape: [1, 1, size, size], dtype: "bool", persistent: true }],
          }),
        },
      ),
      plainFeedForward("BarkMLP", "mlp", width, 4 * width, ["in_proj", "out_proj"], { bias }),
    ],
    { op: { kind: "layer", width, blocks: [{ run: "attn" }, { run: "mlp" }] } },
  );
}

function causalModel(className: string, name: Component, config: Config): Module {
  const { hidden_size: width, output_vocab_size: vocab } = config;
  return module(
    className,
    name,
    [
      embedding("input_embeds_layer", config.input_vocab_size, width, { divided: true }),
      embedding("position_embeds_layer", config.block_size, width),
      stack(upTo(config.num_layers), block(config, true)),
      layerNorm("layernorm_final", width, { bias: config.bias }),
      {
        ...linear("lm_head", width, vocab, { bias: false, divide: { by: "columns" } }),
        op: { kind: "head", vocab, positions: "last" },
      },
    ],
    { component: name, op: { kind: "tower", side: "decoder", width } },
  );
}

/** Fills in the finer codebooks of a whole stretch at once: not causal, one table and one head for each. */
function fineModel(config: ReturnType<typeof readFine>): Module {
  const { hidden_size: width, output_vocab_size: vocab } = config;
  const heads = config.n_codes_total - config.n_codes_given;
  const head = linear("lm_heads", width, vocab, {
    bias: false,
    divide: { by: "columns" },
    ...(config.tie_word_embeddings && {
      tiedTo:
        heads === 1
          ? "fine_acoustics.input_embeds_layers.1.weight"
          : `fine_acoustics.input_embeds_layers.{1-${heads}}.weight`,
    }),
  });
  return module(
    "BarkFineModel",
    "fine_acoustics",
    [
      stack(
        upTo(config.n_codes_total),
        embedding("input_embeds_layers", config.input_vocab_size, width, { divided: true }),
      ),
      embedding("position_embeds_layer", config.block_size, width),
      stack(upTo(config.num_layers), block(config, false)),
      layerNorm("layernorm_final", width),
      stack(upTo(heads), head),
    ],
    { component: "fine_acoustics" },
  );
}

/**
 * Bark (Suno): text to semantic tokens, those to the first two codebooks of EnCodec, those to all eight, and EnCodec.
 * Source: `models/bark/modeling_bark.py`.
 */
export const bark: Family = {
  name: "bark",
  modelTypes: ["bark"],
  architectures: ["BarkModel"],
  purpose: "speech and sound synthesis",
  describe(raw, context) {
    const [semanticRaw, semanticContext] = sectionOf(raw, "semantic_config", context);
    const [coarseRaw, coarseContext] = sectionOf(raw, "coarse_acoustics_config", context);
    const [fineRaw, fineContext] = sectionOf(raw, "fine_acoustics_config", context);
    const [codecRaw, codecContext] = sectionOf(raw, "codec_config", context);
    const semantic = read(semanticRaw, semanticContext);
    const coarse = read(coarseRaw, coarseContext);
    const fine = readFine(fineRaw, fineContext);
    const codec = embeddedCodec(codecRaw, codecContext, { streaming: false }, "encodec");
    for (const [part, { path }] of [
      [semantic, semanticContext],
      [coarse, coarseContext],
      [fine, fineContext],
    ] as const) {
      evenHeads(
        part.hidden_size,
        part.num_heads,
        within(path, "hidden_size"),
        within(path, "num_heads"),
      );
    }
    if (
      fine.n_codes_given > fine.n_codes_total ||
      (fine.n_codes_given === 0 && fine.tie_word_embeddings)
    ) {
      const field = within(fineContext.path, "n_codes_given");
      throw new InputError(
        "inconsistent",
        `${field} is ${fine.n_codes_given}, but of the ${fine.n_codes_total} codebooks (n_codes_total) at least one and at most all are given: correct one of them in the config.`,
        field,
      );
    }
    return {
      type: "text-to-speech",
      root: module("BarkModel", "", [
        causalModel("BarkSemanticModel", "semantic", semantic),
        causalModel("BarkCoarseModel", "coarse_acoustics", coarse),
        fineModel(fine),
        codecModule("codec_model", codec),
      ]),
      audio: undefined,
      context: {
        max: semantic.block_size,
        hard: true,
        preset: semantic.block_size,
        prompt: undefined,
      },
    };
  },
};
