/**
 * A bounded MessagePack reader, written from the MessagePack specification and the limits of
 * docs/protocol.md. The fuzz judges the daemon by it, so it shares no code with the daemon.
 */

/** The bytes are not a valid message; `code` is the error that the daemon must answer. */
export class Invalid extends Error {
  readonly code: string;

  constructor(code: string, reason: string) {
    super(reason);
    this.code = code;
  }
}

/** Thrown if the bytes end before the value does. One constant: building a stack trace is slow. */
export const cutShort = {};

/** A map's entries, in order; keys may repeat. */
export class Entries {
  readonly list: readonly (readonly [key: Value, value: Value])[];

  constructor(list: readonly (readonly [Value, Value])[]) {
    this.list = list;
  }
}

/** Integers beyond 2^53 are bigint; str is a latin1 string of its bytes; bin is a Buffer. */
export type Value = null | boolean | number | bigint | string | Buffer | Value[] | Entries;

export interface ReaderLimits {
  /** Bytes of a value. */
  readonly size: number;
  /** Arrays and maps within each other. */
  readonly depth: number;
  /** Elements of all arrays and maps together; a map entry counts as two. */
  readonly elements: number;
}

export class Reader {
  readonly #limits: ReaderLimits;
  #bytes: Buffer = Buffer.alloc(0);
  #start = 0;
  #depth = 0;
  #elements = 0;
  /** The end of what was read; after `Invalid`, the end of the header that is at fault. */
  at = 0;
  /** After `cutShort`: where the value ends at the earliest. */
  need = 0;

  constructor(limits: ReaderLimits) {
    this.#limits = limits;
  }

  /**
   * Reads the value that begins at `start`.
   * @throws Invalid, or {@link cutShort}
   */
  read(bytes: Buffer, start: number): Value {
    this.#bytes = bytes;
    this.#start = start;
    this.#depth = 0;
    this.#elements = 0;
    this.at = start;
    return this.#value();
  }

  #value(): Value {
    const value = this.#any(this.#uint(1));
    this.#fits(this.at);
    return value;
  }

  #any(type: number): Value {
    if (type <= 0x7f) return type;
    if (type >= 0xe0) return type - 0x100;
    if (type <= 0x8f) return this.#map(type - 0x80);
    if (type <= 0x9f) return this.#array(type - 0x90);
    if (type <= 0xbf) return this.#content(type - 0xa0).toString('latin1');
    switch (type) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
        return this.#content(this.#uint(1));
      case 0xc5:
        return this.#content(this.#uint(2));
      case 0xc6:
        return this.#content(this.#uint(4));
      case 0xca:
        return this.#bytes.readFloatBE(this.#take(4));
      case 0xcb:
        return this.#bytes.readDoubleBE(this.#take(8));
      case 0xcc:
        return this.#uint(1);
      case 0xcd:
        return this.#uint(2);
      case 0xce:
        return this.#uint(4);
      case 0xcf:
        return number(this.#bytes.readBigUInt64BE(this.#take(8)));
      case 0xd0:
        return this.#bytes.readInt8(this.#take(1));
      case 0xd1:
        return this.#bytes.readInt16BE(this.#take(2));
      case 0xd2:
        return this.#bytes.readInt32BE(this.#take(4));
      case 0xd3:
        return number(this.#bytes.readBigInt64BE(this.#take(8)));
      case 0xd9:
        return this.#content(this.#uint(1)).toString('latin1');
      case 0xda:
        return this.#content(this.#uint(2)).toString('latin1');
      case 0xdb:
        return this.#content(this.#uint(4)).toString('latin1');
      case 0xdc:
        return this.#array(this.#uint(2));
      case 0xdd:
        return this.#array(this.#uint(4));
      case 0xde:
        return this.#map(this.#uint(2));
      case 0xdf:
        return this.#map(this.#uint(4));
      default:
        throw new Invalid('ERR_MESSAGE', `type 0x${type.toString(16)}`);
    }
  }

  #array(count: number): Value[] {
    this.#enter(count);
    const list = new Array<Value>(count);
    for (let i = 0; i < count; i++) list[i] = this.#value();
    this.#depth--;
    return list;
  }

  #map(count: number): Entries {
    this.#enter(2 * count);
    const list = new Array<[Value, Value]>(count);
    for (let i = 0; i < count; i++) list[i] = [this.#value(), this.#value()];
    this.#depth--;
    return new Entries(list);
  }

  #enter(elements: number): void {
    this.#elements += elements;
    if (this.#elements > this.#limits.elements) throw new Invalid('ERR_MESSAGE', 'elements');
    if (++this.#depth > this.#limits.depth) throw new Invalid('ERR_MESSAGE', 'depth');
    this.#fits(this.at);
  }

  /** The bytes of a str or bin. A size beyond the limit counts as soon as its header declares it. */
  #content(size: number): Buffer {
    this.#fits(this.at + size);
    const from = this.#take(size);
    return this.#bytes.subarray(from, this.at);
  }

  #uint(size: number): number {
    const from = this.#take(size);
    return size === 1 ? (this.#bytes[from] as number) : this.#bytes.readUIntBE(from, size);
  }

  /** @returns where the next `size` bytes begin */
  #take(size: number): number {
    const from = this.at;
    if (from + size > this.#bytes.length) {
      this.need = from + size;
      throw cutShort;
    }
    this.at = from + size;
    return from;
  }

  #fits(end: number): void {
    if (end - this.#start > this.#limits.size) throw new Invalid('ERR_TOO_LARGE', 'size');
  }
}

function number(integer: bigint): number | bigint {
  const value = Number(integer);
  return Number.isSafeInteger(value) ? value : integer;
}
