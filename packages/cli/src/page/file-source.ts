import { addRow, type FileFacts, type Row, type Update } from "../inspect/rows.ts";
import { emptyModel, type FileModel, readRow } from "./run-model.ts";

/** What the page knows of the file that it shows. */
export interface FileState {
  readonly file: string;
  readonly rows: readonly Row[];
  readonly model: FileModel;
  /** Bytes. */
  readonly read: number;
  readonly size: number;
  /** Whether all that is there was read. */
  readonly isIdle: boolean;
  /** A last line that has no end. */
  readonly open: { readonly line: number; readonly text: string } | undefined;
  readonly failure: string | undefined;
  readonly isConnected: boolean;
}

/** Follows a file: rows come as the file grows, and listeners are told at most once a frame. */
export class FileSource {
  #state: FileState;
  readonly #listeners = new Set<() => void>();
  readonly #rows: Row[] = [];
  readonly #source: EventSource;
  #frame = 0;

  constructor(file: string) {
    this.#state = fresh(file);
    this.#source = new EventSource(`api/rows?${new URLSearchParams({ file })}`);
    this.#source.onmessage = ({ data }: MessageEvent<string>) => this.#take(JSON.parse(data));
    this.#source.onopen = () => this.#change({ isConnected: true });
    this.#source.onerror = () => this.#change({ isConnected: false });
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly snapshot = (): FileState => this.#state;

  close(): void {
    this.#source.close();
    cancelAnimationFrame(this.#frame);
  }

  #take(update: Update): void {
    switch (update.kind) {
      case "reset":
        this.#rows.length = 0;
        this.#change({ ...fresh(update.file), isConnected: true });
        break;
      case "rows": {
        const { model } = this.#state;
        for (const row of update.rows) {
          readRow(model, row);
          addRow(this.#rows, row);
        }
        this.#change({ read: update.read, size: update.size, isIdle: false, open: undefined });
        break;
      }
      case "idle":
        this.#change({ isIdle: true, open: update.open });
        break;
      case "failed":
        this.#change({ failure: update.message });
        break;
    }
  }

  #change(change: Partial<FileState>): void {
    this.#state = { ...this.#state, ...change };
    // A page in the background gets no frames.
    if (document.hidden) this.#tell();
    else this.#frame ||= requestAnimationFrame(() => this.#tell());
  }

  #tell(): void {
    this.#frame = 0;
    this.#state = { ...this.#state, rows: [...this.#rows] };
    for (const listener of this.#listeners) listener();
  }
}

function fresh(file: string): FileState {
  return {
    file,
    rows: [],
    model: emptyModel(),
    read: 0,
    size: 0,
    isIdle: false,
    open: undefined,
    failure: undefined,
    isConnected: false,
  };
}

/** The files that can be shown. */
export interface FileList {
  readonly title: string;
  readonly isFolder: boolean;
  readonly files: readonly FileFacts[];
}

/** Asks for the files. */
export async function fetchFiles(): Promise<FileList> {
  return (await get("api/files")).json();
}

/** The lines of a row as they stand in the file. */
export async function fetchLines(file: string, { offset, length }: Row): Promise<string> {
  const query = new URLSearchParams({ file, offset: String(offset), length: String(length) });
  return (await get(`api/lines?${query}`)).text();
}

/** The numbers of the lines that hold a text, in the first `length` bytes of the file. */
export async function fetchFound(
  file: string,
  text: string,
  length: number,
  signal: AbortSignal,
): Promise<{ lines: number[]; isCut: boolean }> {
  return (await get(`api/find?${new URLSearchParams({ file, text, length: String(length) })}`, signal)).json();
}

async function get(url: string, signal?: AbortSignal): Promise<Response> {
  const response = await fetch(url, signal ? { signal } : {});
  if (!response.ok) throw new Error(`${url.split("?", 1)[0]}: ${response.status} ${await response.text()}`);
  return response;
}

/** The whole event of a row: from the file where the row holds only a part of it. */
export async function wholeEvent(file: string, row: Row): Promise<{ readonly [field: string]: unknown }> {
  if (!row.isCut || row.lines > 1) return row.event;
  let event: unknown = JSON.parse(await fetchLines(file, row));
  for (const _ of row.path) event = Object(event)["event"];
  return Object(event);
}
