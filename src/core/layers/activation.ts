/**
 * Tensors as large as its input that an activation holds at once, the input included, where transformers computes it in
 * plain steps instead of one kernel. Source: `activations.py` (transformers 5.18), `models/bloom/modeling_bloom.py`.
 */
const STEPS: ReadonlyMap<string, number> = new Map([
  // 0.5 · x · (1 + tanh(√(2/π) · (x + 0.044715 · x³))): x, half of it, its cube, and that scaled.
  ["gelu_new", 4],
  // 0.5 · x · (1 + tanh(x · 0.7979 · (1 + 0.044715 · x · x))): x, half, two multiples and their product.
  ["gelu_fast", 5],
  ["bloom_gelu", 5],
  ["gelu_python", 4],
  // x · σ(1.702 · x)
  ["quick_gelu", 3],
  // xIELU, two branches of which `where` chooses: x, four terms of them, and which is positive (a byte each, in 16 bits half).
  ["xielu", 5.5],
  // relu(x)²
  ["relu2", 3],
]);

/** What a feed-forward says of its activation: nothing where one kernel computes it. */
export function activationSteps(name: string | undefined): { readonly activation?: number } {
  const activation = name === undefined ? undefined : STEPS.get(name);
  return activation === undefined ? {} : { activation };
}
