import fc from "fast-check";

/**
 * One seed for every run, so that a change is judged and not the day's luck; `FC_SEED=$RANDOM npm run test:unit` looks
 * further, and what it finds becomes a test of its own.
 */
fc.configureGlobal({ seed: Number(process.env.FC_SEED ?? 42) });
