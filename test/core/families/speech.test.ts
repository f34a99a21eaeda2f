import {
  catalogConfig,
  describe as describeModel,
  InputError,
  type Module,
} from "llm-memory-calculator";
import { expect, it } from "vitest";

const modules = (root: Module): Module[] => [root, ...root.children.flatMap(modules)];
const copies = ({ indices }: Module): number =>
  (indices ?? [[0, 0]]).reduce((sum, [first, last]) => sum + last - first + 1, 0);
const described = (id: string) => describeModel(catalogConfig(id), { resolve: catalogConfig });

it("gives Voxtral Realtime's encoder a sliding cache of four positions a token", () => {
  const { root } = described("mistralai/Voxtral-Mini-4B-Realtime-2602");
  const kv = modules(root).flatMap(({ state }) => (state?.kind === "kv" ? [state] : []));
  expect(kv).toEqual([
    { kind: "kv", over: "self", heads: 32, keyDim: 64, valueDim: 64, window: 750, perToken: 4 },
    { kind: "kv", over: "self", heads: 8, keyDim: 128, valueDim: 128, window: 8192 },
  ]);
});

it("gives both branches of Kimi-Audio caches", () => {
  const layers = modules(described("moonshotai/Kimi-Audio-7B-Instruct").root).filter(
    ({ children }) => children.some(({ state }) => state?.kind === "kv"),
  );
  expect(layers.map((layer) => [layer.name, copies(layer)])).toEqual([
    ["layers", 28],
    ["mimo_layers", 6],
  ]);
});

it("keeps Voxtral's position table in fp32", () => {
  const table = modules(described("mistralai/Voxtral-Mini-3B-2507").root).find(
    ({ name }) => name === "embed_positions",
  );
  expect(table?.tensors[0]?.dtype).toBe("fp32");
});

it("reads Qwen3-ASR's aligner as the original repository states it", () => {
  const config = {
    architectures: ["Qwen3ASRForConditionalGeneration"],
    model_type: "qwen3_asr",
    thinker_config: {
      model_type: "qwen3_forced_aligner",
      classify_num: 5000,
      audio_config: { d_model: 1024, output_dim: 1024 },
      text_config: { hidden_size: 1024, num_hidden_layers: 2, tie_word_embeddings: true },
    },
  };
  const head = modules(describeModel(config).root).find(({ op }) => op?.kind === "head");
  expect(head?.tensors).toMatchObject([{ name: "weight", shape: [5000, 1024] }]);
  expect(head?.tensors[0]?.tiedTo).toBeUndefined();
});

it.each([
  [
    { model_type: "voxtral", audio_config: { hidden_size: 1000, num_attention_heads: 7 } },
    "audio_config.num_attention_heads",
  ],
  [
    { model_type: "glmasr", audio_config: { num_key_value_heads: 7 } },
    "audio_config.num_key_value_heads",
  ],
  [
    { model_type: "fun_asr_nano", adaptor_config: { hidden_size: 512 } },
    "adaptor_config.hidden_size",
  ],
  [
    { model_type: "vibevoice_asr", acoustic_tokenizer_encoder_config: { depths: [1] } },
    "acoustic_tokenizer_encoder_config.depths",
  ],
  [
    { model_type: "midashenglm", audio_encoder_config: { patch_size: [1, 2, 3] } },
    "audio_encoder_config.patch_size",
  ],
])("refuses a config that contradicts itself", (config, field) => {
  expect(() => describeModel(config)).toThrow(InputError);
  expect(() => describeModel(config)).toThrow(field);
});
