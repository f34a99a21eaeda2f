import { vllmServe } from "../core/answers/flags.ts";
import { onDevices } from "../core/answers/runner.ts";
import { estimate } from "../core/estimate.ts";
import { renderServe } from "../core/render/fit.ts";
import { renderExplained, renderReport } from "../core/render/text.ts";
import { gpusOf, settled, type TextOptions } from "./settle.ts";
import { load } from "./source.ts";
import { print, terminalStyle } from "./terminal.ts";

export function estimateCommand(model: string, options: TextOptions): void {
  const asked = settled(options);
  const gpus = gpusOf(options);
  const loaded = load(model);
  const report = estimate(loaded.model, {
    ...(gpus ? onDevices(asked, gpus) : asked),
    id: loaded.id,
  });
  if (options.json) {
    print(JSON.stringify(report, undefined, 2));
    return;
  }
  const style = terminalStyle();
  const page = (options.explain ? renderExplained : renderReport)(report, style);
  print([page, ...renderServe(vllmServe(report, asked), style)].join("\n"));
}
