import type { Command, Option } from "commander";

const MODEL = "a catalog id, a config.json, or a folder that has one";

/** The commands that answer what people decide with. Each takes the options of `estimate`, and its own. */
export function addAnswers(root: Command): void {
  const shared = root.commands.find((command) => command.name() === "estimate")?.options ?? [];
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
}
