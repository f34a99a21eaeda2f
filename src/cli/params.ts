import { countParameters, tensorTable } from "../core/derive/parameters.ts";
import { renderParameters } from "../core/render/parameters.ts";
import { load } from "./source.ts";
import { print } from "./terminal.ts";

export function paramsCommand(model: string, options: { tensors?: true; json?: true }): void {
  const loaded = load(model);
  const { total, components } = countParameters(loaded.model.root);
  const { tensors, tied } = tensorTable(loaded.model.root);
  const said = {
    id: loaded.id,
    architecture: loaded.model.architecture,
    total,
    components,
    tied,
    ...(options.tensors && { tensors }),
  };
  print(options.json ? JSON.stringify(said) : renderParameters(said));
}
