/** Larger than any config.json or index (the largest known index has 11 MB); what is larger is something else. */
export const MAX_JSON_BYTES = 32 * 2 ** 20;
/** The safetensors format's own limit of a header, and the length before it. */
export const MAX_RANGE_BYTES = 100_000_000 + 8;
