import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { InputError } from "../core/errors.ts";
import { version } from "../version.ts";

/** Bad input of any kind; a defect of ours exits with 1 and its stack. */
const BAD_INPUT = 2;

/** A number as a person writes it; what it may be is decided where it is used. */
function numeric(text: string): number {
  const value = Number(text.replaceAll("_", ""));
  if (text.trim() === "" || Number.isNaN(value))
    throw new InvalidArgumentError("It must be a number.");
  return value;
}

function program(): Command {
  const root = new Command("llm-memory-calculator")
    .description(
      "How much memory a model takes, where it goes and why. Audio and speech models first.",
    )
    .version(version, "-V, --version")
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ outputError: () => {} });

  root
    .command("estimate", { isDefault: true })
    .description("memory report of a model (the default command)")
    .argument(
      "<model>",
      "a catalog id (openai/whisper-tiny), a config.json, or a folder that has one",
    )
    .addOption(number("--batch-size <n>", "sequences that run together (default: 1)"))
    .addOption(number("--audio-seconds <s>", "seconds of audio in each sequence (default: 30)"))
    .addOption(number("--encoder-seq-length <n>", "encoder positions, instead of seconds"))
    .addOption(
      number("--max-model-len <n>", "the decoder's whole context in tokens, audio tokens included"),
    )
    .addOption(number("--seq-length <n>", "the same as --max-model-len"))
    .addOption(number("--prompt-tokens <n>", "text tokens of the prompt"))
    .addOption(number("--max-new-tokens <n>", "tokens to generate"))
    .option(
      "--precision <dtype>",
      "dtype of the weights: fp32, fp16, bf16, fp8, int8, int4 … (default: the checkpoint's)",
    )
    .option("--kv-cache-dtype <dtype>", "dtype of the KV cache (default: that of the computation)")
    .addOption(number("--tensor-parallel-size <n>", "devices that share the model (default: 1)"))
    .option("--engine <name>", "whose rules: transformers, generic (default: transformers)")
    .option("--explain", "every number with its formula, basis and source")
    .option("--json", "the report as JSON (schema/memory-report.schema.json)")
    .action(async (model: string, options) =>
      (await import("./estimate.ts")).estimateCommand(model, options),
    );

  root
    .command("params")
    .description("parameters of a model, by component or tensor by tensor")
    .argument("<model>", "a catalog id, a config.json, or a folder that has one")
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
  for (const command of root.commands)
    command.exitOverride().configureOutput({ outputError: () => {} });
  return root;
}

const number = (flags: string, description: string): Option =>
  new Option(flags, description).argParser(numeric);

/** Commander's refusals as one sentence: it puts a suggestion on a line of its own. */
function sentence(error: CommanderError): string {
  return error.message
    .replace(/^error: /, "")
    .replace(/\s*\n\s*/g, " ")
    .trim();
}

async function main(): Promise<void> {
  try {
    await program().parseAsync(process.argv);
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode !== 0 || error.code === "commander.help") {
        process.stderr.write(`llm-memory-calculator: ${sentence(error)} See --help.\n`);
        process.exitCode = BAD_INPUT;
      }
    } else if (error instanceof InputError) {
      process.stderr.write(`llm-memory-calculator: ${error.message}\n`);
      process.exitCode = BAD_INPUT;
    } else throw error;
  }
}

void main();
