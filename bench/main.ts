/**
 * `npm run bench`: how long things take, as ratios where a ratio says more than a time. Run `npm run build` first.
 * The last result is kept in docs/performance.md.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import {
  catalogConfig,
  countActiveParameters,
  countParameters,
  describe,
  estimate,
  prepare,
  sweep,
} from "llm-memory-calculator";
import { Bench } from "tinybench";

const BIN = "dist/cli.cjs";

/** Milliseconds that a whole process takes. */
function once(args: readonly string[]): number {
  const start = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`node ${args.join(" ")}: ${stderr}`);
  return performance.now() - start;
}

/** Both commands in turn, so that a busy machine slows both; the least of each is compared. */
function startUp(): void {
  const bare = ["-e", "0"];
  const command = [BIN, "estimate", "openai/whisper-large-v3-turbo"];
  const times: { bare: number[]; command: number[] } = { bare: [], command: [] };
  for (let run = 0; run < 30; run++) {
    times.bare.push(once(bare));
    times.command.push(once(command));
  }
  const least = { bare: Math.min(...times.bare), command: Math.min(...times.command) };
  console.log(`start-up   node -e 0            ${least.bare.toFixed(1)} ms`);
  console.log(
    `           estimate (process)   ${least.command.toFixed(1)} ms   ${(least.command / least.bare).toFixed(2)} × bare node (aim: 1.5)`,
  );
}

/** Microseconds of one total of a prepared model, besides what it prints. */
async function inProcess(): Promise<number> {
  const config = (id: string): unknown => catalogConfig(id);
  const whisper = config("openai/whisper-large-v3-turbo");
  const deep = { ...(whisper as object), encoder_layers: 3200, decoder_layers: 400 };
  const llama = config("meta-llama/Llama-3.1-70B");
  const largest = config("meta-llama/Llama-3.1-405B");
  const deepseek = config("deepseek-ai/DeepSeek-V3");
  const model = describe(whisper);
  const prepared = prepare(model);
  const bench = new Bench({ time: 400 });
  bench
    .add("describe + fold: Whisper large-v3-turbo", () => countParameters(describe(whisper).root))
    .add("describe + fold: the same with 100 × the layers", () =>
      countParameters(describe(deep).root),
    )
    .add("describe + fold: Llama 3.1 70B", () => countParameters(describe(llama).root))
    .add("describe + fold: Llama 3.1 405B", () => countParameters(describe(largest).root))
    .add("describe + fold: DeepSeek-V3", () => countParameters(describe(deepseek).root))
    .add("the same with the parameters active for a token", () => {
      const { root } = describe(deepseek);
      return countParameters(root).total - countActiveParameters(root).active;
    })
    .add("estimate with ledger, described model", () => estimate(model, { batchSize: 8 }))
    .add("total of a prepared model", () => prepared.total({ batchSize: 8, audioSeconds: 20 }));
  await bench.run();
  let total = Number.NaN;
  for (const { name, result } of bench.tasks) {
    if (!("latency" in result)) continue;
    const micro = result.latency.p50 * 1000;
    if (name.startsWith("total of a prepared")) total = micro;
    console.log(
      `${name.padEnd(50)} ${micro.toFixed(2).padStart(9)} µs   ${Math.round(1e6 / micro).toLocaleString("en")} a second`,
    );
  }
  return total;
}

/** A million points of one model: a thousand batches of a thousand lengths; the best of three. */
function millionPoints(): void {
  const model = describe(catalogConfig("openai/whisper-large-v3-turbo"));
  const upTo1000 = Array.from({ length: 1000 }, (_, i) => i + 1);
  const axes = { batchSize: upTo1000, audioSeconds: upTo1000 };
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 3; run++) {
    const start = performance.now();
    let sum = 0;
    for (const { totalMemoryBytes } of sweep([{ id: "turbo", model }], axes))
      sum += totalMemoryBytes ?? 0;
    if (sum === 0) throw new Error("the sweep came to nothing");
    best = Math.min(best, performance.now() - start);
  }
  console.log(`sweep of 1,000,000 points: ${(best / 1000).toFixed(2)} s (aim: 1 s)`);
}

/** The Python ancestor's function, where it is installed; nothing otherwise. */
function ancestor(ours: number): void {
  const script = [
    "import timeit",
    "from llm_memory_calculator import calculate_total_memory as f",
    'c={"model_type":"llama","hidden_size":4096,"num_hidden_layers":32,"num_attention_heads":32,"intermediate_size":14336,"vocab_size":128256}',
    "n=2000",
    "print(timeit.timeit(lambda: f(c), number=n)/n*1e6)",
  ].join("\n");
  const { status, stdout } = spawnSync("python3", ["-c", script], { encoding: "utf8" });
  if (status === 0) {
    const ratio = (Number(stdout) / ours).toFixed(1);
    console.log(
      `Python ancestor's calculate_total_memory: ${stdout.trim()} µs, ${ratio} × a prepared total`,
    );
  } else console.log("Python ancestor: not at hand (about 9 µs a call when it was measured)");
}

if (!existsSync(BIN)) throw new Error(`${BIN} is not there: run npm run build first`);
startUp();
const total = await inProcess();
millionPoints();
ancestor(total);
