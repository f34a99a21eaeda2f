import { PassThrough } from "node:stream";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { startProgress } from "../../src/cli/progress.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function terminal(isTTY: boolean) {
  const stream = Object.assign(new PassThrough(), { isTTY, columns: 60 });
  return {
    stream: stream as unknown as NodeJS.WriteStream,
    text: () => String(stream.read() ?? ""),
  };
}

it("a fetch that takes half a second is named, and the line is gone afterwards", () => {
  const { stream, text } = terminal(true);
  const progress = startProgress(stream);
  progress.say("openai/whisper-tiny/config.json");
  vi.advanceTimersByTime(499);
  expect(text()).toBe("");
  vi.advanceTimersByTime(1);
  expect(text()).toBe("\r\u001b[Kfetching openai/whisper-tiny/config.json …");
  progress.end();
  expect(text()).toBe("\r\u001b[K");
});

it("nothing is said where nobody looks", () => {
  const { stream, text } = terminal(false);
  const progress = startProgress(stream);
  progress.say("x");
  vi.advanceTimersByTime(5000);
  progress.end();
  expect(text()).toBe("");
});
