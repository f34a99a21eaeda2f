/** How many 30-second streams of Whisper does a card hold? `npx unrun examples/streams.ts` */
import { calculateMemory, parseSize } from "llm-memory-calculator";

const card = parseSize("24GiB", "card");
let streams = 0;
while (
  calculateMemory("openai/whisper-large-v3-turbo", { batchSize: streams + 1 }).totalMemoryBytes <=
  card
) {
  streams += 1;
}
console.log(`${streams} streams in ${card} bytes`);
