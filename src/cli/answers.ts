import type { Command, Option } from "commander";
import { addTraining } from "./training.ts";

const MODEL = "a catalog id, a config.json, or a folder that has one";

/** The commands that answer what people decide with. Each takes the options of `estimate`, and its own. */
export function addAnswers(
  root: Command,
  number: (flags: string, description: string) => Option,
): void {
  const estimate = root.commands.find((command) => command.name() === "estimate");
  if (estimate) addTraining(estimate, number);
  const shared = estimate?.options ?? [];
  const withShared = (command: Command, without: readonly string[] = []): Command => {
    const left = new Set(["--explain", "--json", ...without]);
    for (const option of shared) {
      if (!left.has(option.long ?? "")) command.addOption(option as Option);
    }
    return command;
  };
  const MARGIN = [
    "--margin <size>",
    "to be left free on every device: 1GiB or 10% (default: 0)",
  ] as const;

  root
    .command("gpus")
    .description("the devices that --gpu knows, and what is usable of them")
    .option("--json", "as JSON, with sources")
    .action(async (options) => (await import("./gpus.ts")).gpusCommand(options));

  withShared(root.command("fit"))
    .description("whether a model runs on a device, with what headroom; without --gpu, on which")
    .argument("<model>", MODEL)
    .option(...MARGIN)
    .option("--json", "as JSON")
    .action(async (model: string, options) =>
      (await import("./fit.ts")).fitCommand(model, options),
    );

  withShared(root.command("limits"))
    .description("what a device holds: streams at once, longest context, longest audio")
    .argument("<model>", MODEL)
    .option(...MARGIN)
    .option("--json", "as JSON")
    .action(async (model: string, options) =>
      (await import("./limits.ts")).limitsCommand(model, options),
    );

  const format = (command: Command): Command =>
    command
      .option(...MARGIN)
      .option("--format <name>", "table, csv, jsonl (JSON lines) or markdown (default: table)")
      .option("--json", "the same as --format jsonl");

  format(withShared(root.command("compare"), ["--gpu", ...ASSISTANT]))
    .description("several models beside each other, under the same options")
    .argument("<models...>", MODEL)
    .option("--gpu <devices>", "one or several, with commas: each model on each")
    .action(async (models: string[], options) =>
      (await import("./compare.ts")).compareCommand(models, options),
    );

  format(
    withShared(root.command("sweep"), [
      ...SWEPT.map(([flags]) => flags.replace(/ .*/, "")),
      ...ASSISTANT,
    ]),
  )
    .description("every combination of lists and ranges: 1,2,4 or 1..64 or 1..1000..10")
    .argument("<models...>", MODEL)
    .action(async (models: string[], options) =>
      (await import("./sweep.ts")).sweepCommand(models, options),
    );
  const pipeline = root.command("pipeline");
  for (const option of shared)
    if (["--refresh", "--timeout", "--offline"].includes(option.long ?? ""))
      pipeline.addOption(option as Option);
  pipeline
    .description("several models on one device at once, each with its own engine and workload")
    .argument("[file]", 'a JSON file: {"gpu": "l4", "stages": [{"model": …, "engine": …}, …]}')
    .option(
      "--stage <model and options>",
      'a stage, repeated: "openai/whisper-tiny --engine vllm --batch-size 8"',
      (text: string, before: string[] = []) => [...before, text],
    )
    .option("--gpu <device>", "the device")
    .option("--gpu-memory <size>", "or its memory: 24GiB")
    .option(...MARGIN)
    .option("--json", "as JSON")
    .action(async (file: string | undefined, options) =>
      (await import("./pipeline.ts")).pipelineCommand(file, options),
    );

  const sweep = root.commands.find((command) => command.name() === "sweep");
  for (const [flags, description] of SWEPT) sweep?.option(flags, description);
}

/** A second model belongs to one model, not to rows of them. */
const ASSISTANT = ["--assistant-model", "--num-assistant-tokens", "--assistant-shares-encoder"];

/** What `sweep` takes lists of, in place of the single values that `estimate` takes. */
const SWEPT: readonly (readonly [flags: string, description: string])[] = [
  ["--batch-size <list>", "sequences that run together"],
  ["--audio-seconds <list>", "seconds of audio in each sequence"],
  ["--images <list>", "images in each sequence"],
  ["--image-size <list>", "width × height of each image: 512x512,1024x768"],
  ["--max-model-len <list>", "tokens of context"],
  ["--seq-length <list>", "the same as --max-model-len"],
  ["--precision <list>", "dtypes of the weights"],
  ["--kv-cache-dtype <list>", "dtypes of the KV cache"],
  ["--tensor-parallel-size <list>", "devices that share the model"],
  ["--engine <list>", "whose rules"],
  ["--gpu <list>", "devices of `gpus`: l4,2x4090"],
];
