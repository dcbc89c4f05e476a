import { createNoopMeter, type Histogram, type Meter } from "@opentelemetry/api";

/** The histograms of the conventions. */
export interface Instruments {
  readonly tokens: Histogram;
  /** In seconds. */
  readonly duration: Histogram;
  /** In seconds. */
  readonly timeToFirstChunk: Histogram;
}

const seconds = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const tokens = Array.from({ length: 14 }, (_, power) => 4 ** power);

const known = new WeakMap<Meter, Instruments>();

/** A meter's histograms, with the buckets that the conventions advise; undefined where nobody collects metrics. */
export function instrumentsOf(meter: Meter): Instruments | undefined {
  if (meter === createNoopMeter()) return undefined;
  const instruments = known.get(meter) ?? {
    tokens: meter.createHistogram("gen_ai.client.token.usage", {
      description: "Number of input and output tokens used.",
      unit: "{token}",
      advice: { explicitBucketBoundaries: tokens },
    }),
    duration: meter.createHistogram("gen_ai.client.operation.duration", {
      description: "GenAI operation duration.",
      unit: "s",
      advice: { explicitBucketBoundaries: seconds },
    }),
    timeToFirstChunk: meter.createHistogram("gen_ai.client.operation.time_to_first_chunk", {
      description: "Time from a request to the first chunk of its response.",
      unit: "s",
      advice: { explicitBucketBoundaries: seconds },
    }),
  };
  known.set(meter, instruments);
  return instruments;
}
