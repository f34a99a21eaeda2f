import { vllmServe } from "../core/answers/flags.ts";
import { onDevices } from "../core/answers/runner.ts";
import { type EstimateOptions, estimate } from "../core/estimate.ts";
import { estimateCheckpoint } from "../core/estimate-checkpoint.ts";
import { renderServe } from "../core/render/fit.ts";
import { renderExplained, renderReport } from "../core/render/text.ts";
import type { MemoryReport } from "../core/report/memory-report.ts";
import type { Opened } from "../hub/open.ts";
import { gpusOf, settledWithAssistant, type TextOptions } from "./settle.ts";
import { load } from "./source.ts";
import { print, terminalStyle } from "./terminal.ts";

export async function estimateCommand(model: string, options: TextOptions): Promise<void> {
  const asked = await settledWithAssistant(options);
  const gpus = gpusOf(options);
  const opened = await load(model, options);
  const report = reportOf(opened, gpus ? onDevices(asked, gpus) : asked);
  if (options.json) {
    print(JSON.stringify(report, undefined, 2));
    return;
  }
  const style = terminalStyle();
  const page = (options.explain ? renderExplained : renderReport)(report, style);
  print([page, ...renderServe(vllmServe(report, asked), style)].join("\n"));
}

/** The report of what was found: of the described model, or of its checkpoint alone. */
function reportOf(opened: Opened, options: EstimateOptions): MemoryReport {
  const { id, model, notes } = opened;
  if (!model) return estimateCheckpoint(opened.checkpoint, { id, why: opened.undescribed, notes });
  const { checkpoint, comparable } = opened;
  return estimate(
    { ...model, assumptions: [...model.assumptions, ...notes] },
    { ...options, id, ...(checkpoint && { checkpoint }), ...(comparable && { comparable }) },
  );
}
