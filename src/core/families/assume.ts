import { own, type RawConfig } from "../config/raw.ts";
import { InputError, nearest, shown } from "../errors.ts";
import type { Family } from "./family.ts";
import { llama } from "./llama.ts";

/** What an unknown config may be described as, if the user says so. */
export interface Stand {
  readonly name: string;
  readonly family: Family;
  /** The kind of model, in a sentence. */
  readonly kind: string;
  /** The class that stands for the one that a config names, or undefined where there is none. */
  classFor(architecture: string | undefined): string | undefined;
  /** What in the config says that it is another kind of model, as half a sentence. */
  against(raw: RawConfig): { readonly field: string; readonly reason: string } | undefined;
  /** Whether a field changes neither tensors nor what a forward holds. */
  immaterial(key: string, value: unknown): boolean;
}

/** Without these there is nothing to describe: Llama's defaults would be a guess about everything. */
const REQUIRED = [
  "hidden_size",
  "num_hidden_layers",
  "num_attention_heads",
  "intermediate_size",
  "vocab_size",
];

/** Fields that Llama has not, by what they mean elsewhere. */
const SIGNS: readonly (readonly [RegExp, string])[] = [
  [/expert|moe(_|$)/, "experts"],
  [/^(kv_lora_rank|q_lora_rank|qk_(rope|nope)_head_dim|v_head_dim)$/, "latent attention"],
  [
    /^ssm_|^mamba|^state_size$|^d_state$|conv_kernel|^conv_L_cache$|^linear_(num|key|value|attn|conv)|^time_step|^lru_width$|^rwkv|^lightning|^layers_block_type$|^hybrid_/,
    "recurrent layers",
  ],
  [/vision|visual|image|video|audio|speech|mel_bins|^mm_/, "images or sound"],
  [/^(encoder|decoder)_layers$|^is_encoder_decoder$/, "an encoder and a decoder"],
  [/^(type_vocab_size|relative_attention_num_buckets|alibi)$/, "positions that are not rotary"],
];

/** Objects that are no sub-model. */
const SETTINGS = /^(quantization|compression|generation|sparsity|transformers\.js)_config$/;
const CLASS = /(ForCausalLM|ForSequenceClassification|ForTokenClassification|Model)$/;
const KNOWN_LAYERS = new Set(["full_attention", "sliding_attention"]);
const ROTARY = new Set(["rope", "rotary"]);

/** Fields of PreTrainedConfig and of decoders that change no tensor, cache or activation. */
const IMMATERIAL =
  /^_|_token_id$|dropout|_pdrop$|_eps(ilon)?$|^(architectures|model_type|auto_map|transformers_version|torch_dtype|dtype|initializer_range|use_cache|rope_theta|pretraining_tp|id2label|label2id|is_encoder_decoder|is_decoder|add_cross_attention|tokenizer_class|problem_type|return_dict|output_attentions|output_hidden_states|attn_implementation|max_length|min_length|do_sample|temperature|top_k|top_p|torchscript|generation_config|chunk_size_feed_forward|task_specific_params|pruned_heads|finetuning_task)$/;
/** Activations that a gate multiplies, as in Llama. */
const GATED = /^(silu|swish|gelu)/;

const llamaStand: Stand = {
  name: "llama",
  family: llama,
  kind: "a Llama-style decoder",
  classFor(architecture) {
    if (architecture === undefined) return "LlamaForCausalLM";
    const ending = CLASS.exec(architecture.replace(/LMHeadModel$/, "ForCausalLM"))?.[1];
    return ending && `Llama${ending}`;
  },
  against(raw) {
    const missing = REQUIRED.find((key) => typeof own(raw, key) !== "number");
    if (missing !== undefined)
      return { field: missing, reason: `${missing} is missing, which every such decoder states` };
    for (const [key, value] of Object.entries(raw)) {
      if (isEmpty(value)) continue;
      const field = key;
      if (key === "layer_types" && Array.isArray(value)) {
        const other = value.find((type) => !KNOWN_LAYERS.has(String(type)));
        if (other !== undefined)
          return {
            field,
            reason: `layer_types names ${shown(other)}, which such a decoder has not`,
          };
        continue;
      }
      if (key === "position_embedding_type" && !ROTARY.has(String(value)))
        return { field, reason: `position_embedding_type is ${shown(value)}, not rotary` };
      if (/_config$/.test(key) && typeof value === "object" && !SETTINGS.test(key))
        return { field, reason: `${key} describes a model inside it` };
      const [, what] = SIGNS.find(([sign]) => sign.test(key)) ?? [];
      if (what !== undefined && !key.endsWith("_token_id"))
        return { field, reason: `${key} is ${shown(value)}, which speaks of ${what}` };
    }
    return undefined;
  },
  immaterial: (key, value) =>
    isEmpty(value) ||
    (/^hidden_act(ivation)?$/.test(key)
      ? typeof value === "string" && GATED.test(value)
      : IMMATERIAL.test(key)),
};

const isEmpty = (value: unknown): boolean =>
  value === null ||
  value === false ||
  value === 0 ||
  (Array.isArray(value) && value.length === 0) ||
  (typeof value === "object" && Object.keys(value ?? {}).length === 0);

const stands: readonly Stand[] = [llamaStand];

/** @throws InputError for a name under which nothing can be assumed. */
export function findStand(name: unknown): Stand {
  const found = stands.find((stand) => stand.name === name);
  if (found) return found;
  const known = stands.map((stand) => stand.name);
  throw new InputError(
    "unknown-option",
    `--assume is ${shown(name)}, but an unknown architecture can only be assumed to be ${nearest(String(name), known).join(", ")}.`,
    "assume",
  );
}

/** What a config that is not described looks like; undefined: nothing that could be assumed. */
export const looksLike = (raw: RawConfig, architecture: string | undefined): Stand | undefined =>
  stands.find(
    (stand) => stand.classFor(architecture) !== undefined && stand.against(raw) === undefined,
  );
