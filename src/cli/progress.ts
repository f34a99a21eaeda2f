/** A fetch that is done sooner is not worth a word. */
const QUIET_MS = 500;

export interface Progress {
  /** What is being fetched now. */
  readonly say: (what: string) => void;
  readonly end: () => void;
}

/** One line on standard error that says what is being waited for; only on a terminal, and gone when it is over. */
export function startProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  let now = "";
  let drawn = false;
  const draw = (): void => {
    if (now === "" || !stream.isTTY) return;
    stream.write(`\r\u001b[Kfetching ${now.slice(0, Math.max(10, stream.columns - 12))} …`);
    drawn = true;
  };
  const timer = setInterval(draw, QUIET_MS);
  timer.unref();
  return {
    say(what) {
      now = what;
      if (drawn) draw();
    },
    end() {
      clearInterval(timer);
      if (drawn) stream.write("\r\u001b[K");
    },
  };
}
