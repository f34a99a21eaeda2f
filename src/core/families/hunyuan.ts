import { count, flag, oneOrList, or, reader } from "../config/schema.ts";
import { mixtureOfExperts } from "../layers/experts.ts";
import { gatedFeedForward } from "../layers/feed-forward.ts";
import { linear } from "../layers/linear.ts";
import { rmsNorm } from "../layers/norm.ts";
import { module } from "../tree/module.ts";
import { decoderFields } from "./decoder-config.ts";
import { llamaLike } from "./decoder-only.ts";

const fields = () => ({
  ...decoderFields({
    vocab: 290943,
    width: 4096,
    inner: 11008,
    layers: 32,
    heads: 32,
    kvHeads: "heads",
    headDim: "width/heads",
    maxPositions: 2048,
    tied: false,
  }),
  attention_bias: or(flag(), false),
});

/** HunYuanDenseV1Config and HunYuanMoEV1Config (transformers 5.18). `moe_topk` may differ by layer. */
const read = reader(fields);
const readMoe = reader(() => ({
  ...fields(),
  num_experts: or(count(), 1),
  moe_topk: or(oneOrList(count()), 1),
}));

const habits = (classes: string, bias: boolean, headDim: number) => ({
  classes,
  bias: { qkv: bias, o: bias },
  normedHeads: ["query_layernorm", "key_layernorm"].map((name) =>
    rmsNorm(name, headDim, `${classes}RMSNorm`),
  ),
});

/** Tencent Hunyuan, dense. Source: `models/hunyuan_v1_dense/modeling_hunyuan_v1_dense.py`. */
export const hunyuanDense = llamaLike({
  name: "hunyuan_v1_dense",
  modelTypes: ["hunyuan_v1_dense"],
  architectures: ["HunYuanDenseV1ForCausalLM"],
  purpose: "text generation",
  read,
  habits: (config, { sizes }) => habits("HunYuanDenseV1", config.attention_bias, sizes.headDim),
});

/** Hunyuan-A13B: experts and a shared one. Source: `models/hunyuan_v1_moe/modeling_hunyuan_v1_moe.py`. */
export const hunyuanMoe = llamaLike({
  name: "hunyuan_v1_moe",
  modelTypes: ["hunyuan_v1_moe"],
  architectures: ["HunYuanMoEV1ForCausalLM"],
  purpose: "text generation",
  names: { num_experts_per_tok: "moe_topk", num_local_experts: "num_experts" },
  read: readMoe,
  habits: (config, { sizes: { width, inner, headDim } }) => {
    const { num_experts: experts, moe_topk: chosen } = config;
    const gate = linear("wg", width, experts, { bias: false });
    return {
      ...habits("HunYuanMoEV1", config.attention_bias, headDim),
      feedForward: mixtureOfExperts("HunYuanMoEV1Moe", "mlp", {
        class: "HunYuanMoEV1Experts",
        width,
        inner,
        experts,
        perToken: typeof chosen === "number" ? chosen : Math.max(...chosen),
        router: module("HunYuanMoEV1Gate", "gate", [gate]),
        extra: [gatedFeedForward("HunYuanMoEV1MLP", "shared_mlp", width, inner)],
      }),
    };
  },
});
