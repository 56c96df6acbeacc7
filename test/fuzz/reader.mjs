/**
 * A bounded reader of MessagePack, written from its specification and the limits of
 * docs/protocol.md: what the fuzz judges the daemon by, so it shares no code with it.
 */

/** Bytes that are no message, by the code that the daemon has to answer. */
export class Invalid extends Error {
  constructor(code, reason) {
    super(reason);
    this.code = code;
  }
}

/** Thrown where the bytes end before the value does. One object for all: it has no stack to build. */
export const cutShort = { need: 0 };

/** A map's entries, in order; keys may come twice. */
export class Entries {
  constructor(list) {
    this.list = list;
  }
}

export class Reader {
  #limits;
  #bytes;
  #start = 0;
  #end = 0;
  #depth = 0;
  #elements = 0;
  /** Behind what was read; where it failed, behind the header that says so. */
  at = 0;

  /** @param limits `size` in bytes, `depth`, `elements`; a map's entry counts two */
  constructor(limits) {
    this.#limits = limits;
  }

  /**
   * Reads the value that begins at `start`.
   * @returns nil, booleans and numbers as such (bigint beyond 2^53), str as a string of its bytes
   *   (latin1), bin as Buffer, arrays, and maps as Entries
   * @throws Invalid, or `cutShort` with the end that is wanted at least
   */
  read(bytes, start, end) {
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
    this.#depth = 0;
    this.#elements = 0;
    this.at = start;
    return this.#value();
  }

  #value() {
    const value = this.#any(this.#uint(1));
    this.#fits(this.at);
    return value;
  }

  #any(type) {
    if (type <= 0x7f) return type;
    if (type >= 0xe0) return type - 0x100;
    if (type <= 0x8f) return this.#map(type - 0x80);
    if (type <= 0x9f) return this.#array(type - 0x90);
    if (type <= 0xbf) return this.#content(type - 0xa0).latin1Slice();
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
        return this.#content(this.#uint(1)).latin1Slice();
      case 0xda:
        return this.#content(this.#uint(2)).latin1Slice();
      case 0xdb:
        return this.#content(this.#uint(4)).latin1Slice();
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

  #array(count) {
    this.#enter(count);
    const list = new Array(count);
    for (let i = 0; i < count; i++) list[i] = this.#value();
    this.#depth--;
    return list;
  }

  #map(count) {
    this.#enter(2 * count);
    const list = new Array(count);
    for (let i = 0; i < count; i++) list[i] = [this.#value(), this.#value()];
    this.#depth--;
    return new Entries(list);
  }

  #enter(elements) {
    this.#elements += elements;
    if (this.#elements > this.#limits.elements) throw new Invalid('ERR_MESSAGE', 'elements');
    if (++this.#depth > this.#limits.depth) throw new Invalid('ERR_MESSAGE', 'depth');
    this.#fits(this.at);
  }

  /** The bytes of a str or bin. A size beyond the limit counts as soon as its header is there. */
  #content(size) {
    this.#fits(this.at + size);
    const from = this.#take(size);
    return this.#bytes.subarray(from, this.at);
  }

  #uint(size) {
    const from = this.#take(size);
    return size === 1 ? this.#bytes[from] : this.#bytes.readUIntBE(from, size);
  }

  /** @returns where the next `size` bytes begin */
  #take(size) {
    const from = this.at;
    if (from + size > this.#end) {
      cutShort.need = from + size;
      throw cutShort;
    }
    this.at = from + size;
    return from;
  }

  #fits(end) {
    if (end - this.#start > this.#limits.size) throw new Invalid('ERR_TOO_LARGE', 'size');
  }
}

function number(integer) {
  const value = Number(integer);
  return Number.isSafeInteger(value) ? value : integer;
}
