/** Reads files that hold secrets, and only if nobody else can reach them. */
import type { Stats } from 'node:fs';
import { readRegularFile } from './regular-file.js';

/** Any permission for group or others. */
const foreignMode = 0o077;

/** The same, except reading by the group. */
const beyondGroupRead = 0o037;

const root = 0;

/** Who wants to read. */
export interface Reader {
  readonly uid: number;
  /** Supplementary ones too. */
  readonly groups: readonly number[];
}

/** This process. */
export const self: Reader = {
  uid: (process.geteuid as () => number)(),
  groups: [(process.getegid as () => number)(), ...(process.getgroups as () => number[])()],
};

/**
 * Why others can reach a secret. It is safe if it is its reader's own and nobody else has any
 * permission. It is also safe if it is root's and, besides root, only a group may read it that is
 * root's or has the reader in it. A host's administrator can thus provide it without handing over the
 * file; Kubernetes mounts a Secret this way for `fsGroup`; and a file with an entry for the reader in
 * its access control list, which is how systemd's `LoadCredential=` does it, looks the same (the
 * group's bits are the list's mask, acl(5)).
 * @param file of the open descriptor
 * @param reader the exception does not apply to root
 * @returns undefined: it is safe
 */
export function secretFault(
  { uid, gid, mode }: Pick<Stats, 'uid' | 'gid' | 'mode'>,
  reader: Reader,
): string | undefined {
  const own = uid === reader.uid;
  const fault = own
    ? accessFault({ uid, mode }, reader, foreignMode, 600)
    : accessFault({ uid, mode }, reader, beyondGroupRead, 640);
  if (fault !== undefined) return fault;
  if (own || (mode & foreignMode) === 0 || gid === root || reader.groups.includes(gid))
    return undefined;
  return `group ${gid} may read it, and user ${reader.uid} is not in it; chgrp it`;
}

/**
 * Why others can write to a log of this process, or read one that is not for a group of readers. It is
 * safe if it belongs to the process's user or to root, and nobody but its owner may do anything with it,
 * except that a group may read.
 * @param file of the open descriptor
 * @returns undefined: it is safe
 */
export function logFault(
  file: Pick<Stats, 'uid' | 'mode'>,
  writer: Pick<Reader, 'uid'> = self,
): string | undefined {
  return accessFault(file, writer, beyondGroupRead, 640);
}

/**
 * @param refused permissions that nobody may have
 * @param advised a mode without them, in octal digits
 */
function accessFault(
  { uid, mode }: Pick<Stats, 'uid' | 'mode'>,
  user: Pick<Reader, 'uid'>,
  refused: number,
  advised: number,
): string | undefined {
  if (uid !== user.uid && uid !== root)
    return `it belongs to user ${uid}, and this process runs as user ${user.uid}; chown it`;
  if ((mode & refused) === 0) return undefined;
  return `mode ${(mode & 0o777).toString(8).padStart(4, '0')} lets other users reach it; chmod ${advised} it`;
}

/**
 * Reads a file that only its readers may know.
 * @param path of a regular file
 * @param what it is, for messages
 * @param key of the configuration, which has the path
 * @param reader of a secret, for whom {@link secretFault} must find nothing; `owner`: whoever owns it;
 *   undefined: it is no secret
 * @returns its bytes, at most 1 MiB, owned by the caller, who overwrites them after use
 * @throws EntropyError `ERR_CONFIG`
 */
export function readPrivateFile(
  path: string,
  what: string,
  key: string,
  reader: Reader | 'owner' | undefined,
): Promise<Buffer> {
  const faultOf = (stats: Stats) => {
    const { uid, gid } = stats;
    return reader && secretFault(stats, reader === 'owner' ? { uid, groups: [gid] } : reader);
  };
  return readRegularFile(path, what, faultOf, key);
}
