import { countActiveParameters, countParameters, tensorTable } from "../core/derive/parameters.ts";
import { renderParameters } from "../core/render/parameters.ts";
import { elements } from "../core/tree/tensor.ts";
import type { Opened } from "../hub/open.ts";
import { load, type SourceFlags } from "./source.ts";
import { print } from "./terminal.ts";

type Options = SourceFlags & { tensors?: true; json?: true };

export async function paramsCommand(model: string, options: Options): Promise<void> {
  const opened = await load(model, options);
  const { tensors, ...counted } = count(opened);
  const said = { id: opened.id, ...counted, ...(options.tensors && { tensors }) };
  print(options.json ? JSON.stringify(said) : renderParameters(said));
}

function count(opened: Opened) {
  if (opened.model) {
    const { architecture, root, assumed, assumptions } = opened.model;
    const { active, tables } = countActiveParameters(root);
    const counts = { ...countParameters(root), active, tables };
    const doubts = assumed === undefined ? {} : { assumptions };
    return { architecture, ...doubts, ...counts, ...tensorTable(root) };
  }
  const tensors = opened.checkpoint.tensors.map(({ name, shape }) => [name, shape] as const);
  const total = tensors.reduce((sum, [, shape]) => sum + elements(shape), 0);
  return { architecture: "unknown", total, components: { model: total }, tensors, tied: [] };
}
