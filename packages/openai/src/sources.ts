import { isObject, type JsonObject, type MessageBuilder, type ModelEvent, type SourcePart } from "millrace/provider";
import { textIn } from "./wire.ts";

/** Gives each source of an answer once: servers repeat them with every delta. */
export class Sources {
  readonly #builder: MessageBuilder;
  readonly #seen = new Set<string>();

  constructor(builder: MessageBuilder) {
    this.#builder = builder;
  }

  /** Takes a source. `place` tells two citations of one page apart. */
  add(source: SourcePart, place: string, out: ModelEvent[]): void {
    const key = `source:${source.url ?? source.document}:${place}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.#builder.put(key, source);
    out.push({ type: "source", source });
  }

  /** Takes an annotation of a text, if it is a citation. */
  annotation(annotation: unknown, out: ModelEvent[]): void {
    if (!isObject(annotation)) return;
    // Chat Completions puts the citation into a field of its own, Responses does not.
    const citation = isObject(annotation.url_citation) ? annotation.url_citation : annotation;
    const source = sourceOf(citation);
    if (source) this.add(source, `${citation.start_index ?? citation.index ?? ""}`, out);
  }
}

function sourceOf(citation: JsonObject): SourcePart | undefined {
  const url = textIn(citation.url);
  const document = textIn(citation.filename) || textIn(citation.file_id);
  if (url === "" && document === "") return undefined;
  const title = textIn(citation.title);
  const quote = textIn(citation.content);
  return {
    type: "source",
    ...(url !== "" ? { url } : { document }),
    ...(title !== "" && { title }),
    ...(quote !== "" && { quote }),
  };
}
