// Types for `tsc --noEmit`; nothing of this is served.

/** The texts of the visitor's language; the server puts them before the code. */
declare const T: typeof import('../texts/en.json');
/** In the loader: for each language what opens the chat, and what dismisses a greeting. */
declare const TEXTS: Record<string, [string, string]>;
/** In the loader: the queue that a page means which names none, and looks by queue, those of "" for others. */
declare const QUEUE: string;
declare const LOOKS: Record<string, Frontdesk.Look>;
/** In the frame: what else the configuration says of the queue's look, in the visitor's language. */
declare const LOOK: { greeting: string; theme: string };
declare const Strophe: any;
declare const $iq: (attributes: object) => any;
declare const $msg: (attributes: object) => any;
declare const $pres: (attributes?: object) => any;

interface Window {
  frontdesk: { open(): unknown; close(): void; login(jwt: string): void };
}

declare namespace Frontdesk {
  // ---- the loader
  type Stored = (kind: 'localStorage' | 'sessionStorage', name: string, value?: string) => string | null;
  type Make = <K extends keyof HTMLElementTagNameMap>(tag: K, props?: object, ...inside: (Node | string)[]) => HTMLElementTagNameMap[K];
  /** image and greets are the configuration's alone; all else can be an attribute. */
  interface Look {
    queue?: string; lang?: string; color?: string; position?: string; image?: string; greets?: number; greetingAfter?: number | string;
    greeting?: string; title?: string; logo?: string; theme?: string; token?: string;
  }
  interface Host {
    me: HTMLScriptElement; set: Look; query: URLSearchParams; state: string;
    stored: Stored; make: Make; style(css: string): void; root: ShadowRoot; button: HTMLButtonElement; open(): unknown;
  }
  interface Frame { show(value: boolean): void; login(): void }

  // ---- the chat
  /** What the server says of itself, in the page. */
  interface Config { queue: string; title: string; host: string; upload: string; images: string[]; color: string }
  /** What the loader says to its frame. */
  interface Hello { open: boolean; token?: string; kept: string | null }

  /** What outlives a reload. */
  interface Kept {
    key: string; name: string; started: boolean; sound: boolean; notices: boolean;
    read: string; /** of the desk's newest message that was seen */
    readAt: number;
    outbox: Out[];
  }
  /** What the customer says, until the desk has it on disk. */
  interface Out {
    id: string; at: number; nick?: string; failed?: boolean;
    body?: string; url?: string;
    reply?: { id: string; quote: string };
    replace?: string; retract?: string;
    react?: { id: string; emojis: string[] };
    form?: [string, string[]][];
    chosen?: string; /** id of an XEP-0439 action */
  }
  interface Field { name: string; type: string; label: string; required: boolean; values: string[]; options: { label: string; value: string }[] }
  interface Form { title: string; instructions: string; fields: Field[] }
  interface Choice { kind: 'response' | 'action'; value: string; label: string }

  /** A message as it came. */
  interface Heard {
    id: string; mine: boolean; at: number; body: string | null; reply: string; quote?: string; url: string; nick: string; face: string;
    replaces: string; retracts: string; reactsTo: string; reactions: string[]; received: string; delivered: string; displayed: string;
    wantsReceipt: boolean; markable: boolean; state: string; form: Form | null; choices: Choice[];
  }
  type State = 'waiting' | 'failed' | 'sent' | 'delivered' | 'read';
  /** A message as it is shown. */
  interface Message {
    key: string; id: string; mine: boolean; at: number; order: number; page: number; body: string; nick: string; face: string; url: string; quote: string;
    state?: State; edited: boolean; retracted: boolean; reactions: string[]; own: string[]; form: Form | null; choices: Choice[];
    reactionsPage?: number; ownPage?: number;
  }
  type What = 'new' | 'changed' | 'gone';
  type Phase = 'idle' | 'login' | 'sync' | 'ready' | 'unreachable' | 'waiting' | 'crowded' | 'parked';

  /** Where a thread's archive has been read to: ids of the newest and the oldest message fetched. */
  interface Place { archived: string; earliest: string; pages: number }
  interface Slot { put: string; get: string; headers: [string, string][] }

  /** What a link says, in this tab or another. */
  interface Events {
    phase(name: Phase): void;
    presence(show: string, text: string): void;
    busy(is: boolean): void;
    earlier(there: boolean): void;
    place(at: Place): void;
    own(m: Out): void;
    confirmed(id: string): void;
    failed(id: string): void;
    forget(gone: boolean): void;
    message(m: Heard, page: number): void;
  }
}
