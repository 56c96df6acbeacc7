// The client library of entropyd 0.1.0, commit 4f8ec96c494d52112a8e43cc2fe388146a37b9b0.
import { randomFillSync, randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { setMaxListeners } from "node:events";
import { Packr } from "msgpackr/pack";
import { Readable } from "node:stream";
// \0rolldown/runtime.js
var __defProp = Object.defineProperty;
var __esmMin = (fn, res, err) => () => {
	if (err) throw err[0];
	try {
		return fn && (res = fn(fn = 0)), res;
	} catch (e) {
		throw err = [e], e;
	}
};
var __exportAll = (all, no_symbols) => {
	let target = {};
	for (var name in all) __defProp(target, name, {
		get: all[name],
		enumerable: true
	});
	if (!no_symbols) __defProp(target, Symbol.toStringTag, { value: "Module" });
	return target;
};
// src/common/errors.ts
function errorCode(error) {
	return error instanceof EntropyError ? error.code : "ERR_INTERNAL";
}
function failureKind(error) {
	switch (errorCode(error)) {
		case "ERR_RATE":
		case "ERR_BUSY": return "overload";
		case "ERR_CONNECT":
		case "ERR_CLOSED":
		case "ERR_TIMEOUT":
		case "ERR_NOT_SEEDED": return "unavailable";
		case "ERR_TOO_LARGE": return "tooLarge";
		default: return "fault";
	}
}
var EntropyError, ServiceError;
var init_errors = __esmMin((() => {
	EntropyError = class extends Error {
		name = "EntropyError";
		code;
		constructor(code, message, options) {
			super(message, options);
			this.code = code;
		}
	};
	ServiceError = class extends Error {
		name = "ServiceError";
		code;
		status;
		constructor(code, status, message, options) {
			super(message, options);
			this.code = code;
			this.status = status;
		}
	};
}));
// src/apis/aws-kms/format.ts
init_errors();
const maxNumberOfBytes = 1024;
const minNumberOfBytes = 1;
const maxInteger = 2 ** 31 - 1;
const minInteger = -(2 ** 31);
const errors$1 = {
	SerializationException: [400, ""],
	UnknownOperationException: [400, ""],
	RequestEntityTooLargeException: [413, ""],
	ThrottlingException: [400, "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls."],
	DependencyTimeoutException: [503, "The system timed out while trying to fulfill the request. You can retry the request."],
	KMSInternalException: [500, "The request was rejected because an internal exception occurred. The request can be retried."],
	MissingAuthenticationTokenException: [400, "Missing Authentication Token"],
	InvalidSignatureException: [400, "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."],
	UnrecognizedClientException: [400, "The security token included in the request is invalid."],
	ExpiredTokenException: [400, "The security token included in the request is expired"],
	UnsupportedOperationException: [400, "Recipient is not supported."],
	CustomKeyStoreNotFoundException: [400, "Custom key stores are not supported."]
};
const failures$1 = {
	overload: "ThrottlingException",
	unavailable: "DependencyTimeoutException",
	tooLarge: "RequestEntityTooLargeException",
	fault: "KMSInternalException"
};
const upstreamText = "The KMS endpoint behind this gateway did not answer. You can retry the request.";
const wrongTypeTexts = {
	string: "STRING_VALUE can not be converted to an Integer",
	true: "TRUE_VALUE can not be converted to an Integer",
	false: "FALSE_VALUE can not be converted to an Integer",
	list: "Start of list found where not expected",
	structure: "Start of structure or map found where not expected."
};
function awsError(code, options) {
	const [status, text] = errors$1[code];
	return new ServiceError(code, status, text, options);
}
function decodeRequest$2(input) {
	const { NumberOfBytes, Recipient, CustomKeyStoreId } = toMembers(input);
	const size = NumberOfBytes == null ? void 0 : toInteger$1(NumberOfBytes);
	if (Recipient != null) throw awsError("UnsupportedOperationException");
	if (CustomKeyStoreId != null) throw awsError("CustomKeyStoreNotFoundException");
	if (size === void 0) throw validationError("NumberOfBytes is required.");
	if (size < minNumberOfBytes) throw constraintError(size, `greater than or equal to ${minNumberOfBytes}`);
	if (size > 1024) throw constraintError(size, `less than or equal to ${maxNumberOfBytes}`);
	return { size };
}
function toMembers(input) {
	if (typeof input !== "object" || input === null || Array.isArray(input)) throw awsError("SerializationException");
	return input;
}
function toServiceError$1(error) {
	if (error instanceof ServiceError) return error;
	if (errorCode(error) === "ERR_UPSTREAM") return new ServiceError("DependencyTimeoutException", 503, upstreamText, { cause: error });
	return awsError(failures$1[failureKind(error)], { cause: error });
}
function toInteger$1(value) {
	if (typeof value !== "number" || Number.isNaN(value)) throw new ServiceError("SerializationException", 400, wrongTypeTexts[jsonType(value)]);
	return Math.min(Math.max(Math.trunc(value), minInteger), maxInteger);
}
function jsonType(value) {
	if (typeof value === "boolean") return value ? "true" : "false";
	if (Array.isArray(value)) return "list";
	return typeof value === "object" ? "structure" : "string";
}
function constraintError(value, range) {
	return validationError(`1 validation error detected: Value '${value}' at 'numberOfBytes' failed to satisfy constraint: Member must have value ${range}`);
}
function validationError(text) {
	return new ServiceError("ValidationException", 400, text);
}
const noText = "UnknownError";
const retryable = new Map([
	["ThrottlingException", { throttling: true }],
	["DependencyTimeoutException", {}],
	["KMSInternalException", {}]
]);
var KMSServiceException = class extends ServiceError {
	$fault;
	$metadata;
	$retryable;
	constructor(error, requestId) {
		const { code, status, message, cause } = error;
		super(code, status, message === "" ? noText : message, cause === void 0 ? {} : { cause });
		this.name = code;
		this.$fault = status >= 500 ? "server" : "client";
		this.$metadata = responseMetadata(status, requestId);
		this.$retryable = retryable.get(code);
	}
};
function responseMetadata(httpStatusCode, requestId) {
	return {
		httpStatusCode,
		requestId,
		attempts: 1,
		totalRetryDelay: 0
	};
}
// src/apis/huawei-kms/format.ts
init_errors();
const otcBits = 512;
const hwcMinBits = 8;
const hwcMaxBits = 8192;
const bitsPerByte = 8;
const sequenceBytes = 36;
const projectId = /^[^\s/?]+$/;
const decimal = /^-?\d+$/;
const errors = {
	"KMS.0101": [500, "KMS error."],
	"KMS.0104": [503, "A system exception occurred. Contact technical support."],
	"KMS.0202": [400, "Invalid JSON format of the request message."],
	"KMS.0203": [400, "Request message too long."],
	"KMS.0204": [400, "Parameters missing in the request message."],
	"KMS.0206": [400, "Invalid sequence number."],
	"KMS.0215": [405, "Request method not supported."],
	"KMS.0301": [403, "Invalid or null X-Auth-Token."],
	"KMS.0302": [403, "Invalid X-Auth-Token."],
	"KMS.0303": [403, "X-Auth-Token expired."],
	"KMS.0308": [400, "Invalid parameter."],
	"KMS.0321": [403, "URIs in URL and X-Auth-Token do not match."],
	"KMS.0326": [403, "No access permissions."],
	"KMS.0330": [403, "User has no permission."],
	"KMS.1802": [400, "random_data_length must be a multiple of 8."],
	"APIGW.0101": [404, "The API does not exist or has not been published in the environment"],
	"APIGW.0301": [401, "Incorrect IAM authentication information: verify aksk signature fail"],
	"APIGW.0302": [403, "The IAM user is not authorized to access the API."],
	"APIGW.0308": [429, "The throttling threshold has been reached."]
};
const failures = {
	overload: "APIGW.0308",
	unavailable: "KMS.0104",
	tooLarge: "KMS.0203",
	fault: "KMS.0101"
};
const outOfRangeTexts = {
	otc: "random_data_length must be 512 bits.",
	hwc: "random_data_length must be in the range 8 bits to 8,192 bits."
};
function genRandomError(code, options) {
	const [status, text] = errors[code];
	return new ServiceError(code, status, text, options);
}
function decodeRequest$1(input, dialect) {
	if (typeof input !== "object" || input === null || Array.isArray(input)) throw genRandomError("KMS.0202");
	const { random_data_length: length, sequence } = input;
	if (length == null) throw genRandomError("KMS.0204");
	if (sequence != null && !isSequence(sequence)) throw genRandomError("KMS.0206");
	const bits = toInteger(length);
	if (!(dialect === "otc" ? bits === otcBits : bits >= hwcMinBits && bits <= hwcMaxBits)) throw new ServiceError("KMS.1801", 400, outOfRangeTexts[dialect]);
	if (bits % bitsPerByte !== 0) throw genRandomError("KMS.1802");
	return { size: bits / bitsPerByte };
}
function checkProjectId(id) {
	if (id != null && !(typeof id === "string" && projectId.test(id))) throw genRandomError("APIGW.0101");
}
function encodeResponse(bytes) {
	return { random_data: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex").toUpperCase() };
}
function toServiceError(error) {
	if (error instanceof ServiceError) return error;
	return genRandomError(failures[failureKind(error)], { cause: error });
}
function toCallerError(error) {
	const failure = toServiceError(error);
	const { code, message } = failure;
	return Object.assign(failure, { error: {
		error_code: code,
		error_msg: message
	} });
}
function isSequence(value) {
	return typeof value === "string" && Buffer.byteLength(value) === sequenceBytes;
}
function toInteger(value) {
	if (typeof value === "string" && decimal.test(value)) return Number(value);
	if (typeof value === "number" && Number.isInteger(value)) return value;
	throw genRandomError("KMS.0308");
}
// src/common/unix-socket.ts
const systemSocket = "/run/entropyd/entropyd.sock";
const chunkSize = 131072;
const here = {
	env: process.env,
	uid: process.getuid(),
	exists: existsSync
};
function userSocket(env) {
	const folder = env.XDG_RUNTIME_DIR;
	return folder ? join(folder, "entropyd", "entropyd.sock") : void 0;
}
function clientSocket(option, { env, exists } = here) {
	return option || env.ENTROPYD_SOCKET || (exists(systemSocket) ? systemSocket : void 0) || userSocket(env) || systemSocket;
}
// src/rpc/protocol.ts
function writeRandomRequest(bytes, at, id, size) {
	bytes[at] = arrayOf4;
	bytes[at + 1] = MessageType.request;
	let next = writeUint32(bytes, at + 2, id);
	for (const byte of randomMethod) bytes[next++] = byte;
	bytes[next++] = arrayOf1;
	return writeUint32(bytes, next, size);
}
function writeUint32(bytes, at, value) {
	bytes[at] = uint32;
	bytes[at + 1] = value >>> 24;
	bytes[at + 2] = value >>> 16;
	bytes[at + 3] = value >>> 8;
	bytes[at + 4] = value;
	return at + 5;
}
function readResponseHeader(bytes, at, end, into) {
	if (end - at < minResponseHeaderSize) return 0;
	if (bytes[at] !== arrayOf4 || bytes[at + 1] !== MessageType.response) return 0;
	let next = at + 3;
	let id = bytes[at + 2];
	if (id > maxFixint) {
		if (id < uint8 || id > uint32) return 0;
		const idEnd = next + (1 << id - uint8);
		id = 0;
		while (next < idEnd) id = id * 256 + bytes[next++];
	}
	if (bytes[next] !== nil) return 0;
	const kind = bytes[next + 1];
	if (kind < bin8 || kind > bin32) return 0;
	next += 2;
	const bodyStart = next + (1 << kind - bin8);
	if (bodyStart > end) return 0;
	let size = 0;
	while (next < bodyStart) size = size * 256 + bytes[next++];
	into.id = id;
	into.size = size;
	return next;
}
var maxRandomSize, MessageType, arrayOf1, arrayOf4, maxFixint, nil, bin8, bin32, uint8, uint32, randomMethod, minRandomRequestSize, maxRandomRequestSize, minResponseHeaderSize;
var init_protocol = __esmMin((() => {
	maxRandomSize = 1048576;
	MessageType = {
		request: 0,
		response: 1,
		notification: 2
	};
	arrayOf1 = 145;
	arrayOf4 = 148;
	maxFixint = 127;
	nil = 192;
	bin8 = 196;
	bin32 = 198;
	uint8 = 204;
	uint32 = 206;
	randomMethod = [
		166,
		114,
		97,
		110,
		100,
		111,
		109
	];
	37888 | MessageType.request;
	37888 | MessageType.response;
	minRandomRequestSize = 3 + randomMethod.length + 1 + 1;
	maxRandomRequestSize = 7 + randomMethod.length + 1 + 5;
	maxRandomRequestSize - minRandomRequestSize;
	minResponseHeaderSize = 6;
}));
// src/client/options.ts
init_protocol();
init_errors();
function checkedTimeout(timeoutMs) {
	if (timeoutMs > 0) return timeoutMs;
	throw new EntropyError("ERR_PARAMS", "timeoutMs: want a number of milliseconds above 0");
}
function checkedMaxPending(maxPending) {
	if (Number.isInteger(maxPending) && maxPending >= 1) return maxPending;
	throw new EntropyError("ERR_PARAMS", "maxPending: want an integer of 1 or more calls");
}
function checkedSize(name, size, max) {
	if (Number.isInteger(size) && size >= 1 && size <= max) return size;
	throw new EntropyError("ERR_LENGTH", `${name}: want an integer of 1 to ${max} bytes`);
}
// src/client/call.ts
init_errors();
var Caller = class {
	#queue;
	#timeoutMs;
	#signal;
	#now;
	constructor(queue, timeoutMs, signal, now = () => performance.now()) {
		this.#queue = queue;
		this.#timeoutMs = timeoutMs;
		this.#signal = signal;
		this.#now = now;
	}
	call(method, options, params = []) {
		return this.#send(method, params, void 0, options);
	}
	fill(target, options) {
		const params = options.predictionResistance ? [target.length, { predictionResistance: true }] : void 0;
		return this.#send("random", params, target, options);
	}
	filler(options) {
		const deadline = this.#now() + checkedTimeout(options.timeoutMs ?? this.#timeoutMs);
		return async (target) => {
			const timeoutMs = deadline - this.#now();
			if (timeoutMs <= 0) throw new EntropyError("ERR_TIMEOUT", "not all responses arrived in time");
			await this.fill(target, {
				...options,
				timeoutMs
			});
		};
	}
	signals({ signal }) {
		if (this.#signal === void 0) return signal === void 0 ? noSignals : [signal];
		return signal === void 0 ? [this.#signal] : [this.#signal, signal];
	}
	#send(method, params, target, options) {
		const signals = this.signals(options);
		const aborted = abortedOf(signals);
		if (aborted !== void 0) return Promise.reject(aborted.reason);
		return new Promise((resolve, reject) => {
			const timeoutMs = checkedTimeout(options.timeoutMs ?? this.#timeoutMs);
			this.#queue.send(new Call({
				method,
				params,
				target,
				timeoutMs,
				signals,
				resolve,
				reject
			}));
		});
	}
};
var Call = class {
	method;
	params;
	size;
	timeoutMs;
	target;
	id = 0;
	deadline = 0;
	filled = -1;
	losses = 0;
	settled = false;
	#signals;
	#resolve;
	#reject;
	#onEnd;
	constructor(request) {
		this.method = request.method;
		this.params = request.params;
		this.target = request.target;
		this.size = request.target === void 0 ? 0 : request.target.length;
		this.timeoutMs = request.timeoutMs;
		this.#signals = request.signals;
		this.#resolve = request.resolve;
		this.#reject = request.reject;
	}
	start(id, onEnd) {
		this.id = id;
		this.#onEnd = onEnd;
		listen(this.#signals, this);
	}
	succeed(result) {
		if (this.settled) return;
		this.#end();
		this.#resolve(result);
	}
	fail(reason) {
		if (this.settled) return;
		this.target = void 0;
		this.#end();
		this.#reject(reason);
	}
	handleEvent({ target }) {
		this.fail(target.reason);
	}
	#end() {
		this.settled = true;
		unlisten(this.#signals, this);
		this.#onEnd?.();
	}
};
const noSignals = [];
function abortedOf(signals) {
	for (const signal of signals) if (signal.aborted) return signal;
}
function listen(signals, listener) {
	for (const signal of signals) {
		setMaxListeners(0, signal);
		signal.addEventListener("abort", listener);
	}
}
function unlisten(signals, listener) {
	for (const signal of signals) signal.removeEventListener("abort", listener);
}
// src/client/reconnecting-socket.ts
init_errors();
const systemTimers = {
	now: () => performance.now(),
	set: (callback, delayMs) => setTimeout(callback, delayMs),
	clear: (timer) => clearTimeout(timer),
	random: Math.random
};
const maxReconnects = 12;
const firstBackoffMs = 25;
const maxBackoffMs = 800;
var ReconnectingSocket = class {
	#path;
	#events;
	#timers;
	#socket;
	#connected;
	#reconnects = 0;
	#backoff;
	#buffer = Buffer.alloc(chunkSize);
	constructor(path, events, timers = systemTimers) {
		this.#path = path;
		this.#events = events;
		this.#timers = timers;
	}
	get socket() {
		return this.#connected?.destroyed ? void 0 : this.#connected;
	}
	open() {
		if (this.#socket === void 0 && this.#backoff === void 0) this.#connect();
	}
	idle() {
		this.#socket?.unref();
		this.#stopBackoff();
	}
	drop() {
		this.#stopBackoff();
		this.#socket?.destroy();
	}
	#stopBackoff() {
		this.#timers.clear(this.#backoff);
		this.#backoff = void 0;
	}
	#connect() {
		const socket = createConnection({
			path: this.#path,
			onread: {
				buffer: this.#buffer,
				callback: (size, buffer) => {
					const data = buffer.subarray(0, size);
					this.#reconnects = 0;
					this.#events.data(data);
					data.fill(0);
					return true;
				}
			}
		});
		this.#socket = socket;
		let failure;
		socket.on("connect", () => {
			this.#connected = socket;
			this.#events.connected();
		});
		socket.on("error", (error) => {
			failure = error;
		});
		socket.on("close", () => {
			const isFirst = this.#connected === void 0 && this.#reconnects === 0;
			this.#socket = void 0;
			this.#connected = void 0;
			if (isFirst) this.#events.failed(connectError(this.#path, failure));
			else if (!this.#events.lost()) this.#reconnects = 0;
			else this.#reconnect();
		});
	}
	#reconnect() {
		if (this.#reconnects === maxReconnects) {
			this.#reconnects = 0;
			this.#events.failed(lostError(this.#path));
			return;
		}
		const backoffMs = Math.min(firstBackoffMs * 2 ** this.#reconnects++, maxBackoffMs);
		this.#backoff = this.#timers.set(() => {
			this.#backoff = void 0;
			this.#connect();
		}, backoffMs * (.5 + this.#timers.random() / 2));
	}
};
function lostError(path) {
	return new EntropyError("ERR_CLOSED", `the daemon closed the connection: ${path}`);
}
function connectError(path, cause) {
	const reason = cause?.code ?? "closed";
	const message = reason === "EACCES" ? `no permission to connect to ${path} (${reason}); it takes write permission on the socket and search permission on its directories` : `no daemon on ${path} (${reason}); start one with: entropyd --socket ${path}`;
	return new EntropyError("ERR_CONNECT", message, { cause });
}
// src/rpc/message-scanner.ts
init_errors();
function invalid(reason) {
	return new EntropyError("ERR_MESSAGE", `not a valid message: ${reason}`);
}
var MessageScanner = class {
	#limits;
	#open = new Uint32Array(9);
	#depth = 0;
	#elements = 0;
	#at = 0;
	constructor(limits) {
		this.#limits = limits;
		this.reset();
	}
	reset() {
		this.#open[0] = 1;
		this.#depth = 0;
		this.#elements = 0;
		this.#at = 0;
	}
	scan(bytes, start, end) {
		const size = end - start;
		for (;;) {
			while (this.#open[this.#depth] === 0) {
				if (this.#depth === 0) return this.#at <= size ? start + this.#at : 0;
				this.#depth--;
			}
			if (this.#at >= size) return 0;
			if (!this.#value(bytes, start + this.#at, size - this.#at)) return 0;
		}
	}
	#value(bytes, at, available) {
		const type = bytes[at];
		if (this.#at === 0 && !(type >= 144 && type <= 159) && type !== 220 && type !== 221) throw invalid("want an array");
		const extra = headerExtra(type);
		if (available < 1 + extra) return false;
		let count = 0;
		for (let i = 1; i <= extra; i++) count = count * 256 + bytes[at + i];
		this.#open[this.#depth]--;
		this.#at += 1 + extra;
		if (type >= 128 && type <= 143) this.#enter(2 * (type & 15));
		else if (type >= 144 && type <= 159) this.#enter(type & 15);
		else if (type >= 160 && type <= 191) this.#at += type & 31;
		else if (type === 220 || type === 221) this.#enter(count);
		else if (type === 222 || type === 223) this.#enter(2 * count);
		else if (type >= 196 && type <= 198 || type >= 217 && type <= 219) this.#at += count;
		if (this.#at > this.#limits.size) throw new EntropyError("ERR_TOO_LARGE", `a message has at most ${this.#limits.size} bytes`);
		return true;
	}
	#enter(elements) {
		this.#elements += elements;
		if (this.#elements > this.#limits.elements) throw invalid(`more than ${this.#limits.elements} elements`);
		if (this.#depth === 8) throw invalid(`deeper than 8`);
		this.#open[++this.#depth] = elements;
	}
};
function headerExtra(type) {
	if (type < 192 || type >= 224) return 0;
	switch (type) {
		case 192:
		case 194:
		case 195: return 0;
		case 196:
		case 204:
		case 208:
		case 217: return 1;
		case 197:
		case 205:
		case 209:
		case 218:
		case 220:
		case 222: return 2;
		case 198:
		case 202:
		case 206:
		case 210:
		case 219:
		case 221:
		case 223: return 4;
		case 203:
		case 207:
		case 211: return 8;
		default: throw invalid(`type 0x${type.toString(16)} is not accepted`);
	}
}
// src/client/local-mixing.ts
const wordSize = 8;
const wordsFrom = 256;
var LocalMix = class {
	#bytes;
	#size = 0;
	#next = 0;
	constructor(readSize) {
		this.#bytes = new Uint8Array(readSize + wordSize);
	}
	draw(size) {
		this.#size = size + wordSize - 1;
		this.#next = 0;
		if (this.#bytes.length < this.#size) this.#bytes = new Uint8Array(this.#size);
		randomFillSync(this.#bytes, 0, this.#size);
	}
	copy(from, at, size, target, offset) {
		const local = this.#bytes;
		if (size >= wordsFrom) {
			const skipped = target.byteOffset + offset - this.#next & 7;
			const start = this.#next + skipped;
			target.set(from.subarray(at, at + size), offset);
			mixWords(target, offset, local, start, size);
			this.#next = start + size;
			return;
		}
		const start = this.#next;
		for (let i = 0; i < size; i++) target[offset + i] = from[at + i] ^ local[start + i];
		this.#next = start + size;
	}
	wipe() {
		this.#bytes.fill(0, 0, this.#size);
	}
};
function mixWords(target, offset, local, start, size) {
	const head = -(target.byteOffset + offset) & 7;
	const words = Math.floor((size - head) / wordSize);
	mixBytes(target, offset, local, start, head);
	const to = new BigInt64Array(target.buffer, target.byteOffset + offset + head, words);
	const own = new BigInt64Array(local.buffer, local.byteOffset + start + head, words);
	const unrolled = words & -4;
	for (let i = 0; i < unrolled; i += 4) {
		to[i] = to[i] ^ own[i];
		to[i + 1] = to[i + 1] ^ own[i + 1];
		to[i + 2] = to[i + 2] ^ own[i + 2];
		to[i + 3] = to[i + 3] ^ own[i + 3];
	}
	for (let i = unrolled; i < words; i++) to[i] = to[i] ^ own[i];
	const done = head + words * wordSize;
	mixBytes(target, offset + done, local, start + done, size - done);
}
function mixBytes(target, offset, local, start, size) {
	for (let i = 0; i < size; i++) target[offset + i] = target[offset + i] ^ local[start + i];
}
// src/rpc/msgpack.ts
var msgpack_exports = __exportAll({
	decodeRequest: () => decodeRequest,
	decodeResponse: () => decodeResponse,
	encodeError: () => encodeError,
	encodeRequest: () => encodeRequest,
	encodeResult: () => encodeResult
});
function decodeArray(message) {
	let value;
	try {
		value = packr.unpack(message);
	} catch (error) {
		throw new EntropyError("ERR_MESSAGE", "not a valid message", { cause: error });
	}
	if (!Array.isArray(value)) throw new EntropyError("ERR_MESSAGE", "want an array");
	return value;
}
function isId(value) {
	return Number.isInteger(value) && value >= 0 && value <= maxId;
}
function methodName(value) {
	if (typeof value === "string") return value;
	if (!(value instanceof Uint8Array)) return void 0;
	try {
		return utf8.decode(value);
	} catch {
		return;
	}
}
function decodeRequest(message) {
	const value = decodeArray(message);
	const [type, id, method, params] = value;
	if (type === MessageType.notification && value.length === 3) return void 0;
	const name = methodName(method);
	if (type !== MessageType.request || value.length !== 4 || !isId(id) || name === void 0 || !Array.isArray(params)) throw new EntropyError("ERR_MESSAGE", "want [0, msgid, method, params]");
	return {
		id,
		method: name,
		params
	};
}
function encodeRequest(request) {
	return packr.pack([
		MessageType.request,
		request.id,
		request.method,
		request.params
	]);
}
function decodeResponse(message) {
	const value = decodeArray(message);
	const [type, id, error, result] = value;
	if (type !== MessageType.response || value.length !== 4 || !isId(id)) throw new EntropyError("ERR_MESSAGE", "want [1, msgid, error, result]");
	return {
		id,
		error,
		result
	};
}
function encodeResult(id, result) {
	return packr.pack([
		MessageType.response,
		id,
		null,
		result
	]);
}
function encodeError(id, code, message) {
	return packr.pack([
		MessageType.response,
		id,
		[code, message],
		null
	]);
}
var packr, utf8, maxId;
var init_msgpack = __esmMin((() => {
	init_errors();
	packr = new Packr({
		useRecords: false,
		mapsAsObjects: true,
		bundleStrings: false,
		copyBuffers: true,
		encodeUndefinedAsNil: true,
		int64AsType: "auto"
	});
	utf8 = new TextDecoder("utf-8", {
		fatal: true,
		ignoreBOM: true
	});
	maxId = 2 ** 32 - 1;
}));
// src/client/wire.ts
init_errors();
init_protocol();
var RequestWriter = class {
	#codec;
	next = 0;
	write(calls, from) {
		const { id, method, params } = calls[from];
		if (params === void 0) return this.#writeRun(calls, from);
		this.next = from + 1;
		return this.#codec?.encodeRequest({
			id,
			method,
			params
		});
	}
	async load() {
		this.#codec = await Promise.resolve().then(() => (init_msgpack(), msgpack_exports));
	}
	#writeRun(calls, from) {
		const bytes = Buffer.allocUnsafe((calls.length - from) * maxRandomRequestSize);
		let at = 0;
		let next = from;
		for (; next < calls.length; next++) {
			const { id, size, params } = calls[next];
			if (params !== void 0) break;
			at = writeRandomRequest(bytes, at, id, size);
		}
		this.next = next;
		return bytes.subarray(0, at);
	}
};
const responseLimits = {
	size: 4194304,
	elements: 4096
};
var ResponseReader = class {
	#scanner = new MessageScanner(responseLimits);
	#local;
	#header = {
		id: 0,
		size: 0
	};
	#partial = new Uint8Array(0);
	constructor(mixLocal) {
		this.#local = mixLocal ? new LocalMix(chunkSize) : void 0;
	}
	reset() {
		this.#partial = new Uint8Array(0);
		this.#scanner.reset();
	}
	read(data, calls, written) {
		let bytes = data;
		if (this.#partial.length > 0) {
			bytes = Buffer.concat([this.#partial, data]);
			this.#partial = new Uint8Array(0);
		}
		this.#local?.draw(bytes.length);
		try {
			return this.#take(bytes, calls, written);
		} finally {
			this.#local?.wipe();
		}
	}
	#take(bytes, calls, written) {
		const header = this.#header;
		const end = bytes.length;
		let at = 0;
		let done = 0;
		while (at < end) {
			if (done === written) throw unexpected("a response to no request");
			const call = calls[done];
			if (call.filled < 0) {
				const body = call.size === 0 ? 0 : readResponseHeader(bytes, at, end, header);
				if (body === 0) {
					at = this.#takeMessage(bytes, at, call);
					if (at === 0) break;
					done++;
					continue;
				}
				if (header.id !== call.id || header.size !== call.size) throw mismatch();
				this.#scanner.reset();
				call.filled = 0;
				at = body;
			}
			const { target } = call;
			const size = Math.min(call.size - call.filled, end - at);
			if (target !== void 0) this.#copy(bytes, at, size, target, call.filled);
			at += size;
			call.filled += size;
			if (call.filled < call.size) break;
			done++;
			call.succeed(target);
		}
		return done;
	}
	#copy(from, at, size, to, offset) {
		if (this.#local !== void 0) this.#local.copy(from, at, size, to, offset);
		else to.set(from.subarray(at, at + size), offset);
	}
	#takeMessage(bytes, at, call) {
		const end = this.#scanner.scan(bytes, at, bytes.length);
		if (end === 0) {
			this.#partial = sliced(bytes, at, bytes.length);
			return 0;
		}
		this.#scanner.reset();
		settle(call, sliced(bytes, at, end));
		return end;
	}
};
async function settle(call, message) {
	try {
		const { decodeResponse } = await Promise.resolve().then(() => (init_msgpack(), msgpack_exports));
		call.succeed(resultOf(decodeResponse(message), call));
	} catch (error) {
		call.fail(error);
	}
}
function resultOf({ id, error, result }, call) {
	const matches = id === call.id || id === 0 && error !== null;
	if (matches && isFailure(error)) throw new EntropyError(...error);
	if (!matches || error !== null || call.size > 0) throw mismatch();
	return result;
}
function isFailure(error) {
	return Array.isArray(error) && error.length === 2 && typeof error[0] === "string" && typeof error[1] === "string";
}
function sliced(bytes, start, end) {
	return Uint8Array.prototype.slice.call(bytes, start, end);
}
function mismatch() {
	return unexpected("a response that does not match its request");
}
function unexpected(what) {
	return new EntropyError("ERR_MESSAGE", `the daemon sent ${what}`);
}
// src/client/pipeline.ts
init_errors();
const idCount = 2 ** 32;
var Pipeline = class {
	#path;
	#maxPending;
	#soon;
	#timers;
	#socket;
	#reader;
	#writer = new RequestWriter();
	#deadlines;
	#calls = [];
	#written = 0;
	#awaited = 0;
	#flushing = false;
	#nextId = 0;
	#closed = false;
	#onEnd = () => {
		if (--this.#awaited === 0) this.#idle();
	};
	#onSoon = () => {
		this.#flushing = false;
		this.#setDeadlines();
		this.#flush();
	};
	constructor(options) {
		const { path, mixLocal, maxPending, coalesce = "tick", timers = systemTimers } = options;
		this.#path = path;
		this.#maxPending = maxPending;
		this.#soon = coalesce === "turn" ? setImmediate : process.nextTick;
		this.#timers = timers;
		this.#reader = new ResponseReader(mixLocal);
		this.#deadlines = new DeadlineTimer((now) => this.#expire(now), timers);
		this.#socket = new ReconnectingSocket(path, {
			connected: () => this.#flush(),
			data: (data) => this.#read(data),
			lost: () => this.#lost(),
			failed: (error) => this.#failAll(error)
		}, timers);
	}
	send(call) {
		if (this.#closed) {
			call.fail(new EntropyError("ERR_CLOSED", "the client is closed"));
			return;
		}
		if (this.#calls.length >= this.#maxPending) {
			call.fail(new EntropyError("ERR_BUSY", `this client has ${this.#maxPending} calls in flight, as many as maxPending allows`));
			return;
		}
		this.#calls.push(call);
		this.#awaited++;
		call.start(this.#nextId, this.#onEnd);
		this.#nextId = (this.#nextId + 1) % idCount;
		if (this.#flushing) return;
		this.#flushing = true;
		this.#soon(this.#onSoon);
	}
	close() {
		this.#closed = true;
		this.#failAll(new EntropyError("ERR_CLOSED", "the client was closed"));
		this.#socket.drop();
	}
	#setDeadlines() {
		const now = this.#timers.now();
		for (let i = this.#calls.length - 1; i >= 0; i--) {
			const call = this.#calls[i];
			if (call.deadline !== 0) break;
			call.deadline = now + call.timeoutMs;
			if (!call.settled) this.#deadlines.watch(call.deadline);
		}
	}
	#flush() {
		if (this.#written === this.#calls.length) return;
		this.#socket.open();
		const { socket } = this.#socket;
		if (socket === void 0) return;
		socket.ref();
		socket.cork();
		while (this.#written < this.#calls.length) {
			const bytes = this.#writer.write(this.#calls, this.#written);
			if (bytes === void 0) {
				this.#writer.load().then(() => this.#flush());
				break;
			}
			socket.write(bytes);
			this.#written = this.#writer.next;
		}
		socket.uncork();
	}
	#read(data) {
		try {
			const done = this.#reader.read(data, this.#calls, this.#written);
			this.#calls.splice(0, done);
			this.#written -= done;
		} catch (error) {
			this.#failAll(error);
			this.#socket.drop();
		}
	}
	#lost() {
		this.#reader.reset();
		const kept = [];
		for (const [index, call] of this.#calls.entries()) {
			if (call.settled) continue;
			if (index < this.#written) call.losses++;
			call.filled = -1;
			if (call.losses > 1) call.fail(lostError(this.#path));
			else kept.push(call);
		}
		this.#replaceQueue(kept);
		return kept.length > 0;
	}
	#expire(now) {
		for (const call of this.#calls) {
			if (call.settled) continue;
			if (call.deadline <= now) call.fail(new EntropyError("ERR_TIMEOUT", `no answer in time on ${this.#path}`));
			else this.#deadlines.watch(call.deadline);
		}
		if (this.#awaited === 0) this.#socket.drop();
	}
	#failAll(error) {
		const all = this.#calls;
		this.#replaceQueue([]);
		for (const call of all) call.fail(error);
	}
	#replaceQueue(calls) {
		this.#calls = calls;
		this.#written = 0;
	}
	#idle() {
		this.#deadlines.stop();
		this.#socket.idle();
		this.#calls.length = this.#written;
	}
};
const maxTimerMs = 2 ** 31 - 1;
var DeadlineTimer = class {
	#onDue;
	#timers;
	#timer;
	#dueAt = Number.POSITIVE_INFINITY;
	constructor(onDue, timers = systemTimers) {
		this.#onDue = onDue;
		this.#timers = timers;
	}
	watch(deadline) {
		if (deadline >= this.#dueAt) return;
		this.stop();
		this.#dueAt = deadline;
		const delay = Math.max(0, Math.ceil(deadline - this.#timers.now()));
		this.#timer = this.#timers.set(() => this.#fire(), Math.min(delay, maxTimerMs)).unref();
	}
	stop() {
		this.#timers.clear(this.#timer);
		this.#dueAt = Number.POSITIVE_INFINITY;
	}
	#fire() {
		this.#dueAt = Number.POSITIVE_INFINITY;
		this.#onDue(this.#timers.now());
	}
};
// src/client/random-values.ts
init_errors();
init_protocol();
const candidateSize = 6;
const candidates = 2 ** 48;
async function randomInt(min, max, fill) {
	for (const [name, value] of Object.entries({
		min,
		max
	})) if (!Number.isSafeInteger(value)) throw new EntropyError("ERR_PARAMS", `${name}: want a safe integer`);
	const range = max - min;
	if (range < 1 || range > candidates) throw new EntropyError("ERR_PARAMS", "max: want an integer of min + 1 to min + 2^48");
	const accepted = candidates - candidates % range;
	const bytes = new Uint8Array(candidateSize);
	try {
		for (;;) {
			await fill(bytes);
			const candidate = bytes.reduce((value, byte) => value * 256 + byte, 0);
			if (candidate < accepted) return min + candidate % range;
		}
	} finally {
		bytes.fill(0);
	}
}
async function randomUuid(fill) {
	const bytes = new Uint8Array(16);
	try {
		await fill(bytes);
		return encodeUuid(bytes);
	} finally {
		bytes.fill(0);
	}
}
function encodeUuid(bytes) {
	const hex = Buffer.from(bytes.buffer, bytes.byteOffset, 16).toString("hex");
	const variant = (bytes[8] & 63 | 128).toString(16);
	return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(18, 20)}-${hex.slice(20)}`;
}
async function fillPieces(target, fill, maxInFlight) {
	let at = 0;
	let failure;
	const fillNext = async () => {
		while (failure === void 0 && at < target.length) {
			const piece = target.subarray(at, at + maxRandomSize);
			at += piece.length;
			try {
				await fill(piece);
			} catch (reason) {
				failure ??= { reason };
			}
		}
	};
	await Promise.all(Array.from({ length: maxInFlight }, fillNext));
	if (failure === void 0) return;
	target.fill(0);
	throw failure.reason;
}
const defaultChunkSize = 65536;
var RandomStream = class extends Readable {
	#draw;
	#chunkSize;
	#options;
	#signals;
	#ended = new AbortController();
	#onAbort = ({ target }) => this.destroy(target.reason);
	#left;
	constructor(draw, options, signals) {
		const { size, chunkSize = defaultChunkSize } = options;
		super({ highWaterMark: checkedSize("chunkSize", chunkSize, maxRandomSize) });
		this.#left = size === void 0 ? Number.POSITIVE_INFINITY : checkedSize("size", size, Number.MAX_SAFE_INTEGER);
		this.#draw = draw;
		this.#chunkSize = chunkSize;
		this.#options = {
			...options,
			signal: this.#ended.signal
		};
		this.#signals = signals;
		listen(signals, this.#onAbort);
		const aborted = abortedOf(signals);
		if (aborted !== void 0) this.destroy(aborted.reason);
	}
	_read() {
		if (this.#left > 0) this.#push();
	}
	_destroy(error, callback) {
		unlisten(this.#signals, this.#onAbort);
		this.#ended.abort();
		callback(error);
	}
	async #push() {
		try {
			const chunk = await this.#draw(Math.min(this.#left, this.#chunkSize), this.#options);
			if (this.destroyed) {
				chunk.fill(0);
				return;
			}
			this.#left -= chunk.length;
			this.push(chunk);
			if (this.#left === 0) this.push(null);
		} catch (error) {
			this.destroy(error);
		}
	}
};
// src/client/client.ts
init_errors();
init_protocol();
const defaultTimeoutMs = 5e3;
const defaultMaxPending = 65536;
const maxSize = 2 ** 31 - 1;
const maxPiecesInFlight = 4;
const noOptions = {};
var Client = class {
	#pipeline;
	#caller;
	#dialect;
	#piecesInFlight;
	constructor(options) {
		const timeoutMs = checkedTimeout(options.timeoutMs ?? defaultTimeoutMs);
		const maxPending = checkedMaxPending(options.maxPending ?? defaultMaxPending);
		this.#pipeline = new Pipeline({
			path: clientSocket(options.socketPath),
			mixLocal: options.mixLocal ?? true,
			maxPending,
			coalesce: options.coalesce ?? "tick"
		});
		this.#caller = new Caller(this.#pipeline, timeoutMs, options.signal);
		this.#dialect = options.dialect ?? "otc";
		this.#piecesInFlight = Math.min(maxPiecesInFlight, maxPending);
	}
	random(size, options = noOptions) {
		if (Number.isInteger(size) && size >= 1 && size <= 1048576) return this.#caller.fill(new Uint8Array(size), options);
		return this.#randomPieces(size, options);
	}
	async randomFill(target, options = noOptions) {
		checkedSize("size", target.length, maxSize);
		await fillPieces(target, this.#caller.filler(options), this.#piecesInFlight);
		return target;
	}
	async randomInt(first, second = noOptions, third = noOptions) {
		const [min, max, options] = typeof second === "object" ? [
			0,
			first,
			second
		] : [
			first,
			second,
			third
		];
		return randomInt(min, max, this.#caller.filler(options));
	}
	async randomUUID(options = noOptions) {
		return randomUuid(this.#caller.filler(options));
	}
	stream(options = noOptions) {
		const draw = (size, chunk) => this.random(size, chunk);
		return new RandomStream(draw, options, this.#caller.signals(options));
	}
	async generateRandom(input, options) {
		const requestId = randomUUID();
		try {
			const { size } = decodeRequest$2(input);
			return {
				Plaintext: await this.random(size, options),
				$metadata: responseMetadata(200, requestId)
			};
		} catch (error) {
			if (!isOurs(error)) throw error;
			throw new KMSServiceException(toServiceError$1(error), requestId);
		}
	}
	async genRandom(input, options) {
		try {
			checkProjectId(input?.project_id);
			const { size } = decodeRequest$1(input, this.#dialect);
			return encodeResponse(await this.random(size, options));
		} catch (error) {
			throw isOurs(error) ? toCallerError(error) : error;
		}
	}
	health(options) {
		return this.#map("health", options);
	}
	status(options) {
		return this.#map("status", options);
	}
	version(options) {
		return this.#map("version", options);
	}
	async metrics(options) {
		const page = await this.#caller.call("metrics", options ?? noOptions);
		if (typeof page === "string") return page;
		throw new EntropyError("ERR_MESSAGE", "the daemon sent no text for metrics");
	}
	selftest(options) {
		return this.#map("selftest", options);
	}
	reseed(options) {
		return this.#map("reseed", options);
	}
	async noise(source, size, options = noOptions) {
		const samples = await this.#caller.call("noise", options, [source, size]);
		if (samples instanceof Uint8Array && samples.length === size) return samples;
		throw new EntropyError("ERR_MESSAGE", "the daemon sent something else for noise");
	}
	async close() {
		this.#pipeline.close();
	}
	[Symbol.asyncDispose]() {
		return this.close();
	}
	async #map(method, options) {
		const map = await this.#caller.call(method, options ?? noOptions);
		if (typeof map === "object" && map !== null && !Array.isArray(map)) return map;
		throw new EntropyError("ERR_MESSAGE", `the daemon sent no map for ${method}`);
	}
	async #randomPieces(size, options) {
		return this.randomFill(new Uint8Array(checkedSize("size", size, maxSize)), options);
	}
};
function isOurs(error) {
	return error instanceof EntropyError || error instanceof ServiceError;
}
function connect(options = {}) {
	return new Client(options);
}
// src/index.ts
init_errors();
export { Client, EntropyError, KMSServiceException, ServiceError, connect };
