import { Command, CommanderError, Option } from "commander";
import { InputError, shown } from "../core/errors.ts";
import { version } from "../version.ts";
import { addAnswers } from "./answers.ts";

/** Bad input of any kind; a defect of ours exits with 1 and its stack. */
const BAD_INPUT = 2;
/** Refusals are worded here, in one sentence. */
const SILENT = { outputError: () => {}, writeErr: () => {} };

/** A number as a person writes it; what it may be is decided where it is used. */
function numeric(text: string, flag: string): number {
  const value = Number(text.replaceAll("_", ""));
  if (text.trim() !== "" && !Number.isNaN(value)) return value;
  throw new InputError("out-of-range", `${flag} is ${shown(text)}, but must be a number.`, flag);
}

/** Where a model may come from, for every command that takes one. */
const sourced = (command: Command): Command =>
  command
    .option("--revision <name>", "branch, tag or commit on the hub (default: main)")
    .option("--refresh", "ask the hub, whatever the catalog and the caches know")
    .addOption(number("--timeout <s>", "seconds that the network may take in all (default: 30)"))
    .option("--offline", "never use the network")
    .option(
      "--assume <family>",
      "describe a model of unknown model_type as a Llama-style decoder (llama): every number is then assumed",
    );

function program(): Command {
  const root = new Command("llm-memory-calculator")
    .description(
      "How much memory a model takes, where it goes and why. Audio and speech models first.",
    )
    .version(version, "-V, --version")
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput(SILENT);

  root
    .command("estimate", { isDefault: true })
    .description("memory report of a model (the default command)")
    .argument(
      "<model>",
      "an id (openai/whisper-tiny), a config.json, a folder, a .safetensors or a .gguf file",
    )
    .addOption(number("--batch-size <n>", "sequences that run together (default: 1)"))
    .addOption(number("--audio-seconds <s>", "seconds of audio in each sequence (default: 30)"))
    .addOption(
      number(
        "--encoder-seq-length <n>",
        "encoder positions, instead of seconds; tokens of a text encoder",
      ),
    )
    .addOption(number("--images <n>", "images in each sequence (default: none)"))
    .option("--image-size <size>", "width × height of each image: 1024x768 (the default)")
    .addOption(
      number(
        "--max-model-len <n>",
        "the decoder's whole context in tokens, those of audio and images included",
      ),
    )
    .addOption(number("--seq-length <n>", "the same as --max-model-len"))
    .addOption(number("--prompt-tokens <n>", "text tokens of the prompt"))
    .addOption(number("--max-new-tokens <n>", "tokens to generate"))
    .option(
      "--precision <dtype>",
      "dtype of the weights: fp32, fp16, bf16, fp8, int8, int4 … (default: the checkpoint's)",
    )
    .option(
      "--quantization <scheme>",
      "how weights are quantised: awq, gptq-8bit-g32, nf4, fp8, mxfp4, Q4_K_M … or none (default: the config's)",
    )
    .option("--kv-cache-dtype <dtype>", "dtype of the KV cache (default: that of the computation)")
    .addOption(number("--tensor-parallel-size <n>", "devices that share the model (default: 1)"))
    .addOption(
      number("--pipeline-parallel-size <n>", "stages that hold the layers in turn (default: 1)"),
    )
    .addOption(number("--num-beams <n>", "beams that are searched together (default: 1)"))
    .addOption(number("--num-return-sequences <n>", "alternatives sampled together (default: 1)"))
    .option("--word-timestamps", "Whisper: align words, which keeps attention maps")
    .option("--assistant-model <model>", "transformers: a smaller model that writes ahead")
    .addOption(number("--num-assistant-tokens <n>", "tokens that it writes ahead (default: 20)"))
    .option("--assistant-shares-encoder", "it is a decoder alone: distil-whisper beside Whisper")
    .option("--cache-implementation <name>", "transformers: dynamic or static (default: dynamic)")
    .option("--device-overhead <size>", "what driver and libraries take on your device: 600MiB")
    .option("--attn-implementation <name>", "sdpa or eager (default: sdpa)")
    .option(
      "--engine <name>",
      "whose rules: transformers, vllm (or vllm@0.15), faster-whisper, whisper.cpp, generic (default: transformers)",
    )
    .option("--gpu <device>", "a device of `gpus`, or several: l4, h100-80gb, 2x4090")
    .option("--gpu-memory <size>", "memory of one device with its unit: 24GiB, 80GB")
    .addOption(number("--gpu-memory-utilization <share>", "vllm: share of it that is used"))
    .addOption(number("--max-num-seqs <n>", "vllm: sequences in a batch"))
    .addOption(number("--max-num-batched-tokens <n>", "vllm: tokens in a batch"))
    .addOption(number("--block-size <n>", "vllm: tokens in a KV cache block (default: 16)"))
    .option("--enforce-eager", "vllm: no CUDA graphs")
    .option(
      "--limit-mm-per-prompt <limits>",
      "vllm: items of each modality in a prompt: audio=1,image=0 or JSON",
    )
    .option("--enable-expert-parallel", "vllm: ranks hold whole experts, not slices of all")
    .addOption(number("--max-loras <n>", "vllm: LoRA adapters held at once (default: none)"))
    .addOption(number("--max-lora-rank <n>", "vllm: the largest rank of theirs (default: 16)"))
    .option("--fully-sharded-loras", "vllm: ranks divide both matrices of an adapter")
    .addOption(
      new Option("--without <parts>", "parts that are not loaded: talker,code2wav").argParser(
        (text) => text.split(","),
      ),
    )
    .option("--explain", "every number with its formula, basis and source")
    .option("--json", "the report as JSON (schema/memory-report.schema.json)")
    .action(async (model: string, options) =>
      (await import("./estimate.ts")).estimateCommand(model, options),
    );

  root
    .command("params")
    .description("parameters of a model, by component or tensor by tensor")
    .argument("<model>", "an id, a config.json, a folder, a .safetensors or a .gguf file")
    .option("--tensors", "every tensor's name and shape")
    .option("--json", "as JSON")
    .action(async (model: string, options) =>
      (await import("./params.ts")).paramsCommand(model, options),
    );

  root
    .command("models")
    .description("the catalog: models that are known without a file or a network")
    .option("--json", "as JSON")
    .action(async (options) => (await import("./models.ts")).modelsCommand(options));
  addAnswers(root, number);
  for (const command of root.commands) if (command.registeredArguments.length > 0) sourced(command);
  for (const command of root.commands) command.exitOverride().configureOutput(SILENT);
  return root;
}

const number = (flags: string, description: string): Option =>
  new Option(flags, description).argParser((text) => numeric(text, flags.replace(/ .*/, "")));

/** Commander's refusals as one sentence: it puts a suggestion on a line of its own, and explanations in a second one. */
function refusal(error: CommanderError): InputError {
  const said =
    error.code === "commander.help"
      ? "there is no such command"
      : error.message
          .replace(/^error: /, "")
          .replace(/\s*\n\((.*?)\??\)\s*$/, (_, hint: string) => ` (${lowered(hint)}?)`)
          .replace(/\.\s+(\S)/g, (_, next: string) => `, ${next.toLowerCase()}`)
          .replace(/\.$/, "");
  return new InputError("unknown-option", `${said}: see --help.`);
}

const lowered = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);

async function main(): Promise<void> {
  // A reader that has closed the pipe (`| head`) is no error.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
  try {
    await program().parseAsync(process.argv);
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) {
      // Help or version: printed already.
    } else if (error instanceof CommanderError || error instanceof InputError) {
      const { message } = error instanceof InputError ? error : refusal(error);
      process.stderr.write(`llm-memory-calculator: ${message}\n`);
      process.exitCode = BAD_INPUT;
    } else throw error;
  }
}

void main();
