import { InputError, type InputErrorCode } from "../errors.ts";

/** A workload that the model has no room for. */
export const NO_ROOM: readonly InputErrorCode[] = ["does-not-fit"];
/** That, or a model that the engine does not run. */
export const NOT_RUN: readonly InputErrorCode[] = [...NO_ROOM, "not-served"];
/** That, or a setting that the engine does not have: a precision, several devices. */
export const NOT_HAD: readonly InputErrorCode[] = [...NOT_RUN, "unknown-precision", "inconsistent"];

/** What `ask` gives, or its refusal where that is one of these; every other error passes. */
export function unlessRefused<T>(codes: readonly InputErrorCode[], ask: () => T): T | InputError {
  try {
    return ask();
  } catch (error) {
    if (error instanceof InputError && codes.includes(error.code)) return error;
    throw error;
  }
}
